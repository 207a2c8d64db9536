// What `trireme log` finds, over scripted logs (docs/DISK_FORMAT.md).
import CTrireme
import Testing
import TriremeCore
import TriremeStorage

/// Batches whose digests form a chain, as those of a replica do.
final class ChainedBatches {
    let frames = Frames()
    private var digest: UInt64 = 0
    private var sequence: UInt64 = 0
    func next(bytes: Int = 1_000) -> (BatchDescriptor, UnsafeMutableRawPointer) {
        sequence += 1
        var batch = frames.batch(sequence, bytes: bytes)
        digest = BatchDescriptor.chain(digest, checksum: batch.0.payloadChecksum, payloadBytes: batch.0.payloadBytes)
        batch.0.digest = digest
        return batch
    }
}

typealias ScriptedInspection = LogInspection<ScriptedDevice>
func inspect(_ disk: ScriptedDisk) throws(StorageError) -> ScriptedInspection {
    try ScriptedInspection.open(ScriptedDevice(ScriptedDisk(copyOf: disk)))
}
func verify(_ disk: ScriptedDisk) throws(StorageError) -> LogVerification {
    var inspection = try inspect(disk)
    return try inspection.verify()
}

/// A log with every kind of record: batches, items, a filler, an empty one; a snapshot and its superblock.
struct SampleLog {
    let disk: ScriptedDisk
    /// Offset, kind and length of payload of each record.
    var records: [(offset: UInt64, kind: RecordKind, payload: Int)] = []

    init(vouch: Bool = true) throws {
        disk = try formatted()
        let batches = ChainedBatches()
        var log = try TriremeStorageTests.open(disk)
        for _ in 1...3 {
            _ = log.append(batches.next())
            log.settle()
        }
        _ = log.append(promise(4))
        _ = log.append(vote(1))
        _ = log.append(.decided(first: 1, last: 1))
        log.settle()
        // Ten pages, then twelve that do not fit any more: a filler, and on in the next segment.
        _ = log.append(batches.next(bytes: 40_000))
        log.settle()
        _ = log.append(batches.next(bytes: 45_000))
        log.settle()
        var cut = Cut(epoch: 1)
        cut[0] = Position(Generation(epoch: 1, counter: 1), 2, digest: 7)
        let state = batches.frames.take(2 * 4_096)
        log.writeSmallSnapshot(slot: 1, cut: cut, UnsafeRawBufferPointer(start: state, count: 5_000))
        log.settle()
        if vouch {
            log.vouch()
            log.settle()
        }
        var inspection = try inspect(disk)
        var found = records
        _ = try inspection.walk { (finding) throws(StorageError) in
            if case .record(let record) = finding {
                found.append((record.header.offset, record.header.kind, record.payload.count))
            }
            return true
        }
        records = found
    }
}

@Suite("trireme log: what a walk finds")
struct InspectionTests {
    @Test("every record is found, in order, with what it holds; nothing is written")
    func records() throws {
        let sample = try SampleLog()
        #expect(sample.records.map(\.kind) == [.batch, .batch, .batch, .items, .batch, .filler, .batch, .empty])
        #expect(sample.records.map(\.offset) == [0, 1, 2, 3, 4, 14, 16, 28].map { $0 * page })
        let before = sample.disk.files
        var inspection = try inspect(sample.disk)
        var items: [LogItem] = []
        let end = try inspection.walk { (finding) throws(StorageError) in
            if case .record(let record) = finding { items += record.items ?? [] }
            return true
        }
        #expect(items == [promise(4), vote(1), .decided(first: 1, last: 1)])
        #expect(end?.end == .clean)
        #expect(inspection.copies.count == 4)
        #expect(inspection.device.disk.files == before)
        #expect(inspection.device.disk.journal.allSatisfy { $0.hasPrefix("read") })
    }

    @Test("a walk begins in the middle without reading what is before, and stops when it is told to")
    func fromTheMiddle() throws {
        let sample = try SampleLog()
        var inspection = try inspect(sample.disk)
        var offsets: [UInt64] = []
        // 4,097 is within the second record: the next one is the third.
        _ = try inspection.walk(from: 4_097) { (finding) throws(StorageError) in
            if case .record(let record) = finding { offsets.append(record.header.offset) }
            return offsets.count < 2
        }
        #expect(offsets == [2 * page, 3 * page])
    }

