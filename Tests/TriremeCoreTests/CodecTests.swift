// Bodies of control messages: what is written is read; what is cut short, corrupt or hostile never traps.
import Testing
import TriremeCore

@Suite struct CodecTests {
    static let members = 5
    static var bodies: [(DatagramKind, [UInt8])] {
        let entry = cut(batch(0, 3), nil, batch(2, g2, 4), timestamp: 77)
        var status = Status()
        status.number = StatusNumber(g2, 9)
        status.epoch = 1
        status.votes = VoteRun(ballot: b(2, 1), first: 3, last: 9)
        status.received[2] = batch(2, 4).position
        return [
            (.status, Packet.bytes { status.encode(into: &$0, members: members) }),
            (
                .propose,
                Packet.bytes {
                    Propose(ballot: b(2, 1), slot: 4, first: 2, entry: entry).encode(into: &$0, members: members)
                }
            ),
            (
                .propose,
                Packet.bytes {
                    Propose(ballot: b(2, 1), slot: 4, first: 2, entry: .nothing).encode(into: &$0, members: members)
                }
            ),
            (.prepare, Packet.bytes { Prepare(ballot: b(2, 1), from: 3).encode(into: &$0) }),
            (
                .promise,
                Packet.bytes {
                    PromiseHeader(ballot: b(2, 0), from: 1, commitIndex: 0, part: 0, parts: 1, votes: 2).encode(
                        into: &$0)
                    for slot in 1...2 {
                        ReportedVote(slot: UInt64(slot), ballot: b(1, 1), half: .classic, entry: entry)
                            .encode(into: &$0, members: members)
                    }
                }
            ),
            (.reject, Packet.bytes { Reject(ballot: b(1, 1), promise: b(2, 2)).encode(into: &$0) }),
            (.entryRequest, Packet.bytes { EntryRequest(first: 1, last: 9).encode(into: &$0) }),
            (
                .entries,
                Packet.bytes {
                    EntriesHeader(first: 1, count: 2).encode(into: &$0)
                    $0.put(entry, members: members)
                    $0.put(Entry.nothing, members: members)
                }
            ),
            (.handOver, Packet.bytes { HandOver(ballot: b(2, 1), successor: ReplicaID(0)).encode(into: &$0) }),
        ]
    }

