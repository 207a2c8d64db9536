// PROTOCOL §6: which entry a candidate may propose for a slot.
import Testing
import TriremeCore

@Suite struct Section6 {
    let low = f(1, 1)
    let a = cut(batch(0, 1))
    let z = cut(nil, batch(1, 1))
    func vote(_ half: Half, _ entry: Entry, slot: UInt64 = 1, in ballot: Ballot? = nil) -> ReportedVote {
        ReportedVote(slot: slot, ballot: ballot ?? low, half: half, entry: entry)
    }
    /// A candidate that hears these votes from members 1, 2 … and has none of its own; what it proposes for slot 1.
    func proposed(members: Int, q1: Int, _ votes: [ReportedVote?]) -> Entry? {
        let candidate = Single(members: members, q1: q1)
        let ballot = candidate.stand(after: b(2, 1))
        _ = candidate.turn()
        candidate.durable()
        for (i, vote) in votes.enumerated() {
            candidate.sendPromise(ballot, from: i + 1, votes: vote.map { [$0] } ?? [])
        }
        candidate.tick()
        return candidate.turn(milliseconds: 1).proposals.first { $0.slot == 1 }?.entry
    }

    // n = 5, (3, 3, 4): of three promises two for one entry leave it choosable, since the other two may have voted so as well.
    @Test func whatMayBeDecidedIsTaken() {
        #expect(proposed(members: 5, q1: 3, [vote(.fast, a), vote(.fast, a)]) == a)
    }
    // ◆ The members that have not promised count as voters for it, those that have promised only as they say.
    @Test func whatCannotBeDecidedIsJoined() {
        var joined = a.cut
        joined.join(z.cut)
        #expect(proposed(members: 5, q1: 3, [vote(.fast, a), vote(.fast, z)]) == Entry(joined))
    }
    @Test func oneVoteAloneIsJoinedWithNothing() {
        // With one of three promises for it at most three of five can have voted for it: no QF.
        #expect(proposed(members: 5, q1: 3, [vote(.fast, a), nil]) == a)
    }
    @Test func theHigherHalfCounts() {
        #expect(proposed(members: 5, q1: 3, [vote(.fast, a), vote(.classic, z)]) == z)
    }
    @Test func theHigherBallotCounts() {
        let later = vote(.fast, z, in: f(2, 2))
        #expect(proposed(members: 3, q1: 2, [vote(.classic, a)]) == a)
        #expect(proposed(members: 5, q1: 3, [vote(.classic, a), later]) == z)
    }
    // Howard, revision B: what the promises show to be decided needs no second phase.
    @Test func aQuorumAmongThePromisesDecidesAtOnce() {
        let candidate = Single(members: 5, q1: 3)
        let ballot = candidate.stand(after: b(2, 1))
        _ = candidate.turn()
        candidate.durable()
        for member in 1...3 { candidate.sendPromise(ballot, from: member, votes: [vote(.classic, a, in: b(1, 1))]) }
        #expect(candidate.turn(milliseconds: 1).proposals.isEmpty)
        #expect(candidate.core.decidedEntry(1) == a)
        #expect(candidate.core.fastCounts.phase1Decided == 1)
    }
    // ◆ In half 0 a QF is needed, not a Q2.
    @Test func aQ2InHalf0DecidesNothing() {
        let candidate = Single(members: 5, q1: 3)
        let ballot = candidate.stand(after: b(2, 1))
        _ = candidate.turn()
        candidate.durable()
        for member in 1...3 { candidate.sendPromise(ballot, from: member, votes: [vote(.fast, a)]) }
        #expect(candidate.turn(milliseconds: 1).proposals.map(\.entry) == [a])
        #expect(candidate.core.commitIndex == 0)
    }
    // The answers of members that are not whole do not count.
    @Test func halfAnAnswerIsNone() {
        let candidate = Single(members: 5, q1: 3)
        let ballot = candidate.stand(after: b(2, 1))
        _ = candidate.turn()
        candidate.durable()
        candidate.sendPromise(ballot, from: 1, votes: [vote(.fast, a)])
        candidate.sendPromise(ballot, from: 2, part: 0, parts: 2, votes: [vote(.classic, z)])
        candidate.sendPromise(ballot, from: 3, votes: [vote(.fast, a)])
        #expect(candidate.turn(milliseconds: 1).proposals.map(\.entry) == [a])
    }
}
