// Between the engine and a service's state machine: one dynamic call a batch each way. The thread that executes.
import CTrireme
import TriremeCore
import TriremeRuntime

/// Hands batches to a state machine and the replies to own ones to the gateway.
package final class StateMachineHost: Application {
    private let machine: AnyStateMachine
    private let sink: any ReplySink
    @exclusivity(unchecked) private var replies = ReplyWriter()
    @exclusivity(unchecked) private var writer = SnapshotWriter()
    /// How much of what the writer holds was handed on, and whether more follows it.
    @exclusivity(unchecked) private var given = 0
    @exclusivity(unchecked) private var progress = SnapshotProgress.finished
    /// Bytes of a snapshot that the state machine could not use yet.
    @exclusivity(unchecked) private var unread: [UInt8] = []
    @exclusivity(unchecked) package private(set) var longestSnapshotPause: UInt64 = 0

    package init(_ machine: AnyStateMachine, sink: any ReplySink) {
        self.machine = machine
        self.sink = sink
    }

    package func apply(
        _ batch: BatchDescriptor, payload: UnsafeRawPointer, slot: UInt64, timestamp: UInt64, isOwn: Bool
    ) {
        let bytes = UnsafeRawBufferPointer(start: payload, count: Int(batch.payloadBytes))
        let commands = CommandBatch(
            payload: bytes, count: Int(batch.count), stride: Int(batch.stride), slot: slot, timestamp: timestamp,
            isOwn: isOwn)
        let isWanted = isOwn && sink.wantsReplies
        replies.beginBatch(count: Int(batch.count), isWanted: isWanted)
        machine.apply(commands, replies: &replies)
        let range = replies.endBatch()
        guard isOwn else { return }
        replies.withBytes {
            sink.executed(count: Int(batch.count), replies: UnsafeRawBufferPointer(rebasing: $0[range]))
        }
        replies.removeAll()
    }

    package var stateDigest: UInt64 { machine.digest }

    package func skipOwn(batches count: Int) { sink.skipped(batches: count) }

    // MARK: Snapshots

    package func beginSnapshot() throws {
        let since = trm_monotonic_nanoseconds()
        defer { notePause(since) }
        writer.removeAll()
        given = 0
        progress = try machine.beginSnapshot(to: &writer)
    }
    package func continueSnapshot(
        into memory: UnsafeMutableRawBufferPointer
    ) throws -> (bytes: Int, isFinished: Bool) {
        let since = trm_monotonic_nanoseconds()
        defer { notePause(since) }
        if given == writer.byteCount, progress == .unfinished {
            writer.removeAll()
            given = 0
            progress = try machine.continueSnapshot(to: &writer, budgetBytes: memory.count)
        }
        let bytes = min(memory.count, writer.byteCount - given)
        if bytes > 0 {
            writer.withBytes {
                memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[given..<given + bytes]))
            }
        }
        given += bytes
        return (bytes, progress == .finished && given == writer.byteCount)
    }
    package func endSnapshot() {
        let since = trm_monotonic_nanoseconds()
        defer { notePause(since) }
        machine.endSnapshot()
        writer.removeAll()
        given = 0
        progress = .finished
    }
    private func notePause(_ since: UInt64) {
        longestSnapshotPause = max(longestSnapshotPause, trm_monotonic_nanoseconds() &- since)
    }
    package var snapshotBacklogBytes: Int { machine.snapshotBacklogBytes }

    package func beginRestore() throws {
        unread.removeAll()
        try machine.beginRestore()
    }
    /// What the state machine leaves unread it sees again in front of the next piece.
    package func restore(_ piece: UnsafeRawBufferPointer, isLast: Bool) throws {
        if unread.isEmpty {
            let read = try restoreSome(piece, isLast: isLast)
            unread.append(contentsOf: UnsafeRawBufferPointer(rebasing: piece[read...]))
        } else {
            unread.append(contentsOf: piece)
            let read = try unread.withUnsafeBytes { try restoreSome($0, isLast: isLast) }
            unread.removeFirst(read)
        }
        guard isLast else { return }
        guard unread.isEmpty else {
            throw SnapshotError.malformed("\(unread.count) bytes are left over")
        }
        unread = []
        try machine.endRestore()
    }
    private func restoreSome(_ bytes: UnsafeRawBufferPointer, isLast: Bool) throws -> Int {
        var reader = SnapshotReader(bytes, isLast: isLast)
        try machine.continueRestore(from: &reader)
        return bytes.count - reader.leftBytes
    }
}
