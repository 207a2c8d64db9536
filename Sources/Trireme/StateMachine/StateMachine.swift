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

    /// Writes the whole state at once. Called between batches; execution stands still meanwhile, and the bytes are kept in memory
    /// until they are written. A state that is too large for that is written in pieces: ``beginSnapshot(to:)``.
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

    // MARK: Large states

    /// Begins a snapshot of the state as it is now; commands are applied while it is written.
    ///
    /// What is written from here on, by this call and by ``continueSnapshot(to:budgetBytes:)``, must be the state of this moment
    /// whatever is applied meanwhile. Three ways lead there:
    ///
    /// - *Pre-images*: go through the state with a cursor; a command that changes something which the cursor has not reached
    ///   first sets the old value aside (``snapshotBacklogBytes``), and the next piece begins with what was set aside. The order of
    ///   the elements in a snapshot is the state machine's own affair.
    /// - *Persistent structures*: trees whose nodes are never changed in place. The snapshot keeps the old root.
    /// - *Copies*: where copying the state takes less than a few milliseconds, copy it here and write the copy. The system can do
    ///   that lazily: a child process (`fork`) keeps the old pages; it must then hand the bytes back through shared memory.
    ///
    /// The default writes everything at once through ``snapshot(to:)``.
    ///
    /// - Returns: whether that was everything.
    /// - Throws: what the writer throws; the replica then ends.
    mutating func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress

    /// Writes the next piece, about `budgetBytes` of it (more where one element is larger). Called between batches, often; a
    /// piece should take a few hundred microseconds.
    ///
    /// - Returns: whether that was the last piece.
    mutating func continueSnapshot(to writer: inout SnapshotWriter, budgetBytes: Int) throws -> SnapshotProgress

    /// The snapshot was written whole, or is given up: what was kept for it may go.
    mutating func endSnapshot()

    /// Bytes set aside for the running snapshot by commands since the last piece. Beyond 8 MiB the replica writes without
    /// pauses; beyond 64 MiB it applies nothing until some are written, so that memory stays bounded.
    var snapshotBacklogBytes: Int { get }

    /// Begins to replace the whole state; what is there may go.
    mutating func beginRestore() throws

    /// Takes what it can use of the next piece, in whole elements, and leaves the rest unread: it comes again in front of the
    /// piece after it. With ``SnapshotReader/isLast`` nothing follows, and nothing may be left.
    ///
    /// The default waits for the last piece and then hands everything to ``restore(from:)``.
    mutating func continueRestore(from reader: inout SnapshotReader) throws

    /// Everything was read: the place to check the whole.
    mutating func endRestore() throws
}

/// Whether a snapshot has more to write.
public enum SnapshotProgress: Sendable {
    case unfinished, finished
}

extension StateMachine where Self: ~Copyable {
    public mutating func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress {
        try snapshot(to: &writer)
        return .finished
    }
    public mutating func continueSnapshot(
        to writer: inout SnapshotWriter, budgetBytes: Int
    ) throws -> SnapshotProgress { .finished }
    public mutating func endSnapshot() {}
    public var snapshotBacklogBytes: Int { 0 }
    public mutating func beginRestore() throws {}
    public mutating func continueRestore(from reader: inout SnapshotReader) throws {
        if reader.isLast { try restore(from: &reader) }
    }
    public mutating func endRestore() throws {}
}
