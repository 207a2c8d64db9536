// Two ways of running the same thing, taken in turn, and what the difference comes to. Noise of a machine drifts over minutes,
// so a run is compared with its neighbour, and the pairs with each other.

/// What one run of `trireme bench` said.
package struct RunFigures: Sendable, Equatable {
    package var commandsPerSecond: Double
    /// Latency at the 50th and the 99th percentile, in microseconds.
    package var p50Microseconds: Double
    package var p99Microseconds: Double
    /// Processor time of all replicas for a million commands, in seconds.
    package var cpuSecondsPerMillion: Double

    package init(
        commandsPerSecond: Double, p50Microseconds: Double, p99Microseconds: Double, cpuSecondsPerMillion: Double
    ) {
        self.commandsPerSecond = commandsPerSecond
        self.p50Microseconds = p50Microseconds
        self.p99Microseconds = p99Microseconds
        self.cpuSecondsPerMillion = cpuSecondsPerMillion
    }
}

package struct Comparison: Sendable {
    /// One figure under both conditions.
    package struct Row: Sendable, Equatable {
        package var medianA: Double
        package var medianB: Double
        /// The median of the pairs' ratios, B over A.
        package var ratio: Double
        /// The least and the greatest of these.
        package var range: ClosedRange<Double>
        /// Pairs in which B was the larger, and all pairs that differ.
        package var larger: Int
        package var pairs: Int

        /// All pairs point the same way, and there are enough of them: by chance that comes once in 2^(pairs - 1) times.
        package var isConsistent: Bool { pairs >= Comparison.pairsMinimum && (larger == 0 || larger == pairs) }
    }

    /// Fewer say nothing: six agree by chance once in 32 times.
    package static let pairsMinimum = 6

    package private(set) var a: [RunFigures] = []
    package private(set) var b: [RunFigures] = []

    package init() {}

    package mutating func add(a: RunFigures, b: RunFigures) {
        self.a.append(a)
        self.b.append(b)
    }

    package func row(_ figure: KeyPath<RunFigures, Double> & Sendable) -> Row? {
        guard !a.isEmpty else { return nil }
        let pairs = zip(a, b).map { ($0[keyPath: figure], $1[keyPath: figure]) }
        let ratios = pairs.map { $1 / max($0, .leastNormalMagnitude) }
        return Row(
            medianA: Self.median(pairs.map(\.0)), medianB: Self.median(pairs.map(\.1)), ratio: Self.median(ratios),
            range: ratios.min()!...ratios.max()!, larger: pairs.filter { $1 > $0 }.count,
            pairs: pairs.filter { $1 != $0 }.count)
    }

    /// Of an even number, the mean of the middle two.
    package static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}
