// When to ask for what is missing, and how much to answer, with a hand-moved clock.
import Testing
import TriremeCore
import TriremeTransport

@Suite struct GapDetectorTests {
    let lane = ReplicaID(2)

    func detector() -> GapDetector { GapDetector(shortestNanoseconds: 1_000, longestNanoseconds: 8_000, seed: 42) }

    @Test func itAsksAfterAShortRandomWaitAndThenLessAndLessOften() throws {
        var firstWaits = Set<UInt64>()
        for seed in UInt64(0)..<50 {
            var gaps = GapDetector(
                shortestNanoseconds: 1_000, longestNanoseconds: 8_000, seed: seed &* 0x9E37_79B9_7F4A_7C15)
            func due(_ now: UInt64) -> GapDetector.Request? { gaps.due(now: now) }
            gaps.noticed(lane: lane, missing: 5...9, now: 100)
            var asked: UInt64 = 100
            for (attempt, longest) in [1_000, 2_000, 4_000, 8_000, 8_000, 8_000].enumerated() {
                let at = gaps.deadline
                #expect((UInt64(longest) / 2...UInt64(longest)).contains(at - asked))
                #expect(due(at - 1) == nil)
                #expect(due(at) == .init(lane: lane, first: 5, last: 9, attempt: attempt))
                #expect(due(at) == nil)
                if attempt == 0 { firstWaits.insert(at) }
                asked = at
            }
        }
        #expect(firstWaits.count > 20, "waits are random")
    }

    @Test func whatIsFilledInTimeIsNeverAskedFor() {
        var gaps = detector()
        func due(_ now: UInt64) -> GapDetector.Request? { gaps.due(now: now) }
        gaps.noticed(lane: lane, missing: 5...9, now: 0)
        gaps.filled(lane: lane, upTo: 9, now: 300)
        #expect(!gaps.hasGaps && due(.max - 1) == nil)
    }

    @Test func whatRemainsIsWaitedForAnew() {
        var gaps = detector()
        func due(_ now: UInt64) -> GapDetector.Request? { gaps.due(now: now) }
        gaps.noticed(lane: lane, missing: 5...9, now: 0)
        #expect(due(1_000)?.attempt == 0)
        gaps.filled(lane: lane, upTo: 6, now: 1_200)
        gaps.filled(lane: lane, upTo: 4, now: 1_300)
        #expect(due(1_600) == nil)
        #expect(due(2_200) == .init(lane: lane, first: 7, last: 9, attempt: 0))
    }

    @Test func aGrowingGapKeepsItsTimeAndAnotherOneDoesNot() {
        var gaps = detector()
        func due(_ now: UInt64) -> GapDetector.Request? { gaps.due(now: now) }
        gaps.noticed(lane: lane, missing: 5...5, now: 0)
        let first = gaps.deadline
        gaps.noticed(lane: lane, missing: 5...20, now: 900)
        #expect(gaps.deadline == first)
        gaps.noticed(lane: lane, missing: 8...20, now: 10_000)
        #expect(gaps.deadline >= 10_500)
        #expect(due(11_000) == .init(lane: lane, first: 8, last: 20, attempt: 0))
        gaps.forget(lane: lane)
        #expect(due(.max - 1) == nil)
    }

    @Test func lanesTakeTurns() {
        var gaps = detector()
        func due(_ now: UInt64) -> GapDetector.Request? { gaps.due(now: now) }
        for index in 0..<3 { gaps.noticed(lane: ReplicaID(index), missing: 1...1, now: 0) }
        var asked: [Int] = []
        for _ in 0..<3 { asked.append(due(1_000)!.lane.index) }
        #expect(asked == [0, 1, 2])
        gaps.noticed(lane: ReplicaID(3), missing: 1...1, now: 0)
        #expect(due(100_000)?.lane == ReplicaID(3), "the one after the last that asked")
    }

    @Test func theOwnerIsAskedFirstAndThenTheHoldersInTurn() {
        func targets(_ holders: UInt16, lane: Int = 1, me: Int = 0) -> [Int] {
            (0..<6).map {
                GapDetector.target(lane: ReplicaID(lane), attempt: $0, holders: holders, me: ReplicaID(me)).index
            }
        }
        #expect(targets(0b1_0110) == [1, 2, 4, 1, 2, 4])
        #expect(targets(0b1_0101) == [1, 2, 4, 2, 4, 2], "the owner does not hold it any more, and never me")
        #expect(targets(0) == [1, 1, 1, 1, 1, 1])
        #expect(targets(0b1001, lane: 0, me: 0) == [3, 3, 3, 3, 3, 3], "what was mine in an earlier life")
    }
}

@Suite struct RepairBudgetTests {
    @Test func repairGetsATenthOfWhatIsSent() {
        var budget = RepairBudget(floorBytesPerSecond: 0, burstBytes: 100_000, now: 0)
        func take(_ bytes: Int, _ now: UInt64) -> Bool { budget.take(bytes: bytes, now: now) }
        #expect(take(100_000, 0), "it starts full")
        #expect(!take(1, 1))
        var repaired = 0
        for step in 1...1_000 {
            budget.sent(bytes: 60_000)
            while take(6_000, UInt64(step) * 1_000) { repaired += 6_000 }
        }
        #expect(repaired == 6_000_000)
    }

    @Test func anIdleReplicaRepairsAtTheFloor() {
        var budget = RepairBudget(floorBytesPerSecond: 700_001, burstBytes: 60_000, now: 0)
        func take(_ bytes: Int, _ now: UInt64) -> Bool { budget.take(bytes: bytes, now: now) }
        #expect(take(60_000, 0))
        var repaired = 0
        for microsecond in 1...1_000_000 where take(1_000, UInt64(microsecond) * 1_000) { repaired += 1_000 }
        #expect((699_000...700_001).contains(repaired), "nothing is lost by asking often")
    }

    @Test func whatIsNotUsedIsNotSavedBeyondTheBurst() {
        var budget = RepairBudget(floorBytesPerSecond: 8 << 20, burstBytes: 120_000, now: 0)
        func take(_ bytes: Int, _ now: UInt64) -> Bool { budget.take(bytes: bytes, now: now) }
        for _ in 0..<1_000 { budget.sent(bytes: 1 << 30) }
        #expect(take(120_000, 3_600_000_000_000))
        #expect(!take(60_000, 3_600_000_000_001))
    }

    @Test func aClockThatStandsGivesNothingTwice() {
        var budget = RepairBudget(floorBytesPerSecond: 1_000, burstBytes: 1_000, now: 5)
        func take(_ bytes: Int, _ now: UInt64) -> Bool { budget.take(bytes: bytes, now: now) }
        #expect(take(1_000, 5))
        for _ in 0..<100 { #expect(!take(1, 5)) }
        #expect(!take(1, 0))
    }
}
