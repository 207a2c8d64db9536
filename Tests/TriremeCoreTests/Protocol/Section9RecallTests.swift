// PROTOCOL §9: what a start asks of the others before it acts, and what exposes a disk that has forgotten.
import Testing
import TriremeCore

extension [Effect] {
    /// Whom a start asks what they remember.
    fileprivate var recalls: [ReplicaID] {
        compactMap { if case .immediate(.recall, .one(let id)) = $0 { id } else { nil } }
    }
}

@Suite struct Section9Recall {
    private let others: [Int] = [1, 2]
    private func vote(_ slot: UInt64, _ ballot: Ballot) -> Single.Recovery.Step {
        .item(.vote(slot: slot, ballot: ballot, half: .classic, entry: .nothing))
    }

    // ◆ Until the others have said what they remember, a start says nothing that binds, and nothing under its new number.
    @Test func aStartSaysNothingBeforeTheOthersWereHeard() {
        let single = Single(isAnswered: false)
        #expect(single.take().recalls == [ReplicaID(1), ReplicaID(2)])
        single.prepare(b(1, 1))
        single.propose(b(1, 1), slot: 1, .nothing)
        let effects = single.turn()
        #expect(effects.items == [] && single.core.promise == .none)
        let isDue = single.core.isStatusDue
        #expect(isDue == false, "a status is due")
        #expect(single.core.takeStatus().echoes[1] == .none)
        _ = single.stand()
        #expect(single.core.role == .follower && single.take().items == [])
        // It asks again.
        #expect(single.turn(milliseconds: 3).recalls == [ReplicaID(1), ReplicaID(2)])
    }
    @Test func whenAllHaveAnsweredItActsAtOnce() {
        let single = Single(isAnswered: false)
        for member in others { single.memory(from: member) { _ in } }
        _ = single.turn()
        let isDue = single.core.isStatusDue
        #expect(isDue)
        single.prepare(b(1, 1))
        #expect(single.take().items == [.promise(b(1, 1))])
        #expect(single.turn(milliseconds: 500).recalls == [])
    }
    // A member that is down holds nobody up: a quorum is enough after a while, and the one that is missing is asked on.
    @Test func aQuorumIsEnoughAfterAWhile() {
        let single = Single(isAnswered: false)
        single.memory(from: 1) { _ in }
        _ = single.turn(milliseconds: 100)
        let before = single.core.isStatusDue
        #expect(before == false)
        #expect(single.turn(milliseconds: 150).recalls == [ReplicaID(2)])
        let after = single.core.isStatusDue
        #expect(after)
        #expect(single.turn(milliseconds: 200).recalls == [ReplicaID(2)])
        let alone = Single(isAnswered: false)
        _ = alone.turn(milliseconds: 100)
        _ = alone.turn(milliseconds: 1_000)
        let speaks = alone.core.isStatusDue
        #expect(speaks == false, "nobody has answered")
    }
    // ◆ A Q2 of answers is enough to speak and to vote; to promise, and to echo what others stand on, takes a Q1.
    @Test func onlyAQ1OfAnswersLetsItPromise() {
        let single = Single(members: 5, q1: 4, q2: 2, isAnswered: false)
        single.memory(from: 1) { _ in }
        _ = single.turn(milliseconds: 250)
        single.propose(b(1, 1), slot: 1, .nothing)
        #expect(single.turn().items.count == 1, "it votes")
        func asked() -> [Bool] {
            single.status(from: 1) { $0.flags = .wantsEcho }
            single.prepare(b(2, 1))
            let items = single.turn().items.count
            return [items == 1, single.core.takeStatus().echoes[1] != .none]
        }
        #expect(asked() == [false, false])
        single.memory(from: 2) { _ in }
        #expect(asked() == [false, false])
        single.memory(from: 3) { _ in }
        #expect(asked() == [true, true])
    }
    // An answer to an earlier start says nothing of this one, and one member counts once.
    @Test func onlyAnswersToThisStartCount() {
        let single = Single(isAnswered: false)
        single.memory(from: 1) { $0.asked = Generation(epoch: 1, counter: 8) }
        single.memory(from: 1) { $0.epoch = 2 }
        // ◆ One for another member that starts for the first time, too, has gone astray (mixed seeds 3096483, 3038920).
        single.memory(from: 1) { $0.asker = ReplicaID(2) }
        for _ in 0..<3 { single.memory(from: 2) { _ in } }
        _ = single.turn()
        let isDue = single.core.isStatusDue
        #expect(isDue == false)
    }

