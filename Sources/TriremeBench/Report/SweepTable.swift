// The throughput-latency curve as a table.

package enum SweepTable {
    package static func lines(_ points: [SweepPoint]) -> [String] {
        var rows = [["offered/s", "answered/s", "p50", "p90", "p99", "p99.9", "max", "processors", ""]]
        for point in points {
            let percentiles = point.result.percentiles
            let p = { (fraction: Double) in Format.duration(microseconds: percentiles.microseconds(at: fraction)) }
            rows.append([
                Format.grouped(Int(point.result.options.commandsPerSecond ?? 0)),
                Format.grouped(Int(point.result.commandsPerSecond)), p(0.5), p(0.9), p(0.99), p(0.999),
                Format.duration(microseconds: percentiles.maximumMicroseconds),
                Format.fixed(point.result.processorsUsed, 2), point.keptUp ? "" : "does not keep up",
            ])
        }
        return Format.table(rows)
    }

    package static func json(_ points: [SweepPoint]) -> JSON {
        .array(
            points.map { point in
                .members([
                    "fraction": .number(point.fraction),
                    "offeredCommandsPerSecond": .number(point.result.options.commandsPerSecond ?? 0),
                    "commandsPerSecond": .number(BenchResult.rounded(point.result.commandsPerSecond, 1)),
                    "keptUp": .bool(point.keptUp), "commandsBehind": .unsigned(point.result.commandsBehind),
                    "latencyMicroseconds": point.result.percentiles.json,
                    "processorsUsed": .number(BenchResult.rounded(point.result.processorsUsed, 3)),
                    "agreement": .bool(point.result.agrees),
                ])
            })
    }
}
