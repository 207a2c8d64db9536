// Every sector of a real log damaged once, and records where they do not belong: repaired, or said; never silently taken
// (RELIABILITY, storage rules 5 to 7; PROTOCOL §9).
import Testing
import TriremeCore
import TriremeStorage

@Suite("§9: damage")
struct DamageTests {
    let frames = Frames()

    /// A record of the stream as it lies on the disk.
    private struct Record {
        var header: RecordHeader
        var file: Int
        var at: Int
        var bytes: ArraySlice<UInt8>
        /// Its bytes that mean something: header and payload.
        var meaningful: Int { Limits.headerBytes + Int(header.content.payloadBytes) }
    }

    /// A log with a past: three starts, batches of several sizes, promises and votes, fillers, two snapshots, recycled segments,
    /// and an empty record that vouches for all of it.
    private func log() throws -> (disk: ScriptedDisk, before: ScriptedDisk, start: UInt64, end: UInt64) {
        let disk = try formatted()
        var log = try open(disk)
        var next: UInt64 = 1
        func fill(_ count: UInt64) {
            for _ in 0..<count {
                _ = log.append(frames.batch(next, bytes: 300 + Int(next % 4) * 3_700))
                if next % 3 == 0 { _ = log.append(vote(next)) }
                if next % 7 == 0 { _ = log.append(promise(UInt32(next))) }
                next += 1
                log.settle()
            }
        }
        func snapshot(_ slot: UInt64) {
            let bytes = [UInt8](repeating: UInt8(slot), count: 5_000)
            bytes.withUnsafeBytes { log.writeSmallSnapshot(slot: slot, cut: Cut(epoch: 1), $0) }
            log.settle()
        }
        fill(12)
        snapshot(5)
        log = try open(disk)
        fill(8)
        snapshot(9)
        let before = ScriptedDisk(copyOf: disk)
        log.release(before: 2 * 16 * page, after: log.append(promise(90)))
        log.settle()
        log = try open(disk)
        fill(12)
        log.vouch()
        log.settle()
        let start = log.oldestNeeded
        #expect(start > 0)
        let end = log.endOffset
        return (disk, before, start, end)
    }
    private func records(_ disk: ScriptedDisk, _ start: UInt64, _ end: UInt64) -> [Record] {
        var all: [Record] = []
        var offset = start
        while offset < end {
            let file = small.file(offset)
            let at = Int(small.place(offset))
            let content = disk.files[.segment(file)]!
            guard let header = content.withUnsafeBytes({ RecordHeader($0.baseAddress! + at) }) else { break }
            all.append(Record(header: header, file: file, at: at, bytes: content[at..<at + header.recordBytes]))
            offset =
                header.kind == .filler
                ? small.segmentStart(offset) + UInt64(small.segmentBytes) : offset + UInt64(header.recordBytes)
        }
        return all
    }

