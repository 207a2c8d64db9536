// A state machine that knows nothing of pieces, and what the replica makes of it; clients of a replica that takes over a state.
import Testing
import Trireme
import TriremeCore
import TriremeRuntime

@Suite struct PiecewiseSnapshotTests {
    private final class Sink: ReplySink {
        var wantsReplies: Bool { false }
        var skippedBatches = 0
        func executed(count: Int, replies: UnsafeRawBufferPointer) {}
        func skipped(batches: Int) { skippedBatches += batches }
    }
    private struct Bytes: StateMachine {
        var state: [UInt8] = []
        mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) { state.append(1) }
        func snapshot(to writer: inout SnapshotWriter) throws { try writer.writeBytes(state.span.bytes) }
        mutating func restore(from reader: inout SnapshotReader) throws {
            state = try reader.readBytes().withUnsafeBytes { Array($0) }
        }
        var digest: UInt64 { state.reduce(7) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 } }
    }
    private func host(_ count: Int) -> StateMachineHost {
        StateMachineHost(
            AnyStateMachine.make(Bytes(state: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })), sink: Sink())
    }

    @Test(arguments: [0, 1, 100, 10_000]) func theSimpleOneIsWrittenAtOnceAndHandedOnInPieces(count: Int) throws {
        let from = host(count)
        let digest = from.stateDigest
        try from.beginSnapshot()
        var all: [UInt8] = []
        var isFinished = false
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 777, alignment: 8)
        defer { memory.deallocate() }
        while !isFinished {
            // What is applied now comes after it.
            let batch = BatchDescriptor(
                lane: ReplicaID(0), generation: .zero, sequence: 1, payloadBytes: 0, payloadChecksum: 0, count: 0,
                stride: 0, digest: 0)
            from.apply(batch, payload: memory.baseAddress!, slot: 1, timestamp: 1, isOwn: false)
            let (bytes, last) = try from.continueSnapshot(into: memory)
            all += memory[..<bytes]
            isFinished = last
        }
        from.endSnapshot()
        #expect(from.stateDigest != digest)
        #expect(all.count == count + 8)
        let to = host(3)
        try to.beginRestore()
        for at in stride(from: 0, to: all.count, by: 500) {
            let end = min(at + 500, all.count)
            try all[at..<end].withUnsafeBytes { try to.restore($0, isLast: end == all.count) }
        }
        #expect(to.stateDigest == digest)
        // Bytes that nobody asked for are an error.
        try to.beginRestore()
        #expect(throws: SnapshotError.self) {
            try (all + [1]).withUnsafeBytes { try to.restore($0, isLast: true) }
        }
    }

    /// What was under way when a replica took over another one's state has an unknown outcome, in order with what was answered.
    @Test func clientsHearOfAnUnknownOutcome() throws {
        let pool = BufferPool(batchBytes: 4_096, own: 24, receive: 4, reserve: 4)
        let gateway = ClientGateway(pool: pool, windowBatches: 4, wake: {})
        var client = Client(
            port: gateway.makePort(capacity: 64)!, capacity: 64, largestCommandBytes: 1_000)
        _ = gateway.poll(now: 1, mustSeal: true, pool: pool)
        func submit(_ tag: UInt64) throws {
            try [UInt8](repeating: 1, count: 16).withUnsafeBytes { try client.submit($0, tag: tag) }
        }
        var batches: [Submission] = []
        for tag in 0..<4 as Range<UInt64> {
            try submit(2 * tag)
            try submit(2 * tag + 1)
            batches.append(try #require(gateway.poll(now: 2, mustSeal: true, pool: pool)))
        }
        func answer(_ i: Int) {
            [UInt32](repeating: 0, count: batches[i].count).withUnsafeBytes {
                gateway.executed(count: batches[i].count, replies: $0)
            }
        }
        answer(0)
        gateway.skipped(batches: 2)
        answer(3)
        var heard: [String] = []
        let count = client.poll(unknown: { heard.append("? \($0)") }) { tag, _ in heard.append("\(tag)") }
        #expect(heard == ["0", "1", "? 2", "? 3", "? 4", "? 5", "6", "7"])
        #expect(count == 8 && client.outstanding == 0)
    }
}
