// PROTOCOL §8: snapshots, carry-forward, and what it takes before a segment is written again.
import Testing
import TriremeCore
import TriremeStorage

@Suite("§8: snapshots and recycled segments")
struct RecyclingTests {
    let frames = Frames()

    private func state(_ pages: Int, seed: UInt64) -> UnsafeRawBufferPointer {
        let frame = frames.take(pages * 4_096)
        for i in 0..<pages * 4_096 { frame.storeBytes(of: patternByte(seed, i), toByteOffset: i, as: UInt8.self) }
        return UnsafeRawBufferPointer(start: frame, count: pages * 4_096)
    }
    private func snapshotOptions() -> LogOptions {
        var options = smallOptions()
        options.snapshotBlockBytes = 2 * 4_096
        options.snapshotWritesInFlight = 2
        return options
    }
    private func read(_ disk: ScriptedDisk) throws -> ([UInt8], SnapshotDescription)? {
        var log = try open(ScriptedDisk(copyOf: disk), options: snapshotOptions())
        guard let description = log.snapshotDescription else { return nil }
        return (try log.snapshotBytes(), description)
    }

    @Test("a snapshot is there when the superblock names it, and before that the former one is")
    func snapshots() throws {
        let disk = try formatted()
        var log = try open(disk, options: snapshotOptions())
        var cut = Cut(epoch: 1)
        cut[1] = Position(Generation(epoch: 1, counter: 4), 44, digest: 4_444)
        cut.timestamp = 12_345
        for slot in [10, 20, 30] as [UInt64] {
            let bytes = state(5, seed: slot)
            var feed = log.writeSnapshot(
                slot: slot, cut: cut, UnsafeRawBufferPointer(rebasing: bytes[..<(5 * 4_096 - 100)]))
            var steps = 0
            while log.isWritingSnapshot {
                // At every step a crash finds the former snapshot whole; with the first superblock pair maybe this one.
                for keep in [false, true] {
                    let crashed = disk.afterCrash { _, _ in keep }
                    let former = try read(crashed)
                    if let former {
                        #expect(former.1.slot == slot - 10 || former.1.slot == slot)
                        #expect(former.0 == (0..<5 * 4_096 - 100).map { patternByte(former.1.slot, $0) })
                    } else {
                        #expect(slot == 10)
                    }
                }
                disk.complete(disk.pending.count - 1)
                steps += 1
                let told = log.told()
                #expect(told == (log.isWritingSnapshot ? [] : [.snapshot(slot)]))
                feed.feed(&log)
            }
            #expect(steps == 3 + 1 + 2)  // chunks, header, two superblock pairs
            let now = try read(disk)
            #expect(now?.1.slot == slot)
            #expect(now?.1.cut == cut)
        }
    }

    @Test("◆ a snapshot that the superblock names and that cannot be read is a refusal")
    func damagedSnapshot() throws {
        let disk = try formatted()
        var log = try open(disk)
        log.writeSmallSnapshot(slot: 5, UnsafeRawBufferPointer(rebasing: state(2, seed: 1)[..<8_000]))
        log.settle()
        let header = ScriptedDisk(copyOf: disk)
        header.flip(.snapshot(0), at: 70)
        #expect(throws: StorageError.self) { _ = try read(header) }
        let payload = ScriptedDisk(copyOf: disk)
        payload.flip(.snapshot(0), at: 4_096 + 64 + 7_999)
        #expect(throws: StorageError.self) { _ = try read(payload) }
        let short = ScriptedDisk(copyOf: disk)
        short.files[.snapshot(0)]!.removeLast(4_096)
        #expect(throws: StorageError.self) { _ = try read(short) }
        // Bytes behind its length mean nothing.
        disk.flip(.snapshot(0), at: 4_096 + 64 + 8_000)
        #expect(try read(disk)?.1.slot == 5)
    }

