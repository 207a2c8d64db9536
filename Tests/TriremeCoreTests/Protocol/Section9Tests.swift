// PROTOCOL §8 and §9: what a restart rebuilds; catching up; the forgetful.
import Testing
import TriremeCore

@Suite struct Section8And9 {
    private func vote(_ slot: UInt64, _ ballot: Ballot, _ entry: Entry = .nothing) -> Single.Recovery.Step {
        .item(.vote(slot: slot, ballot: ballot, half: .classic, entry: entry))
    }
    // Votes bind across a restart, and are reported again.
    @Test func promiseAndVotesSurvive() {
        let single = Single { recover in
            recover(.item(.promise(b(2, 1))))
            for slot in 1...3 as ClosedRange<UInt64> { recover(vote(slot, b(3, 2))) }
        }
        #expect(single.core.promise == b(3, 2))
        let status = single.core.takeStatus()
        #expect(status.votes == VoteRun(ballot: b(3, 2), first: 1, last: 3) && status.highestVoted == 3)
        single.prepare(b(2, 1))
        #expect(single.take().items == [])
        single.prepare(b(4, 1))
        single.durable()
        #expect(single.promise(b(4, 1))[0].1.map(\.slot) == [1, 2, 3])
    }
    // The votes of the last ballot are reported, though an earlier ballot had gone further.
    @Test func theLastBallotsVotesAreReportedAgain() {
        let single = Single { recover in
            for slot in 1...9 as ClosedRange<UInt64> { recover(vote(slot, b(1, 1))) }
            for slot in 4...6 as ClosedRange<UInt64> { recover(vote(slot, b(2, 2))) }
        }
        #expect(single.core.takeStatus().votes == VoteRun(ballot: b(2, 2), first: 4, last: 6))
        single.propose(b(2, 2), slot: 7, first: 4, .nothing)
        #expect(single.turn().votes == [7])
        single.durable()
        #expect(single.core.takeStatus().votes == VoteRun(ballot: b(2, 2), first: 4, last: 7))
    }
    // §8 ◆: votes that were carried forward come behind those of later ballots; they are not the run that is reported, and take no
    // higher vote's place.
    @Test func aVoteThatWasCarriedIsNotTheLastOne() {
        func vote(_ slot: UInt64, _ ballot: Ballot) -> LogItem {
            .vote(slot: slot, ballot: ballot, half: .classic, entry: .nothing)
        }
        let acceptor = Single { recover in
            for slot in 1...4 as ClosedRange<UInt64> { recover(.item(vote(slot, b(1, 1)))) }
            for slot in 3...4 as ClosedRange<UInt64> { recover(.item(vote(slot, b(2, 2)))) }
            for slot in 1...3 as ClosedRange<UInt64> { recover(.item(vote(slot, b(1, 1)))) }
        }
        #expect(acceptor.core.takeStatus().votes == VoteRun(ballot: b(2, 2), first: 3, last: 4))
        acceptor.prepare(b(3, 1))
        acceptor.durable()
        #expect(acceptor.promise(b(3, 1))[0].1.map(\.ballot) == [b(1, 1), b(1, 1), b(2, 2), b(2, 2)])
    }
    @Test func decidedNotesAreTrusted() {
        let entry = cut(nil, batch(1, 1))
        let single = Single { recover in
            recover(vote(1, b(1, 1)))
            recover(.item(.decidedEntry(slot: 2, entry: entry)))
            recover(.item(.decided(first: 1, last: 2)))
            recover(.item(.decided(first: 4, last: 4)))
        }
        #expect(single.core.commitIndex == 2)
        #expect(single.core.decidedEntry(2) == entry && single.core.committed[1].sequence == 1)
    }
    @Test func whatIsDecidedIsNotedWithWhatDiffers() {
        let single = Single()
        single.propose(b(1, 1), slot: 1, .nothing)
        single.turn()
        single.send(
            .entries, from: 1,
            Packet.bytes {
                EntriesHeader(first: 1, count: 2).encode(into: &$0)
                $0.put(Entry.nothing, members: 3)
                $0.put(cut(nil, batch(1, 1)), members: 3)
            })
        #expect(
            single.turn(milliseconds: 200).items
                == [.decidedEntry(slot: 2, entry: cut(nil, batch(1, 1))), .decided(first: 1, last: 2)])
    }
    // ◆ §8: the promise is re-appended before the segments go that held it.
    @Test func aSnapshotCarriesThePromiseForward() {
        let cluster = Cluster(3, seed: 4)
        cluster.run(milliseconds: 150)
        cluster.seal(0)
        cluster.run(milliseconds: 20)
        let promise = cluster.nodes[1].core.promise
        #expect(!promise.isNone && cluster.nodes[1].executedSlot > 0)
        cluster.takeSnapshot(1)
        #expect(cluster.nodes[1].log.contains(.item(.promise(promise))))
        cluster.crash(1)
        cluster.restart(1)
        #expect(cluster.nodes[1].core.promise == promise)
    }
    // ◆ A forgetful replica answers no prepare, casts no vote, takes no ballot and echoes nothing.
    @Test func theForgetfulKeepSilent() {
        let single = Single(isForgetful: true)
        single.prepare(b(1, 1))
        single.propose(b(1, 1), slot: 1, .nothing)
        #expect(single.turn().items == [])
        #expect(single.core.promiseParts(ballot: b(1, 1), from: 1) == 0)
        single.status(from: 1) { _ in }
        let status = single.core.takeStatus()
        #expect(status.flags.contains(.observes) && status.votes.isEmpty)
        #expect(status.echoes[1] == .none && status.echoes[2] == .none)
        _ = single.stand()
        #expect(single.core.role == .follower && single.take().isEmpty)
    }
    @Test func theForgetfulStillLearn() {
        let single = Single(isForgetful: true)
        single.propose(b(1, 1), slot: 1, .nothing)
        for member in [1, 2] {
            single.status(from: member) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        }
        single.turn()
        #expect(single.core.commitIndex == 1)
    }
    // An entry that differs from what was decided ends the replica.
    @Test func twoDecisionsOfOneSlotEndTheReplica() {
        let single = Single()
        for entry in [Entry.nothing, cut(nil, batch(1, 1))] {
            single.send(
                .entries, from: 1,
                Packet.bytes {
                    EntriesHeader(first: 1, count: 1).encode(into: &$0)
                    $0.put(entry, members: 3)
                })
        }
        #expect(single.core.fatal?.contains("slot 1") == true)
    }
    @Test func behindEverybodysOldestItSaysSo() {
        let single = Single()
        for member in [1, 2] {
            single.status(from: member) {
                $0.commitIndex = 900
                $0.oldestEntry = 500
            }
        }
        for _ in 0..<4 { single.turn(milliseconds: 1) }
        let isStranded = single.core.isStranded
        #expect(isStranded)
    }
    @Test func decidedEntriesAreGivenAndNoMoreThanThat() {
        let single = Single()
        single.send(
            .entries, from: 1,
            Packet.bytes {
                EntriesHeader(first: 1, count: 3).encode(into: &$0)
                for _ in 0..<3 { $0.put(Entry.nothing, members: 3) }
            })
        single.turn()
        single.send(.entryRequest, from: 2, Packet.bytes { EntryRequest(first: 2, last: 90).encode(into: &$0) })
        #expect(single.take() == [.immediate(.entries(first: 2, count: 2), .one(ReplicaID(2)))])
    }
    /// What a log holds above its snapshot must fit into the entry history, or a restart has forgotten the first of the slots
    /// before it executes them, and stands still for ever. Execution alone does not bound it: the snapshot must, however
    /// long it takes.
    @Test func aRestartExecutesAllThatItHadDecided() {
        let first = Single()
        var items: [LogItem] = []
        for slot in 1...1_200 as ClosedRange<UInt64> {
            first.send(
                .entries, from: 1,
                Packet.bytes {
                    EntriesHeader(first: slot, count: 1).encode(into: &$0)
                    $0.put(Entry.nothing, members: 3)
                })
            items += first.turn(milliseconds: 1).items
            while first.core.nextExecution() != nil {}
        }
        items += first.turn(milliseconds: 200).items
        let executed = first.core.executor.slot
        #expect(executed == first.core.commitIndex)
        let second = Single { recover in for item in items { recover(.item(item)) } }
        while second.core.nextExecution() != nil {}
        let again = second.core.executor.slot
        let noted = second.core.commitIndex
        #expect(again == noted, "after the restart \(noted) slots are decided, and \(again) executed")
    }
}
