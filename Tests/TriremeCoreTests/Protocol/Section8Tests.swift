// PROTOCOL §8, §9: a snapshot that came from another replica takes the place of everything up to its slot.
import Testing
import TriremeCore

@Suite("§8 catching up by a snapshot") struct Section8Tests {
    private func install(_ single: Single, slot: UInt64, _ cut: Cut) -> [Effect] {
        single.core.step(.snapshotInstalled(slot: slot, cut: cut), into: &single.effects)
        return single.take()
    }
    private func at(_ batches: BatchDescriptor...) -> Cut {
        var cut = Cut(epoch: 1)
        cut.timestamp = 77
        for batch in batches { cut[batch.lane.index] = batch.position }
        return cut
    }

    /// Member 1 says that it gives everything, 2 has recycled it.
    private func say(_ single: Single, _ members: [Int]) {
        for member in members {
            single.status(from: member) {
                $0.commitIndex = 900
                $0.executedSlot = 900
                $0.oldestEntry = member == 1 ? 1 : 500
            }
        }
    }
    /// It is heard, and does not hear: nobody knows how long.
    @Test func aDeafGiverIsNotWaitedForForEver() {
        let single = Single()
        var stranded: Int?
        for millisecond in 0..<1_000 where stranded == nil {
            if millisecond % 5 == 0 { say(single, [1, 2]) }
            single.turn(milliseconds: 1)
            if single.core.isStranded { stranded = millisecond }
        }
        #expect(stranded.map { 450 < $0 && $0 < 900 } == true, "stranded after \(stranded ?? 0) ms")
    }
    /// The last that a dead member said was that it gives everything.
    @Test func aDeadGiverIsNotWaitedFor() {
        let single = Single()
        say(single, [1])
        for _ in 0..<600 { single.turn(milliseconds: 1) }
        // Nobody is heard: that is a partition, and no log is known to lack anything.
        let isStranded = single.core.isStranded
        #expect(!isStranded)
        say(single, [2])
        for _ in 0..<200 {
            say(single, [2])
            single.turn(milliseconds: 1)
        }
        let isStranded2 = single.core.isStranded
        #expect(isStranded2)
    }
    /// The same for batches of decided slots.
    @Test func batchesThatNobodyGivesInTime() {
        let single = Single()
        say(single, [1, 2])
        single.core.considerStranded(slot: 7)
        let holds1 = !single.core.isStranded
        #expect(holds1)
        for _ in 0..<60 {
            single.turn(milliseconds: 10)
            say(single, [1, 2])
        }
        single.core.considerStranded(slot: 8)
        let holds2 = single.core.lackedSlot == 0
        #expect(holds2)
        for _ in 0..<60 {
            single.turn(milliseconds: 10)
            say(single, [1, 2])
        }
        single.core.considerStranded(slot: 8)
        let holds3 = single.core.lackedSlot == 8
        #expect(holds3)
        // It came after all, and was executed.
        _ = install(single, slot: 600, at(batch(1, 40), batch(2, 7)))
        let holds4 = single.core.lackedSlot == 0
        #expect(holds4)
    }

    @Test func whoWasStrandedGoesOnAfterIt() {
        let single = Single()
        for member in [1, 2] {
            single.status(from: member) {
                $0.commitIndex = 900
                $0.oldestEntry = 500
            }
        }
        for _ in 0..<4 { single.turn(milliseconds: 1) }
        let holds1 = single.core.isStranded
        #expect(holds1)
        let effects = install(single, slot: 600, at(batch(1, 40), batch(2, 7)))
        let holds2 = !single.core.isStranded
        #expect(holds2)
        #expect(single.core.commitIndex == 600 && single.core.executor.slot == 600 && single.core.snapshotSlot == 600)
        #expect(single.core.executor.cut[1] == batch(1, 40).position)
        // It gives nothing that it has not, and asks for what follows.
        #expect(single.core.oldestEntry == 601)
        #expect(effects.items == [])
        var requests: [EntryRequest] = []
        for _ in 0..<6 { requests += single.turn(milliseconds: 1).requests }
        #expect(requests.first?.first == 601)
        // The next batch of the lane continues where the snapshot ends; what it covers counts as held for a vote.
        single.propose(b(1, 1), slot: 601, first: 601, cut(nil, batch(1, 41), batch(2, 7)))
        #expect(single.turn().votes == [])
        single.append(batch(1, 41))
        #expect(single.turn().votes == [601])
        // No vote for what it covers.
        single.propose(b(2, 2), slot: 600, first: 600, cut(nil, batch(1, 40)))
        #expect(single.turn().votes == [])
    }

