// The world over the fake: runs end well, twice the same, and each broken promise is found.
import Testing
import TriremeCore
import TriremeSimulator

@Suite struct WorldTests {
    static func run(_ scenario: Scenario, breach: Breach? = nil, trace: Trace = Trace()) -> RunResult {
        let order = FakeOrder(breach: breach)
        return World(scenario, trace: trace, factory: order.make).run()
    }

    @Test func standardSeedsEndWell() {
        var summary = SimulationSummary()
        for seed in 1...60 { summary.add(Self.run(.standard(seed: UInt64(seed)))) }
        #expect(summary.violations == [])
        #expect(summary.situations.crashes > 50)
        #expect(summary.situations.tornWrites > 0)
        #expect(summary.situations.refusedStarts > 0)
        #expect(summary.situations.partitions > 20)
        #expect(summary.situations.acknowledged > 10_000)
    }

    @Test(arguments: [3, 7, 11]) func oneSeedRunsTheSameTwice(seed: UInt64) {
        var traces: [[String]] = [[], []]
        var hashes: [UInt64] = []
        for i in 0..<2 {
            let result = Self.run(.standard(seed: seed), trace: Trace { traces[i].append($0) })
            hashes.append(result.traceHash)
        }
        #expect(traces[0] == traces[1])
        #expect(hashes[0] == hashes[1])
        #expect(traces[0].count > 1_000)
        // Printing changes nothing.
        #expect(Self.run(.standard(seed: seed)).traceHash == hashes[0])
    }

    @Test func differentSeedsDiffer() {
        #expect(Self.run(.standard(seed: 1)).traceHash != Self.run(.standard(seed: 2)).traceHash)
    }

    /// One sentence of the finding for each promise that can be broken.
    static let findings: [(Breach, String)] = [
        (.otherEntry, "slot 15 is decided twice"),
        (.skippedBatch, "reports slot 20 executed without batch"),
        (.repeatedCommand, "a second time"),
        (.lostOrder, "number"),
        (.reusedGeneration, "a generation is reused"),
        (.reusedSequence, "with another content than it had before"),
        (.idleAtTheEnd, "no progress"),
        (.touchedWrite, "memory was touched while it was being written"),
        (.touchedSend, "while it was being sent"),
        (.silentOwner, "and does not answer"),
        (.falseAnswer, "for its own"),
        (.otherState, "as number 20, where replica"),
        (.foreignCommand, "a command that nobody submitted"),
        (.selfDestruct, "ends itself: one position with two digests"),
        (.restless, "it spins"),
    ]
    @Test(arguments: Breach.allCases) func aBrokenPromiseIsFound(breach: Breach) throws {
        var scenario = Scenario(seed: 5, quorums: try .standard(members: 3))
        scenario.faults = [.crash]
        scenario.faultIntervalNanoseconds = 30_000_000
        scenario.workload.intervalNanoseconds = 1_000_000
        let result = Self.run(scenario, breach: breach)
        let violation = try #require(result.violation)
        let finding = try #require(Self.findings.first { $0.0 == breach })
        #expect(violation.sentence.contains(finding.1), "\(violation)")
        #expect(violation.seed == 5)
        #expect(violation.description.contains("trireme simulate --seed 5 --trace"))
    }

    @Test func theCommandSaysWhatItFound() {
        var lines: [String] = []
        let good = SimulatorCommand.run(
            seeds: 5, firstSeed: 100, trace: false, factory: { FakeOrder().make },
            write: { lines.append($0) })
        #expect(good == 0)
        #expect(lines[0].hasPrefix("5 seeds, "))
        lines = []
        let bad = SimulatorCommand.run(
            seeds: 5, firstSeed: 100, trace: false, factory: { FakeOrder(breach: .silentOwner).make },
            write: { lines.append($0) })
        #expect(bad == 1)
        #expect(lines.last?.contains("replay: trireme simulate --seed ") == true)
    }
}
