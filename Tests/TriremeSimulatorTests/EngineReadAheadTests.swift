// Batches are read back from the log before execution wants them (PROTOCOL §8, §9): over many slots at once, executed in order.
import Testing
import TriremeCore
import TriremeRuntime
import TriremeStorage
import TriremeTransport

private final class Recorder: Nothing {
    var executed: [UInt64] = []
    override func apply(
        _ batch: BatchDescriptor, payload: UnsafeRawPointer, slot: UInt64, timestamp: UInt64, isOwn: Bool
    ) { executed.append(batch.sequence) }
}

@Suite struct EngineReadAheadTests {
    private let alone = EngineAloneTests()
    private static let generation = Generation(epoch: 1, counter: 7)

    private static func batch(_ k: UInt64) -> BatchDescriptor {
        var digest: UInt64 = 0
        for _ in 1...k { digest = BatchDescriptor.chain(digest, checksum: 0, payloadBytes: 0) }
        return BatchDescriptor(
            lane: ReplicaID(1), generation: generation, sequence: k, payloadBytes: 0, payloadChecksum: 0, count: 0,
            stride: 0, digest: digest)
    }
    /// A disk whose log holds the first batches of lane 1.
    private func disk(holding batches: UInt64) throws -> ScriptedDisk {
        let disk = try alone.formatted()
        var log = try Log<ScriptedDevice>.open(
            ScriptedDevice(disk), identity: EngineAloneTests.identity, geometry: EngineAloneTests.geometry, members: 3
        ) { _ in }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: Limits.pageBytes, alignment: Limits.pageBytes)
        defer { memory.deallocate() }
        for k in 1...batches {
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: Limits.pageBytes)
            _ = log.append(Self.batch(k), frame: memory, buffer: 0)
            log.pump()
            disk.completeAll()
            while log.next() != nil {}
        }
        return disk.afterCrash()
    }

    /// Each slot has one batch, and the log some of them. Reads end in the opposite order.
    @Test(arguments: [8, 5] as [UInt64], [false, true]) func slotsAreReadAheadAndExecutedInOrder(
        held: UInt64, isDamaged: Bool
    ) throws {
        let disk = try disk(holding: held)
        let script = Scripted()
        let service = Recorder()
        let settings = try alone.settings()
        var engine = try alone.start(disk, script, alone.pool(settings), service: service)
        disk.completeAll()
        let entries = alone.message {
            EntriesHeader(first: 1, count: 8).encode(into: &$0)
            for k in 1...8 as ClosedRange<UInt64> {
                var cut = Cut(epoch: 1)
                cut[1] = Self.batch(k).position
                $0.put(Entry(cut), members: 3)
            }
        }
        script.arrivals.append { _ in .control(.entries, from: ReplicaID(1), body: entries) }
        var now: UInt64 = 1_000_000
        func turn() {
            now += 1_000_000
            _ = engine.turn(now: now, wallClock: 1)
        }
        turn()
        var reads: [Int] { disk.pending.indices.filter { !disk.pending[$0].isWrite } }
        #expect(reads.count == Int(held), "\(reads.count) reads are under way at once")
        #expect(service.executed == [])
        // The third one rots while it waits.
        if isDamaged {
            let third = disk.pending[reads[2]]
            disk.files[third.file]![third.offset + 40] ^= 0xFF
        }
        while let last = reads.last {
            disk.complete(last)
            turn()
        }
        for _ in 0..<4 {
            disk.completeAll()
            turn()
        }
        let failure = engine.failure?.description
        #expect(failure == nil)
        // What is damaged is asked of others; nothing after it is executed before it comes.
        let readable = isDamaged ? 2 : held
        #expect(service.executed == Array(1...readable))
        for k in readable + 1...9 where k <= 8 && (k > held || k == 3) {
            script.arrivals.append { empty in
                let (buffer, frame) = empty.buffers.removeFirst()
                return .batch(Self.batch(k), from: ReplicaID(1), buffer: buffer, frame: frame)
            }
        }
        for _ in 0..<20 {
            turn()
            disk.completeAll()
        }
        #expect(service.executed == Array(1...8))
    }
}