    @Test("every sector of every segment")
    func segments() throws {
        let (disk, _, start, end) = try log()
        let whole = found(disk)
        #expect(whole.refusal == nil && whole.content.count > 20)
        let records = records(disk, start, end)
        #expect(Set(records.map(\.header.kind)) == [.batch, .items, .filler, .empty])
        var outcomes = ["repaired": 0, "said": 0, "nothing": 0]
        for file in 0..<small.segments {
            for at in stride(from: 0, to: small.segmentBytes, by: 512) {
                let damaged = ScriptedDisk(copyOf: disk)
                damaged.flip(.segment(file), at: at, count: 512)
                let record = records.first { $0.file == file && $0.at <= at && at < $0.at + $0.bytes.count }
                let isMeant = record.map { at - $0.at < $0.meaningful } ?? false
                let (content, refusal) = found(damaged)
                if let refusal {
                    #expect(isMeant && refusal.code == .damaged && refusal.message.contains("replace"))
                    #expect(
                        record?.header.kind != .batch || at < record!.at + 512, "a payload of a batch can be repaired")
                    outcomes["said"]! += 1
                } else if content == whole.content {
                    // Only what means nothing: padding, stale records, the record that vouches for the others.
                    #expect(!isMeant || record!.header.kind == .empty, "file \(file), byte \(at)")
                    outcomes["nothing"]! += 1
                } else {
                    #expect(record?.header.kind == .batch && content.count == whole.content.count)
                    for (one, other) in zip(content, whole.content) where one != other {
                        #expect(one == .damaged(record!.header.content.sequence))
                    }
                    outcomes["repaired"]! += 1
                }
            }
        }
        #expect(outcomes["repaired"]! > 50 && outcomes["said"]! > 20 && outcomes["nothing"]! > 50, "\(outcomes)")
    }

    @Test("every sector of the superblock: three copies of four tell everything, and are four again after a start")
    func superblock() throws {
        let (disk, _, _, _) = try log()
        let whole = found(disk).content
        let intact = ScriptedDisk(copyOf: disk)
        let generation = try open(intact).generation
        for at in stride(from: 0, to: 4 * 4_096, by: 512) {
            let damaged = ScriptedDisk(copyOf: disk)
            damaged.flip(.superblock, at: at, count: 512)
            let recovered = Recovered()
            let log = try open(damaged, recovered)
            let isWhole = recovered.content == whole && log.generation == generation && log.recovery.loss == nil
            #expect(isWhole)
            #expect(damaged.files[.superblock] == intact.files[.superblock])
        }
        // Two are enough, one is not.
        for lost in 0..<16 {
            let damaged = ScriptedDisk(copyOf: disk)
            for copy in 0..<4 where lost >> copy & 1 != 0 { damaged.flip(.superblock, at: copy * 4_096 + 3_000) }
            let (content, refusal) = found(damaged)
            if lost.nonzeroBitCount <= 2 {
                #expect(refusal == nil && content == whole)
            } else {
                #expect(refusal?.code == .tooFewSuperblocks && refusal?.message.contains("replace") == true)
            }
        }
    }

    @Test("every sector of both snapshots: the named one is whole or refused, the other means nothing")
    func snapshots() throws {
        let (disk, _, _, _) = try log()
        for file in 0...1 {
            for at in stride(from: 0, to: disk.files[.snapshot(file)]!.count, by: 512) {
                let damaged = ScriptedDisk(copyOf: disk)
                damaged.flip(.snapshot(file), at: at, count: 512)
                var refusal: StorageError?
                do {
                    var log = try open(damaged)
                    _ = try log.snapshotBytes()
                } catch { refusal = error }
                let isMeant = file == 1 && at < 4_096 + 5_000
                #expect((refusal?.code == .damaged) == isMeant, "file \(file), byte \(at)")
                if isMeant { #expect(refusal?.message.contains("replace") == true) }
            }
        }
    }

    @Test("a record anywhere but in its place is not taken")
    func misdirected() throws {
        let (disk, _, start, end) = try log()
        let whole = found(disk).content
        let records = records(disk, start, end)
        let last = records[records.count - 1]
        var said = 0
        var damaged = 0
        for from in records {
            for to in records where to.at != from.at || to.file != from.file {
                guard to.at + from.bytes.count <= small.segmentBytes else { continue }
                let wrong = ScriptedDisk(copyOf: disk)
                wrong.files[.segment(to.file)]!.replaceSubrange(to.at..<to.at + from.bytes.count, with: from.bytes)
                let (content, refusal) = found(wrong)
                if let refusal {
                    #expect(refusal.code == .damaged)
                    said += 1
                    // What lies before it is told all the same, and nothing else.
                    for (one, other) in zip(content, whole) where one != other {
                        guard case .damaged = one else {
                            Issue.record("\(from.header.offset) at \(to.header.offset): \(one) for \(other)")
                            break
                        }
                    }
                } else if to.file == last.file, to.at < last.at + last.bytes.count, to.at + from.bytes.count > last.at {
                    // With the record that vouches for the last one that one may go unnoticed here: the others' memory of what this
                    // replica reported exposes it (§9).
                    #expect(content == Array(whole[..<content.count]) && content.count + 2 >= whole.count)
                } else {
                    #expect(content == whole, "\(from.header.offset) at \(to.header.offset)")
                    damaged += 1
                }
            }
        }
        #expect(said > 100, "\(said) said, \(damaged) harmless")
    }

    @Test("a record behind the end is not taken: a copy, one of an earlier lap, one of another log")
    func strangersAtTheEnd() throws {
        let (disk, _, start, end) = try log()
        let whole = found(disk).content
        for record in records(disk, start, end) where small.room(end) >= record.bytes.count {
            let copy = ScriptedDisk(copyOf: disk)
            let at = Int(small.place(end))
            copy.files[.segment(small.file(end))]!.replaceSubrange(at..<at + record.bytes.count, with: record.bytes)
            let (content, refusal) = found(copy)
            #expect(refusal == nil && content == whole)
        }
        // A log of another replica with the same records: each of its records in the place of ours.
        var other = owner
        other.replica = ReplicaID(2)
        let theirs = try formatted(small, other)
        var log = try open(theirs, identity: other)
        let ours = try formatted()
        var mine = try open(ours)
        for k in 1...6 as ClosedRange<UInt64> {
            _ = log.append(frames.batch(k))
            _ = mine.append(frames.batch(k))
            log.settle()
            mine.settle()
        }
        for k in 0..<6 {
            let mixed = ScriptedDisk(copyOf: ours)
            mixed.files[.segment(0)]!.replaceSubrange(
                k * 4_096..<(k + 1) * 4_096, with: theirs.files[.segment(0)]![k * 4_096..<(k + 1) * 4_096])
            let (content, refusal) = found(mixed)
            #expect(content == (1...UInt64(k + 1)).dropLast().map { .batch($0) })
            // The last one is vouched for by nobody.
            #expect((refusal?.code == .damaged) == (k < 5))
        }
    }

    @Test("a write that was reported and never came, over an earlier lap: the old record is not taken for the new one")
    func stale() throws {
        let (disk, before, start, end) = try log()
        let whole = found(disk).content
        var said = 0
        for record in records(disk, start, end) {
            let range = record.at..<record.at + record.bytes.count
            let old = before.files[.segment(record.file)]![range]
            guard old != record.bytes else { continue }
            let lost = ScriptedDisk(copyOf: disk)
            lost.files[.segment(record.file)]!.replaceSubrange(range, with: old)
            let (content, refusal) = found(lost)
            if record.header.kind == .empty {
                #expect(content == whole)
            } else {
                #expect(refusal?.code == .damaged, "the record at \(record.header.offset) is missed by nobody")
                said += 1
            }
        }
        #expect(said > 10)
    }

    @Test("what is read back for others is the record that was meant, or nothing")
    func readBack() throws {
        let (disk, _, start, end) = try log()
        let log = try open(ScriptedDisk(copyOf: disk))
        let records = records(disk, start, end)
        for record in records {
            let frame = frames.take(record.bytes.count)
            frame.copyMemory(from: Array(record.bytes), byteCount: record.bytes.count)
            for other in records {
                let batch = log.verify(frame, offset: other.header.offset)
                let isIt = other.header.offset == record.header.offset && record.header.kind == .batch
                #expect((batch != nil) == isIt)
            }
        }
    }

    @Test("◆ forgetful for ever: it goes on behind what it could read, and says at no later start that all is well")
    func forgetfulForEver() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(promise(7))
        log.settle()
        for k in 1...6 as ClosedRange<UInt64> {
            _ = log.append(frames.batch(k))
            log.settle()
        }
        disk.flip(.segment(0), at: 3 * 4_096 + 10)
        let recovered = Recovered()
        var again = try open(disk, recovered)
        let saysSo = again.isForgetful && again.recovery.loss?.contains("it only observes") == true
        #expect(saysSo)
        #expect(recovered.content == [.item(promise(7)), .batch(1), .batch(2)])
        let second = again.generation
        #expect(second.counter == 2)
        // Durable before it was handed out.
        let stays = try open(ScriptedDisk(copyOf: disk)).isForgetful
        #expect(stays)
        _ = again.append(frames.batch(3))
        again.settle()
        let third = Recovered()
        let last = try open(disk, third)
        #expect(third.content == recovered.content + [.batch(3)])
        let isWellSaid = last.isForgetful && last.recovery.loss == nil && last.generation.counter == 3
        #expect(isWellSaid)
    }

    @Test("◆ a generation that others know of is passed over at the next start")
    func generationAboveWhatOthersKnow() throws {
        let disk = try formatted()
        var log = try open(disk)
        log.becomeForgetful()
        var told = log.settle()
        #expect(told == [.forgetful])
        log.becomeForgetful(above: Generation(epoch: 1, counter: 40))
        told = log.settle()
        #expect(told == [.forgetful])
        let again = try open(disk)
        let isAbove = again.isForgetful && again.generation == Generation(epoch: 1, counter: 41)
        #expect(isAbove)
    }
}
