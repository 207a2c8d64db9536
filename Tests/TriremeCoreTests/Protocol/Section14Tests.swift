// PROTOCOL §14: ballots that name who decides in them. Each test fails without the sentence above it.
import Testing
import TriremeCore

/// A classic ballot that names members.
func b(_ round: UInt32, _ owner: Int, of named: Int...) -> Ballot {
    Ballot(epoch: 1, round: round, owner: ReplicaID(owner), announced: MemberSet(named))
}

@Suite struct Section14 {
    let a = cut(batch(0, 1))

    func outstanding(_ named: [Int], top: Ballot, ended: Ballot = .none) -> Outstanding {
        var outstanding = Outstanding()
        outstanding.named = MemberSet(named)
        outstanding.top = top
        outstanding.ended = ended
        return outstanding
    }

    // MARK: What an acceptor answers

    // ◆ An answer tells of all ballots promised before.
    @Test func anAnswerTellsWhoMayHaveDecided() {
        let acceptor = Single(4, members: 5, q1: 4, q2: 2)
        for ballot in [b(1, 0, of: 0, 1), b(2, 2, of: 1, 2), b(3, 3, of: 3, 4)] {
            acceptor.prepare(ballot)
            acceptor.durable()
        }
        let header = acceptor.promise(b(3, 3, of: 3, 4))[0].0
        #expect(header.outstanding == outstanding([0, 1, 2], top: b(2, 2, of: 1, 2)))
    }
    // ◆ A vote promises as well.
    @Test func aVoteIsRememberedToo() {
        let acceptor = Single(4, members: 5, q1: 4, q2: 2)
        acceptor.append(batch(0, 1))
        acceptor.prepare(b(1, 3, of: 3, 4))
        acceptor.propose(b(2, 0, of: 0, 1), slot: 1, a)
        #expect(acceptor.turn().votes == [1])
        acceptor.prepare(b(3, 2, of: 1, 2))
        acceptor.durable()
        #expect(acceptor.promise(b(3, 2, of: 1, 2))[0].0.outstanding.named == MemberSet([0, 1, 3, 4]))
    }
    @Test func aBallotThatNamesNobodyMayBeAnybodys() {
        let acceptor = Single(4, members: 5, q1: 4, q2: 2)
        acceptor.prepare(b(1, 0))
        acceptor.prepare(b(2, 2, of: 1, 2))
        acceptor.durable()
        #expect(acceptor.promise(b(2, 2, of: 1, 2))[0].0.outstanding.mayBeAnyone)
    }
    // ◆ The log tells a start the same, in the order of its records.
    @Test func aStartKnowsItAgain() {
        let acceptor = Single(4, members: 5, q1: 4, q2: 2) { log in
            log(.batch(batch(0, 1)))
            log(.item(.promise(b(1, 0, of: 0, 1))))
            log(.item(.vote(slot: 1, ballot: b(2, 2, of: 1, 2), half: .classic, entry: a)))
        }
        acceptor.prepare(b(3, 3, of: 3, 4))
        acceptor.durable()
        #expect(acceptor.promise(b(3, 3, of: 3, 4))[0].0.outstanding.named == MemberSet([0, 1, 2]))
    }
    // ◆ With the promise it is carried forward, or the recycled segments would take it along.
    @Test func itIsCarriedForward() {
        let acceptor = Single(4, members: 5, q1: 4, q2: 2)
        acceptor.prepare(b(1, 0, of: 0, 1))
        acceptor.prepare(b(2, 2, of: 1, 2))
        acceptor.durable()
        _ = acceptor.take()
        acceptor.core.carryPromise(into: &acceptor.effects)
        let carried = acceptor.take().items
        #expect(carried == [.promise(b(2, 2, of: 1, 2)), .outstanding(outstanding([0, 1], top: b(1, 0, of: 0, 1)))])
        let later = Single(4, members: 5, q1: 4, q2: 2) { log in for item in carried { log(.item(item)) } }
        #expect(later.core.outstanding == outstanding([0, 1], top: b(1, 0, of: 0, 1)))
    }

    // MARK: When lower ballots are over

