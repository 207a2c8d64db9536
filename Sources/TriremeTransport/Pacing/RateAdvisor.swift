// The receiver's half of pacing: sees a queue stand before its link and advises the senders a rate at which it does not grow.
// The reactor's thread; time is a value, in nanoseconds. Numbers are derived below; nothing is allocated.
import TriremeCore

/// What one receiver advises each sender, in bytes of frames a second; 0: as fast as it likes.
package struct RateAdvice: Equatable, Sendable {
    package static let bytes = 8 * Limits.members
    package var rates: InlineArray<16, UInt64> = InlineArray(repeating: 0)

    package init() {}
    package init?(reading body: UnsafeRawBufferPointer) {
        guard body.count == Self.bytes, let base = body.baseAddress else { return nil }
        for peer in 0..<Limits.members { rates[peer] = base.word64(8 * peer) }
    }
    package func write(to bytes: UnsafeMutableRawPointer) {
        for peer in 0..<Limits.members { bytes.store(rates[peer], at: 8 * peer) }
    }
    package static func == (a: Self, b: Self) -> Bool {
        for peer in 0..<Limits.members where a.rates[peer] != b.rates[peer] { return false }
        return true
    }
}

/// A receiver is the only one that sees all that goes through its link, so it advises; all senders of a full link get the same
/// rate. It steers the time for which batches wait in queues, as the kernel's arrival stamps show it, to two batches' time on
/// the link: less would leave the link idle between two senders' batches, more only adds latency and in the end is lost. A
/// processor that is late does not show in those times, so a machine without full links is never slowed down.
///
/// It is a proportional-integral controller. With the relative error e = (target − wait) / target the advised rate is
/// integral · (1 + p·e), and the integral grows by i·e a period. A rate that is e·p off fills or drains the queue with time
/// constant target / p; with a period of four targets, p = 0.15 and i = 0.01 the damping is
/// p/2 · sqrt(period / (i · target)) = 1.5: it does not swing.
package struct RateAdvisor: Sendable {
    static let proportional = 0.15
    static let integral = 0.01
    /// The standing queue to steer to: two of the largest frames.
    static let targetBytes = 2.0 * 65_536
    /// Times below this are not queues but how kernels and processors take turns.
    static let leastTargetNanoseconds = 200_000.0
    /// Four targets, within bounds: the least wait of some eight batches tells a standing queue from two that met.
    static let periodTargets = 4.0
    static let periodBytes = Int(targetBytes * periodTargets)
    static let periodNanoseconds: ClosedRange<Double> = 2_000_000...200_000_000
    /// Now and then queues are drained, so that delays without them are seen again (``DelayMeter``): twice in the time for which
    /// those are remembered, for two periods.
    static let drainEveryNanoseconds: UInt64 = DelayMeter.bucketNanoseconds
    static let drainPeriods = 2
    static let drainFactor = 0.7
    /// A sender whose batches have hardly waited for so long needs no advice: the rate has risen, and the queue has not come.
    static let releaseNanoseconds: UInt64 = 500_000_000
    /// Weight of the latest period in the averages of rates.
    static let weight = 0.15

    private struct Flow {
        var delays = DelayMeter()
        var bytes = 0
        /// Average of what arrives, in bytes a second.
        var arrival = 0.0
        /// The controller's integral; 0 without advice.
        var rate = 0.0
        /// For how long its batches waited at least, when that was last known, in nanoseconds.
        var wait = 0.0
        /// Whether that is of this period.
        var isFresh = false
        var fullAt: UInt64 = 0
    }

    private var flows: InlineArray<16, Flow> = InlineArray(repeating: Flow())
    private var arrival = 0.0
    /// Since the period began.
    private var bytes = 0
    private var startedAt: UInt64
    private var period = Self.periodNanoseconds.lowerBound
    private var drainsAt: UInt64 = 0
    private var drainsLeft = 0
    /// Empty advices still to be sent, for one may be lost.
    private var farewells = 0
    package private(set) var isAdvising = false
    /// The time that two batches take on this replica's link, while that is full, in nanoseconds; else 0.
    package private(set) var patienceNanoseconds: UInt64 = 0

    package init(now: UInt64) { startedAt = now }

    /// A batch is here. `sentAt` is by the sender's clock, `arrivedAt` by the kernel's; 0 where either has none.
    package mutating func arrived(from peer: ReplicaID, bytes: Int, sentAt: UInt64, arrivedAt: UInt64, now: UInt64) {
        flows[peer.index].bytes += bytes
        self.bytes += bytes
        guard sentAt > 0, arrivedAt > 0 else { return }
        flows[peer.index].delays.arrived(sentAt: sentAt, arrivedAt: arrivedAt, now: now)
    }

    /// When the present period ends, while there is advice to be kept up.
    package var deadline: UInt64 { isAdvising ? startedAt + UInt64(period) : .max }

    /// Ends a period when it is time; returns what is to be sent to all, if anything.
    package mutating func tick(now: UInt64) -> RateAdvice? {
        let elapsed = Double(now - min(now, startedAt))
        // A load that has just begun fills its period early; half of one will do to notice it.
        let full = isAdvising ? Self.periodBytes : Self.periodBytes / 2
        guard elapsed >= period || (elapsed >= Self.periodNanoseconds.lowerBound && bytes >= full) else { return nil }
        bytes = 0
        startedAt = now
        measure(elapsed)
        // A rate far below the link's has no queue that this could mistake: the target grows as the rate falls.
        let target = max(Self.leastTargetNanoseconds, Self.targetBytes / max(arrival, 1) * 1e9)
        takeWaits()
        begin(target: target, now: now)
        steer(target: target, now: now)
        for peer in 0..<Limits.members { flows[peer].bytes = 0 }
        patienceNanoseconds = isAdvising ? UInt64(min(target, Self.periodNanoseconds.upperBound)) : 0
        period = min(
            max(target * Self.periodTargets, Self.periodNanoseconds.lowerBound), Self.periodNanoseconds.upperBound)
        return advice(target: target, now: now)
    }

    private mutating func measure(_ elapsed: Double) {
        var sum = 0.0
        for peer in 0..<Limits.members {
            let rate = Double(flows[peer].bytes) * 1e9 / elapsed
            flows[peer].arrival += (rate - flows[peer].arrival) * Self.weight
            sum += rate
        }
        // The first seconds count at once, and so does a sudden load: a target that is too long sees no queue.
        arrival = max(sum, arrival + (sum - arrival) * Self.weight)
    }

    /// One batch may have met others by chance; of many senders each has too few in a period, and is judged in a later one.
    private mutating func takeWaits() {
        for peer in 0..<Limits.members {
            flows[peer].isFresh = flows[peer].delays.count >= 2
            if flows[peer].isFresh { flows[peer].wait = Double(flows[peer].delays.takeLeast()) }
        }
    }

    /// A queue stands where none did: all that wait in it share what the link carries, whoever came first.
    private mutating func begin(target: Double, now: UInt64) {
        var waiting = 0.0
        for peer in 0..<Limits.members where flows[peer].arrival * 64 > arrival && flows[peer].wait > target / 2 {
            waiting += 1
        }
        for peer in 0..<Limits.members where flows[peer].isFresh && flows[peer].wait > target && flows[peer].rate == 0 {
            flows[peer].rate = arrival / max(waiting, 1)
            flows[peer].fullAt = now
            if !isAdvising { drainsAt = now + Self.drainEveryNanoseconds }
            isAdvising = true
        }
    }

    private mutating func steer(target: Double, now: UInt64) {
        var mean = 0.0
        var count = 0.0
        for peer in 0..<Limits.members where flows[peer].rate > 0 {
            // A silent sender's queue is gone.
            let error = flows[peer].isFresh ? Self.error(flows[peer].wait, target) : flows[peer].bytes > 0 ? 0 : 1
            // No more than somewhat above what comes: a rate that another receiver's advice holds down may not run away.
            let most = max(flows[peer].arrival * 1.25, arrival / 64)
            flows[peer].rate = min(flows[peer].rate * (1 + Self.integral * error), max(most, flows[peer].rate * 0.99))
            if flows[peer].isFresh && flows[peer].wait > target / 4 { flows[peer].fullAt = now }
            guard now - flows[peer].fullAt < Self.releaseNanoseconds else {
                flows[peer].rate = 0
                continue
            }
            mean += flows[peer].rate
            count += 1
        }
        guard count > 1 else { return }
        // Rates of one link's senders drift apart by chance; they are drawn together.
        for peer in 0..<Limits.members where flows[peer].rate > 0 {
            flows[peer].rate += (mean / count - flows[peer].rate) * 0.05
        }
    }

    private mutating func advice(target: Double, now: UInt64) -> RateAdvice? {
        guard isAdvising else { return nil }
        if now >= drainsAt {
            drainsAt = now + Self.drainEveryNanoseconds
            drainsLeft = Self.drainPeriods
        }
        var advice = RateAdvice()
        var isNeeded = false
        for peer in 0..<Limits.members where flows[peer].rate > 0 {
            isNeeded = true
            let error = Self.error(flows[peer].wait, target)
            let rate = flows[peer].rate * (1 + Self.proportional * error) * (drainsLeft > 0 ? Self.drainFactor : 1)
            advice.rates[peer] = UInt64(max(rate, 1))
        }
        drainsLeft = max(0, drainsLeft - 1)
        if isNeeded {
            farewells = 3
        } else {
            farewells -= 1
            isAdvising = farewells > 0
        }
        return advice
    }

    /// Between −2 (a queue of three targets or more) and 1 (none).
    private static func error(_ wait: Double, _ target: Double) -> Double { max(-2, (target - wait) / target) }
}
