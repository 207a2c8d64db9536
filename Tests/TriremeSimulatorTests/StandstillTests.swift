// A quorum is unharmed by one disk that stands still (RELIABILITY), whoever's it is.
import Testing
import TriremeCore
import TriremeSimulator

@Suite struct StandstillTests {
    /// Commands that the others have answered in a second, while the disk of one replica completes nothing.
    private func answered(members: Int, stalled: Int?) throws -> Int {
        var scenario = Scenario(seed: 4, quorums: try .standard(members: members))
        scenario.segments = 16
        scenario.segmentBytes = 262_144
        scenario.workload.intervalNanoseconds = 1_000_000
        scenario.healAtNanoseconds = 3_000_000_000
        let world = World(scenario, factory: EngineParticipant.maker())
        world.begin()
        world.run(until: 500_000_000)
        if let stalled { world.stallDisk(of: stalled, for: 2_000_000_000) }
        // Whoever has to be suspected is by then.
        world.run(until: 1_500_000_000)
        let before = world.book.acknowledgedCount
        world.run(until: 2_500_000_000)
        let count = world.book.acknowledgedCount - before
        while world.step() {}
        #expect(world.result().violation == nil)
        return count
    }
    @Test(arguments: [3, 5]) func aQuorumIsUnharmedByOneStalledDisk(members: Int) throws {
        let calm = try answered(members: members, stalled: nil)
        for stalled in 0..<members {
            // Its own clients wait; those of the others do not.
            let count = try answered(members: members, stalled: stalled)
            #expect(count > calm * (members - 1) / members * 9 / 10, "replica \(stalled): \(count) of \(calm)")
        }
    }
}

/// Memory flips under a batch that waits: it is not executed, and the replica starts again from its log.
@Suite struct MemoryFlipTests {
    @Test func aFlippedBatchIsExecutedNowhere() throws {
        var ended = 0
        for seed in UInt64(1)...12 {
            var scenario = Scenario(seed: seed, quorums: try .standard(members: 3))
            scenario.faults = [.memoryFlip]
            scenario.faultIntervalNanoseconds = 10_000_000
            scenario.segmentBytes = 262_144
            let result = World(scenario, factory: EngineParticipant.maker()).run()
            #expect(result.violation == nil)
            ended += result.situations.endedByFlip
        }
        #expect(ended > 20)
    }
}
