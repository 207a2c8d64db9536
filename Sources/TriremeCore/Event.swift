// What the core is told (ARCHITECTURE, principle 1). Time and bytes come in as values.

/// Kinds of datagram, one byte of the common header. Numbers are for ever; 1 to 15 belong to the transport.
package enum DatagramKind: UInt8, Sendable, CaseIterable {
    case batch = 1
    case fragment = 2
    case probe = 3
    case probeReply = 4
    /// The rates that a receiver advises the senders, where its link is full.
    case rateAdvice = 5
    case status = 16
    case propose = 17
    case prepare = 18
    case promise = 19
    case reject = 20
    /// Asks for batches; the engine answers it, not the core.
    case repair = 21
    case entryRequest = 22
    case entries = 23
    case handOver = 24
    /// Catching up by a snapshot; the engine answers these, not the core.
    case snapshotRequest = 25
    case snapshotOffer = 26
    case snapshotPull = 27
    /// A sequencer asks for vows not to vote in half 0 of slots (PROTOCOL §7).
    case close = 28
    /// A start asks what others remember of it, and their answer.
    case recall = 30
    case memory = 31
}

package enum Event {
    /// Time has passed. `now` in nanoseconds of a monotonic clock, `wallClock` in microseconds since 1970.
    case tick(now: UInt64, wallClock: UInt64)
    /// This batch was appended to the log; it was ``Arriving/next``.
    case appended(BatchDescriptor)
    /// A verified control message.
    case message(DatagramKind, from: ReplicaID, body: UnsafeRawBufferPointer)
    /// The log is durable up to this index.
    case durable(LogIndex)
    /// A snapshot of this slot, whose `C(slot)` is `cut`, is durable and named by the superblock.
    case snapshotDurable(slot: UInt64, cut: Cut)
    /// The same of one that came from another replica: whatever lies up to its slot counts as known and executed.
    case snapshotInstalled(slot: UInt64, cut: Cut)
    /// The operator asks this sequencer to let go in favour of a successor.
    case handOver(to: ReplicaID)
}
