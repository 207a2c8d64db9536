// PROTOCOL §2: quorums meet; vows bind when appended and are reported when durable.
import Testing
import TriremeCore

@Suite struct Section2Quorums {
    @Test func everyQ1MeetsEveryQ2() {
        for n in 1...7 {
            for q1 in 1...n {
                for q2 in 1...n {
                    let quorums = try? Quorums(members: n, phase1: q1, classic: q2, fast: n, allowSingleCopy: true)
                    #expect((quorums != nil) == (q1 + q2 > n), "n \(n) Q1 \(q1) Q2 \(q2)")
                }
            }
        }
    }
    @Test func everyQ1MeetsTwoFastQuorums() {
        for n in 1...7 {
            for q1 in 1...n {
                for qf in 1...n {
                    let quorums = try? Quorums(members: n, phase1: q1, classic: n, fast: qf, allowSingleCopy: true)
                    #expect((quorums != nil) == (q1 + 2 * qf > 2 * n), "n \(n) Q1 \(q1) QF \(qf)")
                }
            }
        }
    }
    @Test func aRefusalNamesTheSetsThatMiss() {
        func refusal(_ n: Int, _ q1: Int, _ q2: Int, _ qf: Int) -> String {
            do throws(QuorumError) {
                _ = try Quorums(members: n, phase1: q1, classic: q2, fast: qf)
                return "accepted"
            } catch { return error.description }
        }
        #expect(
            refusal(4, 2, 2, 4)
                == "quorums: Q1 {0, 1} and Q2 {2, 3} do not meet, so two sequencers could decide differently; |Q1| + |Q2| = 4 must exceed n = 4"
        )
        #expect(
            refusal(3, 2, 2, 2)
                == "quorums: Q1 {0, 2} misses what the fast quorums {0, 1} and {1, 2} share, so a fast decision could be overlooked; |Q1| + 2|QF| = 6 must exceed 2n = 6"
        )
        #expect(refusal(16, 9, 9, 16).contains("1 to 15"))
        #expect(refusal(3, 0, 3, 3).contains("|Q1| = 0"))
        #expect(refusal(3, 3, 1, 3).contains("only copy"))
    }
    @Test func theUsefulPoints() throws {
        for (n, q1, q2, qf) in [(3, 2, 2, 3), (5, 3, 3, 4), (5, 4, 2, 4), (1, 1, 1, 1), (15, 8, 8, 12)] {
            _ = try Quorums(members: n, phase1: q1, classic: q2, fast: qf)
            #expect(Quorums.smallestFast(members: n, phase1: q1) <= qf)
        }
        for n in 1...15 { _ = try Quorums.standard(members: n) }
    }
}

@Suite struct Section2Durability {
    // ◆ "they are reported when they are durable": promise, prepare, vote.
    @Test func aPromiseIsReportedWhenDurable() {
        let acceptor = Single()
        acceptor.prepare(b(1, 1))
        let effects = acceptor.take()
        #expect(effects.items == [.promise(b(1, 1))])
        #expect(effects.last == .afterDurable(1, .promise(ballot: b(1, 1), from: 1), .one(ReplicaID(1))))
        #expect(acceptor.core.takeStatus().promise.isNone)
        acceptor.durable()
        #expect(acceptor.core.takeStatus().promise == b(1, 1))
    }
    // ◆ "bind from the moment they are appended": not yet durable, and already it refuses lower ballots.
    @Test func aPromiseBindsWhenAppended() {
        let acceptor = Single()
        acceptor.prepare(b(2, 1))
        _ = acceptor.take()
        acceptor.propose(b(1, 2), slot: 1, .nothing)
        #expect(acceptor.turn().votes == [])
        acceptor.prepare(b(1, 2))
        #expect(
            acceptor.take() == [.immediate(.reject(Reject(ballot: b(1, 2), promise: b(2, 1))), .one(ReplicaID(2)))])
    }
    @Test func aVoteIsReportedWhenDurable() {
        let acceptor = Single()
        acceptor.propose(b(1, 1), slot: 1, .nothing)
        #expect(acceptor.turn().votes == [1])
        #expect(acceptor.core.takeStatus().votes.isEmpty)
        acceptor.durable()
        #expect(acceptor.core.takeStatus().votes == VoteRun(ballot: b(1, 1), first: 1, last: 1))
    }
    // ◆ "A replica that meets one position with two digests" stops with an error.
    @Test func onePositionWithTwoDigestsEndsTheReplica() {
        let acceptor = Single()
        acceptor.append(batch(1, 1))
        acceptor.propose(b(1, 1), slot: 1, cut(nil, batch(1, 1, salt: 5)))
        #expect(acceptor.turn().votes == [])
        #expect(acceptor.core.fatal?.contains("lane 1") == true)
    }
    @Test(arguments: [false, true]) func otherContentThanWasDecidedEndsTheReplica(isLate: Bool) {
        let learner = Single()
        if !isLate { learner.append(batch(1, 1)) }
        learner.send(
            .entries, from: 2,
            Packet.bytes {
                EntriesHeader(first: 1, count: 1).encode(into: &$0)
                $0.put(cut(nil, batch(1, 1, salt: 5)), members: 3)
            })
        if isLate {
            learner.append(batch(1, 1))
            while learner.core.nextExecution() != nil {}
        }
        #expect(learner.core.fatal?.contains("lane 1") == true)
    }
    // A ballot of another epoch has no say.
    @Test func anotherEpochsBallotIsIgnored() {
        let acceptor = Single()
        acceptor.prepare(b(5, 1, epoch: 2))
        acceptor.propose(b(5, 1, epoch: 2), slot: 1, .nothing)
        acceptor.send(
            .reject, from: 1, Packet.bytes { Reject(ballot: b(1, 0), promise: b(7, 1, epoch: 2)).encode(into: &$0) })
        acceptor.status(from: 1) { $0.promise = b(9, 1, epoch: 3) }
        #expect(acceptor.turn().items == [])
        #expect(acceptor.core.currentBallot.isNone && acceptor.core.promise.isNone)
    }
    // Nor has a ballot that another than its owner prepares.
    @Test func nobodyPreparesAnothersBallot() {
        let acceptor = Single()
        let body = Packet.bytes { Prepare(ballot: b(5, 1), from: 1).encode(into: &$0) }
        acceptor.send(.prepare, from: 2, body)
        #expect(acceptor.turn().items == [] && acceptor.core.promise.isNone)
        acceptor.send(.prepare, from: 1, body)
        #expect(acceptor.core.promise == b(5, 1))
    }
    // Nor has a status of another epoch, whose votes would decide.
    @Test func anotherEpochsStatusIsIgnored() {
        let learner = Single()
        learner.propose(b(1, 1), slot: 1, .nothing)
        for (epoch, decided) in [(2, 0), (1, 1)] as [(UInt32, UInt64)] {
            for member in 1...2 {
                learner.status(from: member) {
                    $0.epoch = epoch
                    $0.votes = VoteRun(ballot: b(1, 1), first: 1, last: 1)
                }
            }
            learner.turn()
            #expect(learner.core.commitIndex == decided)
        }
    }
}