    @Test func whatWasDecidedAboveItStays() {
        let single = Single()
        single.send(
            .entries, from: 1,
            Packet.bytes {
                EntriesHeader(first: 1, count: 5).encode(into: &$0)
                for k in 1...5 as ClosedRange<UInt64> { $0.put(cut(nil, batch(1, k)), members: 3) }
            })
        single.turn()
        #expect(single.core.commitIndex == 5 && single.core.executor.slot == 0)
        _ = install(single, slot: 3, at(batch(1, 3)))
        #expect(single.core.commitIndex == 5 && single.core.committed[1] == batch(1, 5).position)
        #expect(
            single.core.nextExecution()
                == .batches(slot: 4, lane: ReplicaID(1), generation: g1, first: 4, last: 4, timestamp: 77))
    }

    /// Its promise outlives the segments that go now; a promise made before still binds.
    @Test func thePromiseIsCarried() {
        let single = Single()
        single.prepare(b(3, 1))
        #expect(single.take().items == [.promise(b(3, 1))])
        #expect(
            install(single, slot: 50, at(batch(1, 9))).items
                == [.promise(b(3, 1)), .outstanding(single.core.outstanding)])
        single.prepare(b(2, 2))
        #expect(single.take() == [.immediate(.reject(Reject(ballot: b(2, 2), promise: b(3, 1))), .one(ReplicaID(2)))])
    }

    @Test func aSequencerLetsGo() {
        let single = Single()
        let ballot = single.stand()
        single.durable()
        single.turn(milliseconds: 1)
        single.sendPromise(ballot, from: 1)
        for _ in 0..<3 { single.turn(milliseconds: 1) }
        #expect(single.core.role == .sequencer)
        _ = install(single, slot: 40, at(batch(1, 9)))
        #expect(single.core.role == .follower)
        #expect(single.turn(milliseconds: 1).proposals == [])
    }

    /// Without the snapshot that its superblock names it acts as a forgetful one; with one as new it is whole again (§9 ◆).
    @Test func withoutItsSnapshotItKeepsSilent() {
        let single = Single { recover in
            recover(.snapshot(10, at(batch(1, 4))))
            recover(.item(.promise(b(1, 1))))
            recover(.lacksSnapshot)
        }
        let holds3 = single.core.isForgetful && single.core.isStranded
        #expect(holds3)
        single.prepare(b(2, 2), from: 11)
        #expect(single.take() == [])
        single.propose(b(2, 2), slot: 11, first: 11, .nothing)
        #expect(single.turn().votes == [])
        _ = install(single, slot: 10, at(batch(1, 4)))
        let holds4 = !single.core.isForgetful && !single.core.isStranded
        #expect(holds4)
        single.prepare(b(3, 2), from: 11)
        #expect(single.take().items == [.promise(b(3, 2))])
    }

    @Test func theForgetfulStaySo() {
        let single = Single(isForgetful: true) { recover in
            recover(.snapshot(10, at(batch(1, 4))))
            recover(.lacksSnapshot)
        }
        _ = install(single, slot: 12, at(batch(1, 6)))
        let holds5 = single.core.isForgetful
        #expect(holds5)
    }
}
