// PROTOCOL §4 and §6: phase 1, picking, proposing, deciding, optimism, hand-over.
import Testing
import TriremeCore

@Suite struct Section4Sequencer {
    // ◆ "makes its own promise of it durable, and only then multicasts prepare".
    @Test func theOwnPromiseIsDurableBeforeThePrepare() {
        let candidate = Single()
        let ballot = candidate.stand()
        let effects = candidate.take()
        #expect(effects.items == [.promise(ballot)])
        #expect(effects.prepares == [candidate.core.appended])
        #expect(candidate.core.durable < candidate.core.appended)
    }
    // ◆ A restarted replica owns none of the ballots that it took before, and takes a higher one.
    @Test func aRestartedReplicaOwnsNoOldBallot() {
        let candidate = Single { $0(.item(.promise(b(7, 0)))) }
        candidate.durable()
        candidate.sendPromise(b(7, 0), from: 1)
        candidate.sendPromise(b(7, 0), from: 2)
        #expect(candidate.turn().proposals == [])
        #expect(candidate.core.role == .follower)
        #expect(candidate.stand(after: b(7, 0)) == b(7, 0))
        #expect(candidate.stand(after: b(7, 1)) == b(8, 0))
    }
    // ◆ Promises of a Q1, its own among them only once durable.
    @Test func itReignsOnlyWithAQ1() {
        let candidate = Single()
        let ballot = candidate.stand()
        candidate.sendPromise(ballot, from: 1)
        candidate.turn()
        #expect(candidate.core.role == .candidate)
        candidate.durable()
        candidate.turn()
        #expect(candidate.core.role == .sequencer)
    }
    // ◆ §6: the entry of the highest vote; nothing where nobody voted.
    @Test func itPicksTheHighestVote() {
        let candidate = Single(members: 5)
        let ballot = candidate.stand(after: b(4, 1))
        candidate.durable()
        let low = cut(nil, batch(1, 1))
        let high = cut(nil, nil, batch(2, 1))
        candidate.sendPromise(
            ballot, from: 1,
            votes: [
                ReportedVote(slot: 1, ballot: b(2, 1), half: .classic, entry: low),
                ReportedVote(slot: 3, ballot: b(2, 1), half: .classic, entry: low),
            ])
        candidate.sendPromise(
            ballot, from: 2, votes: [ReportedVote(slot: 1, ballot: b(3, 2), half: .classic, entry: high)])
        let proposals = candidate.turn().proposals
        #expect(proposals.map(\.slot) == [1, 2, 3])
        #expect(proposals.map(\.entry) == [high, .nothing, low])
    }
    // §4: "If a promise shows a commit index ≥ from, it first learns those entries", and picks only above.
    @Test func itLearnsWhatIsDecidedFirst() {
        let candidate = Single()
        let ballot = candidate.stand()
        candidate.durable()
        candidate.sendPromise(ballot, from: 1, commit: 2)
        candidate.status(from: 1) {
            $0.commitIndex = 2
            $0.oldestEntry = 1
        }
        #expect(candidate.turn().proposals == [])
        #expect(candidate.core.role == .learning)
        var asked: [EntryRequest] = []
        for _ in 0..<3 { asked += candidate.turn(milliseconds: 1).requests }
        #expect(asked.first == EntryRequest(first: 1, last: 2))
        candidate.send(
            .entries, from: 1,
            Packet.bytes {
                EntriesHeader(first: 1, count: 2).encode(into: &$0)
                for _ in 0..<2 { $0.put(Entry.nothing, members: 3) }
            })
        candidate.turn()
        #expect(candidate.core.role == .sequencer && candidate.core.commitIndex == 2)
    }
    // ◆ "An answer that needs several datagrams counts when all have arrived"; parts of two answers are never mixed.
    @Test func anAnswerCountsWhenWhole() {
        let candidate = Single()
        let ballot = candidate.stand()
        candidate.durable()
        candidate.sendPromise(ballot, from: 1, part: 0, parts: 2)
        candidate.sendPromise(ballot, from: 1, part: 0, parts: 2)
        candidate.turn()
        #expect(candidate.core.role == .candidate)
        candidate.sendPromise(ballot, from: 1, commit: 0, part: 2, parts: 3)
        candidate.sendPromise(ballot, from: 1, commit: 0, part: 1, parts: 3)
        candidate.turn()
        #expect(candidate.core.role == .candidate)
        candidate.sendPromise(ballot, from: 1, commit: 0, part: 0, parts: 3)
        candidate.turn()
        #expect(candidate.core.role == .sequencer)
    }
    @Test func partsWithDifferentCommitIndexesAreTwoAnswers() {
        let candidate = Single()
        let ballot = candidate.stand()
        candidate.durable()
        candidate.sendPromise(ballot, from: 1, commit: 1, part: 0, parts: 2)
        candidate.sendPromise(ballot, from: 1, commit: 0, part: 1, parts: 2)
        candidate.turn()
        #expect(candidate.core.role == .candidate)
    }
    @Test func anAnswerToAnotherAttemptIsIgnored() {
        let candidate = Single()
        let ballot = candidate.stand()
        candidate.durable()
        candidate.sendPromise(b(ballot.round - 1, 0), from: 1)
        candidate.sendPromise(ballot, from: 1, of: 2)
        candidate.turn()
        #expect(candidate.core.role == .candidate)
    }
    // More to propose again than one step may ask for: in portions, in order.
    @Test func manyVotesAreProposedAgainInPortions() {
        let candidate = Single { recover in
            for slot in 1...640 {
                recover(.item(.vote(slot: UInt64(slot), ballot: b(1, 1), half: .classic, entry: .nothing)))
            }
        }
        let ballot = candidate.stand(after: b(1, 1))
        candidate.durable()
        candidate.sendPromise(ballot, from: 1)
        var proposed: [UInt64] = []
        for _ in 0..<60 {
            proposed += candidate.turn().proposals.map(\.slot)
            candidate.durable()
            let last = proposed.last ?? 0
            candidate.status(from: 1) { $0.votes = VoteRun(ballot: ballot, first: 1, last: last) }
            while candidate.core.nextExecution() != nil {}
        }
        #expect(proposed == Array(1...640))
        #expect(candidate.core.commitIndex == 640)
    }
    // ◆ "No vote is reported before it is durable, the sequencer's own included": nor counted.
    @Test func theOwnVoteCountsWhenDurable() {
        let follower = Single()
        follower.propose(b(1, 1), slot: 1, .nothing)
        follower.status(from: 1) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        follower.turn()
        #expect(follower.core.commitIndex == 0)
        follower.durable()
        #expect(follower.core.commitIndex == 1)
    }
    // ◆ "a run is read with the proposals of that very ballot".
    @Test func votesOfAnotherBallotDecideNothing() {
        let follower = Single()
        follower.propose(b(2, 2), slot: 1, cut(nil, batch(1, 1)))
        for member in [1, 2] {
            follower.status(from: member) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        }
        follower.turn()
        #expect(follower.core.commitIndex == 0)
        follower.propose(b(1, 1), slot: 1, .nothing)
        follower.turn()
        #expect(follower.core.commitIndex == 0)
        for member in [1, 2] {
            follower.status(from: member) { $0.votes = VoteRun(ballot: b(2, 2), first: 1, last: 1) }
        }
        follower.turn()
        #expect(follower.core.commitIndex == 1)
    }
    // ◆ "A replica judges a slot only when it knows all lower entries"; another's commit index says not what.
    @Test func slotsAreDecidedInOrderAndNotByHearsay() {
        let follower = Single()
        follower.propose(b(1, 1), slot: 2, .nothing)
        for member in [1, 2] {
            follower.status(from: member) {
                $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 2)
                $0.commitIndex = 2
                $0.oldestEntry = 1
            }
        }
        follower.turn()
        #expect(follower.core.commitIndex == 0)
        follower.propose(b(1, 1), slot: 1, .nothing)
        follower.turn()
        #expect(follower.core.commitIndex == 2)
    }
    // ◆ Another's commit index says that a slot is decided, not what: the proposal at hand may have lost.
    @Test func hearsayDecidesNoProposal() {
        let follower = Single()
        follower.propose(b(1, 1), slot: 1, cut(nil, batch(1, 1)))
        for member in [1, 2] {
            follower.status(from: member) {
                $0.commitIndex = 1
                $0.oldestEntry = 1
                $0.votes = VoteRun(ballot: b(2, 2), first: 1, last: 1)
            }
        }
        follower.turn()
        #expect(follower.core.commitIndex == 0)
    }
    // ◆ A Q2 it must be.
    @Test func fewerThanAQ2DecideNothing() {
        let follower = Single(members: 5)
        follower.propose(b(1, 1), slot: 1, .nothing)
        for member in [1, 2] {
            follower.status(from: member) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        }
        follower.turn()
        #expect(follower.core.commitIndex == 0)
        follower.durable()
        #expect(follower.core.commitIndex == 1)
    }
    private func reign(
        _ members: Int = 3, quorums: Quorums? = nil, recovering: (borrowing Single.Recovery) -> Void = { _ in }
    ) -> Single {
        let single = Single(members: members, quorums: quorums, recovering: recovering)
        let ballot = single.stand()
        single.durable()
        for member in 1..<single.members { single.sendPromise(ballot, from: member) }
        single.turn()
        return single
    }
    // A lane's earlier generation that everybody holds is ordered though all report a later one.
    @Test func optimismDoesNotHoldUpAnEarlierGeneration() {
        let sequencer = reign { recover in
            for k in 1...600 { recover(.batch(batch(1, g1, UInt64(k)))) }
        }
        for member in [1, 2] { sequencer.status(from: member) { $0.received[1] = batch(1, g2, 1).position } }
        #expect(sequencer.turn().proposals.last?.entry.cut[1].sequence == 600)
    }
    @Test func aCutRunsAheadOfAcknowledgementByOptimismOnly() {
        let sequencer = reign { recover in
            for k in 1...600 { recover(.batch(batch(1, g1, UInt64(k)))) }
        }
        #expect(sequencer.turn().proposals == [])
        sequencer.status(from: 1) { $0.received[1] = batch(1, 100).position }
        let reach = sequencer.turn(milliseconds: 1).proposals.last?.entry.cut[1].sequence ?? 0
        #expect(reach > 100 && reach <= 100 + 20)
    }
    // As many as the smallest Q2 has are none where it matters who they are.
    @Test func optimismCountsFromWhatAQ2HoldsNotFromWhatSoManyHold() throws {
        let decide = QuorumRule.sets([MemberSet([0, 3]), MemberSet([0, 4])])
        let sequencer = reign(quorums: try Quorums(members: 5, phase1: nil, classic: decide)) { recover in
            for k in 1...600 { recover(.batch(batch(1, g1, UInt64(k)))) }
        }
        for member in [1, 2] { sequencer.status(from: member) { $0.received[1] = batch(1, 600).position } }
        sequencer.status(from: 3) { $0.received[1] = batch(1, 100).position }
        let first = sequencer.turn(milliseconds: 1).proposals.last?.entry.cut[1].sequence ?? 0
        #expect(first > 100 && first <= 100 + 20)
        sequencer.status(from: 4) { $0.received[1] = batch(1, 300).position }
        let second = sequencer.turn(milliseconds: 1).proposals.last?.entry.cut[1].sequence ?? 0
        #expect(second > 300 && second <= 300 + 20)
    }
    @Test func onlyTheMembersOfAQ2Decide() throws {
        let decide = QuorumRule.sets([MemberSet([0, 3]), MemberSet([0, 4])])
        let follower = Single(quorums: try Quorums(members: 5, phase1: nil, classic: decide))
        follower.propose(b(1, 1), slot: 1, .nothing)
        follower.turn()
        follower.durable()
        for member in [1, 2] {
            follower.status(from: member) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        }
        follower.turn()
        #expect(follower.core.commitIndex == 0)
        follower.status(from: 4) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        follower.turn()
        #expect(follower.core.commitIndex == 1)
    }
    @Test func aHandOverWaitsForItsSlots() {
        let sequencer = reign()
        sequencer.append(batch(1, 1))
        let ballot = sequencer.core.currentBallot
        #expect(sequencer.turn().proposals.count == 1)
        sequencer.core.step(.handOver(to: ReplicaID(2)), into: &sequencer.effects)
        sequencer.append(batch(1, 2))
        #expect(sequencer.turn(milliseconds: 1).proposals == [])
        sequencer.durable()
        sequencer.status(from: 1) { $0.votes = VoteRun(ballot: ballot, first: 1, last: 1) }
        #expect(
            sequencer.turn(milliseconds: 1).contains(
                .immediate(.handOver(HandOver(ballot: ballot, successor: ReplicaID(2))), .all)))
        #expect(sequencer.core.role == .follower)
    }
    // "A sequencer that sees a higher promise stops proposing."
    @Test func aHigherPromiseEndsTheReign() {
        let sequencer = reign()
        sequencer.status(from: 1) { $0.promise = b(9, 2) }
        sequencer.append(batch(1, 1))
        #expect(sequencer.turn().proposals == [] && sequencer.core.role == .follower)
    }
    // "If nobody can obtain a proposal's batches, it opens a new round."
    @Test func aReignThatStandsStillEnds() {
        let sequencer = Single()
        let ballot = sequencer.stand()
        sequencer.durable()
        sequencer.sendPromise(
            ballot, from: 1,
            votes: [ReportedVote(slot: 1, ballot: b(1, 2), half: .classic, entry: cut(nil, nil, batch(2, 1)))])
        #expect(sequencer.turn().proposals.count == 1)
        for _ in 0..<80 {
            sequencer.status(from: 1) { _ in }
            sequencer.turn(milliseconds: 10)
        }
        #expect(sequencer.core.role == .follower)
    }
}
