// A wait that doubles: for asking again, and for trying again.

/// When to ask for something that is missing: first after a short random wait, then less and less often.
struct Retry {
    private(set) var dueAt: UInt64?
    private(set) var attempts: UInt32 = 0

    /// Something is missing: starts the clock if it stands still.
    mutating func start(now: UInt64, after wait: UInt64) {
        if dueAt == nil {
            dueAt = now + wait
            attempts = 0
        }
    }
    func isDue(_ now: UInt64) -> Bool { dueAt.map { $0 <= now } ?? false }
    /// It was asked for: the next time is after `wait`, doubled for each attempt up to eight times.
    mutating func asked(now: UInt64, wait: UInt64) {
        dueAt = now + wait << UInt64(min(attempts, 3))
        attempts += 1
    }
    /// Some of it came: the next ask may follow at once.
    mutating func progressed(now: UInt64) {
        if dueAt != nil { dueAt = now }
        attempts = 0
    }
    mutating func stop() { dueAt = nil }
}

/// How long others that could give a slot have let it be waited for.
struct VainWait {
    private var slot: UInt64 = 0
    private var since: UInt64 = 0

    /// Whether the same slot was waited for that long.
    mutating func isOver(_ slot: UInt64, now: UInt64, patience: UInt64) -> Bool {
        if self.slot != slot {
            self.slot = slot
            since = now
        }
        return now - since >= patience
    }
    mutating func stop() { slot = 0 }
}
