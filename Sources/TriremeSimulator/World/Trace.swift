// What a run looks like to a reader, and one number that tells two runs apart.

/// The events of a run: always as a hash, and as lines where somebody reads them.
package final class Trace {
    package let isPrinting: Bool
    private let sink: (String) -> Void
    /// Chained over all events: equal for equal runs.
    @exclusivity(unchecked) package private(set) var hash: UInt64 = 0

    package init(sink: ((String) -> Void)? = nil) {
        isPrinting = sink != nil
        self.sink = sink ?? { _ in }
    }
    package func fold(_ event: WorldEvent) {
        hash = mixed(hash, event.time)
        hash = mixed(
            hash,
            UInt64(event.kind.rawValue) << 56 | UInt64(event.replica) << 48 | UInt64(event.incarnation) << 32
                | UInt64(event.index))
    }
    package func fold(_ word: UInt64) { hash = mixed(hash, word) }
    /// A line about `replica`, or about the whole world.
    package func note(_ time: UInt64, _ replica: Int?, _ text: @autoclosure () -> String) {
        guard isPrinting else { return }
        let micro = String(time / 1000 % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - micro.count)
        let who = replica.map { "replica \($0)" } ?? "world    "
        sink("\(time / 1_000_000_000).\(zeros)\(micro)  \(who)  \(text())")
    }
}