    @Test func whatIsWrittenIsRead() {
        let entry = cut(batch(0, 3), nil, batch(2, g2, 4), timestamp: 77)
        let propose = Propose(ballot: b(2, 1), slot: 4, first: 2, entry: entry)
        Packet.bytes { propose.encode(into: &$0, members: 5) }.withUnsafeBytes {
            #expect(Propose.decode($0, members: 5) == propose)
        }
        let prepare = Prepare(ballot: b(2, 1), from: 3)
        Packet.bytes { prepare.encode(into: &$0) }.withUnsafeBytes {
            #expect(Prepare.decode($0, members: 5) == prepare)
        }
        // A ballot names members of its configuration, and some.
        let naming = Prepare(ballot: b(2, 1, of: 1, 4), from: 3)
        Packet.bytes { naming.encode(into: &$0) }.withUnsafeBytes {
            #expect(Prepare.decode($0, members: 5) == naming)
            #expect(Prepare.decode($0, members: 4) == nil)
        }
        var nobody = Packet.bytes { naming.encode(into: &$0) }
        nobody[10] = 0
        nobody.withUnsafeBytes { #expect(Prepare.decode($0, members: 5) == nil) }
        let reject = Reject(ballot: b(2, 1), promise: b(3, 2))
        Packet.bytes { reject.encode(into: &$0) }.withUnsafeBytes { #expect(Reject.decode($0, members: 5) == reject) }
        let request = EntryRequest(first: 2, last: 8)
        Packet.bytes { request.encode(into: &$0) }.withUnsafeBytes { #expect(EntryRequest.decode($0) == request) }
        let batches = BatchRequest(lane: ReplicaID(3), generation: g2, first: 2, last: 8)
        Packet.bytes { batches.encode(into: &$0) }.withUnsafeBytes {
            #expect(BatchRequest.decode($0, members: 5) == batches)
            #expect(BatchRequest.decode($0, members: 3) == nil)
        }
        let handOver = HandOver(ballot: b(2, 1), successor: ReplicaID(4))
        Packet.bytes { handOver.encode(into: &$0) }.withUnsafeBytes {
            #expect(HandOver.decode($0, members: 5) == handOver)
        }
        for (kind, body) in Self.bodies where kind == .status {
            body.withUnsafeBytes { bytes in
                let status = Status.decode(bytes, members: 5)!
                #expect(Packet.bytes { status.encode(into: &$0, members: 5) } == body)
            }
        }
    }
    @Test func theLargestBodiesFitOneDatagram() {
        for members in 1...15 {
            let perPart = PromiseHeader.votesPerPart(members: members)
            #expect(perPart * PromiseHeader.maximumParts >= Limits.votingWindowSlots / 2 + Limits.votesAheadSlots)
            var status = Status()
            for ballot in [\Status.promise, \.votes.ballot, \.suspected, \.sequencing, \.marks.ballot] {
                status[keyPath: ballot] = b(1, 0, of: 0)
            }
            status.marks.count = VoteMarks.capacity(members: members)
            let bytes = Packet.bytes { status.encode(into: &$0, members: members) }
            #expect(bytes.count <= Limits.controlBodyBytes)
        }
    }
    /// Every length and every byte changed: into a follower and into a candidate, with all the turns that follow.
    @Test(arguments: [false, true]) func corruptBodiesNeverTrap(asCandidate: Bool) {
        for (kind, body) in Self.bodies {
            // One core takes thirty-two bodies after another, so that what one left behind meets the next.
            var single = Single(members: Self.members)
            var fed = 0
            func feed(_ bytes: [UInt8]) {
                if fed % 32 == 0 { single = Single(members: Self.members) }
                fed += 1
                if asCandidate {
                    _ = single.stand(after: b(UInt32(1 + fed), 1))
                    single.durable()
                }
                single.send(kind, from: 1, bytes)
                single.send(kind, from: 1, bytes)
                for _ in 0..<3 { single.turn(milliseconds: 30) }
                single.durable()
                _ = single.core.takeStatus()
                while single.core.nextExecution() != nil {}
            }
            for length in 0..<body.count { feed(Array(body[..<length])) }
            feed(body + [0])
            for i in 0..<body.count {
                for value: UInt8 in [0xff, 0x80, body[i] ^ 1] {
                    var changed = body
                    changed[i] = value
                    feed(changed)
                }
            }
            for start in stride(from: 0, to: body.count, by: 1) {
                var changed = body
                for i in start..<min(start + 8, body.count) { changed[i] = 0xff }
                feed(changed)
            }
        }
    }
    /// Slots, sequences and counts at the end of their range.
    @Test func theHighestNumbersNeverTrap() {
        let top = UInt64.max
        for slot in [top, top - 1, top - 127, top - 128, top - 1_024] {
            let single = Single()
            single.propose(b(1, 1), slot: slot, first: slot, .nothing)
            for first in [1, slot] {
                for _ in 0..<2 {
                    single.status(from: 1) {
                        $0.votes = VoteRun(ballot: b(1, 1), first: first, last: top)
                        $0.commitIndex = slot
                        $0.oldestEntry = slot
                        $0.highestVoted = top
                        $0.sentSequence = top
                        $0.lastProposed = top
                        $0.sequencing = b(1, 1)
                        for lane in 0..<3 { $0.received[lane] = Position(g1, top, digest: 1) }
                        $0.released[0] = top
                        $0.waitedForData = .max
                    }
                }
                single.send(
                    .entryRequest, from: 1, Packet.bytes { EntryRequest(first: slot, last: top).encode(into: &$0) })
                single.send(
                    .entries, from: 1,
                    Packet.bytes {
                        EntriesHeader(first: slot, count: 255).encode(into: &$0)
                        for _ in 0..<255 { $0.put(Entry.nothing, members: 3) }
                    })
                for _ in 0..<3 { single.turn(milliseconds: 20) }
            }
            single.prepare(b(5, 1), from: slot)
            single.durable()
            #expect(single.core.promiseParts(ballot: single.core.promise, from: slot) <= 1)
            let candidate = Single()
            let ballot = candidate.stand()
            candidate.durable()
            candidate.sendPromise(
                ballot, from: 1, commit: 0,
                votes: [ReportedVote(slot: slot, ballot: b(1, 1), half: .classic, entry: .nothing)])
            candidate.sendPromise(ballot, from: 2, commit: slot)
            for _ in 0..<3 { candidate.turn(milliseconds: 10) }
            #expect(candidate.core.fatal == nil)
        }
        let sequencer = Single()
        let ballot = sequencer.stand()
        sequencer.durable()
        sequencer.sendPromise(ballot, from: 1)
        sequencer.append(batch(1, 1))
        for member in [1, 2] { sequencer.status(from: member) { $0.received[1] = Position(g1, top, digest: 1) } }
        #expect(sequencer.turn().proposals.first?.entry.cut[1] == batch(1, 1).position)
    }
}
