// What a run is asked to do, after parsing; the values that a child process needs go through the cluster file and its arguments.
import Trireme

package struct BenchOptions: Sendable {
    package enum Victim: String, Sendable {
        case sequencer, follower
    }
    package struct Kill: Sendable {
        package var victim: Victim
        /// After the start of the measurement.
        package var seconds: Double
        package init(victim: Victim, seconds: Double) {
            self.victim = victim
            self.seconds = seconds
        }
    }

    package var replicas = 3
    package var durability = Configuration.Durability.disk
    package var commandBytes = 64
    package var batchBytes = 61_440
    package var windowBatches: Int?
    package var service = "counter"
    /// Commands a second of the whole cluster; `nil`: as many as possible.
    package var commandsPerSecond: Double?
    /// Only replica 0 has clients.
    package var oneLane = false
    package var quorums: Configuration.QuorumSystem?
    package var seconds = 10.0
    package var warmUpSeconds = 2.0
    package var data: String?
    package var interface = "lo"
    package var dissemination = Configuration.Dissemination.multicast
    package var ordering = Configuration.Ordering.classic
    package var announcedMembers = 0
    /// Each replica runs in one of these.
    package var networkNamespaces: NetworkNamespaces?
    /// What each replica's link carries in either direction; for the report.
    package var linkRate: LinkRate?
    package var group: Configuration.Group?
    /// What the machine could do is measured after the run.
    package var limits = false
    /// A closed loop, then open loops at fractions of what it reached.
    package var sweep = false
    package var jsonPath: String?
    package var reportPath: String?
    package var hgrmPath: String?
    package var kill: Kill?

    package init() {}

    /// What can be checked before anything is started. The cluster's own rules follow when its configuration is made.
    package func validate(_ service: BenchService) throws(BenchError) {
        guard commandBytes >= service.commandBytesMinimum else {
            throw BenchError(
                "--command-bytes is \(commandBytes); a command of the \(service.name) service has at least "
                    + "\(service.commandBytesMinimum) bytes")
        }
        // Header of the batch, and of the command where it has one.
        guard commandBytes <= batchBytes - 128 - 4 else {
            throw BenchError(
                "--command-bytes is \(commandBytes); a batch of \(batchBytes) bytes holds at most \(batchBytes - 132): lower "
                    + "it, or raise --batch-bytes (at most 61440)")
        }
        guard seconds > 0, seconds <= 86_400, warmUpSeconds >= 0, warmUpSeconds <= 3_600 else {
            throw BenchError("--seconds must be above 0 and at most 86400, --warmup from 0 to 3600")
        }
        if let commandsPerSecond, commandsPerSecond <= 0 || commandsPerSecond > 1e9 {
            throw BenchError(
                "--rate is \(commandsPerSecond); \"max\" or a number of commands a second up to 1e9 is needed")
        }
        if let kill {
            guard kill.seconds < seconds else {
                throw BenchError(
                    "--kill comes \(kill.seconds) s into a measurement of \(seconds) s: let it come earlier")
            }
            guard replicas > 1 else { throw BenchError("--kill needs --replicas of 2 or more: nobody would go on") }
        }
        if sweep {
            guard commandsPerSecond == nil else {
                throw BenchError(
                    "--sweep chooses the rates itself, as fractions of the most it reached: leave --rate out")
            }
            guard kill == nil else {
                throw BenchError("--sweep measures many rates with one cluster: leave --kill out")
            }
        }
        for (option, path) in [("--json", jsonPath), ("--report", reportPath), ("--hgrm", hgrmPath)] {
            if let path, let refusal = OutputFile.refusal(path, option) { throw refusal }
        }
    }

    package var json: JSON {
        .members([
            "replicas": .integer(replicas), "durability": .string(durability.rawValue),
            "commandBytes": .integer(commandBytes), "batchBytes": .integer(batchBytes),
            "windowBatches": .integer(windowBatches ?? Configuration.defaultWindowBatches(durability)),
            "service": .string(service), "clients": "inprocess",
            "rate": commandsPerSecond.map(JSON.number) ?? "max", "lanes": .string(oneLane ? "one" : "all"),
            "quorums": quorums?.json ?? .null,
            "seconds": .number(seconds), "warmupSeconds": .number(warmUpSeconds), "interface": .string(interface),
            "dissemination": .string(dissemination.rawValue), "ordering": .string(ordering.rawValue),
            "announcedMembers": .integer(announcedMembers),
            "kill": kill.map { .string("\($0.victim.rawValue)@\($0.seconds)") } ?? .null,
        ])
    }
}
