// Replicas of one process with a large state: what `bench-snapshot` and `bench-catch-up` measure.
import CTrireme
import Foundation
import Trireme
import TriremeRuntime

/// How large the state is, and the load.
package struct StateOptions: Sendable {
    package var replicas = 1
    /// Of keys and values as a snapshot has them.
    package var stateMebibytes = 1_024
    package var valueBytes = 256
    /// SET and GET by turns, of the whole cluster at even intended times; `nil`: as many as possible.
    package var commandsPerSecond: Double? = 100_000
    /// A snapshot is due after a third of it.
    package var logMebibytes = 1_024
    package var catchUpPercent = 10
    package var windowBatches: Int?

    package init() {}
}

package final class StateCluster {
    package let options: StateOptions
    package let keys: UInt64
    package let watches: [SnapshotWatch]
    package let pages: [BenchPage]
    package private(set) var hosts: [ReplicaHost?]
    private let directory: String
    private let service: StateService
    private let configuration: Configuration
    /// Those with clients: the last replica of three has none, and can be stopped.
    private let lanes: Int
    private var load: UInt64 = 0

    package init(_ options: StateOptions, service: StateService, directory: String) throws {
        self.options = options
        self.service = service
        self.directory = directory
        lanes = max(1, options.replicas - 1)
        keys = UInt64(options.stateMebibytes << 20 / (service.keyBytes + options.valueBytes))
        hosts = Array(repeating: nil, count: options.replicas)
        watches = (0..<options.replicas).map { _ in SnapshotWatch() }
        // Pages of a file on a disk are written back now and then.
        pages = try (0..<options.replicas).map {
            let path = "/dev/shm/trireme-state-\(ProcessInfo.processInfo.processIdentifier)-\($0)"
            defer { try? FileManager.default.removeItem(atPath: path) }
            return try BenchPage(path: path)
        }
        var configuration = Configuration(
            clusterID: .random(),
            members: (0..<options.replicas).map { .init(id: $0, address: "127.0.0.1") }, interface: "lo",
            group: try FreeGroup.choose(members: options.replicas))
        configuration.allowSingleCopy = true
        configuration.segments = 16
        configuration.segmentMebibytes = max(4, options.logMebibytes / 16)
        configuration.catchUpPercent = options.catchUpPercent
        configuration.windowBatches = options.windowBatches
        self.configuration = configuration
    }

    package func start(_ replica: Int, format: Bool) throws {
        let page = pages[replica]
        let watch = watches[replica]
        // Each lane writes its part of the keys once.
        let part = keys / UInt64(lanes)
        let first = UInt64(replica) * part
        let filling = format && replica < lanes ? first..<(replica == lanes - 1 ? keys : first + part) : 0..<0
        let source = service.source(replica, keys, options.valueBytes, filling)
        let plan = LoadPlan(
            offset: Double(replica) / Double(lanes), isActive: replica < lanes, wantsReplies: true)
        try FileManager.default.createDirectory(atPath: path(replica), withIntermediateDirectories: true)
        hosts[replica] = try ReplicaHost.start(
            configuration, replica: replica, dataDirectory: path(replica), format: format,
            machine: service.machine(watch),
            load: { pool in
                LoadGateway(
                    page: page, source: source, plan: plan, payloadBytes: pool.payloadBytes,
                    recorder: { watch.recorder })
            }, countersPath: path(replica) + "/counters", replicasHere: options.replicas)
    }
    private func path(_ replica: Int) -> String { "\(directory)/\(replica)" }
    package func stop(_ replica: Int) {
        hosts[replica]?.stop()
        hosts[replica] = nil
    }
    package func counters(_ replica: Int) throws -> CountersReader {
        try CountersReader(path: path(replica) + "/counters")
    }

    /// A load at a rate; `nil`: as many as possible.
    package func begin(commandsPerSecond: Double?) {
        load += 1
        let start = trm_monotonic_nanoseconds() + 20_000_000
        for page in pages {
            page.commandsPerSecond = (commandsPerSecond ?? 0) / Double(lanes)
            page.startNanoseconds = start
            page.load = load
        }
        for page in pages { page.phase = .measure }
    }
    package func drain() throws {
        for page in pages { page.phase = .drain }
        try wait(seconds: 60, for: "the replies that were still out") {
            self.pages.indices.allSatisfy { self.hosts[$0] == nil || self.pages[$0].isDrained }
        }
    }
    package var answered: UInt64 { pages.reduce(0) { $0 &+ $1.answered } }

    /// Every key is written once.
    package func fill() throws {
        begin(commandsPerSecond: nil)
        try wait(seconds: 600, for: "the state to be written") { self.answered >= self.keys + self.keys / 50 }
        try drain()
    }

    package func wait(seconds: Double, for what: String, _ condition: () throws -> Bool) throws {
        let end = trm_monotonic_nanoseconds() + UInt64(seconds * 1e9)
        while try !condition() {
            for host in hosts { if let failure = host?.failure { throw BenchError(failure) } }
            guard trm_monotonic_nanoseconds() < end else {
                throw BenchError("waited \(Int(seconds)) s for \(what), in vain")
            }
            usleep(5_000)
        }
    }
    package func end() { for replica in hosts.indices { stop(replica) } }
}
