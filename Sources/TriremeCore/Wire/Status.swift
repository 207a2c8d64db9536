// The status: everything that one replica tells all others about itself (PROTOCOL §3.3).

/// Number of a status: (generation of its sender, counter). Ordered; a later one replaces an earlier one.
package struct StatusNumber: BitwiseCopyable, Hashable, Comparable, Sendable {
    package var generation: Generation
    package var counter: UInt64
    package init(_ generation: Generation, _ counter: UInt64) {
        self.generation = generation
        self.counter = counter
    }
    package static var none: Self { Self(.zero, 0) }
    package static func < (a: Self, b: Self) -> Bool {
        a.generation != b.generation ? a.generation < b.generation : a.counter < b.counter
    }
}

/// An unbroken run of slots in each of which its reporter has a durable vote in half 1 of one ballot (PROTOCOL §4).
/// Empty when `last < first`.
package struct VoteRun: Equatable, Sendable {
    package var ballot: Ballot
    package var first: UInt64
    package var last: UInt64
    package init(ballot: Ballot, first: UInt64, last: UInt64) {
        self.ballot = ballot
        self.first = first
        self.last = last
    }
    package static var none: Self { Self(ballot: .none, first: 1, last: 0) }
    package var isEmpty: Bool { last < first }
    package func contains(_ slot: UInt64) -> Bool { first <= slot && slot <= last }
    /// Whether two runs that are not empty overlap or follow each other without a gap.
    package func touches(_ other: VoteRun) -> Bool {
        (first <= other.last || first - other.last == 1) && (other.first <= last || other.first - last == 1)
    }
}

/// One replica's account of itself. Cumulative: losing one costs nothing once a later one arrives.
package struct Status: Sendable {
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt8
        @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
        /// The sender waits for echoes of this status: answer at once.
        package static let wantsEcho = Flags(rawValue: 1)
        /// The sender suspects ``Status/suspected`` (which may be no ballot at all).
        package static let suspects = Flags(rawValue: 2)
        /// The sender neither votes nor promises: it is forgetful or an observer (PROTOCOL §9).
        package static let observes = Flags(rawValue: 4)
        /// Nobody has any more what the sender lacks (PROTOCOL §8).
        package static let stranded = Flags(rawValue: 8)
        /// The sender has lost what it had reported, for good: no later start of it acts as an acceptor (PROTOCOL §9 ◆).
        package static let hasForgotten = Flags(rawValue: 16)
    }
    package var number = StatusNumber.none
    package var epoch: UInt32 = 0
    package var flags: Flags = []
    package var promise = Ballot.none
    package var votes = VoteRun.none
    /// The highest slot ever voted for, in any ballot and half.
    package var highestVoted: UInt64 = 0
    package var commitIndex: UInt64 = 0
    /// The last slot that the sender executed whole: up to there it has had every batch.
    package var executedSlot: UInt64 = 0
    /// The lowest slot whose decided entry the sender can still give.
    package var oldestEntry: UInt64 = 0
    /// The highest sequence that the sender sent on its own lane, in its present generation.
    package var sentSequence: UInt64 = 0
    /// How many proposals had to wait for a batch since the sender started: the sequencer's optimism follows it.
    package var waitedForData: UInt32 = 0
    package var suspected = Ballot.none
    /// The ballot that the sender is sequencer of, or none.
    package var sequencing = Ballot.none
    /// First and last slot that it proposed in that ballot.
    package var firstProposed: UInt64 = 0
    package var lastProposed: UInt64 = 0
    /// In a fast ``sequencing``: from this slot on any replica may propose in half 0, `any`'s `from` (PROTOCOL §7). In an announced one: from
    /// this slot on no lower ballot can decide (§14). Otherwise 0.
    package var anyFrom: UInt64 = 0
    /// Smoothed time from a batch of the sender's own in its log to its decision, in microseconds, and how many were measured since
    /// it started: the sequencer chooses the kind of the next round by it (PROTOCOL §7).
    package var decideMicroseconds: UInt32 = 0
    package var decideSamples: UInt32 = 0
    package var received = InlineArray<16, Position>(repeating: .empty)
    package var durable = InlineArray<16, Position>(repeating: .empty)
    /// Per lane, the sequence up to which batches of the received position's generation were executed here and their
    /// buffers given back: what a window may count on.
    package var released = InlineArray<16, UInt64>(repeating: 0)
    /// Per member, the last status of its that the sender received.
    package var echoes = InlineArray<16, StatusNumber>(repeating: .none)
    /// Durable votes and vows in the last fast ballot that the sender took part in.
    package var marks = VoteMarks.none

    package init() {}

    /// Bytes of a status without marks.
    package static func byteCount(members: Int) -> Int { 114 + 4 * Ballot.byteCount + members * 72 }

    package func encode(into w: inout WireWriter, members: Int) {
        w.put(number.generation.rawValue)
        w.put(number.counter)
        w.put(epoch)
        w.put(flags.rawValue)
        w.put(promise)
        w.put(votes.ballot)
        w.put(votes.first)
        w.put(votes.last)
        w.put(highestVoted)
        w.put(commitIndex)
        w.put(executedSlot)
        w.put(oldestEntry)
        w.put(sentSequence)
        w.put(waitedForData)
        w.put(suspected)
        w.put(sequencing)
        w.put(firstProposed)
        w.put(lastProposed)
        w.put(anyFrom)
        w.put(decideMicroseconds)
        w.put(decideSamples)
        for i in 0..<members {
            w.put(received[i])
            w.put(durable[i])
            w.put(released[i])
            w.put(echoes[i].generation.rawValue)
            w.put(echoes[i].counter)
        }
        marks.encode(into: &w)
    }

    /// `nil` when the bytes are no status of a configuration of `members`.
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> Status? {
        var status = Status()
        return decode(bytes, members: members, into: &status) ? status : nil
    }

    /// Reads a status into `s`; whether the bytes were one of a configuration of `members`. In place, since a status is 1.3 KB:
    /// fields assigned to a value on the stack copied it once for each.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, members: Int, into s: UnsafeMutablePointer<Status>
    ) -> Bool {
        var r = WireReader(bytes)
        s.pointee.number = StatusNumber(Generation(rawValue: r.take()), r.take())
        s.pointee.epoch = r.take()
        s.pointee.flags = Flags(rawValue: r.take())
        s.pointee.promise = r.takeBallot(members: members)
        s.pointee.votes = VoteRun(ballot: r.takeBallot(members: members), first: r.take(), last: r.take())
        s.pointee.highestVoted = r.take()
        s.pointee.commitIndex = r.take()
        s.pointee.executedSlot = r.take()
        s.pointee.oldestEntry = r.take()
        s.pointee.sentSequence = r.take()
        s.pointee.waitedForData = r.take()
        s.pointee.suspected = r.takeBallot(members: members)
        s.pointee.sequencing = r.takeBallot(members: members)
        s.pointee.firstProposed = r.take()
        s.pointee.lastProposed = r.take()
        s.pointee.anyFrom = r.take()
        s.pointee.decideMicroseconds = r.take()
        s.pointee.decideSamples = r.take()
        for i in 0..<members {
            s.pointee.received[i] = r.takePosition()
            s.pointee.durable[i] = r.takePosition()
            s.pointee.released[i] = r.take()
            s.pointee.echoes[i] = StatusNumber(Generation(rawValue: r.take()), r.take())
        }
        s.pointee.marks = VoteMarks.decode(&r, members: members)
        return r.isComplete
    }
}