    @Test("how a log ends: clean, torn, left behind by an earlier start, damaged")
    func ends() throws {
        func end(_ disk: ScriptedDisk) throws -> LogEnd? {
            var inspection = try inspect(disk)
            return try inspection.walk { (_) throws(StorageError) in true }?.end
        }
        let whole = try formatted()
        let frames = Frames()
        var first = try open(whole)
        for k in 1...2 as ClosedRange<UInt64> {
            _ = first.append(frames.batch(k, bytes: 10_000))
            first.settle()
        }
        #expect(try end(whole) == .clean)
        let torn = ScriptedDisk(copyOf: whole)
        torn.flip(.segment(0), at: 3 * 4_096 + 100)
        #expect(try end(torn) == .torn)
        let tornPayload = ScriptedDisk(copyOf: whole)
        tornPayload.flip(.segment(0), at: 3 * 4_096 + 9_000)
        #expect(try end(tornPayload) == .torn)
        guard case .starts(let start) = try verify(torn).verdict, start.endOffset == 3 * page, start.records == 1,
            start.takesAll
        else {
            Issue.record("a start cuts a torn end off")
            return
        }
        #expect(try verify(torn).end?.offset == 3 * page)
        // A record of a start whose end lay elsewhere: the chain does not reach it.
        let left = try formatted()
        var log = try open(left)
        for k in 1...2 as ClosedRange<UInt64> { _ = log.append(frames.batch(k)) }
        log.settle()
        left.flip(.segment(0), at: 100)  // torn: nobody vouches
        var again = try open(left)
        _ = again.append(promise(3))
        again.settle()
        #expect(try end(left) == .leftBehind)
        let damaged = try SampleLog()
        for offset in damaged.records.map(\.offset) {
            damaged.disk.flip(.segment(small.file(offset)), at: Int(small.place(offset)) + 100)
        }
        #expect(try end(damaged.disk) == .damaged)
    }

    @Test("figures: by kind, by lane, by generation, padding, what is covered")
    func statistics() throws {
        let sample = try SampleLog()
        let result = try verify(sample.disk)
        let s = result.statistics
        #expect(s.kinds[.batch]?.records == 5)
        #expect(s.kinds[.items]?.content == 3)
        #expect(s.kinds[.filler]?.records == 1 && s.kinds[.empty]?.records == 1)
        #expect(s.items[.vote] == 1 && s.items[.promise] == 1 && s.items[.decided] == 1)
        #expect(s.lanes.count == 1 && s.lanes[0].first == 1 && s.lanes[0].last == 5)
        #expect(s.kinds[.batch]?.payloadBytes == 3 * 1_000 + 40_000 + 45_000)
        // All that is in the stream is a header, a payload or padding.
        let end = try #require(result.end)
        #expect(s.total.bytes == end.offset)
        #expect(s.total.bytes == s.total.payloadBytes + s.total.paddingBytes + s.total.records * 128)
        #expect(s.largest.first?.bytes == 12 * 4_096)
        #expect(s.highestPromise == Ballot(epoch: 1, round: 4, owner: ReplicaID(2)))
        #expect(s.slots == 1...1)
        // The snapshot covers sequences 1 and 2 and slot 1: the third batch is the first that it does not.
        #expect(s.firstUncovered == 2 * page)
        #expect(s.writers.count == 1)
    }

    @Test("one copy of four is enough to look; none, or an empty directory, is a refusal")
    func superblocks() throws {
        let sample = try SampleLog()
        for copy in 0..<3 { sample.disk.flip(.superblock, at: copy * 4_096 + 2_000) }
        let result = try verify(sample.disk)
        #expect(result.problems.filter { $0.file == .superblock }.map(\.byte) == [0, 4_096, 8_192])
        guard case .refuses(let why) = result.verdict else {
            Issue.record("a start wants two copies")
            return
        }
        #expect(why.contains("1 of 4 copies"))
        sample.disk.flip(.superblock, at: 3 * 4_096 + 2_000)
        #expect(throws: StorageError.self) { _ = try verify(sample.disk) }
        #expect(throws: StorageError.self) { _ = try verify(ScriptedDisk(geometry: small)) }
    }
}
