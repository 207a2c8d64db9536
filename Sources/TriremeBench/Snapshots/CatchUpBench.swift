// What a replica that catches up by a snapshot does to its cluster: `make bench-catch-up`.
import CTrireme
import Foundation
import Trireme
import TriremeRuntime

package struct CatchUpBench {
    package var options: StateOptions
    /// How long is measured before.
    package var seconds = 10.0
    /// How long the replica may take to catch up.
    package var patienceSeconds = 300.0
    package init(_ options: StateOptions) { self.options = options }

    package struct Phase {
        package var name: String
        package var seconds: Double
        package var commandsPerSecond: Double
        /// In the worst second.
        package var leastCommandsPerSecond: Double
        package var latencies: LatencyPercentiles
        package var longestGapMicroseconds: Double
    }
    package struct Result {
        package var options: StateOptions
        package var phases: [Phase]
        package var snapshotsInstalled: UInt64
        package var snapshotBytesSent: UInt64
        package var isReached: Bool
        package var ratio: Double { phases[2].commandsPerSecond / max(1, phases[0].commandsPerSecond) }
    }
    private struct Moment {
        var at = trm_monotonic_nanoseconds()
        var answered: UInt64
    }

    package func run(_ service: StateService, directory: String, _ say: (String) -> Void) throws -> Result {
        let cluster = try StateCluster(options, service: service, directory: directory)
        defer { cluster.end() }
        for replica in 0..<options.replicas { try cluster.start(replica, format: true) }
        try cluster.fill()
        say("\(Format.grouped(cluster.keys)) keys written")
        let donors = try (0..<options.replicas - 1).map { try cluster.counters($0) }
        let last = options.replicas - 1
        cluster.begin(commandsPerSecond: options.commandsPerSecond)
        usleep(2_000_000)
        func snapshots() -> UInt64 { donors.map { $0["snapshots"] ?? 0 }.min() ?? 0 }
        var phases: [Phase] = []
        let end = trm_monotonic_nanoseconds() + UInt64(seconds * 1e9)
        phases.append(try measure("all", cluster, 600) { trm_monotonic_nanoseconds() >= end })
        cluster.stop(last)
        say("replica \(last) was stopped")
        // The log reaches back to the snapshot before the last.
        let before = snapshots()
        phases.append(try measure("one is down", cluster, 600) { snapshots() >= before + 3 })
        let since = trm_monotonic_nanoseconds()
        try cluster.start(last, format: false)
        say(
            "replica \(last) was started, and runs after "
                + Format.duration(microseconds: Double(trm_monotonic_nanoseconds() - since) / 1e3))
        let late = try cluster.counters(last)
        var told = trm_monotonic_nanoseconds()
        var isReached = true
        do {
            phases.append(
                try measure("it catches up", cluster, patienceSeconds) {
                    if trm_monotonic_nanoseconds() > told + 5_000_000_000 {
                        told = trm_monotonic_nanoseconds()
                        say(
                            "  \(late["snapshotPiecesReceived"] ?? 0) pieces, \(late["snapshotsInstalled"] ?? 0) installed, executed "
                                + "\(late["executedSlot"] ?? 0) of \(donors[0]["executedSlot"] ?? 0)")
                    }
                    let lag = Int64(donors[0]["executedSlot"] ?? 0) - Int64(late["executedSlot"] ?? 0)
                    return late["snapshotsInstalled"] ?? 0 > 0 && late["isStranded"] == 0 && lag < 256
                })
        } catch let error as BenchError {
            say("\(error)")
            isReached = false
        }
        let sent = donors.reduce(0) { $0 + ($1["snapshotBytesSent"] ?? 0) }
        let installed = late["snapshotsInstalled"] ?? 0
        try cluster.drain()
        return Result(
            options: options, phases: phases, snapshotsInstalled: installed, snapshotBytesSent: sent,
            isReached: isReached)
    }

    private func measure(
        _ name: String, _ cluster: StateCluster, _ limit: Double, until isOver: () throws -> Bool
    ) throws -> Phase {
        let first = Moment(answered: cluster.answered)
        let watches = cluster.watches.dropLast()
        for watch in watches { watch.isMeasuring = true }
        defer { for watch in watches { watch.isMeasuring = false } }
        let earlier = watches.map { ($0.allLatencies, $0.allGaps) }
        var second = first
        var least = Double.infinity
        try cluster.wait(seconds: limit, for: "the phase \"\(name)\" to end") {
            if trm_monotonic_nanoseconds() >= second.at + 1_000_000_000 {
                let now = Moment(answered: cluster.answered)
                least = min(least, Double(now.answered &- second.answered) / (Double(now.at - second.at) / 1e9))
                second = now
            }
            return try isOver()
        }
        let now = Moment(answered: cluster.answered)
        let seconds = Double(now.at - first.at) / 1e9
        let rate = Double(now.answered &- first.answered) / seconds
        let latencies = zip(watches, earlier).map { $0.allLatencies - $1.0 }.reduce(LatencyCounts(), +)
        let gaps = zip(watches, earlier).map { $0.allGaps - $1.1 }.reduce(LatencyCounts(), +)
        return Phase(
            name: name, seconds: seconds, commandsPerSecond: rate,
            leastCommandsPerSecond: least.isFinite ? least : rate, latencies: latencies.percentiles,
            longestGapMicroseconds: gaps.percentiles.maximumMicroseconds)
    }
}

extension CatchUpBench.Result {
    package var json: JSON {
        .members([
            "stateMebibytes": .integer(options.stateMebibytes), "valueBytes": .integer(options.valueBytes),
            "replicas": .integer(options.replicas), "logMebibytes": .integer(options.logMebibytes),
            "commandsPerSecond": options.commandsPerSecond.map(JSON.number) ?? "max",
            "catchUpPercent": .integer(options.catchUpPercent),
            "phases": .array(
                phases.map {
                    .members([
                        "name": .string($0.name), "seconds": .number($0.seconds),
                        "commandsPerSecond": .number($0.commandsPerSecond),
                        "leastCommandsPerSecond": .number($0.leastCommandsPerSecond),
                        "latencyMicroseconds": $0.latencies.json,
                        "longestGapMicroseconds": .number($0.longestGapMicroseconds),
                    ])
                }), "ratio": .number(isReached ? ratio : 0), "snapshotsInstalled": .unsigned(snapshotsInstalled),
            "snapshotBytesSent": .unsigned(snapshotBytesSent), "isReached": .bool(isReached),
        ])
    }
    package var lines: [String] {
        let time = Format.duration(microseconds:)
        let rows = phases.map {
            [
                $0.name, Format.fixed($0.seconds, 1) + " s", Format.grouped(Int($0.commandsPerSecond)),
                Format.grouped(Int($0.leastCommandsPerSecond)), time($0.latencies.microseconds(at: 0.5)),
                time($0.latencies.microseconds(at: 0.99)), time($0.latencies.maximumMicroseconds),
                time($0.longestGapMicroseconds),
            ]
        }
        guard isReached else { return Format.table(rows) }
        return Format.table(
            [["", "for", "commands/s", "worst second", "p50", "p99", "max", "longest gap"]] + rows)
            + [
                "throughput while it catches up over that before: \(Format.fixed(ratio, 2)); \(snapshotsInstalled) snapshot(s) "
                    + "installed, \(snapshotBytesSent >> 20) MiB sent, \(Format.fixed(phases[2].seconds, 1)) s"
            ]
    }
}
