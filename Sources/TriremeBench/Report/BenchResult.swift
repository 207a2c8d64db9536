// What a run found: as JSON by the contract of `trireme bench`, and as a table.
import Trireme

package struct BenchResult: Sendable {
    package struct Replica: Sendable {
        package var id = 0
        package var commandsPerSecond = 0.0
        package var cpuSeconds = 0.0
        package var residentBytes: UInt64 = 0
        package var configuredBytes: UInt64 = 0
        package var commitIndex: UInt64 = 0
        package var stateHash: UInt64 = 0
        package var executedCommands: UInt64 = 0
        package var isSequencer = false
        package var wasKilled = false

        package init() {}
    }

    package var options: BenchOptions
    package var seconds = 0.0
    package var commands: UInt64 = 0
    package var latencies = LatencyCounts()
    package var replicas: [Replica] = []
    package var agrees = false
    /// What the replicas counted during the measurement, added up.
    package var counters: [(name: String, value: UInt64)] = []
    package var longestGapMilliseconds = 0.0
    package var network: NetworkFigures?

    package init(options: BenchOptions) { self.options = options }

    package var commandsPerSecond: Double { seconds > 0 ? Double(commands) / seconds : 0 }
    package var megabytesPerSecond: Double { commandsPerSecond * Double(options.commandBytes) / 1e6 }

    private func counter(_ name: String) -> UInt64 { counters.first { $0.name == name }?.value ?? 0 }

    package var json: JSON {
        guard case .object(var members) = body, let network else { return body }
        members.append(JSON.Member(name: "network", value: network.json))
        return .object(members)
    }

    private var body: JSON {
        .members([
            "schema": "trireme-bench/1",
            "configuration": options.json,
            "throughput": .members([
                "commandsPerSecond": .number(Self.rounded(commandsPerSecond, 1)),
                "megabytesPerSecond": .number(Self.rounded(megabytesPerSecond, 3)),
            ]),
            "latencyMicroseconds": .members([
                "p50": .number(latencies.microseconds(at: 0.5)), "p90": .number(latencies.microseconds(at: 0.9)),
                "p99": .number(latencies.microseconds(at: 0.99)), "p999": .number(latencies.microseconds(at: 0.999)),
                "max": .number(latencies.maximumMicroseconds),
            ]),
            "replicas": .array(replicas.map(Self.json)),
            "agreement": .bool(agrees),
            "counters": .object(countersJSON),
        ])
    }

    private static func json(_ replica: Replica) -> JSON {
        .members([
            "id": .integer(replica.id),
            "commandsPerSecond": .number(rounded(replica.commandsPerSecond, 1)),
            "cpuSeconds": .number(rounded(replica.cpuSeconds, 3)),
            "residentMebibytes": .number(mebibytes(replica.residentBytes)),
            "configuredMebibytes": .number(mebibytes(replica.configuredBytes)),
            "commitIndex": .unsigned(replica.commitIndex),
            "stateHash": .string(Format.hex(replica.stateHash)),
            "executedCommands": .unsigned(replica.executedCommands),
            "wasKilled": .bool(replica.wasKilled),
        ])
    }

    private var countersJSON: [JSON.Member] {
        let systemCalls = Double(counter("enterCalls"))
        var members = [
            JSON.Member(name: "datagramsLost", value: .unsigned(network?.datagramsLost ?? 0)),
            JSON.Member(name: "repairedBytes", value: .unsigned(counter("repairedBytes"))),
            JSON.Member(
                name: "syscallsPerThousandCommands",
                value: .number(commands > 0 ? Self.rounded(systemCalls * 1_000 / Double(commands), 4) : 0)),
            // Not counted yet; -1 says so.
            JSON.Member(name: "allocationsPerThousandCommands", value: .number(-1)),
            JSON.Member(name: "longestGapMilliseconds", value: .number(Self.rounded(longestGapMilliseconds, 3))),
        ]
        for (name, value) in counters where !members.contains(where: { $0.name == name }) {
            members.append(JSON.Member(name: name, value: .unsigned(value)))
        }
        return members
    }

    /// The final table.
    package var lines: [String] {
        var rows = [["replica", "commands/s", "cpu s", "resident", "configured", "commit", "state hash"]]
        for replica in replicas {
            rows.append([
                "\(replica.id)" + (replica.isSequencer ? "*" : " "), Format.grouped(Int(replica.commandsPerSecond)),
                Format.fixed(replica.cpuSeconds, 2), Format.fixed(Self.mebibytes(replica.residentBytes), 1) + " MiB",
                Format.fixed(Self.mebibytes(replica.configuredBytes), 1) + " MiB", "\(replica.commitIndex)",
                replica.wasKilled ? "killed" : Format.hex(replica.stateHash),
            ])
        }
        let p = { (fraction: Double) in Format.duration(microseconds: latencies.microseconds(at: fraction)) }
        let about = network.map { [$0.line(repairedBytes: counter("repairedBytes"))] } ?? []
        return Format.table(rows) + [
            "",
            "\(Format.grouped(Int(commandsPerSecond))) commands/s, \(Format.fixed(megabytesPerSecond, 1)) MB/s, "
                + "\(options.durability == .disk ? "durable" : "in memory"), \(options.replicas) replicas (* sequencer), "
                + "\(options.commandBytes)-byte commands",
            "latency p50 \(p(0.5))  p90 \(p(0.9))  p99 \(p(0.99))  p99.9 \(p(0.999))  max "
                + Format.duration(microseconds: latencies.maximumMicroseconds),
        ] + about + [
            agrees
                ? "agreement: all replicas have the same commit index and state hash"
                : "NO AGREEMENT: the replicas' commit indexes or state hashes differ"
        ]
    }

    private static func mebibytes(_ bytes: UInt64) -> Double { rounded(Double(bytes) / 1_048_576, 2) }
    private static func rounded(_ value: Double, _ places: Int) -> Double {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        return (value * scale).rounded() / scale
    }
}
