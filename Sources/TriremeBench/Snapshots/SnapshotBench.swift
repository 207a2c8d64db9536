// What snapshots of a large state do to the commands beside them: `make bench-snapshot`.
import CTrireme
import Foundation
import Trireme
import TriremeRuntime

package struct SnapshotBench {
    package var options: StateOptions
    /// Snapshots that are measured.
    package var snapshots: UInt64 = 3
    package init(_ options: StateOptions) { self.options = options }

    /// One column of the table.
    package struct Part {
        package var latencies: LatencyPercentiles
        package var gaps: LatencyPercentiles
        package var longestApplyMicroseconds: Double
        package var json: JSON {
            .members([
                "commands": .unsigned(latencies.histogram.totalCount), "latencyMicroseconds": latencies.json,
                "gapMicroseconds": gaps.json, "longestBatchMicroseconds": .number(longestApplyMicroseconds),
            ])
        }
    }
    package struct Result {
        package var options: StateOptions
        package var keys: UInt64
        package var snapshots: UInt64
        package var secondsPerSnapshot: Double
        package var setAsideBytes: UInt64
        package var longestBeginMicroseconds: Double
        package var longestPieceMicroseconds: Double
        package var longestEndMicroseconds: Double
        package var quiet: Part
        package var during: Part
        /// Of the whole process, at its end.
        package var residentBytes: UInt64
    }

    package func run(_ service: StateService, directory: String, _ say: (String) -> Void) throws -> Result {
        let cluster = try StateCluster(options, service: service, directory: directory)
        defer { cluster.end() }
        for replica in 0..<options.replicas { try cluster.start(replica, format: true) }
        let since = trm_monotonic_nanoseconds()
        try cluster.fill()
        say(
            "\(Format.grouped(cluster.keys)) keys written in "
                + Format.duration(microseconds: Double(trm_monotonic_nanoseconds() - since) / 1e3))
        let counters = try cluster.counters(0)
        func taken() -> UInt64 { counters["snapshots"] ?? 0 }
        cluster.begin(commandsPerSecond: options.commandsPerSecond)
        // One is taken unmeasured: the memory that it needs has then been touched.
        let before = taken()
        try cluster.wait(seconds: 600, for: "a first snapshot") { taken() > before }
        let watch = cluster.watches[0]
        for watch in cluster.watches { watch.isMeasuring = true }
        var told: UInt64 = 0
        try cluster.wait(seconds: 1_200, for: "\(snapshots) snapshots") {
            if watch.snapshots > told {
                told = watch.snapshots
                let (quiet, during) = (watch.latencies(.quiet), watch.latencies(.during))
                say(
                    "snapshot \(told): latency max "
                        + Format.duration(microseconds: during.maximumMicroseconds) + ", without one "
                        + Format.duration(microseconds: quiet.maximumMicroseconds))
            }
            return told >= self.snapshots
        }
        usleep(500_000)
        for watch in cluster.watches { watch.isMeasuring = false }
        try cluster.drain()
        func part(_ column: SnapshotWatch.Column) -> Part {
            Part(
                latencies: watch.latencies(column), gaps: watch.gaps(column),
                longestApplyMicroseconds: Double(watch.longestApply(column)) / 1e3)
        }
        return Result(
            options: options, keys: cluster.keys, snapshots: watch.snapshots,
            secondsPerSnapshot: Double(watch.takenNanoseconds) / 1e9 / Double(max(1, watch.snapshots)),
            setAsideBytes: watch.setAsideBytes, longestBeginMicroseconds: Double(watch.longestBegin) / 1e3,
            longestPieceMicroseconds: Double(watch.longestPiece) / 1e3,
            longestEndMicroseconds: Double(watch.longestEnd) / 1e3, quiet: part(.quiet), during: part(.during),
            residentBytes: trm_resident_bytes())
    }
}

extension SnapshotBench.Result {
    package var json: JSON {
        .members([
            "stateMebibytes": .integer(options.stateMebibytes), "valueBytes": .integer(options.valueBytes),
            "keys": .unsigned(keys), "replicas": .integer(options.replicas),
            "commandsPerSecond": options.commandsPerSecond.map(JSON.number) ?? "max",
            "snapshots": .unsigned(snapshots), "secondsPerSnapshot": .number(secondsPerSnapshot),
            "setAsideBytes": .unsigned(setAsideBytes), "longestBeginMicroseconds": .number(longestBeginMicroseconds),
            "longestPieceMicroseconds": .number(longestPieceMicroseconds),
            "longestEndMicroseconds": .number(longestEndMicroseconds), "quiet": quiet.json, "during": during.json,
            "residentBytes": .unsigned(residentBytes),
        ])
    }
    package var lines: [String] {
        func row(_ name: String, _ part: SnapshotBench.Part) -> [String] {
            let time = Format.duration(microseconds:)
            return [
                name, time(part.latencies.microseconds(at: 0.5)), time(part.latencies.microseconds(at: 0.99)),
                time(part.latencies.microseconds(at: 0.999)), time(part.latencies.maximumMicroseconds),
                time(part.gaps.microseconds(at: 0.999)), time(part.gaps.maximumMicroseconds),
                time(part.longestApplyMicroseconds),
            ]
        }
        return Format.table([
            ["", "p50", "p99", "p99.9", "max", "gap p99.9", "longest gap", "longest batch (processor)"],
            row("no snapshot", quiet), row("snapshot", during),
        ]) + [
            "\(snapshots) snapshots, each of \(options.stateMebibytes) MiB in \(Format.fixed(secondsPerSnapshot, 1)) s; at most "
                + "\(setAsideBytes >> 10) KiB set aside; in processor time the longest begin \(Format.duration(microseconds: longestBeginMicroseconds)), "
                + "piece \(Format.duration(microseconds: longestPieceMicroseconds)), "
                + "end \(Format.duration(microseconds: longestEndMicroseconds)); \(residentBytes >> 20) MiB resident"
        ]
    }
}
