// Where a replica's time goes: what each stage of a turn did and, in one turn of many, how long it took. The reactor's thread.
import CTrireme

/// The parts of a turn, in their order.
package enum Stage: Int, CaseIterable, Sendable {
    /// Timers, probes, and this: counting. Work: none.
    case tick
    /// Datagrams that have come are verified, taken apart and acted upon. Work: arrivals.
    case receive
    /// Log writes that have ended. Work: batches written and steps of the durable index.
    case complete
    /// Own batches: the clients' commands, checksum, multicast. Work: batches.
    case seal
    /// Cuts, votes, statuses, repair. Work: slots that became decided.
    case order
    /// The state machine. Work: batches.
    case execute
    /// Queued records become writes. Work: writes.
    case log
    /// In the kernel: submissions, what they do at once (sending), completions, sleep. Work: completions.
    case kernel
}

/// Counts since start; plain words with one writer.
package struct StageCounters: Sendable {
    /// How often a stage had something to do.
    package var runs: InlineArray<8, UInt64> = InlineArray(repeating: 0)
    package var work: InlineArray<8, UInt64> = InlineArray(repeating: 0)
    /// Time in the turns that were timed, in nanoseconds.
    package var timedNanoseconds: InlineArray<8, UInt64> = InlineArray(repeating: 0)
    package var timedTurns: UInt64 = 0
    /// Most completions that one look at the ring has found, and most submissions that one call handed over.
    package var completionsPeak: UInt64 = 0
    package var submissionsPeak: UInt64 = 0
    /// Sums over all turns: own batches under way, and records that wait for the log or are being written.
    package var windowSum: UInt64 = 0
    package var logQueueSum: UInt64 = 0
}

/// Counts always and reads the clock only in a turn that is timed: two additions a stage otherwise. An engine that nobody
/// asks to time anything, as in the simulator, has no clock.
package struct StageMeter {
    package private(set) var counters = StageCounters()
    /// When the running stage began; 0 in a turn that is not timed.
    private var since: UInt64 = 0

    /// One turn in so many is timed: about eight looks at the clock, 20 ns each.
    package static let turnsPerTiming: UInt64 = 32

    package init() {}

    @inline(__always)
    package mutating func begin(turn: UInt64, now: UInt64) {
        let isTimed = turn % Self.turnsPerTiming == 0
        since = isTimed ? now : 0
        counters.timedTurns &+= isTimed ? 1 : 0
    }

    /// The stage that ran until now did so much.
    @inline(__always)
    package mutating func end(_ stage: Stage, work: Int) {
        let index = stage.rawValue
        counters.runs[index] &+= work > 0 ? 1 : 0
        counters.work[index] &+= UInt64(work)
        if since != 0 { time(index) }
    }
    @inline(never)
    private mutating func time(_ index: Int) {
        let now = trm_monotonic_nanoseconds()
        counters.timedNanoseconds[index] &+= now &- since
        since = now
    }

    @inline(__always)
    package mutating func occupancy(window: UInt64, logQueue: UInt64) {
        counters.windowSum &+= window
        counters.logQueueSum &+= logQueue
    }
    @inline(__always)
    package mutating func note(completions: Int) {
        if UInt64(completions) > counters.completionsPeak { counters.completionsPeak = UInt64(completions) }
    }
    @inline(__always)
    package mutating func note(submissions: UInt32) {
        if UInt64(submissions) > counters.submissionsPeak { counters.submissionsPeak = UInt64(submissions) }
    }
}
