// PROTOCOL §3 and §5: lanes and their generations; the order of execution.
import Testing
import TriremeCore

@Suite struct Section3Lanes {
    private func decide(_ single: Single, _ slot: UInt64, _ entry: Entry) {
        single.send(
            .entries, from: 1,
            Packet.bytes {
                EntriesHeader(first: slot, count: 1).encode(into: &$0)
                $0.put(entry, members: single.members)
            })
        single.turn()
    }
    private func arriving(_ single: Single, _ batch: BatchDescriptor) -> Arriving {
        single.core.lanes.arriving(
            batch.lane, batch.generation, batch.sequence, committed: single.core.committed[batch.lane.index])
    }
    @Test func batchesFollowOneAnotherWithoutAGap() {
        let single = Single()
        #expect(arriving(single, batch(1, 2)) == .early)
        #expect(arriving(single, batch(1, 1)) == .next)
        single.append(batch(1, 1))
        #expect(arriving(single, batch(1, 1)) == .duplicate)
        #expect(arriving(single, batch(1, 2)) == .next)
        #expect(
            single.core.lanes.arriving(ReplicaID(1), g1, 1 + Lanes.span, committed: .empty) == .refused)
        #expect(single.core.lanes.arriving(ReplicaID(1), g1, .max, committed: .empty) == .refused)
        #expect(single.core.lanes.arriving(ReplicaID(1), g1, 0, committed: .empty) == .duplicate)
    }
    // What is decided of an earlier generation is still needed when the committed cut has passed it.
    @Test func aGenerationStaysOpenUntilItIsExecuted() {
        let single = Single()
        decide(single, 1, cut(nil, batch(1, g1, 2)))
        decide(single, 2, cut(nil, batch(1, g2, 1)))
        #expect(single.core.commitIndex == 2)
        #expect(arriving(single, batch(1, g1, 1)) == .next)
        single.append(batch(1, g1, 1))
        single.append(batch(1, g1, 2))
        while single.core.nextExecution() != nil {}
        #expect(arriving(single, batch(1, g1, 3)) == .duplicate)
        #expect(arriving(single, batch(1, g2, 1)) == .next)
    }
    @Test func aLongEarlierGenerationIsStillAccepted() {
        let single = Single { recover in
            for k in 1...5_000 {
                recover(.batch(descriptor(UInt64(k))))
                recover(.item(.decidedEntry(slot: UInt64(k), entry: entry(UInt64(k)))))
                recover(.item(.decided(first: UInt64(k), last: UInt64(k))))
            }
        }
        func descriptor(_ k: UInt64) -> BatchDescriptor {
            BatchDescriptor(
                lane: ReplicaID(1), generation: g1, sequence: k, payloadBytes: 1, payloadChecksum: 0, count: 1,
                stride: 1,
                digest: k)
        }
        func entry(_ k: UInt64) -> Entry {
            var cut = Cut(epoch: 1)
            cut[1] = descriptor(k).position
            return Entry(cut)
        }
        while single.core.nextExecution() != nil {}
        decide(single, 5_001, entry(5_001))
        decide(single, 5_002, cut(nil, batch(1, g2, 1)))
        #expect(arriving(single, descriptor(5_001)) == .next)
    }
    // Generations that nobody may have any more do not keep a lane's places.
    @Test func generationsOfWhichNothingIsHeldMakeRoom() {
        let single = Single()
        for counter in 1...4 {
            single.status(from: 1) {
                $0.received[1] = Position(Generation(epoch: 1, counter: UInt32(counter)), 3, digest: 1)
            }
        }
        #expect(arriving(single, batch(1, Generation(epoch: 1, counter: 5), 1)) == .next)
        single.append(batch(1, Generation(epoch: 1, counter: 5), 1))
    }
    @Test func moreGenerationsThanThereIsRoomForAreRecovered() {
        let single = Single(1) { recover in
            for counter in 1...6 { recover(.batch(batch(1, Generation(epoch: 1, counter: UInt32(counter)), 1))) }
        }
        #expect(single.core.lanes.received(ReplicaID(1)).generation.counter == 6)
    }
    // A replica asks for what an earlier start of its own sent and others hold.
    @Test func theOwnEarlierGenerationIsWanted() {
        let single = Single(0)
        single.status(from: 1) { $0.received[0] = batch(0, g1, 2).position }
        #expect(single.core.lanes.track(ReplicaID(0), g1)?.isMissing == true)
        single.status(from: 2) { $0.received[0] = Position(single.core.generation, 2, digest: 0) }
        #expect(single.core.lanes.track(ReplicaID(0), single.core.generation) == nil)
    }
}

