// The throughput-latency curve: open loops at parts of what the closed loop reached, with the same cluster.

/// One load of a sweep.
package struct SweepPoint: Sendable {
    /// Part of the closed loop's throughput.
    package var fraction: Double
    package var result: BenchResult

    package init(fraction: Double, result: BenchResult) {
        self.fraction = fraction
        self.result = result
    }

    /// Whether the cluster answered as fast as it was asked.
    package var keptUp: Bool {
        guard let offered = result.options.commandsPerSecond else { return true }
        return result.commandsPerSecond >= 0.98 * offered
    }
}

extension BenchRun {
    /// Dense where the curve bends.
    static let fractions = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]

    func sweep(upTo maximum: BenchResult) throws -> [SweepPoint] {
        var points: [SweepPoint] = []
        for fraction in Self.fractions {
            let rate = (fraction * maximum.commandsPerSecond).rounded()
            guard rate >= 1 else { continue }
            Terminal.say("")
            Terminal.say("\(Format.grouped(Int(rate))) commands/s, \(Int((fraction * 100).rounded())) % of the most")
            let result = try measure(commandsPerSecond: rate)
            points.append(SweepPoint(fraction: fraction, result: result))
        }
        Terminal.say("")
        for line in SweepTable.lines(points) { Terminal.say(line) }
        return points
    }
}
