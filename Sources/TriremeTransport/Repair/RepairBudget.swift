// Keeps repair to a tenth of what is sent (RELIABILITY, security rules): a member that lags, or cries wolf, may not slow
// the others down. Used by the engine, in its reactor's thread; time is a value, in nanoseconds.

/// A token bucket in bytes. It fills by a tenth of the bytes sent, or at a small constant rate where that is more, so
/// that an idle replica repairs too.
package struct RepairBudget: Sendable {
    /// Repair gets one byte for so many sent.
    package static let share: UInt64 = 10

    private let floorBytesPerSecond: UInt64
    private let burstBytes: UInt64
    private var tokens: UInt64
    private var refilledAt: UInt64
    private var sentSinceRefill: UInt64 = 0
    /// Nanoseconds × bytes per second that did not make a whole byte yet.
    private var remainder: UInt64 = 0

    /// `burstBytes` is at least one batch, or a batch could never be repaired; it starts full.
    package init(floorBytesPerSecond: UInt64 = 8 << 20, burstBytes: UInt64 = 1 << 20, now: UInt64) {
        precondition(floorBytesPerSecond <= 1 << 33)
        self.floorBytesPerSecond = floorBytesPerSecond
        self.burstBytes = burstBytes
        tokens = burstBytes
        refilledAt = now
    }

    /// First sends add to the budget; repairs do not.
    package mutating func sent(bytes: Int) { sentSinceRefill &+= UInt64(bytes) }

    /// Whether so many bytes of repair may go out now; if so they are taken from the budget.
    package mutating func take(bytes: Int, now: UInt64) -> Bool {
        refill(now: now)
        guard UInt64(bytes) <= tokens else { return false }
        tokens -= UInt64(bytes)
        return true
    }

    private mutating func refill(now: UInt64) {
        guard now > refilledAt else { return }
        // A second at most: the product below then fits a word. Who was silent for longer has a full bucket anyway.
        let scaled = min(now - refilledAt, 1_000_000_000) * floorBytesPerSecond + remainder
        remainder = scaled % 1_000_000_000
        let constant = scaled / 1_000_000_000
        let earned = max(constant, sentSinceRefill / Self.share)
        tokens = min(burstBytes, tokens + min(earned, burstBytes))
        sentSinceRefill = 0
        refilledAt = now
    }
}
