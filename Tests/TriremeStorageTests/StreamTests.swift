// The hot path: order, coalescing, the durable prefix (PROTOCOL §4), errors (RELIABILITY, storage rules 2 to 4).
import Testing
import TriremeCore
import TriremeStorage

@Suite("§4: the log is one stream, durable up to a prefix")
struct StreamTests {
    let frames = Frames()

    @Test("◆ a record is durable when every byte up to its end is, whatever the order in which writes complete")
    func durablePrefix() throws {
        let disk = try formatted()
        var log = try open(disk, options: smallOptions(writes: 3))
        for k in 1...3 {
            _ = log.append(frames.batch(UInt64(k)), buffer: UInt32(k))
            log.pump()
        }
        #expect(disk.pending.count == 3)
        disk.complete(2)
        let third = log.told()
        #expect(third == [.written(3)])
        disk.complete(1)
        let second = log.told()
        #expect(second == [.written(2)])
        let before = log.durableIndex
        #expect(before == 0)
        disk.complete(0)
        let all = log.told()
        #expect(all == [.written(1), .durable(3)])
    }

    @Test("appends come back in order, with their payloads and offsets")
    func roundTrip() throws {
        let disk = try formatted()
        var log = try open(disk)
        var expected: [Content] = []
        var offsets: [UInt64] = []
        for k in 1...12 as ClosedRange<UInt64> {
            let index = log.append(frames.batch(k, bytes: Int(k) * 1_500))
            #expect(index == 3 * k - 2)
            offsets.append(log.lastOffset)
            _ = log.append(vote(k))
            _ = log.append(.decided(first: k, last: k))
            expected += [.batch(k), .item(vote(k)), .item(.decided(first: k, last: k))]
            if k % 3 == 0 { log.settle() }
        }
        #expect(log.durableIndex == 36)
        // Nothing of a buffer's former content reaches the disk.
        let first = disk.files[.segment(0)]!
        #expect(first[128 + 1_500..<4_096].allSatisfy { $0 == 0 })
        #expect(first[4_096 + 600..<8_192].allSatisfy { $0 == 0 })
        let recovered = Recovered()
        let again = try open(ScriptedDisk(copyOf: disk), recovered)
        #expect(recovered.content == expected)
        #expect(recovered.offsets == offsets)
        #expect(recovered.wrongPayloads == 0)
        #expect(again.endOffset == log.endOffset)
        #expect(again.generation > log.generation)
    }

    @Test("every kind of item comes back as it was")
    func items() throws {
        let disk = try formatted()
        var log = try open(disk)
        guard case .vote(_, _, _, let entry) = vote(9) else { return }
        let items: [LogItem] = [
            promise(4), vote(2),
            .vote(
                slot: 3, ballot: Ballot(epoch: 2, round: 1, owner: ReplicaID(0), kind: .fast), half: .fast,
                entry: .nothing),
            .decided(first: 7, last: 9), .decidedEntry(slot: 5, entry: entry), .decidedEntry(slot: 6, entry: .nothing),
            .promise(.none),
        ]
        for item in items { _ = log.append(item) }
        log.settle()
        #expect(disk.files[.segment(0)]![Limits.pageBytes] == 0)  // one page held them all
        #expect(found(disk).content == items.map { .item($0) })
    }

