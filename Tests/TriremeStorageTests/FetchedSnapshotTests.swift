// PROTOCOL §8: a snapshot that comes from another replica, block by block, into the file that the superblock does not name.
import CTrireme
import Testing
import TriremeCore
import TriremeStorage

@Suite("§8: fetched snapshots")
struct FetchedSnapshotTests {
    let frames = Frames()
    private let length = 5 * 4_096 - 100
    private static let other = LogIdentity(clusterLow: 0x1122, clusterHigh: 0x3344, replica: ReplicaID(2), group: 3)

    private func options() -> LogOptions {
        var options = smallOptions()
        options.snapshotBlockBytes = 2 * 4_096
        return options
    }
    private func content(_ seed: UInt64) -> [UInt8] { (0..<length).map { patternByte(seed, $0) } }
    /// A disk with a snapshot of that slot whose bytes follow from it.
    private func disk(slot: UInt64, _ identity: LogIdentity) throws -> ScriptedDisk {
        let disk = try formatted(small, identity)
        var log = try open(disk, options: options(), identity: identity)
        let bytes = content(slot)
        try bytes.withUnsafeBytes {
            var feed = log.writeSnapshot(slot: slot, $0)
            while log.isWritingSnapshot {
                log.settle()
                feed.feed(&log)
            }
            try #require(log.snapshotDescription?.slot == slot)
        }
        return disk
    }
    /// A block as it stands in the donor's file, header included.
    private func block(_ donor: ScriptedDisk, _ file: SnapshotFile, _ number: UInt64) -> [UInt8] {
        let at = 4_096 + Int(number) * file.blockBytes
        return Array(donor.files[.snapshot(file.description.file)]![at..<at + file.bytes(number)])
    }
    /// Hands a block over; whether it was taken.
    private func take(_ bytes: [UInt8], _ log: inout ScriptedLog, _ contentBytes: Int) -> Bool {
        log.snapshotBlock!.copyBytes(from: bytes)
        return log.takeSnapshotBlock(contentBytes: contentBytes)
    }

    @Test(
        "◆ it is the named one only when it is whole; until then, and after a crash, the former is",
        arguments: [false, true])
    func takenOver(crashes: Bool) throws {
        let donor = try disk(slot: 20, owner)
        let source = try open(ScriptedDisk(copyOf: donor), options: options()).currentSnapshot!
        var mine = try disk(slot: 10, Self.other)
        var log = try open(mine, options: options(), identity: Self.other)
        log.beginSnapshot(name: source.name, cut: source.description.cut)
        #expect(source.blocks == 3)
        // Only the next block is taken, and only if it is whole.
        let isEarlyTaken = take(block(donor, source, 1), &log, source.contentBytes(1))
        #expect(!isEarlyTaken)
        var bad = block(donor, source, 0)
        bad[700] ^= 1
        let isBadTaken = take(bad, &log, source.contentBytes(0))
        #expect(!isBadTaken)
        for number in 0..<source.blocks {
            let isTaken = take(block(donor, source, number), &log, source.contentBytes(number))
            #expect(isTaken)
            if crashes, number == 1 {
                // The first block is durable, the second is on its way: another start finds the first, and what it finds of the
                // second may be torn.
                let crashed = mine.afterCrash { _, sector in sector < 3 }
                log = try open(crashed, options: options(), identity: Self.other)
                mine = crashed
                let former = try log.snapshotBytes()
                #expect(former == content(10))
                log.beginSnapshot(name: source.name, cut: source.description.cut)
                for stored in 0..<2 as Range<UInt64> {
                    let file = SnapshotFile(
                        description: SnapshotDescription(
                            file: log.writtenSnapshot.description.file, slot: 20, cut: source.description.cut,
                            lengthBytes: source.description.lengthBytes, checksum: source.description.checksum),
                        name: source.name, blockBytes: source.blockBytes)
                    log.readSnapshotBlock(stored, of: file, into: log.snapshotBlock!.baseAddress!, token: 9)
                    mine.complete(0)
                    _ = log.told()
                    let isKept = log.keepSnapshotBlock(contentBytes: file.contentBytes(stored))
                    #expect(isKept == (stored == 0))
                }
                #expect(log.snapshotBlocks.taken == 1 && log.snapshotBlocks.durable == 1)
                let isTakenAgain = take(block(donor, source, 1), &log, source.contentBytes(1))
                #expect(isTakenAgain)
            }
            log.settle()
            #expect(log.snapshotDescription?.slot == 10)
        }
        #expect(log.writtenSnapshot.description.checksum == source.description.checksum)
        log.finishSnapshot()
        // At every step from here on a crash finds one of the two, whole.
        while log.isWritingSnapshot {
            var after = try open(mine.afterCrash { _, _ in false }, options: options(), identity: Self.other)
            let bytes = try after.snapshotBytes()
            #expect(bytes == content(10) || bytes == content(20))
            mine.complete(0)
            _ = log.told()
        }
        var again = try open(ScriptedDisk(copyOf: mine), options: options(), identity: Self.other)
        let bytes = try again.snapshotBytes()
        #expect(bytes == content(20))
        #expect(again.currentSnapshot?.name == source.name)
    }

