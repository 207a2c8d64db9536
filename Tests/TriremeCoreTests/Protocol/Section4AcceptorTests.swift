// PROTOCOL §4: possession, promises, votes and runs.
import Testing
import TriremeCore

@Suite struct Section4Acceptor {
    // ◆ A vote implies possession.
    @Test func votesOnlyForWhatItHolds() {
        let acceptor = Single()
        acceptor.append(batch(1, 1))
        acceptor.propose(b(1, 1), slot: 1, cut(nil, batch(1, 2)))
        #expect(acceptor.turn().votes == [])
        acceptor.append(batch(1, 2))
        #expect(acceptor.turn().votes == [1])
    }
    // ◆ Never by comparing positions across generations.
    @Test func aLaterGenerationIsNoPossessionOfAnEarlierOne() {
        let acceptor = Single()
        acceptor.append(batch(1, g2, 1))
        acceptor.append(batch(1, g2, 2))
        acceptor.propose(b(1, 1), slot: 1, cut(nil, batch(1, g1, 1)))
        #expect(acceptor.turn().votes == [])
    }
    // ◆ What a later decided slot has passed still has effect at a lower one: it excuses no vote there. Found by seeds 744, 911 and 993.
    @Test func aDecidedSlotIsNotExcusedByTheCommittedCut() {
        let acceptor = Single()
        let entries = [cut(nil, batch(1, g1, 2)), cut(nil, batch(1, g2, 1))]
        for (i, entry) in entries.enumerated() { acceptor.propose(b(1, 1), slot: UInt64(i + 1), entry) }
        acceptor.propose(b(1, 1), slot: 3, .nothing)
        acceptor.send(
            .entries, from: 1,
            Packet.bytes { writer in
                EntriesHeader(first: 1, count: 2).encode(into: &writer)
                for entry in entries { writer.put(entry, members: 3) }
            })
        #expect(acceptor.core.commitIndex == 2)
        // Decided without it, so it votes on above them instead of waiting.
        #expect(acceptor.turn().votes == [3])
        acceptor.durable()
        #expect(acceptor.core.takeStatus().votes == VoteRun(ballot: b(1, 1), first: 3, last: 3))
    }
    @Test func aGenerationThatADecidedSlotPassedHasNoEffectAbove() {
        let acceptor = Single()
        let passing = cut(nil, batch(1, g2, 1))
        acceptor.propose(b(1, 1), slot: 1, passing)
        acceptor.send(
            .entries, from: 1,
            Packet.bytes { writer in
                EntriesHeader(first: 1, count: 1).encode(into: &writer)
                writer.put(passing, members: 3)
            })
        acceptor.propose(b(1, 1), slot: 2, cut(nil, batch(1, g1, 2)))
        #expect(acceptor.turn().votes == [2])
    }
    @Test func whatTheSnapshotReachesIsHeld() {
        let held = cut(nil, batch(1, g1, 7)).cut
        let acceptor = Single { $0(.snapshot(3, held)) }
        acceptor.propose(b(1, 1), slot: 4, first: 4, cut(nil, batch(1, g1, 5)))
        #expect(acceptor.turn().votes == [4])
    }
    // ◆ An acceptor votes for no slot that its snapshot covers.
    @Test func noVoteForASlotUnderTheSnapshot() {
        let acceptor = Single { $0(.snapshot(3, Cut())) }
        for slot in 1...4 { acceptor.propose(b(1, 1), slot: UInt64(slot), .nothing) }
        #expect(acceptor.turn().votes == [4])
    }
    // Nor where the snapshot overtakes a run that waited for the batches which it covers.
    @Test func noVoteForASlotThatASnapshotOvertook() {
        let acceptor = Single()
        let entries = (1...3).map { cut(nil, batch(1, UInt64($0))) }
        for slot in 1...3 { acceptor.propose(b(1, 1), slot: UInt64(slot), entries[slot - 1]) }
        #expect(acceptor.turn().votes == [])
        acceptor.send(
            .entries, from: 1,
            Packet.bytes { writer in
                EntriesHeader(first: 1, count: 2).encode(into: &writer)
                for entry in entries[..<2] { writer.put(entry, members: 3) }
            })
        acceptor.core.step(.snapshotDurable(slot: 2, cut: entries[1].cut), into: &acceptor.effects)
        acceptor.append(batch(1, 3))
        #expect(acceptor.turn().votes == [3])
    }
    // ◆ The promise answers with every vote, also those not yet durable when the prepare came.
    @Test func thePromiseCarriesVotesThatWereNotDurableYet() {
        let acceptor = Single()
        for slot in 1...3 { acceptor.propose(b(1, 1), slot: UInt64(slot), .nothing) }
        #expect(acceptor.turn().votes == [1, 2, 3])
        acceptor.prepare(b(2, 2))
        acceptor.durable()
        let answer = acceptor.promise(b(2, 2))
        #expect(answer.count == 1 && answer[0].1.map(\.slot) == [1, 2, 3])
        #expect(acceptor.promise(b(2, 2), from: 3)[0].1.map(\.slot) == [3])
    }
    // ◆ Per slot the vote of the highest ballot is kept.
    @Test func theHighestVoteIsKept() {
        let acceptor = Single()
        acceptor.propose(b(1, 1), slot: 1, .nothing)
        acceptor.turn()
        acceptor.append(batch(2, 1))
        acceptor.propose(b(2, 2), slot: 1, cut(nil, nil, batch(2, 1)))
        #expect(acceptor.turn().votes == [1])
        acceptor.prepare(b(3, 1))
        acceptor.durable()
        #expect(acceptor.promise(b(3, 1))[0].1.map(\.ballot) == [b(2, 2)])
    }
    // "A vote in b raises the promise to b."
    @Test func aVoteRaisesThePromise() {
        let acceptor = Single()
        acceptor.propose(b(3, 1), slot: 1, .nothing)
        acceptor.turn()
        #expect(acceptor.core.promise == b(3, 1))
        acceptor.prepare(b(2, 2))
        #expect(acceptor.turn().items == [])
    }
    // ◆ Kept proposals below the promise are dropped: data that comes late brings no vote in a lower ballot.
    @Test func aKeptProposalBelowThePromiseBringsNoVote() {
        let acceptor = Single()
        acceptor.propose(b(1, 1), slot: 1, cut(nil, batch(1, 1)))
        acceptor.turn()
        acceptor.prepare(b(2, 2))
        acceptor.turn()
        acceptor.append(batch(1, 1))
        #expect(acceptor.turn().votes == [])
        acceptor.propose(b(1, 1), slot: 2, .nothing)
        #expect(acceptor.turn().votes == [])
    }
    // ◆ A slot known decided in another way is no vote and ends the run.
    @Test func aSlotLearntDecidedEndsTheRun() {
        let acceptor = Single()
        acceptor.propose(b(1, 1), slot: 1, .nothing)
        acceptor.turn()
        acceptor.propose(b(1, 1), slot: 3, .nothing)
        acceptor.send(
            .entries, from: 1,
            Packet.bytes {
                EntriesHeader(first: 1, count: 2).encode(into: &$0)
                $0.put(Entry.nothing, members: 3)
                $0.put(Entry.nothing, members: 3)
            })
        #expect(acceptor.turn().votes == [3])
        acceptor.durable()
        #expect(acceptor.core.takeStatus().votes == VoteRun(ballot: b(1, 1), first: 3, last: 3))
    }
    @Test func anAnswerOfManyPartsHasThemAll() {
        let acceptor = Single(members: 15)
        for slot in 1...128 { acceptor.propose(b(1, 1), slot: UInt64(slot), .nothing) }
        for _ in 0..<3 { acceptor.turn() }
        acceptor.prepare(b(2, 2))
        acceptor.durable()
        let answer = acceptor.promise(b(2, 2))
        #expect(answer.count > 1)
        #expect(answer.flatMap { $0.1.map(\.slot) } == Array(1...128))
    }
    /// All start again with many votes that nobody had noted as decided: they must still be able to answer.
    @Test func aStartWithManyVotesStillAnswers() {
        let acceptor = Single(members: 15) { recover in
            for slot in 1...640 {
                recover(.item(.vote(slot: UInt64(slot), ballot: b(1, 1), half: .classic, entry: .nothing)))
            }
        }
        acceptor.prepare(b(2, 2))
        acceptor.durable()
        #expect(acceptor.promise(b(2, 2)).flatMap { $0.1.map(\.slot) } == Array(1...640))
    }
    /// A promise that is carried forward for a snapshot is still reported, and still answered.
    @Test func aSnapshotDoesNotDelayThePromise() {
        let acceptor = Single()
        acceptor.propose(b(1, 1), slot: 1, .nothing)
        acceptor.turn()
        acceptor.durable()
        acceptor.status(from: 1) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        acceptor.turn()
        #expect(acceptor.core.commitIndex == 1)
        while acceptor.core.nextExecution() != nil {}
        acceptor.prepare(b(2, 2))
        acceptor.durable()
        acceptor.core.step(.snapshotDurable(slot: 1, cut: Cut()), into: &acceptor.effects)
        #expect(acceptor.take().items.contains(.promise(b(2, 2))))
        #expect(acceptor.core.takeStatus().promise == b(2, 2))
        #expect(acceptor.promise(b(2, 2)).count == 1)
    }
    /// A disk that stands still for more than a window of slots: afterwards votes are reported again.
    @Test func votesAreReportedAgainAfterALongStall() {
        let acceptor = Single(historySlots: 4_096)
        for slot in 1...1_300 as ClosedRange<UInt64> {
            acceptor.propose(b(1, 1), slot: slot, .nothing)
            for member in [1, 2] {
                acceptor.status(from: member) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: slot) }
            }
            acceptor.turn()
            while acceptor.core.nextExecution() != nil {}
        }
        acceptor.durable()
        acceptor.propose(b(1, 1), slot: 1_301, .nothing)
        acceptor.turn()
        acceptor.durable()
        #expect(acceptor.core.takeStatus().votes.last == 1_301)
    }
}
