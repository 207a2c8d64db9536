// What a service implements: the far end of a command's way. Called by the thread that executes, never by two at once.

/// A deterministic state machine: the part of a service that is replicated.
///
/// Every replica applies the same commands in the same order, so that every replica has the same state. For that to hold an
/// implementation looks at nothing but its own state and the batch: no clock (``CommandBatch/timestamp`` is the agreed
/// time), no randomness, no I/O, no iteration over a `Dictionary` or `Set` (their order differs between processes).
///
/// A replica calls its state machine from one thread. Dispatch is once per batch, so ``apply(_:replies:)`` should hold the
/// loop over the commands itself. Within it, allocation, locks and reference counting are what costs; a type that
/// owns its memory may be noncopyable.
///
/// ```swift
/// struct Sum: StateMachine {
///     var total: UInt64 = 0
///
///     mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
///         var commands = batch.commands
///         while let command = commands.next() {
///             if command.byteCount >= 8 { total &+= command.load(UInt64.self, at: 0) }
///             replies.append(total)
///             replies.finish()
///         }
///     }
///     func snapshot(to writer: inout SnapshotWriter) throws { try writer.write(total) }
///     mutating func restore(from reader: inout SnapshotReader) throws { total = try reader.read(UInt64.self) }
///     var digest: UInt64 { total }
/// }
/// ```
public protocol StateMachine: ~Copyable {
    /// Executes every command of `batch` in order and writes one reply for each.
    ///
    /// Commands come from clients: a malformed one must be answered (or ignored) the same way everywhere, never trap.
    ///
    /// - Parameters:
    ///   - batch: the commands; its memory is valid only during the call.
    ///   - replies: takes one reply for each command, in order. It stores nothing when nobody waits on this replica
    ///     (``ReplyWriter/isWanted``); the state must not depend on that.
    mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter)

    /// Writes the whole state. Called between batches; execution stands still meanwhile.
    ///
    /// - Throws: what the writer throws; the snapshot is then given up and tried again later.
    func snapshot(to writer: inout SnapshotWriter) throws

    /// Replaces the whole state by what ``snapshot(to:)`` wrote, perhaps on another replica.
    ///
    /// - Throws: what the reader throws, or an error of its own for bytes that are no such state. The replica then stops;
    ///   the state may be left half-way.
    mutating func restore(from reader: inout SnapshotReader) throws

    /// A number that replicas compare after the same batch to see that their states agree.
    ///
    /// Read often (once a second and more): keep it up to date in ``apply(_:replies:)`` rather than walk the state. It must be
    /// the same after a snapshot was restored.
    var digest: UInt64 { get }
}
