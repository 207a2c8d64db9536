// PROTOCOL §9: where the scan ends, what is torn and what is damaged, whose records are taken.
import Testing
import TriremeCore
import TriremeStorage

@Suite("§9: the scan")
struct RecoveryTests {
    let frames = Frames()

    /// Batches 1 … n of one page each, each durable before the next begins.
    private func written(_ n: UInt64, vouch: Bool = false) throws -> ScriptedDisk {
        let disk = try formatted()
        var log = try open(disk)
        for k in 1...n {
            _ = log.append(frames.batch(k))
            log.settle()
        }
        if vouch {
            log.vouch()
            log.settle()
        }
        return disk
    }

    @Test(
        "◆ what was read is flushed before it is believed, the new generation is durable before the log is handed out")
    func order() throws {
        let disk = try written(2)
        let restarted = ScriptedDisk(copyOf: disk)
        var log = try open(restarted)
        #expect(restarted.journal.first == "flush")
        #expect(
            restarted.journal.suffix(6) == [
                "write superblock 0", "write superblock 4096", "flush", "write superblock 8192",
                "write superblock 12288",
                "flush",
            ])
        // The generation rises at every start, though nothing was written.
        for counter in 2...5 as ClosedRange<UInt32> {
            #expect(log.generation == Generation(epoch: 1, counter: counter))
            log = try open(restarted)
        }
    }

    @Test("the last write torn: cut off, and the writer goes on there", arguments: [0, 511, 512, 4_095, 4_096, 8_191])
    func tornEnd(at byte: Int) throws {
        let disk = try written(3)
        var log = try open(disk)
        _ = log.append(frames.batch(4, bytes: 7_000))
        log.settle()
        disk.flip(.segment(0), at: 3 * 4_096 + byte)
        // A flip behind the payload is in bytes that mean nothing.
        let end: [Content] = byte == 8_191 ? [.batch(4)] : []
        #expect(found(disk).content == [.batch(1), .batch(2), .batch(3)] + end)
        #expect(found(disk).refusal == nil)
        let recovered = Recovered()
        var again = try open(disk, recovered)
        #expect(again.endOffset == (byte == 8_191 ? 5 : 3) * page)
        _ = again.append(frames.batch(5))
        again.settle()
        #expect(found(disk).content == recovered.content + [.batch(5)])
    }

    @Test(
        "◆ a header that had been durable and is gone is damage, not a torn end", arguments: [1, 2, 3, 4] as [UInt64])
    func damagedHeader(record: UInt64) throws {
        let disk = try written(5)
        disk.flip(.segment(0), at: Int(record - 1) * 4_096 + 90)
        let refusal = found(disk).refusal
        #expect(refusal?.code == .damaged)
        #expect(refusal?.message.contains("segment file 0, byte \((record - 1) * 4_096)") == true)
        #expect(refusal?.message.contains("promise or a vote") == true)
    }

    @Test("the last record is vouched for by an empty one, which an idle log writes once")
    func vouching() throws {
        // Not vouched for: rot in it passes for a torn end (outside the model, §1).
        let bare = try written(3)
        bare.flip(.segment(0), at: 2 * 4_096 + 90)
        #expect(found(bare).refusal == nil)
        let disk = try written(3, vouch: true)
        disk.flip(.segment(0), at: 2 * 4_096 + 90)
        #expect(found(disk).refusal?.code == .damaged)

        let fresh = try formatted()
        var log = try open(fresh)
        #expect(log.wantsVouching == false)
        log.vouch()
        #expect(log.endOffset == 0)
        _ = log.append(promise(1))
        #expect(log.wantsVouching == false)
        log.settle()
        #expect(log.wantsVouching == true)
        log.vouch()
        log.settle()
        #expect(log.wantsVouching == false)
        #expect(log.endOffset == 2 * page)
    }

    @Test("the superblock of a later start vouches too")
    func superblockVouches() throws {
        let disk = try written(3)
        _ = try open(disk)
        disk.flip(.segment(0), at: 2 * 4_096 + 90)
        #expect(found(disk).refusal?.code == .damaged)
    }

    @Test("a readable header with a bad payload: a damaged batch is named and the scan goes on")
    func damagedPayload() throws {
        let disk = try written(4)
        disk.flip(.segment(0), at: 4_096 + 500)
        #expect(found(disk).content == [.batch(1), .damaged(2), .batch(3), .batch(4)])
        #expect(found(disk).refusal == nil)
        disk.flip(.segment(0), at: 500)
        #expect(found(disk).content == [.damaged(1), .damaged(2), .batch(3), .batch(4)])
        // Nobody vouches for the last one: torn.
        disk.flip(.segment(0), at: 3 * 4_096 + 500)
        #expect(found(disk).content == [.damaged(1), .damaged(2), .batch(3)])
    }

    @Test("◆ an items record with a bad payload may have held a promise: refused")
    func damagedItems() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(promise(7))
        log.settle()
        _ = log.append(frames.batch(1))
        log.settle()
        disk.flip(.segment(0), at: 130)
        let refusal = found(disk).refusal
        #expect(refusal?.code == .damaged)
        #expect(refusal?.message.contains("replace this replica") == true)
    }

    @Test("damage is found however far behind the voucher lies, in another segment too")
    func damageFarBehind() throws {
        let disk = try written(40)
        // All of segment 1 and the rest of segment 0 are gone; only segment 2 still speaks.
        disk.flip(.segment(0), at: 8 * 4_096, count: 8 * 4_096)
        disk.flip(.segment(1), at: 0, count: 16 * 4_096)
        #expect(found(disk).refusal?.code == .damaged)
    }

    @Test("◆ nothing behind the end of a scan is ever valid again")
    func staleGenerations() throws {
        let disk = try formatted()
        var options = smallOptions(writes: 8)
        options.batchesPerWrite = 1
        // The first incarnation has 1 durable, 2 torn, and 3 … 6 behind it whole.
        var first = try open(disk, options: options)
        for k in 1...6 as ClosedRange<UInt64> { _ = first.append(frames.batch(k)) }
        first.pump()
        disk.complete(0)
        _ = first.told()
        let crashed = disk.afterCrash { operation, _ in operation != 0 }
        #expect(found(crashed).content == [.batch(1)])
        // The second writes one record over 2. What follows it, 3, is whole, of the right place, and stale.
        let recovered = Recovered()
        var second = try open(crashed, recovered)
        #expect(recovered.content == [.batch(1)])
        _ = second.append(frames.batch(102))
        second.settle()
        #expect(found(crashed).content == [.batch(1), .batch(102)])
        #expect(found(crashed).refusal == nil)
        // The third starts at 3's place and tears its first write: still nothing of the first incarnation.
        var third = try open(crashed)
        _ = third.append(frames.batch(103))
        third.pump()
        let again = crashed.afterCrash()
        #expect(found(again).content == [.batch(1), .batch(102)])
    }

    /// A record of any content at page `n` of segment 0.
    private func forge(
        _ disk: ScriptedDisk, page n: Int, writer: Generation, predecessor: UInt32, identity: LogIdentity = owner
    ) {
        let (batch, frame) = frames.batch(99)
        RecordHeader(
            kind: .batch, identity: identity, content: batch, writer: writer, offset: UInt64(n) * page, geometry: small
        ).write(to: frame)
        _ = RecordHeader.seal(frame, predecessor: predecessor, durableMark: 0)
        disk.files[.segment(0)]!.replaceSubrange(
            n * 4_096..<(n + 1) * 4_096, with: UnsafeRawBufferPointer(start: frame, count: 4_096))
    }
    private func checksum(_ disk: ScriptedDisk, page n: Int) -> UInt32 {
        disk.files[.segment(0)]![n * 4_096..<(n + 1) * 4_096].withUnsafeBytes {
            RecordHeader($0.baseAddress!)!.checksum
        }
    }

    @Test("◆ a record is taken only if it names its predecessor, no later incarnation wrote before it, and it is ours")
    func chain() throws {
        let disk = try written(2)
        let restarted = try open(disk)  // incarnation 2
        _ = restarted.generation
        var third = try open(disk)  // incarnation 3 writes batch 3
        _ = third.append(frames.batch(3))
        third.settle()
        let last = checksum(disk, page: 2)
        let writer = third.generation
        let all: [Content] = [.batch(1), .batch(2), .batch(3)]
        forge(disk, page: 3, writer: writer, predecessor: last)
        #expect(found(disk).content == all + [.batch(99)])
        forge(disk, page: 3, writer: writer, predecessor: last ^ 1)
        #expect(found(disk).content == all)
        forge(disk, page: 3, writer: Generation(rawValue: writer.rawValue - 1), predecessor: last)
        #expect(found(disk).content == all)
        for change in 0..<4 {
            var foreign = owner
            switch change {
            case 0: foreign.clusterLow += 1
            case 1: foreign.clusterHigh += 1
            case 2: foreign.replica = ReplicaID(2)
            default: foreign.group += 1
            }
            forge(disk, page: 3, writer: writer, predecessor: last, identity: foreign)
            #expect(found(disk).content == all)
        }
        #expect(found(disk).refusal == nil)
    }

    @Test("the log of another cluster, replica, group or shape is refused")
    func foreign() throws {
        let disk = try written(2)
        for change in 0..<4 {
            var other = owner
            switch change {
            case 0: other.clusterLow += 1
            case 1: other.clusterHigh += 1
            case 2: other.replica = ReplicaID(2)
            default: other.group += 1
            }
            let refusal = found(disk, identity: other).refusal
            #expect(refusal?.code == .foreign)
        }
        var other = small
        other.segments += 1
        let unequal = found(disk, geometry: other).refusal
        #expect(unequal?.code == .unsupported)
        #expect(unequal?.message.contains("log.segments") == true)
        #expect(found(disk).refusal == nil)
    }

    @Test("◆ an unformatted directory never starts, a formatted one is never formatted again")
    func formatting() throws {
        let disk = ScriptedDisk(geometry: small)
        #expect(found(disk).refusal?.code == .unformatted)
        var device = ScriptedDevice(disk)
        try ScriptedLog.format(&device, identity: owner, geometry: small, epoch: 1)
        #expect(found(disk).refusal == nil)
        do {
            try ScriptedLog.format(&device, identity: owner, geometry: small, epoch: 1)
            Issue.record("formatted twice")
        } catch { #expect(error.code == .alreadyFormatted) }
    }

    @Test("every sector of a log that is vouched for, damaged one at a time: never taken as absent, never wrong")
    func everySector() throws {
        let disk = try formatted()
        var log = try open(disk)
        var expected: [Content] = []
        for k in 1...9 as ClosedRange<UInt64> {
            _ = log.append(frames.batch(k, bytes: Int(k) * 900))
            _ = log.append(vote(k))
            expected += [.batch(k), .item(vote(k))]
            log.settle()
        }
        log.vouch()
        log.settle()
        let end = log.endOffset - page
        var refused = 0
        for at in stride(from: 0, to: Int(end), by: 512) {
            let damaged = ScriptedDisk(copyOf: disk)
            damaged.flip(.segment(at / small.segmentBytes), at: at % small.segmentBytes, count: 512)
            let (content, refusal) = found(damaged)
            if let refusal {
                #expect(refusal.code == .damaged)
                refused += 1
            } else {
                #expect(content.count == expected.count)
                for (i, one) in content.enumerated() where one != expected[i] {
                    guard case .damaged(let sequence) = one, expected[i] == .batch(sequence) else {
                        Issue.record("byte \(at): \(one) in place of \(expected[i])")
                        continue
                    }
                }
            }
        }
        #expect(refused >= 18)
    }
}
