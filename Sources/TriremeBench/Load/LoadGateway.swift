// The load generator: a gateway that makes its own commands. The reactor's thread; nothing is allocated after start.
import CTrireme
import TriremeRuntime

/// How one replica's clients behave.
package struct LoadPlan: Sendable {
    /// Commands a second of this lane, sent at even intended times whatever becomes of earlier ones (open loop); `nil`: full
    /// batches as fast as they are taken (closed loop). Later loads' rates come with the page.
    package var commandsPerSecond: Double?
    /// Part of an interval by which this lane's intended times lie after the start, so that the lanes alternate.
    package var offset: Double
    /// Whether this lane sends at all.
    package var isActive: Bool
    /// Whether the service answers with anything.
    package var wantsReplies: Bool

    package init(
        commandsPerSecond: Double? = nil, offset: Double = 0, isActive: Bool = true, wantsReplies: Bool = false
    ) {
        self.commandsPerSecond = commandsPerSecond
        self.offset = offset
        self.isActive = isActive
        self.wantsReplies = wantsReplies
    }
}

/// Seals batches of generated commands, and measures how long each takes to be executed.
///
/// Closed loop: from sealing, counted once for each command of the batch. Open loop: from each command's intended time, so that a
/// stall is charged to all the commands that it delayed, sent or not.
package final class LoadGateway: Gateway, ReplySink {
    private struct Sent {
        var sealedAt: UInt64
        var first: UInt64
        var count: Int
    }
    /// Batches under way at most; any window is smaller. A power of two.
    private static let ring = 1_024
    /// How soon a waiting gateway looks at its phase again, in nanoseconds.
    private static let lookEvery: UInt64 = 1_000_000

    private let page: BenchPage
    private let latencies: LatencyRecorder
    private let recorder: (() -> LatencyRecorder)?
    private let source: any LoadSource
    private let plan: LoadPlan
    private let clock: () -> UInt64
    private let payloadBytes: Int
    /// Nanoseconds between two intended times; 0 in a closed loop.
    @exclusivity(unchecked) private var interval: Double
    @exclusivity(unchecked) private var load: UInt64 = 0
    private let sent: UnsafeMutablePointer<Sent>
    @exclusivity(unchecked) private var sealedBatches = 0
    @exclusivity(unchecked) private var executedBatches = 0
    @exclusivity(unchecked) private var issued: UInt64 = 0
    @exclusivity(unchecked) private var answered: UInt64 = 0
    @exclusivity(unchecked) private var lastPoll: UInt64 = 0

    /// - Parameter recorder: where the latencies of the batch that was just executed go; `nil`: all into the page.
    package init(
        page: BenchPage, source: any LoadSource, plan: LoadPlan, payloadBytes: Int,
        clock: @escaping () -> UInt64 = trm_monotonic_nanoseconds, recorder: (() -> LatencyRecorder)? = nil
    ) {
        self.recorder = recorder
        self.page = page
        self.source = source
        self.plan = plan
        self.clock = clock
        self.payloadBytes = payloadBytes
        latencies = page.latencies
        interval = plan.commandsPerSecond.map { 1e9 / $0 } ?? 0
        sent = .allocate(capacity: Self.ring)
        sent.initialize(repeating: Sent(sealedAt: 0, first: 0, count: 0), count: Self.ring)
    }
    deinit { sent.deallocate() }

    private var isLoaded: Bool {
        // The phase is read before what belongs to it: that was written first.
        let phase = page.phase
        guard phase == .warmUp || phase == .measure else { return false }
        follow()
        return true
    }
    /// A new load begins: its commands are numbered from its own start. Everything of the one before has been answered.
    private func follow() {
        let number = page.load
        guard number != load, sealedBatches == executedBatches else { return }
        load = number
        interval = page.commandsPerSecond > 0 ? 1e9 / page.commandsPerSecond : 0
        issued = 0
    }

    private var isSending: Bool { isLoaded && plan.isActive }
    private var isOpenLoop: Bool { interval > 0 }

    /// When command number `number` is meant to be sent.
    private func intended(_ number: UInt64) -> UInt64 {
        page.startNanoseconds &+ UInt64((Double(number) + plan.offset) * interval)
    }
    /// Commands whose intended time has come and which are not sealed yet.
    private func due(_ now: UInt64) -> UInt64 {
        let start = page.startNanoseconds
        guard now >= start else { return 0 }
        let count = UInt64(max(0, (Double(now - start) / interval - plan.offset).rounded(.down) + 1))
        // The rounding of the division may put the last one a nanosecond into the future.
        let settled = count > issued && intended(count - 1) > now ? count - 1 : count
        return settled - min(settled, issued)
    }

    // MARK: Gateway

    package func poll(now: UInt64, mustSeal: Bool, pool: BufferPool) -> Submission? {
        lastPoll = now
        guard isSending, now >= page.startNanoseconds else {
            noteDrained()
            return nil
        }
        guard sealedBatches &- executedBatches < Self.ring else { return nil }
        let full = source.count(fitting: payloadBytes)
        var count = full
        if isOpenLoop {
            let waiting = due(now)
            guard waiting >= UInt64(full) || (mustSeal && waiting > 0) else { return nil }
            count = Int(min(waiting, UInt64(full)))
        }
        guard let buffer = pool.take(.own) else { return nil }
        pool.hold(buffer, .filling)
        let bytes = source.fill(pool.payload(buffer), count: count)
        sent[sealedBatches & (Self.ring - 1)] = Sent(sealedAt: clock(), first: issued, count: count)
        sealedBatches &+= 1
        issued &+= UInt64(count)
        return Submission(buffer: buffer, payloadBytes: bytes, count: count, stride: source.stride)
    }

    package var pendingSince: UInt64? {
        guard isOpenLoop, isSending else { return nil }
        let first = intended(issued)
        return first <= lastPoll ? first : nil
    }

    /// What is due is known from the clock, by ``nextDue(now:)``.
    package var hasWork: Bool { false }

    package func turnEnded() { if !isLoaded { noteDrained() } }

    package func nextDue(now: UInt64) -> UInt64 {
        guard isSending else { return page.phase == .stop ? .max : now &+ Self.lookEvery }
        let start = page.startNanoseconds
        guard now >= start else { return start }
        // In a closed loop, and when a whole batch waits already, the next chance comes with a completion.
        guard isOpenLoop else { return .max }
        let waiting = due(now)
        if waiting == 0 { return intended(issued) }
        let full = UInt64(source.count(fitting: payloadBytes))
        return waiting >= full ? .max : intended(issued &+ full &- 1)
    }

    private func noteDrained() {
        guard page.phase.rawValue >= BenchPhase.drain.rawValue, sealedBatches == executedBatches,
            page.drained != load &+ 1
        else { return }
        page.drained = load &+ 1
    }

    // MARK: Replies

    package var wantsReplies: Bool { plan.wantsReplies }

    /// Nobody here saw when they were executed: they are not measured.
    package func skipped(batches: Int) { executedBatches &+= batches }

    package func executed(count: Int, replies: UnsafeRawBufferPointer) {
        precondition(executedBatches != sealedBatches, "an own batch was executed that was never sealed")
        let batch = sent[executedBatches & (Self.ring - 1)]
        precondition(batch.count == count, "a batch came back with another number of commands")
        executedBatches &+= 1
        let now = clock()
        let latencies = recorder?() ?? latencies
        if isOpenLoop {
            for number in batch.first..<batch.first &+ UInt64(count) {
                latencies.record(nanoseconds: now &- min(now, intended(number)), count: 1)
            }
        } else {
            latencies.record(nanoseconds: now &- min(now, batch.sealedAt), count: UInt64(count))
        }
        answered &+= UInt64(count)
        page.answered = answered
    }
}
