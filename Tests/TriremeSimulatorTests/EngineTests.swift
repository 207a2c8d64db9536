// The production engine in the world: seeds that once failed, equal traces, and samples of both mixes. The seeds of
// `make simulate` come on top.
import Foundation
import Testing
import TriremeCore
import TriremeSimulator

@Suite struct EngineTests {
    static func corpus() throws -> [Corpus.Entry] {
        let file = try #require(Bundle.module.url(forResource: "Corpus", withExtension: "txt"))
        return try Corpus(file: file.path).entries
    }
    @Test func seedsThatOnceFailedPass() throws {
        let corpus = try Self.corpus()
        #expect(corpus.count > 30)
        for entry in corpus {
            let result = World(entry.mix.scenario(seed: entry.seed), factory: EngineParticipant.maker()).run()
            #expect(result.violation == nil, "\(entry.line)")
        }
    }

    @Test(arguments: [1, 12, 33]) func oneSeedRunsTheSameTwice(seed: UInt64) {
        var traces: [[String]] = [[], []]
        var hashes: [UInt64] = []
        for i in 0..<2 {
            let trace = Trace { traces[i].append($0) }
            hashes.append(
                World(.standard(seed: seed), trace: trace, factory: EngineParticipant.maker()).run().traceHash)
        }
        #expect(traces[0] == traces[1])
        #expect(hashes[0] == hashes[1])
        #expect(traces[0].count > 500)
    }

    @Test func standardSeedsEndWell() {
        let summary = SimulatorCommand.simulate(seeds: 100, firstSeed: 1, jobs: 2, keepGoing: true)
        #expect(summary.violations == [])
        let s = summary.situations
        #expect(s.elections > 100)
        #expect(s.crashes > 100)
        #expect(s.tornWrites > 10)
        #expect(s.repairs > 1_000)
        #expect(s.catchUps > 100)
        #expect(s.snapshots > 100)
        #expect(s.restores > 50)
        #expect(s.stranded > 20 && s.installs > 20 && s.lostSnapshots > 3)
    }

    @Test func wideSeedsEndWell() {
        let summary = SimulatorCommand.simulate(
            seeds: 60, firstSeed: 1, jobs: 2, keepGoing: true, scenario: Mix.wide.scenario(seed:))
        #expect(summary.violations == [])
        let s = summary.situations
        #expect(s.handOvers > 0)
        #expect(s.endedByDisk > 10)
        #expect(s.failedWrites > 5)
        #expect(s.shortWrites > 5)
        #expect(s.endedByFlip > 3)
        #expect(s.refusedDatagrams > 1_000 && s.refusedDatagrams >= s.flippedDatagrams)
        #expect(s.replayedFormer > 10)
        #expect(s.quorumsAlone > 5)
        #expect(s.searched > 100)
    }
    @Test(arguments: [2, 5]) func oneWideSeedRunsTheSameTwice(seed: UInt64) {
        let runs = (0..<2).map { _ in World(.wide(seed: seed), factory: EngineParticipant.maker()).run() }
        #expect(runs[0].traceHash == runs[1].traceHash)
    }

    /// n(n + 1)/2 pairs of Q1 and Q2 for each size, each with one or two sizes of QF.
    @Test func everyCountingSystemIsDrawn() {
        for n in 1...7 {
            let systems = Scenario.countingSystems.filter { $0.members == n }
            #expect(Set(systems.map { [$0.phase1, $0.classic] }).count == n * (n + 1) / 2)
        }
        let drawn = (1...4_000).map { Scenario.wide(seed: UInt64($0)) }
        #expect(Set(drawn.map(\.quorums)).count > Scenario.countingSystems.count * 9 / 10)
        #expect(Set(drawn.flatMap(\.faults)).count == Fault.allCases.count)
    }
}