    @Test("the first thing a start tells is the snapshot")
    func snapshotFirst() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(frames.batch(1))
        log.writeSmallSnapshot(slot: 5, state(1, seed: 1))
        log.settle()
        #expect(found(disk).content == [.snapshot(5), .batch(1)])
    }

    @Test("◆ the carry-forward is durable before the superblock gives a segment up, that before it is written again")
    func order() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(promise(77))
        log.writeSmallSnapshot(slot: 1, state(1, seed: 1))
        for k in 1...40 as ClosedRange<UInt64> { _ = log.append(frames.batch(k)) }
        log.settle()
        #expect(log.oldestNeeded == 0)
        let free = log.freeBytes
        let carried = log.append(promise(77))
        log.release(before: 2 * 16 * page + page, after: carried)
        let tooEarly = log.told()
        #expect(tooEarly.isEmpty)
        #expect(disk.pending.isEmpty)  // nothing durable yet, so no superblock
        log.pump()
        #expect(disk.pending.map(\.file) == [.segment(2)])
        disk.complete(0)
        let durable = log.told()
        #expect(durable == [.durable(carried)])
        #expect(disk.pending.map(\.file) == [.superblock])
        for _ in 0..<2 {
            #expect(log.freeBytes <= free)
            #expect(log.oldestNeeded == 0)
            // A crash now: the promise is found in its old place or in the new one.
            for keep in [false, true] {
                #expect(found(disk.afterCrash { _, _ in keep }).content.contains(.item(promise(77))))
            }
            disk.complete(0)
            if !disk.pending.isEmpty { continue }
            _ = log.next()
        }
        #expect(log.oldestNeeded == 2 * 16 * page)
        #expect(log.freeBytes == free + 2 * 16 * page - page)
        #expect(found(disk).content.first == .snapshot(1))
        #expect(found(disk).content.contains(.item(promise(77))))
        #expect(!found(disk).content.contains(.batch(1)))
    }

    @Test("many laps: the promise is carried round, the log never fills, every start finds it")
    func laps() throws {
        let disk = try formatted()
        var log = try open(disk)
        var told: [Told] = []
        var k: UInt64 = 0
        var slot: UInt64 = 0
        _ = log.append(promise(5))
        let bytes = state(1, seed: 1)
        while log.endOffset < 20 * 64 * page {
            k += 1
            _ = log.append(frames.batch(k, bytes: Int(k * 977 % 9_000) + 100))
            told += log.settle()
            if log.freeBytes < 20 * page {
                slot += 1
                log.writeSmallSnapshot(slot: slot, bytes)
                told += log.settle()
                let boundary = log.segmentStart(of: log.endOffset - 18 * page)
                log.release(before: boundary, after: log.append(promise(5)))
                told += log.settle()
                #expect(log.oldestNeeded == boundary)
                let content = found(disk).content
                #expect(content.first == .snapshot(slot))
                #expect(content.contains(.item(promise(5))))
                #expect(content.contains(.batch(k)))
            }
        }
        #expect(log.failure == nil)
        #expect(slot > 15)
        let recovered = Recovered()
        let again = try open(disk, recovered)
        #expect(again.endOffset == log.endOffset)
        #expect(recovered.content.last == .batch(k) || recovered.content.contains(.batch(k)))
    }

    @Test("a log never starts at a place that is not yet written: what lies there is of another incarnation")
    func startIsWritten() throws {
        let disk = try formatted()
        var options = smallOptions(writes: 8)
        options.batchesPerWrite = 1
        var first = try open(disk, options: options)
        for k in 1...17 as ClosedRange<UInt64> { _ = first.append(frames.batch(k)) }
        first.pump()
        for _ in 0..<7 { disk.complete(0) }
        _ = first.told()
        first.pump()
        for _ in 0..<7 { disk.complete(0) }
        _ = first.told()
        first.pump()  // 15, 16, and 17 in the next segment, under way
        let crashed = disk.afterCrash { i, _ in i == 2 }
        #expect(found(crashed).content.count == 14)
        // The second incarnation fills segment 0 exactly and gives it up: the log would start at 17's place.
        var second = try open(crashed)
        second.writeSmallSnapshot(slot: 1, state(1, seed: 1))
        second.settle()
        _ = second.append(frames.batch(115))
        let carried = second.append(promise(3))
        #expect(second.endOffset == 16 * page)
        second.release(before: 16 * page, after: carried)
        second.settle()
        #expect(second.durableIndex == carried)
        #expect(second.oldestNeeded == 0)
        #expect(!found(crashed).content.contains(.batch(17)))
        _ = second.append(promise(3))
        second.settle()
        #expect(second.oldestNeeded == 16 * page)
        #expect(found(crashed).content == [.snapshot(1), .item(promise(3))])
    }
}
