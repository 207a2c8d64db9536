// How fast a snapshot is taken (PROTOCOL §8): a little in every turn, evenly, and done before anything that waits for it runs short.

/// What is free of all that a durable snapshot gives back: where one of these is used up, nothing more is ordered until it is durable.
package struct SnapshotRoom: Equatable, Sendable {
    /// Of the log.
    package var bytes: UInt64
    /// Places for batches in the fullest index.
    package var batches: UInt64
    /// Decided slots above the snapshot that the entry history still reaches.
    package var slots: UInt64

    package init(bytes: UInt64, batches: UInt64, slots: UInt64) {
        self.bytes = bytes
        self.batches = batches
        self.slots = slots
    }
    package static var none: Self { Self(bytes: 0, batches: 0, slots: 0) }
    fileprivate subscript(_ i: Int) -> UInt64 { i == 0 ? bytes : i == 1 ? batches : slots }
}

/// What a snapshot should have got to. It depends on the clock and on what was used since it began alone, so that it is the same in every run of
/// a simulation.
package struct SnapshotSchedule {
    /// What it gets to by the clock, in bytes a second: for a state of small records about a tenth of a processor's time.
    package static let bytesPerSecond: UInt64 = 64 << 20
    /// Less than this is not worth a call, and more than that is not taken in one turn: about fifty microseconds, and a few hundred
    /// where it must be done soon.
    package static let pieceBytes: UInt64 = 16 << 10
    package static let turnBytes: UInt64 = 64 << 10
    package static let hurriedTurnBytes: UInt64 = 256 << 10

    private(set) var begunAt: UInt64 = 0
    /// The most that was free since it began (the one before gives its room back a little later); when half of any is used everything
    /// should have been taken.
    private var room = SnapshotRoom.none
    /// What the snapshot is expected to be; 0 where nobody knows.
    private var expectedBytes: UInt64 = 0
    package private(set) var takenBytes: UInt64 = 0

    package init() {}
    /// - Parameter formerBytes: length of the snapshot before: this one is expected to be an eighth longer.
    package init(now: UInt64, room: SnapshotRoom, formerBytes: UInt64) {
        begunAt = now
        self.room = room
        expectedBytes = formerBytes + formerBytes / 8
    }

    /// Has to be told what is free before it is asked.
    package mutating func note(_ left: SnapshotRoom) {
        room = SnapshotRoom(
            bytes: max(room.bytes, left.bytes), batches: max(room.batches, left.batches),
            slots: max(room.slots, left.slots))
    }
    private func used(_ i: Int, _ left: SnapshotRoom) -> UInt64 { room[i] - min(room[i], left[i]) }
    /// Whether so much was used that the rest is taken as fast as possible.
    package func isHurried(_ left: SnapshotRoom) -> Bool { (0..<3).contains { used($0, left) >= room[$0] / 2 } }

    /// Bytes that should have been taken.
    private func dueBytes(now: UInt64, _ left: SnapshotRoom) -> UInt64 {
        // A day at most, so that the product fits a word.
        let microseconds = min((now - min(now, begunAt)) / 1_000, 86_400_000_000)
        var due = microseconds * (Self.bytesPerSecond >> 10) / 1_000_000 * 1_024
        for i in 0..<3 {
            // The whole fits a word since what was used is below the divisor.
            let product = expectedBytes.multipliedFullWidth(by: used(i, left))
            due = max(due, (room[i] / 2).dividingFullWidth(product).quotient)
        }
        return due + Self.pieceBytes
    }

    /// How much may be taken in this turn; 0: nothing yet.
    ///
    /// - Parameter isUrgent: what execution sets aside grows large.
    package func turnBytes(now: UInt64, _ left: SnapshotRoom, isUrgent: Bool) -> UInt64 {
        if isUrgent || isHurried(left) { return Self.hurriedTurnBytes }
        let due = dueBytes(now: now, left)
        guard due >= takenBytes + Self.pieceBytes else { return 0 }
        return min(due - takenBytes, Self.turnBytes)
    }
    /// When the clock wants the next piece, if nothing else wants it sooner.
    package var nextAt: UInt64 {
        // Up to the microsecond and the kibibyte in which it is due.
        begunAt + ((takenBytes + 1_023) / 1_024 * 1_000_000 / (Self.bytesPerSecond >> 10) + 1) * 1_000
    }

    package mutating func took(_ bytes: Int) { takenBytes += UInt64(bytes) }
}
