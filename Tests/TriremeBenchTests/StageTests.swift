// Counters of several replicas become one table; lost datagrams are the difference of both ends.
import Testing
import TriremeBench
import TriremeRuntime

@Suite struct StageTests {
    @Test func theMeterCountsAlwaysAndTimesOneTurnInMany() {
        var meter = StageMeter()
        let turns = StageMeter.turnsPerTiming * 10
        for turn in 0..<turns {
            meter.begin(turn: turn, now: 1)
            meter.end(.receive, work: 3)
            meter.end(.execute, work: turn % 2 == 0 ? 1 : 0)
        }
        let counters = meter.counters
        #expect(counters.timedTurns == 10)
        #expect(counters.work[Stage.receive.rawValue] == turns * 3 && counters.runs[Stage.receive.rawValue] == turns)
        #expect(counters.runs[Stage.execute.rawValue] == turns / 2)
        #expect(counters.timedNanoseconds[Stage.receive.rawValue] > 0)
        #expect(counters.timedNanoseconds[Stage.seal.rawValue] == 0)
    }

    @Test func anEngineThatIsNotAskedHasNoClock() {
        var meter = StageMeter()
        for _ in 0..<1_000 { meter.end(.receive, work: 1) }
        #expect(meter.counters.work[Stage.receive.rawValue] == 1_000)
        #expect(meter.counters.timedNanoseconds[Stage.receive.rawValue] == 0)
    }

    @Test func theTableHasARowForEveryStage() {
        let counted = Counted([
            ("turns", 1_000), ("executeRuns", 10), ("executeWork", 40), ("executeTimedNanoseconds", 750),
            ("kernelTimedNanoseconds", 250), ("logWrites", 4), ("logBatchesWritten", 10), ("windowSum", 5_000),
        ])
        let lines = StageTable(counted).lines(seconds: 2)
        for stage in Stage.allCases { #expect(lines.contains { $0.contains("\(stage) ") }, "\(stage)") }
        let execute = lines.first { $0.contains("execute ") } ?? ""
        #expect(execute.split(separator: " ").map(String.init)[1...5] == ["5.00", "20.0", "4.00", "75.0", "%"])
        #expect(lines.contains { $0.contains("batches per log write 2.50") && $0.contains("under way 5.00") })
        #expect(StageTable.isOfStages("sealRuns") && StageTable.isOfStages("kernelTimedNanoseconds"))
        #expect(!StageTable.isOfStages("turns") && !StageTable.isOfStages("logWrites"))
        #expect(StageTable(Counted()).lines(seconds: 2).isEmpty)
    }

    @Test func datagramsAreLostWhenFewerArriveThanWereMeant() {
        let all: [(name: String, value: UInt64)] = [
            ("batchDeliveriesMeant", 1_000), ("batchDatagramsReceived", 990), ("controlKernelDrops", 2),
            ("kernelDrops", 7), ("droppedNoBuffer", 1), ("sendErrors", 3),
        ]
        #expect(BenchRun.lost(Counted(all), isWhole: true) == 10 + 2 + 1 + 3)
        // What was sent to a replica that was killed is not lost on the way.
        #expect(BenchRun.lost(Counted(all), isWhole: false) == 7 + 1 + 3)
        #expect(
            BenchRun.lost(Counted([("batchDeliveriesMeant", 5), ("batchDatagramsReceived", 6)]), isWhole: true) == 0)
    }
}
