// What one load found: as JSON by the contract of `trireme bench`, and as a table.
import Trireme

/// One second of a measurement.
package struct BenchSecond: Sendable {
    /// Since the measurement began.
    package var endSeconds: Double
    package var commandsPerSecond: Double
    package var p50Microseconds: Double
    package var p99Microseconds: Double

    package init(endSeconds: Double, commandsPerSecond: Double, p50Microseconds: Double, p99Microseconds: Double) {
        self.endSeconds = endSeconds
        self.commandsPerSecond = commandsPerSecond
        self.p50Microseconds = p50Microseconds
        self.p99Microseconds = p99Microseconds
    }
}

package struct BenchResult: Sendable {
    package struct Replica: Sendable {
        package var id = 0
        package var commandsPerSecond = 0.0
        /// Of its own clients' commands.
        package var percentiles = LatencyCounts().percentiles
        package var cpuSeconds = 0.0
        package var residentBytes: UInt64 = 0
        package var configuredBytes: UInt64 = 0
        package var commitIndex: UInt64 = 0
        package var stateHash: UInt64 = 0
        package var executedCommands: UInt64 = 0
        /// Heap allocations of its process during the measurement; `nil` where they are not counted.
        package var allocations: UInt64?
        package var isSequencer = false
        package var wasKilled = false

        package init() {}
    }

    package var options: BenchOptions
    package var seconds = 0.0
    package var commands: UInt64 = 0
    package var percentiles = LatencyCounts().percentiles
    package var series: [BenchSecond] = []
    package var replicas: [Replica] = []
    package var agrees = false
    /// What the replicas counted during the measurement, added up.
    package var counters = Counted()
    package var longestGapMilliseconds = 0.0
    /// As far as the replicas' own counts tell; between the moments before and after the load at which nothing was under way.
    package var knownLosses: UInt64 = 0
    /// Open loop: commands whose time had come by the end and which were not answered yet.
    package var commandsBehind: UInt64 = 0
    package var processors = ProcessorUse()
    package var network: NetworkFigures?

    package init(options: BenchOptions) { self.options = options }

    package var commandsPerSecond: Double { seconds > 0 ? Double(commands) / seconds : 0 }
    package var megabytesPerSecond: Double { commandsPerSecond * Double(options.commandBytes) / 1e6 }

    /// Where links are measured all datagrams are compared, and so what is lost within the network counts too.
    package var datagramsLost: UInt64 { network?.datagramsLost ?? knownLosses }
    /// Processors that the replicas kept busy, as a mean.
    package var processorsUsed: Double { seconds > 0 ? replicas.reduce(0) { $0 + $1.cpuSeconds } / seconds : 0 }
    /// Of all replicas together; `nil` where they are not counted.
    package var allocationsPerThousandCommands: Double? {
        let counted = replicas.filter { !$0.wasKilled }.map(\.allocations)
        guard commands > 0, !counted.isEmpty, !counted.contains(nil) else { return nil }
        return Double(counted.reduce(0) { $0 + ($1 ?? 0) }) * 1_000 / Double(commands)
    }
    package var systemCallsPerThousandCommands: Double {
        commands > 0 ? Double(counters["systemCalls"]) * 1_000 / Double(commands) : 0
    }

    package var json: JSON { .object(members) }

    /// The members of the contract's object that one load gives.
    package var members: [JSON.Member] {
        var members: [JSON.Member] = [
            .init(name: "schema", value: "trireme-bench/1"),
            .init(name: "configuration", value: options.json),
            .init(name: "throughput", value: throughputJSON),
            .init(name: "latencyMicroseconds", value: percentiles.json),
            .init(name: "replicas", value: .array(replicas.map(Self.json))),
            .init(name: "agreement", value: .bool(agrees)),
            .init(name: "counters", value: .object(countersJSON)),
            .init(name: "stages", value: StageTable(counters).json),
            .init(name: "series", value: .array(series.map(Self.json))),
        ]
        if let network { members.append(.init(name: "network", value: network.json)) }
        return members
    }

    var throughputJSON: JSON {
        .members([
            "commandsPerSecond": .number(Self.rounded(commandsPerSecond, 1)),
            "megabytesPerSecond": .number(Self.rounded(megabytesPerSecond, 3)),
        ])
    }

    private static func json(_ second: BenchSecond) -> JSON {
        .members([
            "endSeconds": .number(rounded(second.endSeconds, 3)),
            "commandsPerSecond": .number(rounded(second.commandsPerSecond, 1)),
            "p50Microseconds": .number(rounded(second.p50Microseconds, 3)),
            "p99Microseconds": .number(rounded(second.p99Microseconds, 3)),
        ])
    }

    private static func json(_ replica: Replica) -> JSON {
        .members([
            "id": .integer(replica.id),
            "commandsPerSecond": .number(rounded(replica.commandsPerSecond, 1)),
            "latencyMicroseconds": replica.percentiles.json,
            "isSequencer": .bool(replica.isSequencer),
            "cpuSeconds": .number(rounded(replica.cpuSeconds, 3)),
            "residentMebibytes": .number(mebibytes(replica.residentBytes)),
            "configuredMebibytes": .number(mebibytes(replica.configuredBytes)),
            "commitIndex": .unsigned(replica.commitIndex),
            "stateHash": .string(Format.hex(replica.stateHash)),
            "executedCommands": .unsigned(replica.executedCommands),
            "allocations": replica.allocations.map(JSON.unsigned) ?? .null,
            "wasKilled": .bool(replica.wasKilled),
        ])
    }

    private var countersJSON: [JSON.Member] {
        var members = [
            JSON.Member(name: "datagramsLost", value: .unsigned(datagramsLost)),
            JSON.Member(name: "repairedBytes", value: .unsigned(counters["repairedBytes"])),
            JSON.Member(
                name: "syscallsPerThousandCommands", value: .number(Self.rounded(systemCallsPerThousandCommands, 4))),
            JSON.Member(
                name: "allocationsPerThousandCommands",
                value: allocationsPerThousandCommands.map { .number(Self.rounded($0, 6)) } ?? .null),
            JSON.Member(name: "longestGapMilliseconds", value: .number(Self.rounded(longestGapMilliseconds, 3))),
            JSON.Member(name: "commandsBehind", value: .unsigned(commandsBehind)),
        ]
        for (name, value) in counters.entries where !members.contains(where: { $0.name == name }) {
            members.append(JSON.Member(name: name, value: .unsigned(value)))
        }
        return members
    }

    /// The final table.
    package var lines: [String] {
        var rows = [["replica", "commands/s", "p50", "cpu s", "resident", "configured", "commit", "state hash"]]
        for replica in replicas {
            rows.append([
                "\(replica.id)" + (replica.isSequencer ? "*" : " "), Format.grouped(Int(replica.commandsPerSecond)),
                replica.percentiles.histogram.totalCount == 0
                    ? "-" : Format.duration(microseconds: replica.percentiles.microseconds(at: 0.5)),
                Format.fixed(replica.cpuSeconds, 2), Format.fixed(Self.mebibytes(replica.residentBytes), 1) + " MiB",
                Format.fixed(Self.mebibytes(replica.configuredBytes), 1) + " MiB", "\(replica.commitIndex)",
                replica.wasKilled ? "killed" : Format.hex(replica.stateHash),
            ])
        }
        let p = { (fraction: Double) in Format.duration(microseconds: percentiles.microseconds(at: fraction)) }
        var lines = Format.table(rows)
        lines.append("")
        lines.append(headline)
        lines.append(
            "latency p50 \(p(0.5))  p90 \(p(0.9))  p99 \(p(0.99))  p99.9 \(p(0.999))  max "
                + Format.duration(microseconds: percentiles.maximumMicroseconds))
        if let network { lines.append(network.line(repairedBytes: counters["repairedBytes"])) }
        lines += behindLines
        lines.append(
            agrees
                ? "agreement: all replicas have the same commit index and state hash"
                : "NO AGREEMENT: the replicas' commit indexes or state hashes differ")
        return lines + costLines + StageTable(counters).lines(seconds: seconds)
    }

    package var headline: String {
        "\(Format.grouped(Int(commandsPerSecond))) commands/s, \(Format.fixed(megabytesPerSecond, 1)) MB/s, "
            + "\(options.durability == .disk ? "durable" : "in memory"), \(options.replicas) replicas (* sequencer), "
            + "\(options.commandBytes)-byte commands"
    }

    /// What the commands cost, beside time.
    private var costLines: [String] {
        let allocations = allocationsPerThousandCommands.map { Format.significant($0) + " allocations" }
        let costs = [Format.significant(systemCallsPerThousandCommands) + " system calls", allocations].compactMap {
            $0
        }
        return [
            "for a thousand commands: " + costs.joined(separator: ", ")
                + "; datagrams lost \(Format.grouped(datagramsLost)), "
                + "repaired \(Format.grouped(counters["repairedBytes"])) bytes; longest gap "
                + Format.duration(microseconds: longestGapMilliseconds * 1_000),
            "",
        ]
    }

    private var behindLines: [String] {
        guard let rate = options.commandsPerSecond, Double(commandsBehind) > rate / 100 else { return [] }
        return [
            "BEHIND: \(Format.grouped(commandsBehind)) commands that were due at the end were not answered; the cluster does not "
                + "keep up with \(Format.grouped(Int(rate))) commands/s"
        ]
    }

    private static func mebibytes(_ bytes: UInt64) -> Double { rounded(Double(bytes) / 1_048_576, 2) }
    static func rounded(_ value: Double, _ places: Int) -> Double {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        return (value * scale).rounded() / scale
    }
}
