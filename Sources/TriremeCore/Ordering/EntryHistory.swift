// Decided entries of the latest slots, kept compactly so that others can fetch them (PROTOCOL §8).

/// A ring of decided entries; a cut takes 24 bytes a lane.
package struct EntryHistory: ~Copyable {
    private struct Head {
        var slot: UInt64 = 0
        var timestamp: UInt64 = 0
        var epoch: UInt32 = 0
        var kind: Entry.Kind = .nothing
    }
    private let heads: SlotRing<Head>
    private let positions: UnsafeMutablePointer<Position>
    private let members: Int

    init(slots: Int, members: Int) {
        heads = SlotRing(capacity: slots, repeating: Head())
        positions = .allocate(capacity: slots * members)
        positions.initialize(repeating: .empty, count: slots * members)
        self.members = members
    }
    deinit { positions.deallocate() }

    package var capacity: UInt64 { UInt64(heads.capacity) }
    private func cells(_ slot: UInt64) -> UnsafeMutablePointer<Position> {
        positions + Int(slot & heads.mask) * members
    }
    func store(_ slot: UInt64, _ entry: Entry) {
        heads[slot] = Head(slot: slot, timestamp: entry.cut.timestamp, epoch: entry.cut.epoch, kind: entry.kind)
        guard entry.kind == .cut else { return }
        let cells = cells(slot)
        for lane in 0..<members { cells[lane] = entry.cut[lane] }
    }
    /// The decided entry of a slot, unless it was never known or is forgotten.
    package func entry(_ slot: UInt64) -> Entry? {
        let head = heads[slot]
        guard head.slot == slot, slot > 0 else { return nil }
        guard head.kind == .cut else { return .nothing }
        var cut = Cut(epoch: head.epoch)
        cut.timestamp = head.timestamp
        let cells = cells(slot)
        for lane in 0..<members { cut[lane] = cells[lane] }
        return Entry(cut)
    }
}

extension EntryHistory {
    /// The entries that are there, in the order of their cells.
    func walk(_ w: inout StateWalk) {
        var present = 0
        for cell in 0..<capacity where heads[cell].slot > 0 {
            present += 1
            if w.isReading { heads[cell].slot = 0 }
        }
        w.visit(&present)
        var cell: UInt64 = 0
        for _ in 0..<present {
            var slot: UInt64 = 0
            var entry = Entry.nothing
            if !w.isReading {
                while heads[cell].slot == 0 { cell += 1 }
                slot = heads[cell].slot
                entry = self.entry(slot) ?? .nothing
                cell += 1
            }
            w.visit(&slot)
            w.visit(&entry)
            if w.isReading { store(slot, entry) }
        }
    }
}
