// Linearizability: the check that trusts places in the order, and the search that does not, each with histories that are wrong.
import Testing
import TriremeCore
import TriremeSimulator

@Suite struct HistoryTests {
    typealias Call = LinearizabilitySearch.Call

    @Test func anOrderIsFound() {
        // The read overlaps both writes and saw the first.
        let calls = [
            Call(.write(5), submitted: 1, answer: (3, 0)), Call(.read, submitted: 2, answer: (9, 5)),
            Call(.write(6), submitted: 4, answer: (8, 5)),
        ]
        #expect(LinearizabilitySearch.search(calls) == .linearizable)
    }
    @Test func aStaleReadIsNot() {
        let calls = [
            Call(.write(5), submitted: 1, answer: (3, 0)), Call(.write(6), submitted: 4, answer: (5, 5)),
            Call(.read, submitted: 6, answer: (9, 5)),
        ]
        #expect(LinearizabilitySearch.search(calls) == .not)
    }
    @Test func aCallOfUnknownOutcomeMayHaveHappened() {
        let unknown = Call(.add(3), submitted: 1, answer: nil)
        #expect(LinearizabilitySearch.search([unknown, Call(.read, submitted: 5, answer: (6, 3))]) == .linearizable)
        #expect(LinearizabilitySearch.search([unknown, Call(.read, submitted: 5, answer: (6, 0))]) == .linearizable)
        #expect(LinearizabilitySearch.search([unknown, Call(.read, submitted: 5, answer: (6, 6))]) == .not)
        // Not before it was submitted.
        let late = Call(.add(3), submitted: 7, answer: nil)
        #expect(LinearizabilitySearch.search([Call(.read, submitted: 5, answer: (6, 3)), late]) == .not)
    }
    @Test func tooManyCallsAreLeftOpen() {
        let call = Call(.read, submitted: 1, answer: (2, 0))
        #expect(LinearizabilitySearch.search([Call](repeating: call, count: 65)) == .undecided)
    }

    /// A calm run, whose engine then lies about one reply.
    @Test(arguments: [false, true]) func aRunIsChecked(lies: Bool) throws {
        var scenario = Scenario(seed: 9, quorums: try .standard(members: 3))
        scenario.workload.intervalNanoseconds = 4_000_000
        scenario.healAtNanoseconds = 200_000_000
        let world = World(scenario, factory: EngineParticipant.maker())
        world.begin()
        while world.step() {}
        if lies { world.book.forge() }
        let result = world.result()
        if lies {
            #expect(
                result.violation?.sentence.contains("replaying the order gives") == true,
                "\(String(describing: result.violation))")
        } else {
            #expect(result.violation == nil)
            #expect(result.situations.searched > 8)
        }
    }
    @Test func anOrderAgainstRealTimeIsFound() throws {
        var scenario = Scenario(seed: 9, quorums: try .standard(members: 3))
        scenario.healAtNanoseconds = 100_000_000
        let world = World(scenario, factory: EngineParticipant.maker())
        world.begin()
        while world.step() {}
        world.book.pretendLate()
        let sentence = world.result().violation?.sentence ?? "none"
        #expect(sentence.contains("and is executed before it"), "\(sentence)")
    }
}
