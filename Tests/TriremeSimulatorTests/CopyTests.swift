// Replies that wait for more copies than a quorum's (PROTOCOL §5): withheld while too few hold the batch, given when they do, and
// nobody else's business.
import Testing
import TriremeCore
import TriremeSimulator

@Suite struct CopyTests {
    /// Three or five calm replicas; half of the batches want to lie on `copies` of them.
    private func scenario(_ members: Int, copies: Int, seed: UInt64 = 4) throws -> Scenario {
        var scenario = Scenario(seed: seed, quorums: try .standard(members: members))
        scenario.segments = 16
        scenario.segmentBytes = 262_144
        scenario.workload.intervalNanoseconds = 1_000_000
        scenario.workload.copies = copies...copies
        scenario.healAtNanoseconds = 4_000_000_000
        return scenario
    }
    private func waiting(_ world: World, _ members: Int) -> [Int] { (0..<members).map { world.awaitingCopies(at: $0) } }

    /// With all members up a reply waits for a status, and no longer.
    @Test(arguments: [3, 5]) func copiesOfAllAreHadWhereAllAreUp(members: Int) throws {
        let world = World(try scenario(members, copies: members), factory: EngineParticipant.maker())
        world.begin()
        world.run(until: 2_000_000_000)
        // A handful under way.
        #expect(waiting(world, members).allSatisfy { $0 < 8 })
        while world.step() {}
        let result = world.result()
        #expect(result.violation == nil)
        #expect(waiting(world, members).allSatisfy { $0 == 0 })
        #expect(result.situations.heldAnswers > result.situations.batches / 3)
        #expect(result.situations.acknowledged == result.situations.executed)
    }

    /// One is off: whoever wants all copies waits, for as long as it takes; whoever wants fewer is answered, and so are those whose
    /// batches come after one that waits. When it is back all are.
    @Test(arguments: [3, 5]) func oneThatIsDownHoldsUpThoseAloneWhoWantItsCopy(members: Int) throws {
        let world = World(try scenario(members, copies: members), factory: EngineParticipant.maker())
        world.begin()
        world.run(until: 500_000_000)
        let calm = world.book.acknowledgedCount
        world.takeDown(members - 1)
        world.run(until: 1_500_000_000)
        let before = (world.book.acknowledgedCount, world.book.executedCount, waiting(world, members))
        world.run(until: 2_500_000_000)
        let after = (world.book.acknowledgedCount, world.book.executedCount, waiting(world, members))
        // All is executed; about half is answered.
        #expect(after.1 - before.1 > calm)
        #expect(after.0 - before.0 > (after.1 - before.1) / 4)
        #expect(after.0 - before.0 < (after.1 - before.1) * 3 / 4)
        for replica in 0..<members - 1 { #expect(after.2[replica] > before.2[replica] + 50) }
        while world.step() {}
        #expect(world.result().violation == nil)
        #expect(waiting(world, members).allSatisfy { $0 == 0 })
    }

    /// A copy fewer, and nobody misses the one that is off.
    @Test func oneThatIsDownIsNotMissedWhereEnoughAreLeft() throws {
        let world = World(try scenario(5, copies: 4), factory: EngineParticipant.maker())
        world.begin()
        world.run(until: 500_000_000)
        world.takeDown(4)
        world.run(until: 2_500_000_000)
        #expect(waiting(world, 4).allSatisfy { $0 < 8 })
        while world.step() {}
        #expect(world.result().violation == nil)
    }

    /// A disk that stands still gives no copy, though its replica hears everything and tells so.
    @Test func whatIsReceivedIsNoCopy() throws {
        let world = World(try scenario(3, copies: 3), factory: EngineParticipant.maker())
        world.begin()
        world.run(until: 500_000_000)
        world.stallDisk(of: 2, for: 1_000_000_000)
        world.run(until: 1_400_000_000)
        #expect(waiting(world, 3)[0] > 50 && waiting(world, 3)[1] > 50)
        world.run(until: 3_000_000_000)
        #expect(waiting(world, 3).allSatisfy { $0 < 8 })
        while world.step() {}
        #expect(world.result().violation == nil)
    }

    /// Its origin dies while replies wait: nobody answers in its place, its next life least of all.
    @Test func anOriginThatDiesAnswersNobodyAfterwards() throws {
        let world = World(try scenario(3, copies: 3), factory: EngineParticipant.maker())
        world.begin()
        world.run(until: 500_000_000)
        world.takeDown(2)
        world.run(until: 1_000_000_000)
        #expect(world.awaitingCopies(at: 0) > 50)
        world.crashAndRestart(0)
        world.run(until: 1_500_000_000)
        #expect(world.awaitingCopies(at: 0) > 20)
        while world.step() {}
        let result = world.result()
        #expect(result.violation == nil)
        #expect(waiting(world, 3).allSatisfy { $0 == 0 })
        // They were executed all the same.
        #expect(result.situations.acknowledged + 50 < result.situations.executed)
    }

    /// The checker looks at the disks, and not at what was reported.
    @Test func aReplyBeforeItsCopiesIsFound() throws {
        var scenario = try scenario(5, copies: 5)
        scenario.workload.isImpatient = true
        scenario.links.delayNanoseconds = 500_000
        let violation = World(scenario, factory: EngineParticipant.maker()).run().violation
        #expect(violation?.sentence.contains("they wanted 5") == true, "\(String(describing: violation))")
    }
}
