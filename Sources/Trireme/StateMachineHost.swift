// Between the engine and a service's state machine: one dynamic call a batch each way. The thread that executes.
import TriremeCore
import TriremeRuntime

/// Hands batches to a state machine and the replies to own ones to the gateway.
package final class StateMachineHost: Application {
    private let machine: AnyStateMachine
    private let sink: any ReplySink
    @exclusivity(unchecked) private var replies = ReplyWriter()
    @exclusivity(unchecked) private var writer = SnapshotWriter()

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

    package func snapshot() throws -> UnsafeRawBufferPointer {
        writer.removeAll()
        try machine.snapshot(to: &writer)
        let count = writer.byteCount
        // The memory is the writer's, which nobody touches until the next snapshot.
        let pages = writer.withPages { $0 }
        return UnsafeRawBufferPointer(rebasing: pages[..<count])
    }

    package func restore(from bytes: UnsafeRawBufferPointer) throws {
        var reader = SnapshotReader(bytes)
        try machine.restore(from: &reader)
    }
}
