// The proposals of half 0 that a replica has seen: several may be under way for one slot (PROTOCOL §7).

/// For each slot of a short window the entries proposed in half 0 of the highest fast ballot seen there, in the order of arrival.
/// Storage is taken once: a window's slots times one entry a member.
struct FastProposals: ~Copyable {
    private struct Cell {
        var slot: UInt64 = 0
        var ballot = Ballot.none
        var count = 0
    }
    private let cells: SlotRing<Cell>
    /// Never read beyond a cell's count, so that a cluster without fast rounds touches none of it.
    private let entries: UnsafeMutablePointer<Entry>
    private let alternatives: Int

    init(members: Int, windowSlots: Int) {
        cells = SlotRing(capacity: windowSlots, repeating: Cell())
        alternatives = members
        entries = .allocate(capacity: windowSlots * members)
    }
    deinit { entries.deallocate() }

    private func place(_ slot: UInt64) -> UnsafeMutablePointer<Entry> {
        entries + Int(slot & cells.mask) * alternatives
    }

    /// How many entries are known for a slot in a ballot; ``entry(_:_:)`` gives them.
    func count(_ slot: UInt64, _ ballot: Ballot) -> Int {
        let cell = cells[slot]
        return cell.slot == slot && cell.ballot == ballot ? cell.count : 0
    }
    func entry(_ slot: UInt64, _ index: Int) -> Entry { place(slot)[index] }

    /// The entry of a vote, if it is known.
    func entry(_ slot: UInt64, _ ballot: Ballot, _ mark: Mark) -> Entry? {
        for i in 0..<count(slot, ballot) where mark.isFor(place(slot)[i]) { return place(slot)[i] }
        return nil
    }

    /// Keeps a proposal. One too many for a slot is dropped (only a proposer that started again makes so many); a lower slot, or a
    /// lower ballot, never replaces a higher one. Returns whether it is new.
    func keep(_ slot: UInt64, _ ballot: Ballot, _ entry: Entry) -> Bool {
        let cell = cells[slot]
        guard cell.slot <= slot else { return false }
        if cell.slot < slot || cell.ballot < ballot { cells[slot] = Cell(slot: slot, ballot: ballot, count: 0) }
        guard cells[slot].ballot == ballot, cells[slot].count < alternatives else { return false }
        for i in 0..<cells[slot].count where place(slot)[i] == entry { return false }
        (place(slot) + cells[slot].count).initialize(to: entry)
        cells[slot].count += 1
        return true
    }
}

extension FastProposals {
    /// Cells of lower ballots are not read any more, but cost no error.
    func walk(_ w: inout StateWalk) {
        for place in 0..<UInt64(cells.capacity) {
            w.visit(&cells[place].slot)
            w.visit(&cells[place].ballot)
            w.visit(&cells[place].count)
            let first = entries + Int(place) * alternatives
            for i in 0..<cells[place].count {
                if w.isReading { (first + i).initialize(to: .nothing) }
                w.visit(&first[i])
            }
        }
    }
}
