// From decided entries to batches in order (PROTOCOL §5). Depends on the decided entries alone.

/// One thing to execute next.
package enum ExecutionStep: Equatable, Sendable {
    /// Batches `first … last` of one generation of one lane, at `slot`.
    case batches(slot: UInt64, lane: ReplicaID, generation: Generation, first: UInt64, last: UInt64, timestamp: UInt64)
    /// Everything of this slot was handed out; `C(slot)` and its timestamp are the executor's ``Executor/cut``.
    case endOfSlot(UInt64)
}

/// Walks the decided slots. Pulled by the engine when it has room.
package struct Executor {
    /// The last slot that was handed out completely.
    package private(set) var slot: UInt64
    /// `C(slot)`, with the timestamp as execution sees it.
    package private(set) var cut: Cut
    private let members: Int
    private let step: UInt64
    /// The slot being handed out, its cut, and how many of its lanes are done.
    private var next: Cut?
    private var lanesDone = 0

    package init(members: Int, timestampStep: UInt64, slot: UInt64 = 0, cut: Cut = Cut()) {
        self.members = members
        self.step = timestampStep
        self.slot = slot
        self.cut = cut
    }

    /// Whether everything of ``slot`` was handed out and nothing of the next one.
    package var isBetweenSlots: Bool { next == nil }

    /// `C(s)` from `C(s − 1)`: the join, with a timestamp that never falls and rises by a bounded step; the first one
    /// is taken as it is.
    static func advance(_ cut: Cut, with entry: Entry, step: UInt64) -> Cut {
        guard entry.kind == .cut else { return cut }
        var result = cut
        let before = cut.timestamp
        result.join(entry.cut)
        result.timestamp = before == 0 ? result.timestamp : before + min(result.timestamp - before, step)
        return result
    }

    /// The next step, given the decided entry of the slot after ``slot`` (or nil if it is not decided yet).
    package mutating func pull(_ entry: () -> Entry?) -> ExecutionStep? {
        if next == nil {
            guard let entry = entry() else { return nil }
            next = Self.advance(cut, with: entry, step: step)
            lanesDone = 0
        }
        let target = next!
        let current = slot + 1
        while lanesDone < members {
            // Rotated, so that no lane always goes first.
            let lane = Int((current + UInt64(lanesDone)) % UInt64(members))
            lanesDone += 1
            let from = cut[lane]
            let to = target[lane]
            guard from < to else { continue }
            // Where the generation rises, what was not covered of the old one is abandoned for good.
            let first = from.generation == to.generation ? from.sequence + 1 : 1
            return .batches(
                slot: current, lane: ReplicaID(lane), generation: to.generation, first: first, last: to.sequence,
                timestamp: target.timestamp)
        }
        cut = target
        next = nil
        slot = current
        return .endOfSlot(current)
    }
}

extension Executor {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&slot)
        w.visit(&cut)
        w.visit(&next, or: Cut()) { $0.visit(&$1) }
        w.visit(&lanesDone)
    }
}
