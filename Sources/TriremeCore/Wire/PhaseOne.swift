// Messages of phase 1: prepare, promise, reject, and the hand-over that starts one (PROTOCOL §4).

/// A candidate asks for promises and for votes from slot `from` on.
package struct Prepare: Equatable, Sendable {
    package var ballot: Ballot
    package var from: UInt64
    package init(ballot: Ballot, from: UInt64) {
        self.ballot = ballot
        self.from = from
    }
    package func encode(into w: inout WireWriter) {
        w.put(ballot)
        w.put(from)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> Prepare? {
        var r = WireReader(bytes)
        let prepare = Prepare(ballot: r.takeBallot(members: members), from: r.take())
        return r.isComplete && !prepare.ballot.isNone && prepare.from > 0 ? prepare : nil
    }
}

/// One vote as a promise reports it.
package struct ReportedVote: Equatable, Sendable {
    package var slot: UInt64
    package var ballot: Ballot
    package var half: Half
    package var entry: Entry
    package init(slot: UInt64, ballot: Ballot, half: Half, entry: Entry) {
        self.slot = slot
        self.ballot = ballot
        self.half = half
        self.entry = entry
    }
    package func encode(into w: inout WireWriter, members: Int) {
        w.put(slot)
        w.put(ballot)
        w.put(half.rawValue)
        w.put(entry, members: members)
    }
    package static func decode(_ r: inout WireReader, members: Int) -> ReportedVote? {
        let slot: UInt64 = r.take()
        let ballot = r.takeBallot(members: members)
        let half = Half(rawValue: r.take())
        let entry = r.takeEntry(members: members)
        guard !r.failed, let half, !ballot.isNone else { return nil }
        return ReportedVote(slot: slot, ballot: ballot, half: half, entry: entry)
    }
}

/// One datagram of an answer to a prepare, followed by its votes. The answer counts when all `parts` have arrived
/// (PROTOCOL §4).
package struct PromiseHeader: Equatable, Sendable {
    package var ballot: Ballot
    /// The prepare's `from`: an answer to another attempt is not mixed in.
    package var from: UInt64
    package var commitIndex: UInt64
    package var part: UInt8
    package var parts: UInt8
    package var votes: UInt8
    /// What the acceptor knows of who may have decided in lower ballots (PROTOCOL §14).
    package var outstanding: Outstanding

    package static let byteCount = Ballot.byteCount + 8 + 8 + 3 + Outstanding.byteCount
    /// Most parts of one answer. An acceptor that starts again may have ``Limits/votesAheadSlots`` votes above what it knew to
    /// be decided, and half a voting window of those that it had not noted yet: 640, three to a datagram at fifteen members.
    package static let maximumParts = 255
    /// Votes that fit into one datagram.
    package static func votesPerPart(members: Int) -> Int {
        (Limits.controlBodyBytes - byteCount) / (8 + Ballot.byteCount + 1 + WireWriter.entryBytes(members: members))
    }
    package init(
        ballot: Ballot, from: UInt64, commitIndex: UInt64, part: UInt8, parts: UInt8, votes: UInt8,
        outstanding: Outstanding = Outstanding()
    ) {
        self.ballot = ballot
        self.from = from
        self.commitIndex = commitIndex
        self.part = part
        self.parts = parts
        self.votes = votes
        self.outstanding = outstanding
    }
    package func encode(into w: inout WireWriter) {
        w.put(ballot)
        w.put(from)
        w.put(commitIndex)
        w.put(part)
        w.put(parts)
        w.put(votes)
        w.put(outstanding)
    }
    package static func decode(_ r: inout WireReader, members: Int) -> PromiseHeader? {
        let header = PromiseHeader(
            ballot: r.takeBallot(members: members), from: r.take(), commitIndex: r.take(), part: r.take(),
            parts: r.take(), votes: r.take(), outstanding: r.takeOutstanding(members: members))
        guard !r.failed, !header.ballot.isNone, header.part < header.parts else {
            return nil
        }
        return header
    }
}

/// A negative answer, so that nobody waits for a timeout.
package struct Reject: Equatable, Sendable {
    package var ballot: Ballot
    package var promise: Ballot
    package init(ballot: Ballot, promise: Ballot) {
        self.ballot = ballot
        self.promise = promise
    }
    package func encode(into w: inout WireWriter) {
        w.put(ballot)
        w.put(promise)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> Reject? {
        var r = WireReader(bytes)
        let reject = Reject(ballot: r.takeBallot(members: members), promise: r.takeBallot(members: members))
        return r.isComplete ? reject : nil
    }
}

/// A sequencer that lets go names its successor, who prepares at once.
package struct HandOver: Equatable, Sendable {
    package var ballot: Ballot
    package var successor: ReplicaID
    package init(ballot: Ballot, successor: ReplicaID) {
        self.ballot = ballot
        self.successor = successor
    }
    package func encode(into w: inout WireWriter) {
        w.put(ballot)
        w.put(successor.rawValue)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> HandOver? {
        var r = WireReader(bytes)
        let handOver = HandOver(ballot: r.takeBallot(members: members), successor: r.takeReplica(members: members))
        return r.isComplete && !handOver.ballot.isNone ? handOver : nil
    }
}