/// Elements of a status's arrays, read where they lie: an array's subscript would have the whole status on the stack first.
extension UnsafePointer<Status> {
    @inline(__always)
    private func element<T: BitwiseCopyable>(_ offset: Int, _ index: Int) -> T {
        precondition(index >= 0 && index < 16)
        return UnsafeRawPointer(self).load(fromByteOffset: offset + index * MemoryLayout<T>.stride, as: T.self)
    }
    /// The highest contiguous position of a lane that the sender received.
    package func received(_ lane: Int) -> Position { element(MemoryLayout<Status>.offset(of: \.received)!, lane) }
    /// The highest contiguous position of a lane that the sender has on its disk.
    package func durable(_ lane: Int) -> Position { element(MemoryLayout<Status>.offset(of: \.durable)!, lane) }
    /// The last status of this member that the sender received.
    package func echo(of member: ReplicaID) -> StatusNumber {
        element(MemoryLayout<Status>.offset(of: \.echoes)!, member.index)
    }
    /// What the sender has written for a slot in a fast ballot.
    package func mark(_ slot: UInt64, in ballot: Ballot) -> Mark {
        let marks = pointer(to: \.marks)!
        let count = marks.pointer(to: \.count)!.pointee
        let first = marks.pointer(to: \.first)!.pointee
        guard slot >= first, slot - first < UInt64(count), marks.pointer(to: \.ballot)!.pointee == ballot else {
            return .none
        }
        let offset = MemoryLayout<Status>.offset(of: \.marks)! + MemoryLayout<VoteMarks>.offset(of: \.values)!
        return UnsafeRawPointer(self).load(
            fromByteOffset: offset + Int(slot - first) * MemoryLayout<Mark>.stride, as: Mark.self)
    }
}