    @Test("one that is given up leaves the named one, and its file to the next")
    func givenUp() throws {
        let mine = try disk(slot: 10, owner)
        var log = try open(mine, options: options())
        let name = SnapshotName(origin: ReplicaID(0), generation: Generation(epoch: 1, counter: 3), slot: 30)
        log.beginSnapshot(name: name, cut: Cut())
        log.fillSnapshot(log.snapshotRoom!.count)
        #expect(mine.pending.count == 1)
        log.abandonSnapshot()
        // What is under way still has the memory.
        let (isWriting, room) = (log.isWritingSnapshot, log.snapshotRoom)
        #expect(isWriting && room == nil)
        mine.completeAll()
        _ = log.told()
        let isOver = !log.isWritingSnapshot
        #expect(isOver)
        try content(40).withUnsafeBytes {
            var feed = log.writeSnapshot(slot: 40, $0)
            while log.isWritingSnapshot {
                log.settle()
                feed.feed(&log)
            }
            try #require(log.snapshotDescription?.slot == 40)
        }
        #expect(log.formerSnapshot?.name.slot == 10)
    }

    @Test("one of the same slot as the one that was lost takes its place, and that is told")
    func sameSlot() throws {
        let mine = try disk(slot: 20, Self.other)
        mine.flip(.snapshot(0), at: 4_096 + 100)
        var log = try open(mine, options: options(), identity: Self.other)
        #expect(throws: StorageError.self) { _ = try log.snapshotBytes() }
        let donor = try disk(slot: 20, owner)
        let source = try open(ScriptedDisk(copyOf: donor), options: options()).currentSnapshot!
        log.beginSnapshot(name: source.name, cut: source.description.cut)
        var told: [Told] = []
        for number in 0..<source.blocks {
            let isTaken = take(block(donor, source, number), &log, source.contentBytes(number))
            #expect(isTaken)
            told += log.settle()
        }
        log.finishSnapshot()
        told += log.settle()
        #expect(told == [.snapshot(20)])
        let bytes = try log.snapshotBytes()
        #expect(bytes == content(20))
    }

    @Test("the file before the named one counts no more once the next is written over it")
    func former() throws {
        let mine = try disk(slot: 10, owner)
        var log = try open(mine, options: options())
        for slot in [20, 30] as [UInt64] {
            content(slot).withUnsafeBytes {
                var feed = log.writeSnapshot(slot: slot, $0)
                #expect(log.formerSnapshot == nil)
                while log.isWritingSnapshot {
                    log.settle()
                    feed.feed(&log)
                }
            }
            #expect(log.formerSnapshot?.name.slot == slot - 10)
        }
    }
}
