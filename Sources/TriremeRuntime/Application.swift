// The two neighbours of an engine: the state machine above it and the source of own commands.
import TriremeCore

/// The state machine as the engine sees it: one call per batch.
package protocol Application: AnyObject {
    /// Executes a batch's commands in order. For an own batch the clients are answered.
    func apply(_ batch: BatchDescriptor, payload: UnsafeRawPointer, slot: UInt64, timestamp: UInt64, isOwn: Bool)
    /// Hash of the state, for comparing replicas.
    var stateDigest: UInt64 { get }

    /// Begins a snapshot of the state of this moment, between two slots. Execution goes on while it is written.
    func beginSnapshot() throws
    /// Puts the next bytes of it into `memory`. Returns how many, and whether they were the last.
    func continueSnapshot(into memory: UnsafeMutableRawBufferPointer) throws -> (bytes: Int, isFinished: Bool)
    /// The snapshot is over: it was written whole, or is given up.
    func endSnapshot()
    /// Bytes that execution has set aside for the snapshot and that ``continueSnapshot(into:)`` gives first.
    var snapshotBacklogBytes: Int { get }
    /// The longest that execution has waited for one of these calls, in nanoseconds; 0 where nobody measures.
    var longestSnapshotPause: UInt64 { get }

    /// Begins to replace the state by a snapshot, perhaps another replica's.
    func beginRestore() throws
    /// The next bytes of it, in order; the state is whole after the last.
    func restore(_ piece: UnsafeRawBufferPointer, isLast: Bool) throws

    /// The next `count` own batches, in the order of sealing, were executed by others and came with a snapshot: nobody here has
    /// their replies.
    func skipOwn(batches count: Int)
}

extension Application {
    package var longestSnapshotPause: UInt64 { 0 }
}

/// An own batch to be sealed: a buffer of class `own` whose payload is filled and which is held as `filling`.
package struct Submission {
    package var buffer: UInt32
    package var payloadBytes: Int
    package var count: Int
    /// Bytes of each command, or 0 when each carries its own length.
    package var stride: Int
    package init(buffer: UInt32, payloadBytes: Int, count: Int, stride: Int) {
        self.buffer = buffer
        self.payloadBytes = payloadBytes
        self.count = count
        self.stride = stride
    }
}

/// Where own commands come from. Called on the reactor's thread.
package protocol Gateway: AnyObject {
    /// The next own batch: a full one, or with `mustSeal` a partial one too; nil when there is none. Takes its buffer from `pool`.
    func poll(now: UInt64, mustSeal: Bool, pool: BufferPool) -> Submission?
    /// Since when a partial batch has been waiting (nanoseconds), if one is.
    var pendingSince: UInt64? { get }
    /// Whether something has come that no poll has seen: asked before the reactor sleeps.
    var hasWork: Bool { get }
    /// A turn has ended: clients whose replies came in it are woken, once each.
    func turnEnded()
    /// When the gateway wants to be polled again although nothing else happens; `UInt64.max` for never.
    func nextDue(now: UInt64) -> UInt64

    /// Own batches that were executed and whose replies wait until more members hold them (PROTOCOL §5).
    var batchesAwaitingCopies: Int { get }
    /// While any wait, at the end of every turn: how far the own lane lies on how many members.
    func copied(_ reach: CopyReach)
}

extension Gateway {
    package var batchesAwaitingCopies: Int { 0 }
    package func copied(_ reach: CopyReach) {}
}

/// Where the replies to own commands go. Called on the thread that executes.
package protocol ReplySink: AnyObject {
    /// Whether replies shall be collected at all.
    var wantsReplies: Bool { get }
    /// The next own batch, in the order of sealing, was executed: `count` replies, each a u32 length and bytes padded to
    /// four. Without ``wantsReplies`` the bytes are empty.
    func executed(count: Int, replies: UnsafeRawBufferPointer)
    /// The next `batches` own batches, in the order of sealing, were decided and executed by others; their replies are not to be
    /// had here, so that to their clients the outcome is unknown.
    func skipped(batches: Int)
}
