// A proposal of one entry for one slot (PROTOCOL §4 phase 2, §7), and the end of proposals in half 0.

package struct Propose: Equatable, Sendable {
    package var ballot: Ballot
    package var half: Half
    package var slot: UInt64
    /// The first slot that was proposed in this ballot: below it everything is decided, so a run of votes starts here. In half 0
    /// `any`'s `from`: below it only the ballot's owner proposes ◆.
    package var first: UInt64
    package var entry: Entry

    package init(ballot: Ballot, half: Half = .classic, slot: UInt64, first: UInt64, entry: Entry) {
        self.ballot = ballot
        self.half = half
        self.slot = slot
        self.first = first
        self.entry = entry
    }
    package func encode(into w: inout WireWriter, members: Int) {
        w.put(ballot)
        w.put(half.rawValue)
        w.put(slot)
        w.put(first)
        w.put(entry, members: members)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> Propose? {
        var r = WireReader(bytes)
        let ballot = r.takeBallot(members: members)
        let half = Half(rawValue: r.take())
        let slot: UInt64 = r.take()
        let first: UInt64 = r.take()
        let entry = r.takeEntry(members: members)
        guard r.isComplete, let half, slot >= first, first > 0, !ballot.isNone else { return nil }
        // A classic round has no half 0.
        guard half == .classic || ballot.kind == .fast else { return nil }
        return Propose(ballot: ballot, half: half, slot: slot, first: first, entry: entry)
    }
}

/// The owner of a fast ballot asks whoever has not voted in half 0 of the slots first … last to vow that it never will.
package struct Close: Equatable, Sendable {
    package var ballot: Ballot
    package var first: UInt64
    package var last: UInt64
    package init(ballot: Ballot, first: UInt64, last: UInt64) {
        self.ballot = ballot
        self.first = first
        self.last = last
    }
    package func encode(into w: inout WireWriter) {
        w.put(ballot)
        w.put(first)
        w.put(last)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> Close? {
        var r = WireReader(bytes)
        let close = Close(ballot: r.takeBallot(members: members), first: r.take(), last: r.take())
        guard r.isComplete, close.ballot.kind == .fast, close.first > 0, close.first <= close.last else { return nil }
        return close
    }
}
