// PROTOCOL §5: how far the own lane lies on how many members, as their statuses tell.
import Testing
import TriremeCore

@Suite struct Section5CopyTests {
    private func reached(_ single: Single) -> [UInt64] { (1...3).map { single.core.copyReach().reached(by: $0) } }

    @Test func soManyMembersHoldWhatTheLeastOfThemHolds() {
        var reach = CopyReach()
        #expect(reach.reached(by: 1) == 0)
        for sequence in [5, 9, 7, 9] as [UInt64] { reach.add(sequence) }
        #expect((1...5).map { reach.reached(by: $0) } == [9, 9, 7, 5, 0])
    }

    /// Its own disk is one of them, once its log is durable.
    @Test func whatIsOnlyInTheLogIsNoCopy() {
        let single = Single()
        for k in 1...3 { single.append(batch(0, single.core.generation, UInt64(k))) }
        #expect(reached(single) == [0, 0, 0])
        single.durable()
        #expect(reached(single) == [3, 0, 0])
        single.append(batch(0, single.core.generation, 4))
        #expect(reached(single) == [3, 0, 0])
    }

    @Test func membersTellWhatIsDurableAndNotWhatTheyReceived() {
        let single = Single()
        let generation = single.core.generation
        for k in 1...3 { single.append(batch(0, generation, UInt64(k))) }
        single.durable()
        single.status(from: 1) {
            $0.received[0] = batch(0, generation, 3).position
            $0.durable[0] = batch(0, generation, 2).position
            // Another lane says nothing of this one.
            $0.durable[1] = batch(1, generation, 9).position
        }
        #expect(reached(single) == [3, 2, 0])
        single.status(from: 2) { $0.durable[0] = batch(0, generation, 1).position }
        #expect(reached(single) == [3, 2, 1])
        // A later status replaces an earlier one, also where a disk has lost something.
        single.status(from: 1) { $0.durable[0] = .empty }
        #expect(reached(single) == [3, 1, 0])
    }

    /// The batches of an earlier start have equal sequences and other contents.
    @Test func anotherGenerationIsNoCopy() {
        let single = Single()
        let generation = single.core.generation
        single.append(batch(0, generation, 1))
        single.durable()
        single.status(from: 1) { $0.durable[0] = batch(0, g1, 7).position }
        single.status(from: 2) { $0.durable[0] = batch(0, generation, 1).position }
        #expect(reached(single) == [1, 1, 0])
    }

    /// What a durable snapshot reaches is held, whether or not the log of that replica ever was durable so far (PROTOCOL §8).
    @Test func aSnapshotIsACopy() {
        let single = Single()
        let generation = single.core.generation
        let theirs = Single(1) { recovery in
            var cut = Cut(epoch: 1)
            cut[0] = batch(0, generation, 5).position
            recovery(.snapshot(1, cut))
        }
        var told = theirs.core.takeStatus()
        #expect(told.durable[0].isAt(batch(0, generation, 5).position))
        told.number = StatusNumber(Generation(epoch: 1, counter: 1), 1)
        single.status(from: 1) { $0.durable[0] = told.durable[0] }
        #expect(reached(single) == [5, 0, 0])
    }
}
