// Each class of bytes damaged once: `trireme log verify` notices what matters and nothing else (docs/DISK_FORMAT.md).
import Testing
import TriremeCore
import TriremeStorage

@Suite("trireme log verify: every byte that matters")
struct VerificationTests {
    private func outcome(_ result: LogVerification) -> StartOutcome? {
        if case .starts(let outcome) = result.verdict { outcome } else { nil }
    }
    /// The verdict is what a start does.
    private func expectAgreement(_ disk: ScriptedDisk, _ result: LogVerification, _ what: String) throws {
        let outcome = try #require(outcome(result), "\(what)")
        let log = try open(ScriptedDisk(copyOf: disk))
        #expect(log.recovery.loss == outcome.loss, "\(what)")
        #expect(log.isForgetful == (outcome.loss != nil || outcome.isForgetful), "\(what)")
        #expect(log.recovery.endOffset == outcome.endOffset, "\(what)")
        #expect(log.recovery.records == outcome.records, "\(what)")
        #expect(log.generation > outcome.highestGeneration, "\(what)")
    }
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
            #expect(outcome(result)?.loss != nil, "a start takes a log whose header at \(record.offset) is damaged")
            try expectAgreement(disk, result, "byte \(byte) of the \(record.kind) at \(record.offset)")
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
                let start = try #require(outcome(result))
                // Two of the batches are covered by the snapshot: nobody needs them here any more.
                let isNeeded = record.kind == .batch && record.offset >= 2 * page
                #expect(start.damagedBatches == (isNeeded ? 1 : 0) && (start.loss != nil) == (record.kind == .items))
                try expectAgreement(disk, result, "byte \(byte) of the \(record.kind) at \(record.offset)")
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
                #expect(outcome(result)?.takesAll == true, "padding mattered to a start")
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
                #expect(outcome(result)?.takesAll == true, "three copies of four are enough")
            }
        }
    }

    @Test("the named snapshot: its header page and its payload, not what is behind it, and not the other file")
    func snapshot() throws {
        let sample = try SampleLog()
        // Header page; the block's header; first and last byte of the 5,000; then padding.
        let places = [0, 60, 4_000, 4_096, 4_100, 4_159, 4_160, 9_159].map { ($0, true) } + [(9_160, false)]
        for (byte, matters) in places {
            let disk = ScriptedDisk(copyOf: sample.disk)
            disk.flip(.snapshot(0), at: byte)
            let result = try verify(disk)
            #expect(result.isWhole != matters, "byte \(byte)")
            if matters {
                #expect(result.problems.first?.file == .snapshot(0))
            }
            // The log is whole, and the state comes from another replica.
            let start = try #require(outcome(result))
            #expect((start.unreadableSnapshot != nil) == matters && start.loss == nil)
            var log = try open(ScriptedDisk(copyOf: disk))
            if matters {
                #expect(throws: StorageError.self) { _ = try log.snapshotBytes() }
            } else {
                #expect(try log.snapshotBytes().count == 5_000)
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
