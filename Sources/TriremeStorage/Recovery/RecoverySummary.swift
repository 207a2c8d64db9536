// What the start of a log finds, in stream order, and what it says of it afterwards (PROTOCOL §9).
import TriremeCore

package enum RecoveryEvent {
    /// The snapshot that the superblock names; always the first, if there is one. Its file is read and checked by
    /// ``Log/readSnapshotNow(_:)``.
    case snapshot(SnapshotDescription)
    /// A batch, its record's stream offset, and its payload, which is valid during the call.
    case batch(BatchDescriptor, offset: UInt64, payload: UnsafeRawBufferPointer)
    /// A batch whose payload is damaged though it had been durable. Its header is whole: the batch is to be had again
    /// from another replica by name and checksum.
    case damagedBatch(BatchDescriptor, offset: UInt64)
    case item(LogItem)
}

package struct RecoverySummary: Sendable, Equatable {
    /// Records that were read, fillers and empty ones too.
    package var records: UInt64 = 0
    /// Stream bytes from the log's start to its end.
    package var bytes: UInt64 = 0
    /// Where the writer goes on: the torn end, or simply the end.
    package var endOffset: UInt64 = 0
    package var damagedBatches = 0
    /// What may have cost a promise, a vote or a vow, in one sentence: such a log is forgetful from now on (PROTOCOL §9 ◆).
    package var loss: String?
    /// Highest generation of any record of this log, stale ones behind the end too.
    package var highestWriter = Generation.zero
}
