// Coordinated omission, on a real replica: when the machine stands still, the commands that were meant to be sent meanwhile
// have waited, and the percentiles say so.
import Foundation
import Glibc
import Testing
import Trireme
import TriremeBench

/// Stands still once, when told to.
private struct Stalling: StateMachine, ~Copyable {
    static let stall = 0.3
    let page: BenchPage
    private var hasStalled = false

    init(page: BenchPage) { self.page = page }

    mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
        guard page.phase == .measure, page.answered > 0, !hasStalled else { return }
        hasStalled = true
        usleep(UInt32(Self.stall * 1e6))
    }
    func snapshot(to writer: inout SnapshotWriter) throws {}
    mutating func restore(from reader: inout SnapshotReader) throws {}
    var digest: UInt64 { 0 }
}

@Suite struct StallTests {
    private func percentiles(rate: Double?) throws -> LatencyPercentiles {
        let path = FileManager.default.temporaryDirectory.path + "/trireme-stall-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let page = try BenchPage(path: path)
        var configuration = Configuration(
            clusterID: .random(), members: [.init(id: 0, address: "127.0.0.1")], interface: "lo",
            group: try FreeGroup.choose(members: 1), durability: .memory)
        configuration.allowSingleCopy = true
        let host = try ReplicaHost.start(
            configuration, replica: 0, dataDirectory: path + ".data", format: true,
            machine: AnyStateMachine.make(Stalling(page: page)),
            load: { pool in
                LoadGateway(
                    page: page, source: CounterSource(lane: 0, commandBytes: 64), plan: LoadPlan(),
                    payloadBytes: pool.payloadBytes)
            }, countersPath: nil)
        defer { host.stop() }
        page.commandsPerSecond = rate ?? 0
        page.startNanoseconds = clock()
        page.load = 1
        page.phase = .measure
        usleep(1_000_000)
        page.phase = .drain
        for _ in 0..<2_000 where !page.isDrained { usleep(5_000) }
        #expect(page.isDrained)
        return page.latencyCounts.percentiles
    }

    private func clock() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    }

    /// A second of evenly meant commands with 0.3 s of standstill: three in ten were delayed, by up to all of it.
    @Test func anOpenLoopChargesAStallToEveryCommandMeantDuringIt() throws {
        let found = try percentiles(rate: 5_000)
        #expect(found.histogram.totalCount >= 4_500)
        #expect(found.maximumMicroseconds >= Stalling.stall * 1e6 * 0.98)
        // The delays fall evenly from all of it to nothing, so one command in ten waited two thirds of it or more.
        #expect(found.microseconds(at: 0.9) >= Stalling.stall * 1e6 * 0.5)
        #expect(found.microseconds(at: 0.8) >= Stalling.stall * 1e6 * 0.2)
    }

    /// The same standstill in a closed loop is one slow window among very many commands: why latency is measured in open loops.
    @Test func aClosedLoopHidesIt() throws {
        let found = try percentiles(rate: nil)
        #expect(found.maximumMicroseconds >= Stalling.stall * 1e6 * 0.98)
        #expect(found.microseconds(at: 0.8) < Stalling.stall * 1e6 * 0.5)
    }
}
