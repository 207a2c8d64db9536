// Long random lives of one log: appends, writes completing in any order, snapshots, releases, crashes, starts.
import Testing
import TriremeCore
import TriremeStorage

/// What must be on the disk: everything appended in this life and the lives before it, as far as it was recovered.
private struct Model {
    struct Entry {
        var content: Content
        var offset: UInt64
        var index: LogIndex
    }
    var entries: [Entry] = []
    var snapshots: [UInt64] = []
    /// Where the log may begin: every value that the superblock may hold now.
    var starts: [UInt64] = [0]

    /// Whether a start may find this, given what was reported.
    func allows(_ content: [Content], durable: LogIndex) -> Bool {
        var rest = content[...]
        if case .snapshot(let slot)? = rest.first {
            guard snapshots.contains(slot) else { return false }
            rest = rest.dropFirst()
        } else if !snapshots.isEmpty, !snapshots.contains(0) {
            return false
        }
        return starts.contains { start in
            let kept = entries.filter { $0.offset >= start }
            let least = kept.filter { $0.index <= durable }.count
            return rest.count >= least && rest.count <= kept.count && zip(rest, kept).allSatisfy { $0 == $1.content }
        }
    }
}

extension Content {
    fileprivate var short: String {
        switch self {
        case .snapshot(let slot): "s\(slot)"
        case .batch(let sequence): "\(sequence)"
        case .damaged(let sequence): "damaged \(sequence)"
        case .item(.promise(let ballot)): "p\(ballot.round)"
        case .item: "item"
        }
    }
}

@Suite("§8 and §9: random lives")
struct RandomWalkTests {
    @Test("whatever happens in whatever order, a start finds what was reported and nothing else", arguments: 0..<40)
    func lives(seed: Int) throws {
        let frames = Frames()
        var random = CoreRandom(seed: UInt64(seed) &* 7_777 + 1)
        var disk = try formatted()
        var model = Model(snapshots: [0])
        var sequence: UInt64 = 0
        var slot: UInt64 = 0
        let state = UnsafeRawBufferPointer(start: frames.take(3 * 4_096), count: 3 * 4_096)
        var generation = Generation.zero
        for _ in 0..<25 {
            let recovered = Recovered()
            var options = smallOptions(writes: 1 + Int(random.below(3)))
            options.batchesPerWrite = 1 + Int(random.below(4))
            var log = try open(disk, recovered, options: options)
            #expect(log.generation > generation)
            generation = log.generation
            model.starts = [log.oldestNeeded]
            model.snapshots = [log.snapshotDescription?.slot ?? 0]
            // What was found is durable now, for ever.
            let found = recovered.content.filter { if case .snapshot = $0 { false } else { true } }
            let kept = model.entries.filter { $0.offset >= log.oldestNeeded }
            #expect(Array(kept.prefix(found.count)).map(\.content) == found)
            model.entries = kept.prefix(found.count).map {
                Model.Entry(content: $0.content, offset: $0.offset, index: 0)
            }

            for _ in 0..<60 where log.failure == nil {
                switch random.below(12) {
                case 0...2 where log.canAppend(14 * 4_096):
                    sequence += 1
                    let index = log.append(frames.batch(sequence, bytes: Int(random.below(9_000)) + 1))
                    model.entries.append(.init(content: .batch(sequence), offset: log.lastOffset, index: index))
                case 3 where log.canAppend(4_096):
                    let item = vote(random.next())
                    let index = log.append(item)
                    model.entries.append(.init(content: .item(item), offset: log.lastOffset, index: index))
                case 4, 5: log.pump()
                case 6...8 where !disk.pending.isEmpty:
                    disk.complete(Int(random.below(UInt64(disk.pending.count))))
                case 9: log.vouch()
                case 10 where !log.isWritingSnapshot:
                    slot += 1
                    log.writeSmallSnapshot(slot: slot, UnsafeRawBufferPointer(rebasing: state[..<9_000]))
                    model.snapshots.append(slot)
                case 11 where log.snapshotDescription != nil && log.canAppend(4_096):
                    let item = promise(UInt32(random.below(1_000)))
                    let carried = log.append(item)
                    model.entries.append(.init(content: .item(item), offset: log.lastOffset, index: carried))
                    let before = log.segmentStart(of: log.endOffset - min(log.endOffset, random.below(30) * page))
                    log.release(before: before, after: carried)
                    model.starts.append(before)
                default: break
                }
                for one in log.told() { if case .failed = one { Issue.record("\(one)") } }
                if random.below(8) == 0 {
                    let picture = disk.afterCrash { _, _ in random.below(2) == 0 }
                    check(picture, model, log.durableIndex, seed)
                }
            }
            disk = disk.afterCrash { _, _ in random.below(3) > 0 }
            check(disk, model, log.durableIndex, seed)
        }
        #expect(sequence > 100)
    }
    private func check(_ disk: ScriptedDisk, _ model: Model, _ durable: LogIndex, _ seed: Int) {
        let (content, refusal) = found(disk)
        if refusal != nil || !model.allows(content, durable: durable) {
            Issue.record(
                """
                seed \(seed): durable \(durable), found \(content.map(\.short)), \(refusal?.message ?? "")
                of \(model.entries.map { "\($0.content.short)@\($0.offset / page)#\($0.index)" })
                starts \(model.starts.map { $0 / page }), snapshots \(model.snapshots)
                """)
        }
    }
}