    // ◆ What others remember and the log has not is lost: each kind of it.
    enum Lost: CaseIterable { case promise, vote, voteInALowerBallot, durable, ownBallot, hasForgotten }
    @Test(arguments: Lost.allCases, [false, true]) func whatIsLostIsFoundOut(lost: Lost, afterwards: Bool) {
        let single = Single(isAnswered: false) { recover in
            recover(.item(.promise(b(2, 1))))
            for slot in 1...3 as ClosedRange<UInt64> { recover(vote(slot, b(2, 1))) }
            recover(.batch(batch(1, 1)))
        }
        // The one who remembers may be the last to answer, when this replica has already spoken.
        if afterwards {
            single.memory(from: 2) { _ in }
            _ = single.turn(milliseconds: 1)
            _ = single.turn(milliseconds: 300)
        }
        single.memory(from: 1) {
            switch lost {
            case .promise: $0.promise = b(3, 2)
            case .vote: $0.votes = VoteRun(ballot: b(2, 1), first: 2, last: 4)
            case .voteInALowerBallot: $0.votes = VoteRun(ballot: b(3, 2), first: 3, last: 3)
            case .durable: $0.durable[1] = batch(1, 2).position
            case .ownBallot: $0.sendersPromise = b(7, 0)
            case .hasForgotten: $0.hasForgotten = true
            }
        }
        if !afterwards { single.memory(from: 2) { _ in } }
        _ = single.turn(milliseconds: 1)
        let isForgetful = single.core.isForgetful
        #expect(isForgetful)
        #expect(single.core.exposure?.sentence.contains("replica 1 remembers") == true)
        #expect(single.core.exposure?.usedGeneration == nil)
        single.prepare(b(9, 2))
        single.propose(b(9, 2), slot: 4, first: 4, .nothing)
        #expect(single.turn().items == [])
        let status = single.core.takeStatus()
        #expect(status.flags.contains(.observes) && status.votes.isEmpty && status.echoes[1] == .none)
    }
    // A disk that kept everything is never suspected: what is remembered is what it has, or less.
    @Test func whoHasAllOfItIsNotSuspected() {
        let single = Single(isAnswered: false) { recover in
            recover(.item(.promise(b(2, 1))))
            for slot in 1...3 as ClosedRange<UInt64> { recover(vote(slot, b(2, 1))) }
            recover(.batch(batch(1, 1)))
        }
        for member in others {
            single.memory(from: member) {
                $0.generation = Generation(epoch: 1, counter: 8)
                $0.promise = b(2, 1)
                $0.votes = VoteRun(ballot: b(2, 1), first: 1, last: 3)
                $0.durable[1] = batch(1, 1).position
                $0.sendersPromise = b(2, 1)
            }
        }
        _ = single.turn()
        let isForgetful = single.core.isForgetful
        #expect(single.core.exposure == nil && isForgetful == false)
        let isDue = single.core.isStatusDue
        #expect(isDue)
    }
    // What the snapshot covers, or the log notes as decided, need not be a vote any more.
    @Test func aVoteForWhatIsDecidedIsNotMissed() {
        let single = Single(isAnswered: false) { recover in
            recover(.item(.decidedEntry(slot: 1, entry: .nothing)))
            recover(.item(.decided(first: 1, last: 1)))
        }
        for member in others { single.memory(from: member) { $0.votes = VoteRun(ballot: b(0, 1), first: 1, last: 1) } }
        _ = single.turn()
        #expect(single.core.exposure == nil)
    }
    // ◆ A number that was used before names other batches: nothing is said under it.
    @Test(arguments: [9, 12] as [UInt32]) func anOldCopyOfTheDirectorySaysNothing(counter: UInt32) {
        let single = Single(isAnswered: false)
        single.memory(from: 1) { $0.generation = Generation(epoch: 1, counter: counter) }
        single.memory(from: 2) { _ in }
        _ = single.turn(milliseconds: 500)
        #expect(single.core.exposure?.usedGeneration == Generation(epoch: 1, counter: counter))
        #expect(single.core.exposure?.sentence.contains("old copy") == true)
        let isDue = single.core.isStatusDue
        #expect(isDue == false)
    }
    // ◆ The promise of whoever answers becomes this replica's own before it acts: an answer of an earlier start to that prepare,
    // which the disk has forgotten, may still be on its way.
    @Test func thePromisesOfTheOthersAreAdopted() {
        let single = Single(isAnswered: false)
        single.memory(from: 1) { $0.sendersPromise = b(5, 1) }
        single.memory(from: 2) { _ in }
        #expect(single.turn().items == [.promise(b(5, 1))])
        single.prepare(b(4, 2))
        #expect(single.take() == [.immediate(.reject(Reject(ballot: b(4, 2), promise: b(5, 1))), .one(ReplicaID(2)))])
    }

