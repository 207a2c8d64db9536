// How a status tells the votes of a fast round: one by one, as hashes (PROTOCOL §4 vote, §7).

/// One slot's register in a fast ballot as its owner reports it: a vote in half 0 or 1 for the entry of this hash, or the vow not
/// to vote in half 0. Eight bytes: 62 of the hash, two that say which.
package struct Mark: BitwiseCopyable, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private enum Tag: UInt64 {
        case fast = 1
        case classic = 2
        case closed = 3
    }
    private init(_ tag: Tag, _ hash: UInt64) { rawValue = hash << 2 | tag.rawValue }

    /// Nothing was written.
    package static var none: Self { Self(rawValue: 0) }
    /// A vow not to vote in half 0.
    package static var closed: Self { Self(.closed, 0) }
    package static func vote(_ half: Half, for entry: Entry) -> Self {
        Self(half == .fast ? .fast : .classic, entry.hash62)
    }
    package var isNone: Bool { rawValue == 0 }
    package var isClosed: Bool { rawValue & 3 == Tag.closed.rawValue }
    /// The half of the vote; nil where there is none.
    package var half: Half? {
        switch Tag(rawValue: rawValue & 3) {
        case .fast: .fast
        case .classic: .classic
        default: nil
        }
    }
    /// Whether this is a vote for `entry`, in whichever half.
    package func isFor(_ entry: Entry) -> Bool { rawValue >> 2 == entry.hash62 }
}

/// The registers of a run of slots in one fast ballot. A plain value; the last slots of the pipeline, oldest first.
package struct VoteMarks: Equatable, Sendable {
    /// Most slots that a status tells of: a whole pipeline.
    package static let most = Limits.undecidedSlots

    package var ballot = Ballot.none
    package var first: UInt64 = 1
    package var count = 0
    package var values = InlineArray<32, Mark>(repeating: .none)

    package init() {}
    package static var none: Self { Self() }

    /// How many fit a status of `members`: fewer than a pipeline only from thirteen members on.
    package static func capacity(members: Int) -> Int {
        min(most, (Limits.controlBodyBytes - Status.byteCount(members: members) - headBytes) / 8)
    }
    private static let headBytes = Ballot.byteCount + 8

    /// The register of a slot in `ballot`; none where it is not told.
    package func mark(_ slot: UInt64, in ballot: Ballot) -> Mark {
        guard count > 0, ballot == self.ballot, slot >= first, slot - first < UInt64(count) else { return .none }
        return values[Int(slot - first)]
    }

    func encode(into w: inout WireWriter) {
        w.put(UInt8(count))
        guard count > 0 else { return }
        w.put(ballot)
        w.put(first)
        for i in 0..<count { w.put(values[i].rawValue) }
    }
    static func decode(_ r: inout WireReader, members: Int) -> VoteMarks {
        var marks = VoteMarks()
        let count: UInt8 = r.take()
        guard count > 0 else { return marks }
        guard count <= most else {
            r.fail()
            return marks
        }
        marks.count = Int(count)
        marks.ballot = r.takeBallot(members: members)
        marks.first = r.take()
        for i in 0..<marks.count { marks.values[i] = Mark(rawValue: r.take()) }
        if marks.ballot.kind != .fast || marks.first == 0 || marks.first > Limits.slotMaximum { r.fail() }
        return marks
    }

    package static func == (a: Self, b: Self) -> Bool {
        guard a.count == b.count, a.ballot == b.ballot, a.first == b.first else { return false }
        return (0..<a.count).allSatisfy { a.values[$0] == b.values[$0] }
    }
}

extension Entry {
    /// Tells entries of one slot apart: 62 bits over everything that makes them equal (PROTOCOL §2: digests included). The same at
    /// every replica; empty lanes add nothing, so that it does not depend on how many there are.
    package var hash62: UInt64 {
        var h: UInt64 = 0x9E37_79B9_7F4A_7C15 &+ UInt64(kind.rawValue)
        func mix(_ word: UInt64) {
            h = (h ^ word) &* 0xFF51_AFD7_ED55_8CCD
            h ^= h >> 32
        }
        guard kind == .cut else { return h >> 2 }
        mix(cut.timestamp)
        mix(UInt64(cut.epoch))
        for lane in 0..<Limits.members where !cut[lane].isEmpty {
            mix(UInt64(lane))
            mix(cut[lane].generation.rawValue)
            mix(cut[lane].sequence)
            mix(cut[lane].digest)
        }
        mix(0)
        return h >> 2
    }
}