    /// Replica 4 has promised two ballots; the owner of the second tells from where on it proposes what is new.
    func promisedTwo() -> (Single, Ballot) {
        let acceptor = Single(4, members: 5, q1: 4, q2: 2)
        let second = b(2, 2, of: 2, 3)
        acceptor.append(batch(0, 1))
        acceptor.prepare(b(1, 0, of: 0, 1))
        acceptor.prepare(second)
        acceptor.propose(second, slot: 1, a)
        acceptor.status(from: 2) {
            $0.promise = second
            $0.sequencing = second
            $0.firstProposed = 1
            $0.anyFrom = 2
        }
        acceptor.turn()
        acceptor.durable()
        return (acceptor, second)
    }
    // ◆ Once all that may have been decided in them is noted here, durably; not before.
    @Test func lowerBallotsEndWhenTheirDecisionsAreNoted() {
        let (acceptor, second) = promisedTwo()
        #expect(acceptor.turn().items.isEmpty)
        #expect(acceptor.core.outstanding.named == MemberSet([0, 1]))
        for member in [2, 3] {
            acceptor.status(from: member) {
                $0.promise = second
                $0.votes = VoteRun(ballot: second, first: 1, last: 1)
            }
        }
        #expect(acceptor.core.commitIndex == 1)
        // The note leaves after a while, and is durable later.
        #expect(acceptor.turn(milliseconds: 200).items == [.decided(first: 1, last: 1)])
        #expect(acceptor.core.outstanding.named == MemberSet([0, 1]))
        acceptor.durable()
        acceptor.turn()
        #expect(acceptor.core.outstanding == outstanding([], top: .none, ended: second))
    }
    @Test func whereNothingCanHaveBeenDecidedTheyEndAtOnce() {
        let (acceptor, second) = promisedTwo()
        acceptor.status(from: 2) {
            $0.promise = second
            $0.sequencing = second
            $0.firstProposed = 1
            $0.anyFrom = 1
        }
        acceptor.turn()
        #expect(acceptor.core.outstanding.ended == second)
    }

    // MARK: Who is enough

    /// Whether replica 0 of five, (4, 2, 4), reigns once these have answered with what they know.
    func reigns(announced: Int = 2, _ answers: [Int: Outstanding]) -> Bool {
        let candidate = Single(members: 5, q1: 4, q2: 2, announced: announced)
        let ballot = candidate.stand(after: b(3, 1, of: 1, 2))
        _ = candidate.turn()
        candidate.durable()
        for (member, outstanding) in answers { candidate.sendPromise(ballot, from: member, outstanding: outstanding) }
        candidate.turn(milliseconds: 1)
        return candidate.core.role == .sequencer
    }
    var low: Outstanding { outstanding([1, 2], top: b(3, 1, of: 1, 2)) }

    @Test func aMajorityThatMeetsThoseNamedIsEnough() {
        #expect(reigns([2: low, 3: low]))
    }
    // ◆ Of those who may have decided one at least must be heard.
    @Test func aMajorityThatMissesThemIsNot() {
        #expect(!reigns([3: low, 4: low]))
        #expect(reigns([3: low, 4: low, 1: low]))
    }
    // ◆ Fewer might not meet whoever knows of another ballot.
    @Test func fewerThanAMajorityAreNot() {
        #expect(!reigns([1: low]))
    }
    // ◆ Where a ballot named nobody, any Q2 may have decided in it: a Q1 is needed.
    @Test func whereAnybodyMayHaveDecidedAQ1IsNeeded() {
        let acceptor = Single(4, members: 5, q1: 4, q2: 2)
        acceptor.prepare(b(1, 2))
        acceptor.prepare(b(2, 2))
        let anybody = acceptor.core.outstanding
        #expect(!reigns([1: anybody, 2: low]))
        #expect(reigns([1: anybody, 2: low, 3: low]))
    }
    @Test func withoutTheSettingAQ1IsNeeded() {
        #expect(!reigns(announced: 0, [2: low, 3: low]))
    }
    // ◆ What lies below the highest end is over, what does not is not.
    @Test func anotherKnowsThatLowerBallotsAreOver() {
        let ended = outstanding([], top: .none, ended: b(3, 1, of: 1, 2))
        let old = outstanding([1, 2], top: b(2, 1, of: 1, 2))
        #expect(!reigns([3: old, 4: old]))
        #expect(reigns([3: old, 4: ended]))
        #expect(!reigns([3: low, 4: ended]))
    }