    // The other side.
    private func recall(_ single: Single, from: Int, counter: UInt32) -> Memory? {
        single.send(
            .recall, from: from,
            Packet.bytes { Recall(generation: Generation(epoch: 1, counter: counter), epoch: 1).encode(into: &$0) })
        guard case .immediate(.memory(let member, let asked), .one(ReplicaID(from)))? = single.take().last else {
            return nil
        }
        let body = Packet.bytes { single.core.encodeMemory(of: member, asked: asked, into: &$0) }
        return body.withUnsafeBytes { Memory.decode($0, members: single.members) }
    }
    @Test func allEarlierStartsAreRemembered() {
        let single = Single()
        func status(_ counter: UInt32, _ number: UInt64, promise: Ballot, votes: VoteRun, _ position: Position) {
            single.status(from: 1) {
                $0.number = StatusNumber(Generation(epoch: 1, counter: counter), number)
                $0.promise = promise
                $0.votes = votes
                $0.durable[2] = position
            }
        }
        status(1, 5, promise: b(2, 2), votes: VoteRun(ballot: b(2, 2), first: 1, last: 6), batch(2, 6).position)
        // A later start that had less does not wipe that out.
        status(2, 1, promise: b(1, 2), votes: .none, batch(2, 3).position)
        _ = single.take()
        let memory = recall(single, from: 1, counter: 3)
        #expect(memory?.asked == Generation(epoch: 1, counter: 3))
        #expect(memory?.generation == Generation(epoch: 1, counter: 2))
        #expect(memory?.promise == b(2, 2))
        #expect(memory?.votes == VoteRun(ballot: b(2, 2), first: 1, last: 6))
        #expect(memory?.durable[2] == batch(2, 6).position)
        // What that start says itself is not what it had before.
        status(3, 1, promise: b(4, 2), votes: .none, batch(2, 9).position)
        let again = recall(single, from: 1, counter: 3)
        #expect(again?.promise == b(2, 2) && again?.durable[2] == batch(2, 6).position)
    }
    // ◆ A start that had lost something is remembered as one: its disk may forget its own word of that (mixed seed 6007214).
    @Test func whoHadForgottenIsRemembered() {
        let single = Single()
        func status(_ counter: UInt32, _ flags: Status.Flags) {
            single.status(from: 1) {
                $0.number = StatusNumber(Generation(epoch: 1, counter: counter), 1)
                $0.flags = flags
            }
        }
        // Whoever lacks only its snapshot observes for a while, and may be whole when it starts again.
        status(1, [.observes])
        _ = single.take()
        #expect(recall(single, from: 1, counter: 2)?.hasForgotten == false)
        status(2, [.observes, .hasForgotten])
        _ = single.take()
        #expect(recall(single, from: 1, counter: 2)?.hasForgotten == false, "what this start says itself")
        #expect(recall(single, from: 1, counter: 3)?.hasForgotten == true)
        status(3, [])
        _ = single.take()
        #expect(recall(single, from: 1, counter: 4)?.hasForgotten == true)
    }
    // Who observes says whether that is for good.
    @Test(arguments: [false, true]) func whoHasForgottenSaysSo(isForgetful: Bool) {
        let single = Single(isAnswered: false)
        single.memory(from: 1) { if isForgetful { $0.promise = b(3, 2) } }
        single.memory(from: 2) { _ in }
        _ = single.turn(milliseconds: 1)
        #expect(single.core.takeStatus().flags.contains(.hasForgotten) == isForgetful)
    }
    // ◆ After the answer no status of an earlier start is taken: it would bring votes that the answer did not tell.
    @Test func afterTheAnswerEarlierStatusesCountNoMore() {
        let single = Single()
        single.propose(b(1, 1), slot: 1, .nothing)
        single.turn()
        _ = recall(single, from: 2, counter: 2)
        for member in others {
            single.status(from: member) { $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1) }
        }
        single.turn()
        #expect(single.core.commitIndex == 0)
        single.status(from: 2) {
            $0.number = StatusNumber(Generation(epoch: 1, counter: 2), 1)
            $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1)
        }
        single.turn()
        #expect(single.core.commitIndex == 1)
    }
    @Test func aBatchTellsTheGenerationToo() {
        let single = Single()
        single.append(batch(1, g2, 1))
        #expect(recall(single, from: 1, counter: 2)?.generation == g2)
    }
}
