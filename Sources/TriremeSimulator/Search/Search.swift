// What both searches do: every attempt of a list, on some threads, into one sum of counts.
import Dispatch
import Synchronization

/// The counts of a search; those of several threads are added.
package protocol SearchCounts: Sendable {
    init()
    /// Wall-clock seconds of the whole; the sums leave them alone.
    var seconds: Double { get set }
    mutating func add(_ other: Self)
}

enum Search {
    /// Makes attempts `0 ..< count` on `jobs` threads, in any order, and returns the sum of what they counted.
    static func run<Counts: SearchCounts>(
        _ count: Int, jobs: Int, attempt: @Sendable (Int, inout Counts) -> Void
    ) -> Counts {
        let clock = ContinuousClock()
        let begun = clock.now
        let total = Mutex(Counts())
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: max(1, jobs)) { _ in
            var mine = Counts()
            while true {
                let i = next.add(1, ordering: .relaxed).oldValue
                guard i < count else { break }
                attempt(i, &mine)
            }
            total.withLock { $0.add(mine) }
        }
        var result = total.withLock { $0 }
        result.seconds = (clock.now - begun).inSeconds
        return result
    }
}

extension Duration {
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
