// One engine alone whose disk, or whose operator, has lost what binds: it observes, or ends (PROTOCOL §9).
import Testing
import TriremeCore
import TriremeRuntime
import TriremeStorage

extension EngineDamageTests {
    /// ◆ A vote may be lost: from this start on it observes. It still learns and executes.
    @Test func aLostVoteMakesAnObserver() throws {
        let disk = try written()
        // The vote's record follows the last batch.
        disk.flip(.segment(0), at: place(disk, 4)! + 4_096 + 200)
        for _ in 0..<2 {
            let bench = try Bench(disk, base)
            #expect(bench.isForgetful && bench.logIsForgetful)
            #expect(bench.takeNotice() != nil)
            bench.arrive(.prepare) {
                Prepare(ballot: Ballot(epoch: 1, round: 9, owner: ReplicaID(1)), from: 1).encode(into: &$0)
            }
            bench.propose(1, 4)
            bench.turns(10)
            #expect(!bench.script.sentControl.contains { $0.kind == .promise || $0.kind == .prepare })
            let status = bench.status()
            #expect(status.flags.contains(.observes) && status.votes.isEmpty && status.echoes[1] == .none)
            bench.decide(4)
            bench.turns(20)
            #expect(bench.executedSlot == 1 && bench.failure == nil)
        }
    }
    /// ◆ The others remember a promise that the disk has not: the superblock says so before long, and every later start knows.
    @Test func theOthersMemoryMakesAnObserver() throws {
        let disk = try written()
        let bench = try Bench(disk, base) { $0.promise = Ballot(epoch: 1, round: 8, owner: ReplicaID(2)) }
        bench.turns(10)
        #expect(bench.isForgetful && bench.failure == nil)
        #expect(bench.takeNotice()?.contains("it promised 8.2") == true)
        let again = try Bench(disk.afterCrash(), base)
        #expect(again.isForgetful)
    }
    /// ◆ An old copy of the directory says nothing under a number that was used, ends, and observes under a new one.
    @Test func anOldCopyEndsAndThenObserves() throws {
        let disk = try written()
        let bench = try Bench(disk, base) { $0.generation = Generation(epoch: 1, counter: 50) }
        bench.turns(10)
        #expect(bench.failure?.contains("old copy") == true)
        #expect(!bench.script.sentControl.contains { $0.kind == .status })
        let again = try Bench(disk.afterCrash(), base)
        again.turns(2)
        #expect(again.isForgetful && again.generation == Generation(epoch: 1, counter: 51))
        #expect(again.script.sentControl.contains { $0.kind == .status })
    }
    /// ◆ The same where it was an observer before and its number was used by the very start before (seeds 1496, 2656).
    @Test func anObserversOldCopyEndsToo() throws {
        let disk = try written()
        let first = try Bench(disk, base) { $0.promise = Ballot(epoch: 1, round: 8, owner: ReplicaID(2)) }
        first.turns(10)
        #expect(first.logIsForgetful)
        let second = try Bench(disk, base) { $0.generation = $0.asked }
        second.turns(10)
        #expect(second.failure?.contains("old copy") == true)
        let third = try Bench(disk, base)
        third.turns(2)
        #expect(third.failure == nil && second.generation < third.generation)
    }
}
