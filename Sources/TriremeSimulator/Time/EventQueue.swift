// Virtual time: what happens next. The world's thread owns it.

/// Something that happens at a moment of virtual time. What its fields mean depends on its kind.
package struct WorldEvent {
    package enum Kind: UInt8 {
        /// `replica` wants to run; `index` is the ticket, and only the latest counts.
        case turn
        /// Datagram `index` reaches `replica`.
        case delivery
        /// A batch that `replica` sent has left its memory; `index` is the slot of the note about it.
        case sent
        /// Operation `index` of `replica`'s disk is done.
        case disk
        /// Only time passes.
        case nothing
        /// The adversary moves.
        case fault
        /// `replica` starts again.
        case start
        /// The run enters its next phase.
        case phase
    }
    package var time: UInt64
    package var order: UInt64 = 0
    package var index: UInt32
    /// The incarnation of `replica` that it concerns, where that matters.
    package var incarnation: UInt16
    package var kind: Kind
    package var replica: UInt8

    package init(_ kind: Kind, at time: UInt64, replica: Int = 0, incarnation: Int = 0, index: UInt32 = 0) {
        self.time = time
        self.index = index
        self.incarnation = UInt16(truncatingIfNeeded: incarnation)
        self.kind = kind
        self.replica = UInt8(replica)
    }
}

/// A heap of events, four children to a node. Events of one moment come in the order in which they were scheduled, so
/// that a run is a function of its seed.
package final class EventQueue {
    @exclusivity(unchecked) private var base: UnsafeMutablePointer<WorldEvent>
    @exclusivity(unchecked) private var capacity = 4096
    @exclusivity(unchecked) package private(set) var count = 0
    @exclusivity(unchecked) private var scheduled: UInt64 = 0
    /// The present, in nanoseconds since the run began.
    @exclusivity(unchecked) package private(set) var now: UInt64 = 0

    package init() { base = .allocate(capacity: capacity) }
    deinit { base.deallocate() }

    package func schedule(_ event: WorldEvent) {
        precondition(event.time >= now, "an event in the past")
        if count == capacity { grow() }
        var event = event
        scheduled += 1
        event.order = scheduled
        var hole = count
        count += 1
        while hole > 0 {
            let parent = (hole - 1) >> 2
            guard Self.isEarlier(event, base[parent]) else { break }
            base[hole] = base[parent]
            hole = parent
        }
        base[hole] = event
    }

    /// Takes the earliest event and moves the present to it.
    package func pop() -> WorldEvent? {
        guard count > 0 else { return nil }
        let first = base[0]
        now = first.time
        count -= 1
        guard count > 0 else { return first }
        let last = base[count]
        var hole = 0
        while true {
            let child = hole << 2 + 1
            guard child < count else { break }
            var least = child
            var other = child + 1
            let end = min(child + 4, count)
            while other < end {
                if Self.isEarlier(base[other], base[least]) { least = other }
                other += 1
            }
            guard Self.isEarlier(base[least], last) else { break }
            base[hole] = base[least]
            hole = least
        }
        base[hole] = last
        return first
    }

    @inline(__always) private static func isEarlier(_ a: WorldEvent, _ b: WorldEvent) -> Bool {
        a.time != b.time ? a.time < b.time : a.order < b.order
    }
    private func grow() {
        let larger = UnsafeMutablePointer<WorldEvent>.allocate(capacity: capacity * 2)
        larger.moveInitialize(from: base, count: count)
        base.deallocate()
        base = larger
        capacity *= 2
    }
}