    // MARK: Who decides

    // ◆ Others' votes decide nothing in a ballot that names who does.
    @Test func onlyThoseNamedDecide() {
        let learner = Single(4, members: 5, q1: 4, q2: 2)
        let ballot = b(1, 0, of: 0, 1)
        learner.append(batch(0, 1))
        learner.propose(ballot, slot: 1, a)
        func votes(from member: Int) {
            learner.status(from: member) {
                $0.promise = ballot
                $0.votes = VoteRun(ballot: ballot, first: 1, last: 1)
            }
        }
        learner.turn()
        learner.durable()
        for member in [0, 2, 3] { votes(from: member) }
        #expect(learner.core.commitIndex == 0)
        votes(from: 1)
        #expect(learner.core.commitIndex == 1)
    }
    // ◆ Nor do they show a decision in phase 1.
    @Test func norDoOthersVotesInPhase1() {
        let candidate = Single(members: 5, q1: 4, q2: 2)
        let ballot = candidate.stand(after: b(2, 1))
        _ = candidate.turn()
        candidate.durable()
        let low = b(1, 1, of: 1, 4)
        let vote = ReportedVote(slot: 1, ballot: low, half: .classic, entry: a)
        for member in 1...3 { candidate.sendPromise(ballot, from: member, votes: [vote]) }
        #expect(candidate.turn(milliseconds: 1).proposals.map(\.entry) == [a])
        #expect(candidate.core.commitIndex == 0)
    }

    // MARK: Who is named

    @Test func aBallotNamesWhoHearsAndVotes() {
        let candidate = Single(members: 5, q1: 4, q2: 2, announced: 3)
        func status(from member: Int, echo: UInt64, votes: UInt64, observes: Bool = false) {
            candidate.status(from: member) {
                if echo > 0 { $0.echoes[0] = StatusNumber(candidate.core.generation, echo) }
                $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: votes)
                if observes { $0.flags.insert(.observes) }
            }
        }
        status(from: 1, echo: 0, votes: 9)
        status(from: 2, echo: 1, votes: 7)
        status(from: 3, echo: 1, votes: 8)
        status(from: 4, echo: 1, votes: 9, observes: true)
        #expect(candidate.stand(after: b(1, 3)).announced == MemberSet([0, 2, 3]))
    }
    @Test func whereTooFewDoItNamesNobody() {
        let candidate = Single(members: 5, q1: 4, q2: 2, announced: 3)
        candidate.status(from: 2) { $0.echoes[0] = StatusNumber(candidate.core.generation, 1) }
        #expect(candidate.stand().announced.isEmpty)
    }

    // MARK: What it is for

    /// Five replicas of which four were needed to elect: three go on, as long as one of those named is among them.
    @Test(arguments: [([0, 1], false), ([0, 3], true), ([3, 4], true), ([0, 2, 3], false)])
    func threeOfFiveGoOn(_ crashing: [Int], _ goesOn: Bool) {
        let cluster = Cluster(5, q1: 4, q2: 2, seed: 5, announced: 2)
        cluster.run(milliseconds: 400)
        for i in 0..<5 { cluster.seal(i) }
        cluster.run(milliseconds: 400)
        let before = cluster.highestDecided
        let named = cluster.nodes.first { $0.core.role == .sequencer }!.core.currentBallot.announced.members
        #expect(before > 0 && named.count == 2)
        // 0 stands for the first that is named, 1 for the second, the others for the rest.
        let order = named + (0..<5).filter { !named.contains($0) }
        for i in crashing { cluster.crash(order[i]) }
        cluster.run(milliseconds: 2_000)
        for i in 0..<5 { cluster.seal(i) }
        cluster.run(milliseconds: 2_000)
        // Where those who may have decided are both gone nobody may take their place; two of five are too few in any case.
        #expect((cluster.highestDecided > before) == goesOn)
        #expect(cluster.violation == nil)
    }
}