    @Test("items share a page while it is the last thing queued and not under way")
    func itemPages() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(promise(1))
        _ = log.append(promise(2))
        #expect(log.endOffset == page)
        log.pump()
        _ = log.append(promise(3))
        #expect(log.endOffset == 2 * page)
        _ = log.append(frames.batch(1))
        _ = log.append(promise(4))
        #expect(log.endOffset == 4 * page)
        for slot in 1...100 as ClosedRange<UInt64> { _ = log.append(vote(slot)) }
        log.settle()
        let content = found(disk).content
        #expect(content.count == 105)
        #expect(content.suffix(100) == (1...100).map { .item(vote($0)) }[...])
    }

    @Test("neighbours go in one write, of at most so many batches, bytes, and one segment")
    func coalescing() throws {
        let disk = try formatted()
        var options = smallOptions(writes: 8)
        options.batchesPerWrite = 3
        options.bytesPerWrite = 6 * Limits.pageBytes
        var log = try open(disk, options: options)
        for k in 1...4 as ClosedRange<UInt64> { _ = log.append(frames.batch(k)) }  // 1 page each
        for k in 5...7 as ClosedRange<UInt64> { _ = log.append(frames.batch(k, bytes: 3 * 4_096)) }  // 4 pages each
        log.pump()
        // 3 batches; 1 + 4 pages; 4; then the filler fits in, the batch after it begins another segment.
        #expect(disk.pending.map(\.length) == [3, 5, 4].map { $0 * 4_096 } + [4 * 4_096])
        #expect(disk.pending.map(\.file) == [.segment(0), .segment(0), .segment(0), .segment(0)])
        _ = log.append(frames.batch(8))
        log.pump()
        #expect(disk.pending.last?.file == .segment(1))
        #expect(disk.pending.last?.offset == 0)
    }

    @Test("a record never crosses a segment: a filler ends the segment early")
    func filler() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(frames.batch(1, bytes: 13 * 4_096))  // 14 of 16 pages
        _ = log.append(frames.batch(2, bytes: 3 * 4_096))
        #expect(log.lastOffset == 16 * page)
        log.settle()
        #expect(found(disk).content == [.batch(1), .batch(2)])
    }

    @Test("◆ the filler before a batch is durable without it")
    func fillerIsNoBatch() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(frames.batch(1, bytes: 13 * 4_096), buffer: 1)
        _ = log.append(frames.batch(2, bytes: 3 * 4_096), buffer: 2)
        _ = log.append(frames.batch(3, bytes: 10 * 4_096), buffer: 3)
        log.pump()
        #expect(disk.pending.map(\.file) == [.segment(0), .segment(1)])
        disk.complete(0)
        let first = log.told()
        #expect(first == [.written(1), .durable(1)])
        #expect(found(disk.afterCrash()).content == [.batch(1)])
        disk.complete(0)
        let second = log.told()
        #expect(second == [.written(2), .written(3), .durable(3)])
    }

    @Test("no more writes under way than configured")
    func writesInFlight() throws {
        let disk = try formatted()
        var log = try open(disk)
        for k in 1...5 as ClosedRange<UInt64> {
            _ = log.append(frames.batch(k))
            log.pump()
        }
        #expect(disk.pending.count == 2)
        disk.complete(0)
        _ = log.told()
        log.pump()
        #expect(disk.pending.count == 2)
        #expect(disk.pending[1].length == 3 * 4_096)  // what waited goes together
    }

    @Test("an error or a short write ends the log and is not retried", arguments: [-5, -28, 0, 512, 4_096])
    func failure(result: Int) throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(frames.batch(1, bytes: 5_000))
        log.pump()
        _ = log.append(frames.batch(2))
        log.pump()
        disk.complete(0, result: result)
        disk.complete(0)
        let told = log.told()
        #expect(told == [.failed(.io)])
        let refuses = !log.canAppend(4_096)
        #expect(refuses)
        _ = log.append(promise(1))
        log.vouch()
        log.pump()
        #expect(disk.pending.isEmpty)
        let more = log.told()
        #expect(more.isEmpty)
        #expect(log.durableIndex == 0)
    }

    @Test("the log says that it is full before it is, and keeps a reserve for items")
    func full() throws {
        let disk = try formatted()
        var options = smallOptions()
        options.reserveBytes = 16 * Limits.pageBytes
        var log = try open(disk, options: options)
        var k: UInt64 = 0
        while log.canAppend(4_096) {
            k += 1
            _ = log.append(frames.batch(k))
            log.settle()
        }
        #expect(k >= 16)
        for round in 1...16 as ClosedRange<UInt32> {
            _ = log.append(promise(round))
            log.settle()
        }
        #expect(log.failure == nil)
        while log.failure == nil, k < 100 {
            k += 1
            _ = log.append(frames.batch(k))
            log.settle()
        }
        #expect(log.failure?.code == .full)
    }

    @Test("a record can be read back where it was put, and nothing else passes for it")
    func readBack() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(frames.batch(1, bytes: 6_000))
        let offset = log.lastOffset
        _ = log.append(frames.batch(2, bytes: 6_000))
        log.settle()
        let frame = frames.take(8_192)
        log.read(recordAt: offset, bytes: 8_192, into: frame, token: 77)
        disk.completeAll()
        let told = log.told()
        #expect(told == [.read(77, true)])
        #expect(log.verify(frame, offset: offset)?.sequence == 1)
        #expect(log.verify(frame, offset: offset + 8_192) == nil)
        frame.storeBytes(of: 0, toByteOffset: 5_000, as: UInt8.self)
        #expect(log.verify(frame, offset: offset) == nil)
        log.read(recordAt: offset, bytes: 8_192, into: frame, token: 78)
        disk.complete(0, result: -5)
        let failed = log.told()
        #expect(failed == [.read(78, false)])
        #expect(log.failure == nil)
    }

    @Test("without a disk everything is durable at once and nothing comes back")
    func memory() {
        var log = Log<MemoryDevice>(
            volatile: MemoryDevice(), identity: owner, generation: Generation(epoch: 1, counter: 7), members: 3,
            geometry: small, options: smallOptions())
        for k in 1...500 as ClosedRange<UInt64> {
            let (batch, frame) = frames.batch(k)
            let takesMore = log.canAppend(4_096)
            #expect(takesMore)
            _ = log.append(batch, frame: frame, buffer: UInt32(k))
            log.pump()
            let told = log.told()
            #expect(told == [.written(UInt32(k)), .durable(k)])
        }
        log.read(recordAt: 0, bytes: 4_096, into: frames.take(), token: 1)
        let told = log.told()
        #expect(told == [.read(1, false)])
    }
}
