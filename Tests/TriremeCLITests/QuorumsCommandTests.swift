// `trireme quorums`: the figures against the protocol's words, the text, the refusals.
import Testing
import Trireme
import TriremeBench
import TriremeCLI
import TriremeCore

@Suite struct QuorumAnalysisTests {
    private func analysis(_ system: Configuration.QuorumSystem, members: Int) throws -> QuorumAnalysis {
        QuorumAnalysis(try system.quorums(members: members, allowSingleCopy: true))
    }

    // PROTOCOL §4, delays: three from another origin; two where two votes decide, and from the sequencer.
    @Test func delaysAreThoseOfTheProtocol() throws {
        let majority = try analysis(.init(phase1: 3, classic: 3, fast: 4), members: 5)
        let two = try analysis(.init(phase1: 4, classic: 2, fast: 4), members: 5)
        for origin in 0..<5 {
            for sequencer in 0..<5 {
                #expect(majority.delays(origin: origin, sequencer: sequencer) == (origin == sequencer ? 2 : 3))
                #expect(two.delays(origin: origin, sequencer: sequencer) == 2)
            }
        }
        let one = try analysis(.init(phase1: 3, classic: 1, fast: 2), members: 3)
        #expect(one.delays(origin: 0, sequencer: 0) == 0 && one.delays(origin: 1, sequencer: 0) == 2)
        // In a grid of two rows a column decides: two delays where origin and sequencer are one.
        let grid = try analysis(.grid(rows: 2, columns: 2), members: 4)
        #expect(grid.delays == [[2, 3, 2, 3], [3, 2, 3, 2], [2, 3, 2, 3], [3, 2, 3, 2]])
    }

    @Test func failuresAreCountedForOrderingAndElecting() throws {
        let majority = try analysis(.init(phase1: 3, classic: 3, fast: 4), members: 5)
        #expect(majority.classic.tolerance == .init(worst: 2, best: 2))
        let two = try analysis(.init(phase1: 4, classic: 2, fast: 4), members: 5)
        #expect(two.classic.tolerance == .init(worst: 3, best: 3))
        #expect(two.phase1.tolerance == .init(worst: 1, best: 1) && two.electingTolerance == .init(worst: 1, best: 1))
        let groups = try analysis(.groups(4, of: 3), members: 12)
        #expect(groups.classic.tolerance == .init(worst: 2, best: 8))
        #expect(groups.phase1.tolerance == .init(worst: 3, best: 9))
        // One whole group and one of each other: six.
        #expect(groups.electingTolerance == .init(worst: 2, best: 6))
        let grid = try analysis(.grid(rows: 3, columns: 4), members: 12)
        #expect(grid.classic.tolerance == .init(worst: 3, best: 9))
        #expect(grid.electingTolerance == .init(worst: 2, best: 6))
    }

    @Test func loadsAndAvailability() throws {
        let majority = try analysis(.init(phase1: 2, classic: 2, fast: 3), members: 3)
        #expect(majority.classic.load.allSatisfy { abs($0 - 2.0 / 3) < 1e-12 })
        let grid = try analysis(.grid(rows: 3, columns: 4), members: 12)
        #expect(
            grid.classic.load.allSatisfy { $0 == 0.25 } && grid.phase1.load.allSatisfy { abs($0 - 1.0 / 3) < 1e-12 })
        let p = 0.1
        let down = QuorumAnalysis.unavailability(majority.classic.family, failureRate: p)
        #expect(abs(down - (3 * p * p * (1 - p) + p * p * p)) < 1e-12)
        // One column of four whole: each is with (1 - p)³.
        let column = (1 - p) * (1 - p) * (1 - p)
        let none = (1 - column) * (1 - column) * (1 - column) * (1 - column)
        #expect(abs(QuorumAnalysis.unavailability(grid.classic.family, failureRate: p) - none) < 1e-12)
    }

    @Test func theComparisonHasThePapersExamples() {
        let ten = QuorumAlternative.all(members: 10).map(\.label)
        #expect(ten.contains("majority (6, 5, 8)") && ten.contains("sizes (8, 3, 7)"))
        #expect(QuorumAlternative.all(members: 12).map(\.label).contains("groups 4x3"))
        let table = QuorumComparison(members: [3, 5], failureRate: 0.01)
        #expect(
            table.text.contains("5  sizes (4, 2, 4)     4   2   4   40 %  3                  1                  2 "),
            "\(table.text)")
        #expect(table.markdown.split(separator: "\n").count == 2 + table.alternatives.count)
    }

    @Test func availabilityIsNeverRoundedUp() {
        let three = QuorumFamily(members: 3, size: 2)
        #expect(QuorumReport.availability(QuorumAnalysis.unavailability(three, failureRate: 0.01)) == "99.9702 %")
        #expect(QuorumReport.availability(1e-13) == "> 99.9999999999 %")
        #expect(QuorumReport.availability(0) == "100 %" && QuorumReport.availability(1) == "0.00 %")
    }

    @Test func theReportSaysWhatIsChosen() throws {
        let text = QuorumReport(
            "a grid of 2 × 2", try analysis(.grid(rows: 2, columns: 2), members: 4), failureRate: 0.01
        ).text
        for part in [
            "4 replicas, a grid of 2 × 2: safe", "Q1 elects: any of {0, 1} {2, 3}", "Q2 decides: any of {0, 2} {1, 3}",
            "QF decides in a fast round: any 4 of 4", "Q2: 50 % each", "origin \\ sequencer 0  1  2  3",
            "down 1 % of the time",
        ] {
            #expect(text.contains(part), "\(text) should say \(part)")
        }
        #expect(QuorumReport.json("no", sets: [MemberSet([0, 1]), MemberSet([2])]).text.contains("[2]"))
    }
}
