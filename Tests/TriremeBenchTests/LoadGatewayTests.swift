// The load generator under a clock that the test moves.
import Foundation
import Testing
import TriremeBench
import TriremeRuntime

private final class HandClock {
    var now: UInt64 = 1_000_000_000
}

private final class Rig {
    let clock = HandClock()
    let page: BenchPage
    let pool = BufferPool(batchBytes: 8_192, own: 8, receive: 1, reserve: 1)
    let gateway: LoadGateway
    private let path: String

    init(_ plan: LoadPlan) throws {
        path = FileManager.default.temporaryDirectory.path + "/trireme-load-\(UUID().uuidString)"
        page = try BenchPage(path: path)
        let clock = clock
        gateway = LoadGateway(
            page: page, source: CounterSource(lane: 0, commandBytes: 64), plan: plan, payloadBytes: pool.payloadBytes,
            clock: { clock.now })
        page.startNanoseconds = clock.now
        page.phase = .measure
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func poll(mustSeal: Bool) -> Submission? { gateway.poll(now: clock.now, mustSeal: mustSeal, pool: pool) }
    func execute(_ submission: Submission) {
        _ = pool.drop(submission.buffer, .filling)
        gateway.executed(count: submission.count, replies: UnsafeRawBufferPointer(start: nil, count: 0))
    }
}

@Suite struct LoadGatewayTests {
    private let full = (8_192 - 128) / 64

    @Test func aClosedLoopSealsFullBatchesAndMeasuresFromSealing() throws {
        let rig = try Rig(LoadPlan())
        let batch = try #require(rig.poll(mustSeal: false))
        #expect(batch.count == full && batch.stride == 64 && batch.payloadBytes == full * 64)
        rig.clock.now += 250_000
        rig.execute(batch)
        #expect(rig.page.answered == UInt64(full))
        #expect(rig.page.latencyCounts.total == UInt64(full))
        #expect(abs(rig.page.latencyCounts.microseconds(at: 0.5) - 250) < 3)
        #expect(rig.gateway.nextDue(now: rig.clock.now) == .max)
    }

    @Test func aClosedLoopStopsWhenBuffersDo() throws {
        let rig = try Rig(LoadPlan())
        for _ in 0..<8 { #expect(rig.poll(mustSeal: true) != nil) }
        #expect(rig.poll(mustSeal: true) == nil)
    }

    @Test func anOpenLoopSendsWhatIsDueAndNoMore() throws {
        let rig = try Rig(LoadPlan(commandsPerSecond: 1_000_000))
        // Commands 0 to 10 are meant for 0, 1, … 10 µs.
        rig.clock.now += 10_500
        #expect(rig.poll(mustSeal: false) == nil)
        #expect(rig.gateway.pendingSince == rig.clock.now - 10_500)
        let batch = try #require(rig.poll(mustSeal: true))
        #expect(batch.count == 11)
        #expect(rig.poll(mustSeal: true) == nil)
        #expect(rig.gateway.pendingSince == nil)
        #expect(rig.gateway.nextDue(now: rig.clock.now) == rig.clock.now + 500)
    }

    @Test func anOpenLoopMeasuresFromIntendedTimesAndOmitsNothing() throws {
        let rig = try Rig(LoadPlan(commandsPerSecond: 1_000))
        let first = try #require(rig.poll(mustSeal: true))
        #expect(first.count == 1)
        // The cluster stands still for 100 ms: the hundred commands meant for that time have waited, on average half of it.
        rig.clock.now += 100_000_000
        rig.execute(first)
        var answered = 1
        while let batch = rig.poll(mustSeal: true) {
            answered += batch.count
            rig.execute(batch)
        }
        #expect(answered == 101)
        let latencies = rig.page.latencyCounts
        #expect(latencies.total == 101)
        #expect(abs(latencies.microseconds(at: 0.5) - 50_000) < 2_000)
        #expect(abs(latencies.percentiles.maximumMicroseconds - 100_000) < 1_000)
    }

    @Test func lanesAlternate() throws {
        let rig = try Rig(LoadPlan(commandsPerSecond: 1_000, offset: 0.5))
        #expect(rig.poll(mustSeal: true) == nil)
        #expect(rig.gateway.nextDue(now: rig.clock.now) == rig.clock.now + 500_000)
        rig.clock.now += 500_000
        #expect(rig.poll(mustSeal: true)?.count == 1)
    }

    @Test func nothingNewIsSentWhileDrainingAndTheEndIsNoted() throws {
        let rig = try Rig(LoadPlan())
        let batch = try #require(rig.poll(mustSeal: false))
        rig.page.phase = .drain
        #expect(rig.poll(mustSeal: true) == nil)
        #expect(!rig.page.isDrained)
        rig.execute(batch)
        rig.gateway.turnEnded()
        #expect(rig.page.isDrained)
    }

    @Test func anIdleLaneSendsNothing() throws {
        let rig = try Rig(LoadPlan(isActive: false))
        #expect(rig.poll(mustSeal: true) == nil)
        rig.page.phase = .drain
        rig.gateway.turnEnded()
        #expect(rig.page.isDrained)
    }

    @Test func aNewLoadStartsAnewWhenTheOneBeforeIsAnswered() throws {
        let rig = try Rig(LoadPlan(commandsPerSecond: 1_000_000))
        rig.clock.now += 100_000
        let batch = try #require(rig.poll(mustSeal: true))
        rig.page.phase = .drain
        rig.gateway.turnEnded()
        #expect(!rig.page.isDrained)
        rig.execute(batch)
        rig.gateway.turnEnded()
        #expect(rig.page.isDrained)
        // One command each millisecond from now on, although 101 were sent before.
        rig.page.commandsPerSecond = 1_000
        rig.page.startNanoseconds = rig.clock.now
        rig.page.load = 1
        rig.gateway.turnEnded()
        #expect(!rig.page.isDrained, "what was drained is the load before")
        rig.page.phase = .measure
        rig.clock.now += 2_500_000
        let next = try #require(rig.poll(mustSeal: true))
        #expect(next.count == 3)
        rig.execute(next)
        rig.page.phase = .drain
        rig.gateway.turnEnded()
        #expect(rig.page.isDrained)
        // A closed loop after it.
        rig.page.commandsPerSecond = 0
        rig.page.load = 2
        rig.page.phase = .measure
        #expect(rig.poll(mustSeal: false)?.count == full)
    }

    /// Rates at which the rounding of intervals is at its worst: each command is sent once, none before its time.
    @Test(arguments: [3.0, 333_333.333, 1_933_333.0, 7_777_777.7])
    func everyIntendedTimeIsKeptOnce(rate: Double) throws {
        let rig = try Rig(LoadPlan(commandsPerSecond: rate, offset: 1.0 / 3))
        var sent = 0
        let start = rig.clock.now
        for step in 1...2_000 {
            rig.clock.now = start + UInt64(step) * 7_919
            while let batch = rig.poll(mustSeal: true) {
                sent += batch.count
                rig.execute(batch)
            }
        }
        let expected = Int((Double(rig.clock.now - start) * rate / 1e9 - 1.0 / 3).rounded(.down)) + 1
        #expect(abs(sent - max(0, expected)) <= 1)
        #expect(rig.page.answered == UInt64(sent))
    }
}
