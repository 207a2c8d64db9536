// PROTOCOL §7: fast rounds, seen by an acceptor and by a learner.
import Testing
import TriremeCore

@Suite struct Section7 {
    let round = f(1, 1)
    let a = cut(batch(0, 1))
    let z = cut(nil, nil, batch(2, 1))
    /// Holds both batches, and knows that anybody may propose.
    func acceptor() -> Single {
        let single = Single(1)
        single.append(batch(0, 1))
        single.append(batch(2, 1))
        single.status(from: 2) {
            $0.sequencing = f(1, 2)
            $0.firstProposed = 1
            $0.anyFrom = 1
        }
        return single
    }
    let other = f(1, 2)
    func halves(_ effects: [Effect]) -> [Half] {
        effects.items.compactMap { if case .vote(_, _, let half, _) = $0 { half } else { nil } }
    }

    // An acceptor votes in half 0 for the first proposal, and once.
    @Test func theFirstProposalGetsTheVote() {
        let acceptor = acceptor()
        acceptor.propose(other, slot: 1, a, from: 0, half: .fast)
        acceptor.propose(other, slot: 1, z, from: 2, half: .fast)
        let items = acceptor.turn().items
        #expect(items == [.vote(slot: 1, ballot: other, half: .fast, entry: a)])
        #expect(acceptor.turn().items.isEmpty)
    }
    // ◆ Possession holds in half 0 as well; a later proposal whose batches are here is not kept waiting.
    @Test func votesForWhatItHolds() {
        let acceptor = acceptor()
        acceptor.propose(other, slot: 1, cut(batch(0, 2)), from: 0, half: .fast)
        #expect(acceptor.turn().votes.isEmpty)
        acceptor.propose(other, slot: 1, z, from: 2, half: .fast)
        #expect(acceptor.turn().items == [.vote(slot: 1, ballot: other, half: .fast, entry: z)])
    }
    // ◆ Below `any`'s from only the owner proposes.
    @Test func halfZeroBeginsAtAny() {
        let acceptor = Single(1)
        acceptor.append(batch(0, 1))
        acceptor.any(other, from: 3)
        acceptor.propose(other, slot: 2, first: 2, a, from: 0, half: .fast)
        #expect(acceptor.turn().votes.isEmpty)
        acceptor.propose(other, slot: 3, first: 3, a, from: 0, half: .fast)
        #expect(acceptor.turn().votes == [3])
    }
    @Test func aClassicRoundHasNoHalfZero() {
        let acceptor = acceptor()
        acceptor.propose(b(2, 2), slot: 1, a, from: 0, half: .fast)
        #expect(acceptor.turn().votes.isEmpty)
    }
    // ◆ A vote in half 1 closes half 0 of that slot.
    @Test func halfOneClosesHalfZero() {
        let acceptor = acceptor()
        acceptor.propose(other, slot: 1, a, from: 2)
        #expect(halves(acceptor.turn()) == [.classic])
        acceptor.propose(other, slot: 1, z, from: 0, half: .fast)
        #expect(acceptor.turn().votes.isEmpty)
    }
    @Test func halfOneFollowsHalfZero() {
        let acceptor = acceptor()
        acceptor.propose(other, slot: 1, a, from: 0, half: .fast)
        #expect(halves(acceptor.turn()) == [.fast])
        acceptor.propose(other, slot: 1, z, from: 2)
        #expect(halves(acceptor.turn()) == [.classic])
        // ◆ Per slot the vote of the highest ballot and half is kept.
        acceptor.durable()
        acceptor.prepare(b(2, 0))
        acceptor.durable()
        #expect(
            acceptor.promise(b(2, 0))[0].1
                == [ReportedVote(slot: 1, ballot: other, half: .classic, entry: z)])
    }
    // ◆ Who has not voted makes durable a vow not to, then says so.
    @Test func aVowIsDurableBeforeItIsTold() {
        let acceptor = acceptor()
        acceptor.close(other, 1...1)
        #expect(acceptor.turn().items == [.closed(slot: 1, ballot: other)])
        #expect(acceptor.core.takeStatus().marks.mark(1, in: other).isNone)
        acceptor.durable()
        #expect(acceptor.core.takeStatus().marks.mark(1, in: other) == .closed)
        acceptor.propose(other, slot: 1, a, from: 0, half: .fast)
        #expect(acceptor.turn().votes.isEmpty)
        // Half 1 is open all the same.
        acceptor.propose(other, slot: 1, a, from: 2)
        #expect(acceptor.turn().votes == [1])
    }
    // ◆ A vow binds beyond a restart.
    @Test func aVowIsKeptAfterARestart() {
        let acceptor = Single(1) {
            $0(.batch(batch(0, 1)))
            $0(.item(.closed(slot: 1, ballot: f(1, 2))))
        }
        #expect(acceptor.core.promise == other)
        #expect(acceptor.core.takeStatus().marks.mark(1, in: other) == .closed)
        acceptor.any(other)
        acceptor.propose(other, slot: 1, a, from: 0, half: .fast)
        acceptor.propose(other, slot: 2, a, from: 0, half: .fast)
        #expect(acceptor.turn().votes == [2])
        #expect(acceptor.core.takeStatus().marks.mark(1, in: other) == .closed)
    }
    @Test func aVoteStaysAVote() {
        let acceptor = acceptor()
        acceptor.propose(other, slot: 1, a, from: 0, half: .fast)
        _ = acceptor.turn()
        acceptor.close(other, 1...1)
        #expect(acceptor.turn().items.isEmpty)
        acceptor.durable()
        #expect(acceptor.core.takeStatus().marks.mark(1, in: other) == .vote(.fast, for: a))
    }
    // ◆ No vow for a slot that is decided: the commit index answers.
    @Test func noVowForADecidedSlot() {
        let acceptor = acceptor()
        acceptor.send(
            .entries, from: 0,
            Packet.bytes { writer in
                EntriesHeader(first: 1, count: 1).encode(into: &writer)
                writer.put(a, members: 3)
            })
        acceptor.close(other, 1...2)
        #expect(
            acceptor.turn().items.filter { if case .closed = $0 { true } else { false } }
                == [.closed(slot: 2, ballot: other)])
    }
    // ◆ What was promised to a higher ballot ends the round here.
    @Test func aHigherPromiseEndsIt() {
        let acceptor = acceptor()
        acceptor.prepare(b(2, 0))
        _ = acceptor.turn()
        acceptor.propose(other, slot: 1, a, from: 0, half: .fast)
        acceptor.close(other, 1...1)
        #expect(acceptor.turn().items.isEmpty)
    }
    // ◆ No vote is told before it is durable.
    @Test func aVoteIsDurableBeforeItIsTold() {
        let acceptor = acceptor()
        acceptor.propose(other, slot: 1, a, from: 0, half: .fast)
        _ = acceptor.turn()
        #expect(acceptor.core.takeStatus().marks.count == 0)
        acceptor.durable()
        #expect(acceptor.core.isStatusDue == true)
        #expect(acceptor.core.takeStatus().marks.mark(1, in: other) == .vote(.fast, for: a))
    }

    // MARK: learning

    // ◆ In half 0 a QF decides, here all three; in half 1 a Q2.
    @Test func aQFDecidesHalfZero() {
        let learner = acceptor()
        learner.propose(other, slot: 1, a, from: 0, half: .fast)
        _ = learner.turn()
        learner.durable()
        learner.mark(from: 0, other, slot: 1, .vote(.fast, for: a))
        #expect(learner.core.commitIndex == 0)
        learner.mark(from: 2, other, slot: 1, .vote(.fast, for: a))
        #expect(learner.core.decidedEntry(1) == a)
        #expect(learner.core.fastCounts.decided == 1)
    }
    @Test func votesForDifferentEntriesAreNotAdded() {
        let learner = acceptor()
        learner.propose(other, slot: 1, a, from: 0, half: .fast)
        learner.propose(other, slot: 1, z, from: 2, half: .fast)
        _ = learner.turn()
        learner.durable()
        learner.mark(from: 0, other, slot: 1, .vote(.fast, for: a))
        learner.mark(from: 2, other, slot: 1, .vote(.fast, for: z))
        _ = learner.turn()
        #expect(learner.core.commitIndex == 0)
    }
    @Test func aQ2DecidesHalfOne() {
        let learner = acceptor()
        learner.propose(other, slot: 1, a, from: 2)
        learner.mark(from: 0, other, slot: 1, .vote(.classic, for: a))
        #expect(learner.core.commitIndex == 0)
        learner.mark(from: 2, other, slot: 1, .vote(.classic, for: a))
        #expect(learner.core.decidedEntry(1) == a)
    }
    // ◆ Votes in the two halves are not added up.
    @Test func votesInDifferentHalvesAreNotAdded() {
        let learner = acceptor()
        learner.propose(other, slot: 1, a, from: 0, half: .fast)
        learner.propose(other, slot: 1, a, from: 2)
        learner.mark(from: 0, other, slot: 1, .vote(.fast, for: a))
        learner.mark(from: 2, other, slot: 1, .vote(.classic, for: a))
        #expect(learner.core.commitIndex == 0)
    }
    // ◆ A hash decides nothing before the entry is here; it is asked for.
    @Test func anUnknownEntryIsAskedFor() {
        let learner = acceptor()
        for member in [0, 2] { learner.mark(from: member, other, slot: 1, .vote(.classic, for: a)) }
        #expect(learner.core.commitIndex == 0)
        _ = learner.turn(milliseconds: 1)
        #expect(learner.turn(milliseconds: 3).requests.map(\.first) == [1])
        learner.propose(other, slot: 1, a, from: 0)
        #expect(learner.core.commitIndex == 0)
        learner.core.endTurn(into: &learner.effects)
        #expect(learner.core.decidedEntry(1) == a)
    }
    @Test func whoKnowsAProposalPassesItOn() {
        let holder = acceptor()
        holder.propose(other, slot: 1, a, from: 0, half: .fast)
        _ = holder.turn()
        holder.send(.entryRequest, from: 0, Packet.bytes { EntryRequest(first: 1, last: 1).encode(into: &$0) })
        #expect(
            holder.take().proposals == [Propose(ballot: other, half: .fast, slot: 1, first: 1, entry: a)])
    }

    // MARK: what must survive

    // ◆ A vote or a vow of a fast round that others remember and the log has not: forgetful (§9).
    @Test func aLostFastVoteIsFoundOut() {
        for mark in [Mark.vote(.fast, for: a), .closed] {
            let replica = Single(1, isAnswered: false)
            replica.memory(from: 0) {
                $0.marks.ballot = other
                $0.marks.first = 4
                $0.marks.count = 1
                $0.marks.values[0] = mark
            }
            #expect(replica.core.isForgetful == true)
        }
    }
    // ◆ The segments of a vow go only when it was appended again (§8).
    @Test func aVowIsCarriedForward() {
        let acceptor = acceptor()
        acceptor.close(other, 1...1)
        _ = acceptor.turn()
        acceptor.core.carry(slot: 1, into: &acceptor.effects)
        #expect(acceptor.take().items == [.closed(slot: 1, ballot: other)])
    }
}
