// Whole explorations of small configurations, and that they explore something.
import Testing
import TriremeCore
import TriremeExplorer

func quorums(_ members: Int, _ phase1: Int, _ classic: Int) throws -> Quorums {
    try Quorums(
        members: members, phase1: phase1, classic: classic,
        fast: Quorums.smallestFast(members: members, phase1: phase1), allowSingleCopy: true)
}

@Suite struct ExplorerTests {
    /// Two ballots compete for one batch; then one ballot, and a crash at every moment.
    @Test(arguments: [
        (2, 2, 1, 2, 0, 1), (2, 1, 2, 2, 0, 1), (2, 2, 1, 1, 1, 1), (2, 1, 2, 1, 1, 1), (2, 2, 1, 1, 0, 2),
    ])
    func allStatesHold(_ n: Int, _ q1: Int, _ q2: Int, _ candidacies: Int, _ crashes: Int, _ batches: Int) throws {
        let bounds = try Bounds(
            quorums: try quorums(n, q1, q2), candidacies: candidacies, crashes: crashes, batches: batches)
        let exploration = Explorer(bounds).run()
        #expect(exploration.violation == nil, "\(ExplorerCommand.lines(exploration, bounds).joined(separator: "\n"))")
        #expect(exploration.isComplete)
        // Either lane's batch is decided, in either replica's ballot.
        #expect(exploration.decisions >= 4)
        #expect(exploration.states > 1_000)
    }

    /// As far as a test has time: `make explore` sees all.
    @Test func threeReplicasHoldAsFarAsTheyAreSeen() throws {
        let bounds = try Bounds(quorums: try quorums(3, 2, 2), candidacies: 1, crashes: 0, batches: 1)
        let exploration = Explorer(bounds).run(limit: 300_000)
        #expect(exploration.violation == nil, "\(ExplorerCommand.lines(exploration, bounds).joined(separator: "\n"))")
        #expect(exploration.states > 300_000 && exploration.decisions > 0)
    }

    /// A round in which anybody proposes: it must be told that it may, and decide.
    @Test func aFastRoundHoldsAsFarAsItIsSeen() throws {
        let bounds = try Bounds(
            quorums: try quorums(2, 2, 2), candidacies: 1, crashes: 0, batches: 1, ordering: .fast)
        let exploration = Explorer(bounds).run(limit: 300_000)
        #expect(exploration.violation == nil, "\(ExplorerCommand.lines(exploration, bounds).joined(separator: "\n"))")
        #expect(exploration.states > 300_000 && exploration.decisions > 0)
    }

    @Test func anExplorationIsTheSameEveryTime() throws {
        let bounds = try Bounds(quorums: try quorums(2, 2, 1), candidacies: 2, crashes: 0, batches: 1)
        let (first, second) = (Explorer(bounds).run(), Explorer(bounds).run())
        #expect(first.states == second.states && first.steps == second.steps && first.depth == second.depth)
    }

    @Test func aLimitEndsIt() throws {
        let bounds = try Bounds(quorums: try quorums(2, 2, 1), candidacies: 2, crashes: 0, batches: 1)
        let exploration = Explorer(bounds).run(limit: 100)
        #expect(!exploration.isComplete && exploration.states > 100 && exploration.states < 200)
        #expect(ExplorerCommand.lines(exploration, bounds).last == "not all states seen; none of these is a violation")
    }

    @Test func whatCannotBeExploredIsRefused() throws {
        func refusal(_ candidacies: Int, _ crashes: Int, _ batches: Int, members: Int = 2) throws -> String {
            let quorums = try quorums(members, members, 1)
            do {
                _ = try Bounds(quorums: quorums, candidacies: candidacies, crashes: crashes, batches: batches)
                return ""
            } catch { return "\(error)" }
        }
        #expect(try refusal(8, 0, 1) == "candidacies is 8; 0 to 7 can be explored")
        #expect(try refusal(1, -1, 1) == "crashes is -1; 0 to 7 can be explored")
        #expect(try refusal(1, 0, 9) == "batches is 9; 0 to 7 can be explored")
        #expect(try refusal(4, 0, 4) == "candidacies × batches is 16; 0 to 15 can be explored")
        #expect(try refusal(1, 0, 1, members: 5) == "replicas is 5; 1 to 4 can be explored")
        #expect(try refusal(3, 1, 2) == "")
    }
}
