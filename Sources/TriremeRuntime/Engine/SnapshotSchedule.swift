// How fast a snapshot is taken (PROTOCOL §8): a little in every turn, evenly, and done before the log could run short.

/// What a snapshot should have got to. It depends on the clock and on the log's growth alone, so that it is the same in every run of
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
    private var logEnd: UInt64 = 0
    /// Bytes that the log may grow by until everything should have been taken: half of what it had free.
    private var growthBytes: UInt64 = 0
    /// What the snapshot is expected to be; 0 where nobody knows.
    private var expectedBytes: UInt64 = 0
    package private(set) var takenBytes: UInt64 = 0

    package init() {}
    /// - Parameter formerBytes: length of the snapshot before: this one is expected to be an eighth longer.
    package init(now: UInt64, logEnd: UInt64, freeBytes: UInt64, formerBytes: UInt64) {
        begunAt = now
        self.logEnd = logEnd
        growthBytes = freeBytes / 2
        expectedBytes = formerBytes + formerBytes / 8
    }

    /// Whether the log has grown so much that the rest is taken as fast as possible.
    package func isHurried(logEnd end: UInt64) -> Bool { end - logEnd >= growthBytes }

    /// Bytes that should have been taken.
    private func dueBytes(now: UInt64, logEnd end: UInt64) -> UInt64 {
        guard !isHurried(logEnd: end) else { return .max }
        // A day at most, so that the product fits a word.
        let microseconds = min((now - min(now, begunAt)) / 1_000, 86_400_000_000)
        let byTime = microseconds * (Self.bytesPerSecond >> 10) / 1_000_000 * 1_024
        // The whole fits a word since the growth is below the divisor.
        let product = expectedBytes.multipliedFullWidth(by: end - logEnd)
        let byLog = growthBytes.dividingFullWidth(product).quotient
        return max(byTime, byLog) + Self.pieceBytes
    }

    /// How much may be taken in this turn; 0: nothing yet.
    ///
    /// - Parameter isUrgent: what execution sets aside grows large.
    package func turnBytes(now: UInt64, logEnd: UInt64, isUrgent: Bool) -> UInt64 {
        if isUrgent || isHurried(logEnd: logEnd) { return Self.hurriedTurnBytes }
        let due = dueBytes(now: now, logEnd: logEnd)
        guard due >= takenBytes + Self.pieceBytes else { return 0 }
        return min(due - takenBytes, Self.turnBytes)
    }
    /// When the clock wants the next piece, if the log does not want it sooner.
    package var nextAt: UInt64 {
        // Up to the microsecond and the kibibyte in which it is due.
        begunAt + ((takenBytes + 1_023) / 1_024 * 1_000_000 / (Self.bytesPerSecond >> 10) + 1) * 1_000
    }

    package mutating func took(_ bytes: Int) { takenBytes += UInt64(bytes) }
}
