// PROTOCOL §4, election; §3.4, asking.
import Testing
import TriremeCore

@Suite struct Section4Election {
    private func suspects(_ single: Single, _ ballot: Ballot = .none, from members: [Int], echo: Bool) {
        let mine = single.core.takeStatus().number
        for member in members {
            single.status(from: member) {
                $0.flags = [.suspects]
                $0.suspected = ballot
                if echo { $0.echoes[0] = mine }
            }
        }
    }
    // A deaf replica deposes nobody: without echoes of what it sent since it suspects, no ballot.
    @Test func withoutEchoesNoBallot() {
        let single = Single()
        single.turn(milliseconds: 60)
        for _ in 0..<10 {
            suspects(single, from: [1, 2], echo: false)
            #expect(single.turn(milliseconds: 10).items == [])
        }
        for _ in 0..<3 {
            suspects(single, from: [1], echo: true)
            single.turn(milliseconds: 10)
        }
        #expect(single.core.role == .candidate)
    }
    // Statuses are numbered (generation, counter): an echo of what an earlier start sent is none, whatever its counter.
    @Test func anEchoOfAnEarlierStartIsNone() {
        let single = Single()
        single.turn(milliseconds: 60)
        let earlier = StatusNumber(Generation(epoch: 1, counter: 8), 1_000_000)
        for _ in 0..<10 {
            for member in [1, 2] {
                single.status(from: member) {
                    $0.flags = [.suspects]
                    $0.echoes[0] = earlier
                }
            }
            #expect(single.turn(milliseconds: 10).items == [])
        }
        #expect(single.core.role == .follower)
    }
    // §3: a later start counts its statuses from 1 again, and the first of them replaces all earlier ones.
    @Test func theStatusOfALaterStartReplacesThatOfAnEarlierOne() {
        let single = Single()
        func status(_ generation: Generation, _ counter: UInt64, commitIndex: UInt64) {
            single.status(from: 1) {
                $0.number = StatusNumber(generation, counter)
                $0.commitIndex = commitIndex
            }
        }
        status(g1, 50, commitIndex: 7)
        status(g2, 1, commitIndex: 3)
        #expect(single.core.status(of: ReplicaID(1)).pointee.commitIndex == 3)
        status(g1, 51, commitIndex: 8)
        #expect(single.core.status(of: ReplicaID(1)).pointee.number == StatusNumber(g2, 1))
    }
    @Test func aQ1MustSuspectTheSameBallot() {
        let single = Single()
        single.turn(milliseconds: 60)
        for _ in 0..<10 {
            let mine = single.core.takeStatus().number
            single.status(from: 1) { $0.echoes[0] = mine }
            #expect(single.turn(milliseconds: 4).items == [])
        }
    }
    // Two survivors of which one alone has seen the last candidate's ballot come to suspect the same one.
    @Test func whoSuspectsALowerBallotLearnsOfTheHigher() {
        let single = Single()
        suspects(single, b(3, 2), from: [1], echo: true)
        #expect(single.core.currentBallot == b(3, 2))
    }
    @Test func aForgetfulReplicaDoesNotCountAndTakesNoBallot() {
        let single = Single(isForgetful: true)
        single.turn(milliseconds: 60)
        for _ in 0..<10 {
            suspects(single, from: [1, 2], echo: true)
            #expect(single.turn(milliseconds: 10).items == [])
        }
        let other = Single()
        other.turn(milliseconds: 60)
        for _ in 0..<10 {
            let mine = other.core.takeStatus().number
            other.status(from: 1) {
                $0.flags = [.suspects, .observes]
                $0.echoes[0] = mine
            }
            #expect(other.turn(milliseconds: 4).items == [])
        }
    }
    @Test func notEveryStatusAsksForEchoes() {
        let single = Single()
        single.turn(milliseconds: 60)
        #expect(single.core.takeStatus().flags == [.suspects, .wantsEcho])
        #expect(single.core.takeStatus().flags == [.suspects])
        single.turn(milliseconds: 3)
        #expect(single.core.takeStatus().flags == [.suspects, .wantsEcho])
    }
    @Test func aRejectEndsTheCandidacy() {
        let single = Single()
        let ballot = single.stand()
        single.send(
            .reject, from: 1, Packet.bytes { Reject(ballot: ballot, promise: b(9, 1)).encode(into: &$0) })
        #expect(single.core.role == .follower && single.core.currentBallot == b(9, 1))
    }
    // The last ballot of all leaves no room for another: no trap, and no wrapped number.
    @Test func thereIsNoBallotAboveTheLast() {
        let single = Single()
        #expect(single.stand(after: b(.max, 1)) == b(.max, 1))
        #expect(single.core.role == .follower)
    }
    // A proposal of an earlier ballot is not the present sequencer's: it is asked for.
    @Test func aProposalOfAnEarlierBallotIsAskedForAnew() {
        let single = Single()
        single.propose(b(1, 1), slot: 1, .nothing)
        single.turn()
        single.status(from: 2) {
            $0.promise = b(2, 2)
            $0.sequencing = b(2, 2)
            $0.firstProposed = 1
            $0.lastProposed = 1
        }
        var asked: [EntryRequest] = []
        for _ in 0..<5 { asked += single.turn(milliseconds: 1).requests }
        #expect(asked.first == EntryRequest(first: 1, last: 1))
    }
    // Whoever does not know where a reign began passes none of its proposals on.
    @Test func aRestartedReplicaPassesOnNoProposalOfUnknownBeginning() {
        let single = Single { recover in
            recover(.item(.vote(slot: 5, ballot: b(1, 1), half: .classic, entry: .nothing)))
        }
        single.send(.entryRequest, from: 2, Packet.bytes { EntryRequest(first: 5, last: 5).encode(into: &$0) })
        #expect(single.take().proposals == [])
    }
}
