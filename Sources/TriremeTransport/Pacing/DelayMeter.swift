// How long a sender's batches waited in queues on their way, from the sender's clock and the kernel's note of their arrival.

/// One-way delays of one sender, less the least of the last seconds: what remains are queues. The clocks of two machines
/// differ, and drift by some 50 µs a second; so only differences count, and the least is forgotten after two to four seconds.
package struct DelayMeter: Sendable {
    package static let bucketNanoseconds: UInt64 = 2_000_000_000

    private var older = Int64.max
    private var newer = Int64.max
    private var rotatesAt: UInt64 = 0
    /// The least delay since ``takeLeast()``, and how many there were.
    private var least = Int64.max
    package private(set) var count = 0

    package init() {}

    /// - Parameters: both in nanoseconds, of whatever clocks; `now` is monotonic.
    package mutating func arrived(sentAt: UInt64, arrivedAt: UInt64, now: UInt64) {
        let delay = Int64(bitPattern: arrivedAt &- sentAt)
        if now >= rotatesAt {
            // After a long silence nothing that was learned before is worth anything.
            older = now >= rotatesAt &+ Self.bucketNanoseconds ? .max : newer
            newer = .max
            rotatesAt = now &+ Self.bucketNanoseconds
        }
        newer = min(newer, delay)
        least = min(least, delay)
        count += 1
    }

    /// The least time that a batch waited in queues since the last call, in nanoseconds: a queue that stands, not a burst.
    package mutating func takeLeast() -> UInt64 {
        defer {
            least = .max
            count = 0
        }
        guard count > 0 else { return 0 }
        return UInt64(max(0, least - min(older, newer)))
    }
}
