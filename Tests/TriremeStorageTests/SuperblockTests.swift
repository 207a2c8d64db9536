// PROTOCOL §9: four copies, two of them enough, two by two; generations that only rise.
import Testing
import TriremeCore
import TriremeStorage

@Suite("§9: the superblock")
struct SuperblockTests {
    let frames = Frames()

    private func copies(_ disk: ScriptedDisk) -> [[UInt8]] {
        (0..<4).map { Array(disk.files[.superblock]![$0 * 4_096..<($0 + 1) * 4_096]) }
    }
    private func put(_ copy: [UInt8], _ i: Int, _ disk: ScriptedDisk) {
        disk.files[.superblock]!.replaceSubrange(i * 4_096..<(i + 1) * 4_096, with: copy)
    }

    @Test("any two readable copies start, fewer are refused", arguments: 0..<16)
    func subsets(damaged: Int) throws {
        let disk = try formatted()
        var log = try open(disk)
        _ = log.append(promise(2))
        log.settle()
        for i in 0..<4 where damaged >> i & 1 == 1 { disk.flip(.superblock, at: i * 4_096 + 1_000 * i + 20) }
        let (content, refusal) = found(disk)
        if damaged.nonzeroBitCount <= 2 {
            #expect(refusal == nil)
            #expect(content == [.item(promise(2))])
        } else {
            #expect(refusal?.code == .tooFewSuperblocks)
            #expect(refusal?.message.contains("\(4 - damaged.nonzeroBitCount) of 4") == true)
        }
    }

    @Test("with two readable copies left, a crash in any write of the next start still leaves two", arguments: 0..<16)
    func repairOrder(damaged: Int) throws {
        guard damaged.nonzeroBitCount <= 2 else { return }
        let disk = try formatted()
        _ = try open(disk)
        for i in 0..<4 where damaged >> i & 1 == 1 { disk.flip(.superblock, at: i * 4_096 + 100) }
        for write in 0..<4 {
            let crashed = ScriptedDisk(copyOf: disk)
            crashed.waitingWritesLeft = write
            crashed.sectorsAtStop = 0
            _ = try? open(crashed)
            let after = crashed.afterCrash()
            // Both writes of the pair under way may be torn, whichever was reached.
            #expect(found(after).refusal == nil)
            for other in crashed.journal.filter({ $0.hasPrefix("write superblock") }).suffix(write % 2 + 1) {
                after.flip(.superblock, at: Int(other.split(separator: " ")[2])!, count: 512)
            }
            #expect(found(after).refusal == nil)
        }
    }

    @Test("◆ the new generation exceeds that of every readable copy")
    func generationOfCopies() throws {
        let disk = try formatted()
        _ = try open(disk)
        let old = copies(disk)
        for _ in 0..<3 { _ = try open(disk) }
        let newest = try open(disk).generation
        // A copy of an old state in three places: one new copy is enough to know.
        for i in 0..<3 { put(old[i], i, disk) }
        #expect(try open(disk).generation > newest)
    }

    @Test("◆ and that of every valid record, also of one behind the end")
    func generationOfRecords() throws {
        let disk = try formatted()
        _ = try open(disk)
        let old = copies(disk)
        for _ in 0..<5 { _ = try open(disk) }
        var options = smallOptions(writes: 4)
        options.batchesPerWrite = 1
        var log = try open(disk, options: options)
        let generation = log.generation
        _ = log.append(frames.batch(1))
        _ = log.append(frames.batch(2))
        log.pump()
        for keep in [0, 1] {
            let crashed = disk.afterCrash { i, _ in i == keep }
            for i in 0..<4 { put(old[i], i, crashed) }
            #expect(try open(crashed).generation > generation)
        }
    }

    @Test("at run time the two pairs follow one another, and a crash between leaves the old or the new")
    func updates() throws {
        let disk = try formatted()
        var log = try open(disk)
        log.becomeForgetful()
        #expect(disk.pending.map(\.length) == [8_192])
        for pair in 0..<2 {
            #expect(disk.pending[0].offset == pair * 8_192)
            for sectors in 0...16 {
                for parity in 0..<2 {
                    let crashed = disk.afterCrash { _, s in parity == 0 ? s < sectors : s >= sectors }
                    let again = try open(crashed)
                    if pair == 1 { #expect(again.isForgetful == true) }
                }
            }
            disk.complete(0)
            let told = log.told()
            #expect(told == (pair == 0 ? [] : [.forgetful]))
        }
        let after = try open(disk)
        #expect(after.isForgetful == true)
    }

    @Test("a short write of the superblock ends the log")
    func shortWrite() throws {
        let disk = try formatted()
        var log = try open(disk)
        log.becomeForgetful()
        disk.complete(0, result: 4_096)
        let told = log.told()
        #expect(told == [.failed(.io)])
    }
}