@Suite struct Section5Execution {
    private func execute(_ entries: [Entry], members: Int = 3) -> [String] {
        let single = Single(members: members)
        for (i, entry) in entries.enumerated() {
            single.send(
                .entries, from: 1,
                Packet.bytes {
                    EntriesHeader(first: UInt64(i + 1), count: 1).encode(into: &$0)
                    $0.put(entry, members: members)
                })
        }
        var steps: [String] = []
        while let step = single.core.nextExecution() {
            if case .batches(let slot, let lane, let generation, let first, let last, _) = step {
                steps.append("\(slot): \(lane)/\(generation):\(first)…\(last)")
            }
        }
        return steps
    }
    @Test func lanesTakeTurnsAtBeingFirst() {
        let steps = execute([
            cut(batch(0, 1), batch(1, 1), batch(2, 1)), cut(batch(0, 2), batch(1, 2), batch(2, 2)),
            cut(batch(0, 3), batch(1, 3), batch(2, 3)),
        ])
        #expect(
            steps == [
                "1: 1/g1.1:1…1", "1: 2/g1.1:1…1", "1: 0/g1.1:1…1", "2: 2/g1.1:2…2", "2: 0/g1.1:2…2", "2: 1/g1.1:2…2",
                "3: 0/g1.1:3…3", "3: 1/g1.1:3…3", "3: 2/g1.1:3…3",
            ])
    }
    // ◆ A raised generation abandons what was not covered of the one before.
    @Test func aRaisedGenerationAbandons() {
        #expect(
            execute([cut(batch(0, g1, 3)), cut(batch(0, g2, 2)), cut(batch(0, g1, 9)), cut(batch(0, g2, 3))])
                == ["1: 0/g1.1:1…3", "2: 0/g1.2:1…2", "4: 0/g1.2:3…3"])
    }
    @Test func entriesNeedNotBeMonotone() {
        #expect(
            execute([cut(batch(0, 3)), .nothing, cut(batch(0, 1), batch(1, 1)), cut(batch(0, 4))])
                == ["1: 0/g1.1:1…3", "3: 1/g1.1:1…1", "4: 0/g1.1:4…4"])
    }
    @Test func timeNeverFallsAndRisesInSteps() {
        let single = Single()
        let year: UInt64 = 31_557_600_000_000
        let stamps: [UInt64] = [year, 2 * year, year / 2, year + 5, .max, .max]
        var seen: [UInt64] = []
        for (i, stamp) in stamps.enumerated() {
            single.send(
                .entries, from: 1,
                Packet.bytes {
                    EntriesHeader(first: UInt64(i + 1), count: 1).encode(into: &$0)
                    $0.put(cut(batch(0, UInt64(i + 1)), timestamp: stamp), members: 3)
                })
            while let step = single.core.nextExecution() {
                if case .batches(_, _, _, _, _, let timestamp) = step { seen.append(timestamp) }
            }
        }
        let step = Timing().timestampStepMicroseconds
        #expect(seen == [year, year + step, year + step, year + step, year + 2 * step, year + 3 * step])
    }
    @Test func theEndOfTimeDoesNotTrap() {
        let single = Single()
        for slot in 1...2 as ClosedRange<UInt64> {
            single.send(
                .entries, from: 1,
                Packet.bytes {
                    EntriesHeader(first: slot, count: 1).encode(into: &$0)
                    $0.put(cut(batch(0, slot), timestamp: .max), members: 3)
                })
        }
        while single.core.nextExecution() != nil {}
        #expect(single.core.executor.cut.timestamp == .max)
    }
}
