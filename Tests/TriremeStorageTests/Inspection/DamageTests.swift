// Each class of bytes damaged once: `trireme log verify` notices what matters and nothing else (docs/DISK_FORMAT.md).
import Testing
import TriremeCore
import TriremeStorage

@Suite("trireme log verify: every byte that matters")
struct DamageTests {
    /// Every byte of a header, of every record, is under its checksum.
    @Test(
        "a header",
        arguments: [0, 4, 5, 6, 7, 8, 20, 24, 26, 28, 32, 36, 40, 48, 56, 60, 64, 72, 80, 84, 88, 96, 104, 127])
    func header(byte: Int) throws {
        let sample = try SampleLog()
        for record in sample.records.dropLast() {
            let disk = ScriptedDisk(copyOf: sample.disk)
            let place = Int(small.place(record.offset))
            disk.flip(.segment(small.file(record.offset)), at: place + byte)
            let result = try verify(disk)
            #expect(!result.isWhole, "byte \(byte) of the \(record.kind) at \(record.offset)")
            #expect(result.problems.first?.file == .segment(small.file(record.offset)))
            #expect(result.problems.first?.byte == UInt64(place))
            // Recovery agrees, byte for byte.
            guard case .refuses = result.verdict else {
                Issue.record("a start takes a log whose header at \(record.offset) is damaged")
                continue
            }
        }
    }

    @Test("a payload, at its first, a middle and its last byte")
    func payload() throws {
        let sample = try SampleLog()
        for record in sample.records where record.payload > 0 {
            for byte in [0, record.payload / 2, record.payload - 1] {
                let disk = ScriptedDisk(copyOf: sample.disk)
                disk.flip(
                    .segment(small.file(record.offset)), at: Int(small.place(record.offset)) + 128 + byte)
                let result = try verify(disk)
                #expect(result.problems.count == 1, "byte \(byte) of the \(record.kind) at \(record.offset)")
                #expect(result.problems.first?.what.contains("payload of") == true)
                guard case .refuses = result.verdict else {
                    Issue.record("a start takes a damaged payload at \(record.offset)")
                    continue
                }
            }
        }
    }

    @Test("the padding behind a payload, what is left of a segment, and what lies behind the end do not matter")
    func padding() throws {
        let sample = try SampleLog()
        for record in sample.records {
            let used = 128 + record.payload
            let padding = record.kind == .filler ? small.room(record.offset) - 128 : roundedToPages(used) - used
            for byte in [0, padding - 1] where padding > 0 {
                let disk = ScriptedDisk(copyOf: sample.disk)
                disk.flip(
                    .segment(small.file(record.offset)), at: Int(small.place(record.offset)) + used + byte)
                let result = try verify(disk)
                #expect(result.isWhole, "padding \(byte) of the \(record.kind) at \(record.offset)")
                guard case .starts = result.verdict else {
                    Issue.record("padding mattered to a start")
                    continue
                }
            }
        }
        let end = try #require(try verify(sample.disk).end).offset
        for offset in [end + 4_096, end + 30_000] {
            let disk = ScriptedDisk(copyOf: sample.disk)
            disk.flip(.segment(small.file(offset)), at: Int(small.place(offset)), count: 64)
            #expect(try verify(disk).isWhole)
        }
    }

    @Test("a superblock's copies, anywhere in their pages")
    func superblock() throws {
        let sample = try SampleLog()
        for copy in 0..<4 {
            for byte in [0, 8, 40, 90, 130, 1_000, 4_095] {
                let disk = ScriptedDisk(copyOf: sample.disk)
                disk.flip(.superblock, at: copy * 4_096 + byte)
                let result = try verify(disk)
                #expect(result.problems.map(\.byte) == [UInt64(copy * 4_096)])
                guard case .starts = result.verdict else {
                    Issue.record("three copies of four are enough")
                    continue
                }
            }
        }
    }

    @Test("the named snapshot: its header page and its payload, not what is behind it, and not the other file")
    func snapshot() throws {
        let sample = try SampleLog()
        // Header page; first and last byte of the 5,000; then padding.
        for (byte, matters) in [(0, true), (60, true), (4_000, true), (4_096, true), (9_095, true), (9_096, false)] {
            let disk = ScriptedDisk(copyOf: sample.disk)
            disk.flip(.snapshot(0), at: byte)
            let result = try verify(disk)
            #expect(result.isWhole != matters, "byte \(byte)")
            if matters {
                #expect(result.problems.first?.file == .snapshot(0))
                #expect(result.verdict != .starts(endOffset: 0, records: 0, highestGeneration: .zero))
                guard case .refuses = result.verdict else {
                    Issue.record("a start takes a damaged snapshot")
                    continue
                }
            }
        }
        let disk = ScriptedDisk(copyOf: sample.disk)
        disk.files[.snapshot(1)] = [UInt8](repeating: 0x5A, count: 8_192)
        #expect(try verify(disk).isWhole)
    }

    @Test("several damages are all found, and what lies between them is still counted")
    func several() throws {
        let sample = try SampleLog()
        sample.disk.flip(.segment(0), at: 100)
        sample.disk.flip(.segment(0), at: 2 * 4_096 + 500)
        sample.disk.flip(.segment(1), at: 100)
        let result = try verify(sample.disk)
        #expect(result.problems.map(\.what).filter { $0.contains("no record") }.count == 2)
        #expect(result.problems.map(\.what).filter { $0.contains("payload") }.count == 1)
        #expect(result.statistics.kinds[.items]?.records == 1)
    }

    @Test("a batch whose digest does not follow from the one before it")
    func digest() throws {
        let disk = try formatted()
        let batches = ChainedBatches()
        var log = try open(disk)
        _ = log.append(batches.next())
        var wrong = batches.next()
        wrong.0.digest ^= 1
        _ = log.append(wrong)
        log.settle()
        let result = try verify(disk)
        #expect(result.problems.count == 1)
        #expect(result.problems.first?.what.contains("digest of batch g1.1:2 of lane 0") == true)
    }
}
