// PROTOCOL §7: the owner of a fast round, and those who propose in it.
import Testing
import TriremeCore

@Suite struct Section7Sequencer {
    let a = cut(nil, batch(1, 1))
    let z = cut(nil, nil, batch(2, 1))

    /// Replica 0 of three reigns in a fast round; `votes` are what member 1 reports in phase 1.
    func sequencer(votes: [ReportedVote] = [], commit: UInt64 = 0) -> (Single, Ballot) {
        let single = Single(ordering: .fast)
        let ballot = single.stand()
        _ = single.turn()
        single.durable()
        single.sendPromise(ballot, from: 1, commit: commit, votes: votes)
        _ = single.turn(milliseconds: 1)
        single.append(batch(1, 1))
        single.append(batch(2, 1))
        return (single, ballot)
    }

    // ◆ `any` begins above every slot voted for in the promises; those below are proposed in half 1.
    @Test func anyBeginsAboveWhatMayBeDecided() {
        let (sequencer, ballot) = sequencer(
            votes: [2, 3].map { ReportedVote(slot: $0, ballot: b(1, 1), half: .classic, entry: a) })
        #expect(ballot.kind == .fast && sequencer.core.role == .sequencer)
        let status = sequencer.core.takeStatus()
        #expect(status.sequencing == ballot && status.anyFrom == 4 && status.lastProposed == 3)
    }
    // Its own fresh batches it proposes as anybody does: in half 0 ◆.
    @Test func itProposesNothingDirectly() {
        let (sequencer, ballot) = sequencer()
        sequencer.append(batch(0, sequencer.core.generation, 1))
        let proposals = sequencer.turn().proposals
        #expect(proposals.map(\.half) == [.fast] && proposals[0].ballot == ballot)
        // And what it holds of others not at all, as long as they may do it themselves.
        #expect(proposals[0].entry.cut[1].isEmpty)
    }
    @Test func whatNobodyProposesItTakesUp() {
        let (sequencer, _) = sequencer()
        #expect(sequencer.turn().proposals.isEmpty)
        let proposals = sequencer.turn(milliseconds: 50).proposals
        #expect(proposals.map(\.half) == [.fast] && !proposals[0].entry.cut[1].isEmpty)
    }
    /// Both others have voted in half 0, each for its own; the sequencer's own vote is for `a`.
    func collided() -> (Single, Ballot) {
        let (sequencer, ballot) = sequencer()
        sequencer.propose(ballot, slot: 1, a, from: 1, half: .fast)
        sequencer.propose(ballot, slot: 1, z, from: 2, half: .fast)
        _ = sequencer.turn()
        sequencer.mark(from: 2, ballot, slot: 1, .vote(.fast, for: z))
        return (sequencer, ballot)
    }
    // A collision is ended at once, and nothing of it is lost. ◆ Votes count as answers once they are durable, the own one too.
    @Test func aCollisionIsJoinedAtOnce() {
        let (sequencer, ballot) = collided()
        #expect(sequencer.turn().proposals.isEmpty)
        sequencer.durable()
        let proposals = sequencer.turn().proposals
        var joined = a.cut
        joined.join(z.cut)
        #expect(
            proposals == [Propose(ballot: ballot, half: .classic, slot: 1, first: 1, entry: Entry(joined))])
        #expect(sequencer.core.fastCounts.joins == 1)
        #expect(sequencer.turn().proposals.isEmpty)
    }
    // The slot is free: what this replica holds goes along, so that whoever is always a little late does not lose every slot.
    @Test func aJoinTakesAlongWhatIsHeld() {
        let (sequencer, _) = collided()
        sequencer.append(batch(1, 2))
        sequencer.append(batch(0, sequencer.core.generation, 1))
        sequencer.durable()
        let joins = sequencer.turn().proposals.filter { $0.half == .classic }
        #expect(joins.map(\.slot) == [1])
        let joined = joins[0].entry.cut
        #expect(joined[0] == batch(0, sequencer.core.generation, 1).position)
        #expect(joined[1] == batch(1, 2).position && joined[2] == batch(2, 1).position)
    }
    // Each slot waits for a member that is heard and never votes. The wait follows what votes take, which is nothing here; were it to count
    // itself, each slot would wait twice as long as the one before.
    @Test func thePatienceDoesNotFollowItself() {
        let (sequencer, ballot) = sequencer()
        var waits: [Int] = []
        for slot in 1...8 as ClosedRange<UInt64> {
            if slot > 1 { sequencer.append(batch(1, slot)) }
            let entry = cut(nil, batch(1, slot))
            sequencer.propose(ballot, slot: slot, entry, from: 1, half: .fast)
            _ = sequencer.turn()
            sequencer.durable()
            var waited = 0
            while waited < 500 {
                sequencer.status(from: 2) { $0.promise = ballot }
                sequencer.mark(from: 1, ballot, slot: slot, .vote(.fast, for: entry))
                if sequencer.turn(milliseconds: 1).proposals.contains(where: { $0.half == .classic }) { break }
                waited += 1
            }
            waits.append(waited)
            _ = sequencer.turn()
            sequencer.durable()
            sequencer.mark(from: 1, ballot, slot: slot, .vote(.classic, for: entry))
            _ = sequencer.turn()
            #expect(sequencer.core.commitIndex == slot)
        }
        #expect(waits.max()! <= 4, "waits of \(waits) ms")
    }
    // n = 3, QF = 3: one voter is silent, so two votes for `a` leave it choosable. ◆ It is taken, not joined.
    @Test func whatMayBeDecidedIsProposed() {
        let (sequencer, ballot) = sequencer()
        sequencer.propose(ballot, slot: 1, a, from: 1, half: .fast)
        sequencer.propose(ballot, slot: 1, z, from: 2, half: .fast)
        _ = sequencer.turn()
        sequencer.durable()
        sequencer.mark(from: 1, ballot, slot: 1, .vote(.fast, for: a))
        // The third may still vote: that is waited for, but not for long.
        sequencer.status(from: 2) { _ in }
        #expect(sequencer.turn().proposals.isEmpty)
        let proposals = sequencer.turn(milliseconds: 10).proposals
        #expect(proposals.map(\.entry) == [a] && proposals.map(\.half) == [.classic])
        #expect(sequencer.core.fastCounts.choosable == 1)
    }
    // Too few have voted: whoever has not is asked to close, again and again; the sequencer too vows, durably.
    @Test func tooFewVotesAreClosed() {
        let (sequencer, ballot) = sequencer()
        sequencer.propose(ballot, slot: 2, cut(nil, batch(1, 9)), from: 1, half: .fast)
        sequencer.status(from: 1) { _ in }
        sequencer.status(from: 2) { _ in }
        #expect(sequencer.turn().closes.isEmpty)
        let effects = sequencer.turn(milliseconds: 10)
        #expect(effects.closes == [Close(ballot: ballot, first: 1, last: 2)])
        #expect(effects.items.contains(.closed(slot: 1, ballot: ballot)))
        #expect(sequencer.turn(milliseconds: 5).closes.count == 1)
        // ◆ All of a Q1 closed: the slot is free. The own vow counts when it is durable.
        sequencer.mark(from: 1, ballot, slot: 1, .closed)
        #expect(sequencer.turn(milliseconds: 1).proposals.isEmpty)
        sequencer.durable()
        let proposals = sequencer.turn(milliseconds: 1).proposals
        #expect(proposals.map(\.entry) == [.nothing] && proposals.map(\.slot) == [1])
        #expect(sequencer.core.fastCounts.empty == 1)
    }

    // MARK: proposers

    @Test func aProposerTakesTheNextSlot() {
        let proposer = Single(1)
        let own = { batch(1, proposer.core.generation, $0) }
        let round = f(1, 2)
        proposer.any(round, from: 3)
        proposer.append(own(1))
        let first = proposer.turn().proposals
        #expect(first.map(\.slot) == [3] && first[0].half == .fast && first[0].first == 3)
        #expect(first[0].entry.cut[1] == own(1).position)
        // Another's proposal and votes are seen: the next one is free.
        proposer.propose(round, slot: 4, first: 3, cut(batch(0, 1)), from: 0, half: .fast)
        proposer.mark(from: 0, round, slot: 5, .vote(.fast, for: z))
        #expect(proposer.turn().proposals.isEmpty)
        proposer.append(own(2))
        #expect(proposer.turn().proposals.map(\.slot) == [6])
    }
    // What lost a collision is proposed again.
    @Test func whatLostIsProposedAgain() {
        let proposer = Single(1)
        let round = f(1, 2)
        proposer.any(round)
        proposer.append(batch(1, proposer.core.generation, 1))
        #expect(proposer.turn().proposals.map(\.slot) == [1])
        proposer.send(
            .entries, from: 0,
            Packet.bytes { writer in
                EntriesHeader(first: 1, count: 1).encode(into: &writer)
                writer.put(.nothing, members: 3)
            })
        #expect(proposer.turn().proposals.map(\.slot) == [2])
    }
    // What a status tells of the time to a decision is of the present round: what was under way when it began says nothing.
    @Test func aNewRoundIsMeasuredAnew() {
        let origin = Single(1)
        let own = { batch(1, origin.core.generation, $0) }
        func decide(_ slot: UInt64, after milliseconds: UInt64) {
            _ = origin.turn(milliseconds: milliseconds)
            origin.send(
                .entries, from: 0,
                Packet.bytes { writer in
                    EntriesHeader(first: slot, count: 1).encode(into: &writer)
                    writer.put(cut(nil, own(slot)), members: 3)
                })
            _ = origin.turn()
        }
        origin.any(f(1, 2))
        origin.append(own(1))
        decide(1, after: 20)
        #expect(origin.core.takeStatus().decideMicroseconds == 20_000)
        origin.append(own(2))
        _ = origin.turn(milliseconds: 3)
        origin.any(f(2, 2))
        decide(2, after: 1)
        #expect(origin.core.takeStatus().decideSamples == 1)
        origin.append(own(3))
        decide(3, after: 4)
        let status = origin.core.takeStatus()
        #expect(status.decideSamples == 2 && status.decideMicroseconds == 4_000)
    }
    @Test func nobodyProposesInAClassicRound() {
        let proposer = Single(1)
        proposer.status(from: 2) { $0.sequencing = b(1, 2) }
        proposer.append(batch(1, proposer.core.generation, 1))
        #expect(proposer.turn().proposals.isEmpty)
    }
}
