// PROTOCOL §9 and §4: batches whose content the disk has lost are not held, and no vote says that they are.
import Testing
import TriremeCore

@Suite struct Section9Damage {
    private let ballot = b(2, 1)
    /// Slots 1 … 3 cover batches 1 … 3 of lane 1; a log that has all of them and its votes for all.
    private func entry(_ k: UInt64) -> Entry { cut(nil, batch(1, k)) }
    private func logged(isAnswered: Bool = true) -> Single {
        Single(isAnswered: isAnswered) { recover in
            for k in 1...3 as ClosedRange<UInt64> { recover(.batch(batch(1, k))) }
            for k in 1...3 as ClosedRange<UInt64> {
                recover(.item(.vote(slot: k, ballot: ballot, half: .classic, entry: entry(k))))
            }
        }
    }

    // ◆ Its durable votes stay facts for whoever prepares; a status reports only those whose batches are here.
    @Test func aVoteForALostBatchIsReportedToCandidatesAlone() {
        let single = logged()
        single.core.lost(ReplicaID(1), g1, from: 2)
        single.core.suspendVotes()
        let status = single.core.takeStatus()
        #expect(status.votes == VoteRun(ballot: ballot, first: 1, last: 1))
        #expect(status.received[1] == batch(1, 1).position && status.durable[1] == batch(1, 1).position)
        #expect(status.promise == ballot && status.highestVoted == 3)
        single.prepare(b(3, 2))
        single.durable()
        #expect(single.promise(b(3, 2))[0].1.map(\.slot) == [1, 2, 3])
    }
    // ◆ What is found lost before the first status of a start is in none. Found by seed 303914 of the mixed mix.
    @Test func whatIsLostBeforeItWasToldIsNotTold() {
        let single = logged()
        single.core.lost(ReplicaID(1), g1, from: 2)
        #expect(single.core.takeStatus().votes == VoteRun(ballot: ballot, first: 1, last: 1))
        // What was told before stays.
        single.core.lost(ReplicaID(1), g1, from: 1)
        #expect(single.core.takeStatus().votes == VoteRun(ballot: ballot, first: 1, last: 1))
    }
    @Test func whenItIsHereAgainTheVotesAreToo() {
        let single = logged()
        single.core.lost(ReplicaID(1), g1, from: 2)
        single.core.suspendVotes()
        single.core.lost(ReplicaID(1), g1, from: 3)
        single.turn()
        #expect(single.core.takeStatus().votes == VoteRun(ballot: ballot, first: 1, last: 2))
        single.core.lost(ReplicaID(1), g1, from: nil)
        single.turn()
        let status = single.core.takeStatus()
        #expect(status.votes == VoteRun(ballot: ballot, first: 1, last: 3))
        #expect(status.durable[1] == batch(1, 3).position)
    }
    // ◆ No new vote for what is not here, and no proposal.
    @Test func noNewVoteBeforeItIsHereAgain() {
        let single = Single()
        for k in 1...2 as ClosedRange<UInt64> { single.append(batch(1, k)) }
        single.durable()
        single.core.lost(ReplicaID(1), g1, from: 1)
        single.propose(b(1, 1), slot: 1, entry(2))
        #expect(single.turn().votes == [])
        single.core.lost(ReplicaID(1), g1, from: nil)
        #expect(single.turn().votes == [1])
    }
    // What was reported in truth stays; what was not yet reported waits.
    @Test func aVoteUnderWayWaits() {
        let single = Single()
        single.append(batch(1, 1))
        single.propose(b(1, 1), slot: 1, entry(1))
        single.turn()
        single.durable()
        #expect(single.core.takeStatus().votes.last == 1)
        single.append(batch(1, 2))
        single.propose(b(1, 1), slot: 2, entry(2))
        #expect(single.turn().votes == [2])
        single.core.lost(ReplicaID(1), g1, from: 1)
        single.durable()
        #expect(single.core.takeStatus().votes == VoteRun(ballot: b(1, 1), first: 1, last: 1))
        single.core.lost(ReplicaID(1), g1, from: nil)
        #expect(single.core.takeStatus().votes == VoteRun(ballot: b(1, 1), first: 1, last: 2))
    }
    // A durable snapshot covers what is lost: it is held again (§4).
    @Test func aSnapshotMakesItDispensable() {
        let single = logged()
        single.core.lost(ReplicaID(1), g1, from: 2)
        single.core.suspendVotes()
        single.send(
            .entries, from: 1,
            Packet.bytes { w in
                EntriesHeader(first: 1, count: 3).encode(into: &w)
                for k in 1...3 as ClosedRange<UInt64> { w.put(entry(k), members: 3) }
            })
        single.turn()
        while single.core.nextExecution() != nil {}
        let executed = single.core.executor.cut
        single.core.step(.snapshotDurable(slot: 3, cut: executed), into: &single.effects)
        single.core.lost(ReplicaID(1), g1, from: nil)
        #expect(single.core.takeStatus().durable[1] == batch(1, 3).position)
        single.append(batch(1, 4))
        single.propose(ballot, slot: 4, first: 1, cut(nil, batch(1, 4)))
        #expect(single.turn().votes == [4])
    }
    // A lost batch is no lost promise: its name and digest are in the log, so nobody's memory exposes it.
    @Test func theOthersMemoryDoesNotExposeIt() {
        let single = logged(isAnswered: false)
        single.core.lost(ReplicaID(1), g1, from: 1)
        for member in 1...2 {
            single.memory(from: member) {
                $0.votes = VoteRun(ballot: ballot, first: 1, last: 3)
                $0.durable[1] = batch(1, 3).position
            }
        }
        single.turn()
        let isForgetful = single.core.isForgetful
        #expect(single.core.exposure == nil && isForgetful == false)
    }
}
