// RELIABILITY: a crash at every I/O boundary: prefix, subset, torn sector. What was reported durable is recovered.
import Testing
import TriremeCore
import TriremeStorage

@Suite("§9: crashes at every boundary")
struct CrashTests {
    let frames = Frames()

    /// Sectors of one write that a crash keeps: all subsets that matter for a torn write.
    private static func patterns(_ sectors: Int, thin: Bool) -> [(Int) -> Bool] {
        var all: [(Int) -> Bool] = [{ _ in false }, { _ in true }, { $0 % 2 == 0 }, { $0 % 2 == 1 }]
        for at in stride(from: 1, to: sectors, by: thin ? max(1, sectors / 4) : 1) {
            all += [{ $0 < at }, { $0 >= at }, { $0 == at }, { $0 != at }]
        }
        all += [{ $0 == 0 }, { $0 != 0 }]
        return all
    }

    /// Every crash of `disk` now, as far as sectors matter.
    private static func crashes(_ disk: ScriptedDisk, _ body: (ScriptedDisk) throws -> Void) rethrows {
        let sectors = disk.pending.map(\.sectors)
        switch sectors.count {
        case 0: try body(disk.afterCrash())
        case 1:
            for keeps in patterns(sectors[0], thin: false) { try body(disk.afterCrash { _, s in keeps(s) }) }
        default:
            // Whole writes in every subset, and torn ones with the other writes in every subset.
            for subset in 0..<1 << sectors.count {
                for torn in 0..<sectors.count {
                    for keeps in patterns(sectors[torn], thin: true) {
                        try body(disk.afterCrash { i, s in i == torn ? keeps(s) : subset >> i & 1 == 1 })
                    }
                }
            }
        }
    }

    /// Disks to begin with: fresh; with stale records of a former incarnation behind the end; in a later lap.
    private enum Start: CaseIterable { case fresh, stale, lap }
    private func start(_ start: Start) throws -> (ScriptedDisk, [Content]) {
        let disk = try formatted()
        switch start {
        case .fresh: return (disk, [])
        case .stale:
            var options = smallOptions(writes: 8)
            options.batchesPerWrite = 1
            var log = try open(disk, options: options)
            for k in 201...208 as ClosedRange<UInt64> { _ = log.append(frames.batch(k, bytes: 2_000)) }
            log.pump()
            disk.complete(0)
            _ = log.told()
            return (disk.afterCrash { i, _ in i != 1 }, [.batch(201), .batch(202)])
        case .lap:
            var log = try open(disk)
            var k: UInt64 = 300
            let state = frames.take(4_096)
            for lap in 1...3 as ClosedRange<UInt64> {
                while log.endOffset < (lap * 3) * 16 * page + 3 * page {
                    k += 1
                    _ = log.append(frames.batch(k))
                    log.settle()
                }
                log.writeSmallSnapshot(slot: lap, UnsafeRawBufferPointer(start: state, count: 4_096))
                log.settle()
                log.release(before: log.endOffset, after: log.append(promise(UInt32(lap))))
                log.settle()
            }
            return (disk, found(disk).content)
        }
    }

    @Test("what was reported durable is always recovered, in order, and the log goes on", arguments: [0, 1, 2])
    func everyBoundary(start index: Int) throws {
        let (disk, before) = try start(Start.allCases[index])
        var log = try open(disk)
        var appended = before
        var cases = 0
        let generation = log.generation
        /// All crashes here, each followed by a start, one more record, and another start.
        func check(durable: LogIndex) throws {
            try Self.crashes(disk) { crashed in
                cases += 1
                let recovered = Recovered()
                var next = try open(crashed, recovered)
                let isPrefix = recovered.content == Array(appended.prefix(recovered.content.count))
                let isWhole = recovered.content.count >= before.count + Int(durable) && recovered.wrongPayloads == 0
                if !isPrefix || !isWhole {
                    Issue.record("case \(cases): durable \(durable), found \(recovered.content), appended \(appended)")
                }
                if next.generation <= generation { Issue.record("case \(cases): generation \(next.generation) again") }
                _ = next.append(frames.batch(999, bytes: 3_000))
                next.settle()
                let (content, refusal) = found(crashed)
                if content != recovered.content + [.batch(999)] || refusal != nil {
                    Issue.record("case \(cases): after going on \(content), \(refusal?.message ?? "")")
                }
            }
        }
        func add(_ content: Content) {
            appended.append(content)
            switch content {
            case .batch(let k): _ = log.append(frames.batch(k, bytes: k == 4 ? 11 * 4_096 : Int(k) * 1_700))
            case .item(let item): _ = log.append(item)
            default: break
            }
        }
        func step(_ contents: [Content], completing: [Int]) throws {
            for content in contents { add(content) }
            log.pump()
            try check(durable: log.durableIndex)
            for i in completing {
                disk.complete(i)
                _ = log.told()
                try check(durable: log.durableIndex)
            }
        }
        try step([.item(promise(1))], completing: [])
        try step([.batch(1), .item(vote(1))], completing: [1])  // the second write first
        try step([.batch(2)], completing: [0])
        try step([.item(vote(2)), .item(promise(2)), .batch(3)], completing: [0])
        try step([.batch(4), .item(vote(3))], completing: [1])  // crosses into the next segment, behind a filler
        try step([.batch(5)], completing: [0])
        try step([], completing: [0])
        log.settle()
        try check(durable: log.durableIndex)
        #expect(log.durableIndex == LogIndex(appended.count - before.count))
        #expect(cases > 300)
    }

    @Test("a crash in any write of a start leaves a disk that starts, with a higher generation")
    func crashAtStart() throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(promise(3))
        log.settle()
        for write in 0..<4 {
            for sectors in 0...8 {
                let crashed = ScriptedDisk(copyOf: disk)
                crashed.waitingWritesLeft = write
                crashed.sectorsAtStop = sectors
                #expect(found(crashed).refusal == nil)  // the copy has no such plan
                do {
                    _ = try open(crashed)
                    Issue.record("the machine did not stop")
                } catch { #expect(error.code == .io) }
                let recovered = Recovered()
                let again = try open(crashed.afterCrash(), recovered)
                #expect(recovered.content == [.item(promise(3))])
                #expect(again.generation > log.generation)
            }
        }
    }
}
