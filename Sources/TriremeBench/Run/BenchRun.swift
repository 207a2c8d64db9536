// A whole run, seen from the process that measures: start the replicas, load, measure, drain, compare, end.
import CTrireme
import Glibc
import Trireme
import TriremeRuntime

package final class BenchRun {
    /// Ctrl-C or the like.
    struct Interrupted: Error {}

    let options: BenchOptions
    /// Base of the replicas' directories, multicast group and the like, once it is known.
    private(set) var cluster: Configuration?
    let service: BenchService
    let signals: SignalWatch
    private let writeClusterFile: (Configuration, String) throws -> Void
    private(set) var workspace: BenchWorkspace?
    private(set) var children: [ChildProcess] = []
    private(set) var pages: [BenchPage] = []
    private(set) var counters: [CountersReader] = []
    var killed: Set<Int> = []
    /// Number of the load that runs.
    var load: UInt64 = 0
    /// Commands answered before it.
    var answeredBefore: UInt64 = 0
    /// What the replicas had counted when nothing was under way.
    var quiet: CountersSum = .init()

    /// - Parameter writeClusterFile: writes a configuration as a cluster file; the children read it.
    package init(
        _ options: BenchOptions, service: BenchService, signals: SignalWatch,
        writeClusterFile: @escaping (Configuration, String) throws -> Void
    ) {
        self.options = options
        self.service = service
        self.signals = signals
        self.writeClusterFile = writeClusterFile
    }

    /// Runs, prints, and returns the exit code: 0 with agreement, 1 without, 2 where nothing could be measured, 130 after Ctrl-C.
    package func run() -> Int32 {
        defer { cleanUp() }
        do {
            try options.validate(service)
            try start()
            var report = BenchReport(result: try measure(commandsPerSecond: options.commandsPerSecond))
            Terminal.say("")
            for line in report.result.lines { Terminal.say(line) }
            if options.sweep { report.sweep = try sweep(upTo: report.result) }
            if options.limits { report.limits = try measureLimits(report.result) }
            try report.write()
            return report.agrees ? 0 : 1
        } catch is Interrupted {
            Terminal.complain("trireme bench: interrupted; everything was ended and removed")
            return 130
        } catch {
            Terminal.complain("trireme bench: \(error)")
            return 2
        }
    }

    private func cleanUp() {
        endReplicas()
        workspace?.remove()
    }
    func endReplicas() {
        for page in pages { page.phase = .stop }
        // They end by themselves when they see the phase; a signal would cut that short.
        children.end(signal: 0, patienceMilliseconds: 5_000)
    }

    // MARK: Start

    private func configuration() throws -> Configuration {
        let addresses: [String]
        if let namespaces = options.networkNamespaces {
            addresses = try namespaces.addresses(of: options.interface, replicas: options.replicas)
        } else {
            let address = try NetworkNamespaces.address(of: options.interface)
            addresses = [String](repeating: address, count: options.replicas)
        }
        var configuration = Configuration(
            clusterID: .random(),
            members: addresses.enumerated().map { Configuration.Member(id: $0.offset, address: $0.element) },
            interface: options.interface,
            group: try options.group ?? FreeGroup.choose(members: options.replicas), quorums: options.quorums,
            durability: options.durability)
        configuration.dissemination = options.dissemination
        configuration.ordering = options.ordering
        configuration.announcedMembers = options.announcedMembers
        configuration.batchBytes = options.batchBytes
        configuration.windowBatches = options.windowBatches
        // Nothing here outlives the run.
        configuration.allowSingleCopy = true
        try configuration.validate()
        return configuration
    }

    private func start() throws {
        let configuration = try configuration()
        cluster = configuration
        let workspace = try BenchWorkspace(parent: options.data)
        self.workspace = workspace
        try workspace.checkRoom(configuration, stateBytes: service.stateBytes)
        try writeClusterFile(configuration, workspace.clusterFile)
        Terminal.say(
            "\(options.replicas) replicas, \(options.durability == .disk ? "durable" : "in memory"), "
                + "\(options.commandBytes)-byte commands of the \(service.name) service, "
                + (options.commandsPerSecond.map { "\(Format.grouped(Int($0))) commands/s" } ?? "as many as possible")
                + (options.sweep ? ", then parts of it" : "")
                + (options.durability == .disk ? ", files in \(workspace.directory)" : ""))
        for replica in 0..<options.replicas {
            mkdir(workspace.replica(replica), 0o700)
            pages.append(try BenchPage(path: workspace.page(replica)))
            children.append(
                try ChildProcess(name: "replica \(replica)", arguments: arguments(replica, workspace)))
        }
        try wait(seconds: 120, for: "the replicas to start") { self.pages.allSatisfy(\.isReady) }
        for replica in 0..<options.replicas {
            counters.append(try CountersReader(path: workspace.counters(replica)))
        }
        quiet = CountersSum(self)
    }

    private func arguments(_ replica: Int, _ workspace: BenchWorkspace) -> [String] {
        var arguments = [
            "bench-replica", "--config", workspace.clusterFile, "--replica", "\(replica)", "--data",
            workspace.replica(replica), "--page", workspace.page(replica), "--counters", workspace.counters(replica),
            "--command-bytes", "\(options.commandBytes)", "--service", service.name, "--parent", "\(getpid())",
        ]
        if replica >= lanes { arguments.append("--idle") }
        if let namespaces = options.networkNamespaces {
            arguments += ["--network-namespace", namespaces.path(replica)]
        }
        return arguments + ["--offset", "\(Double(replica) / Double(lanes))"]
    }
    /// Replicas with clients.
    var lanes: Int { options.oneLane ? 1 : options.replicas }

    // MARK: Waiting

    /// Replicas that are meant to run.
    var alive: [Int] { (0..<options.replicas).filter { !killed.contains($0) } }

    /// Waits until a moment of the monotonic clock.
    func wait(until moment: UInt64) throws {
        while true {
            let now = trm_monotonic_nanoseconds()
            guard now < moment else { return }
            try watch(milliseconds: Int(min(50, (moment - now) / 1_000_000 + 1)))
        }
    }

    /// Waits for something to become true.
    /// - Throws: when it does not within `seconds`.
    func wait(seconds: Double, for what: String, _ condition: () -> Bool) throws {
        guard try becomesTrue(within: seconds, condition) else {
            throw BenchError("waited \(Int(seconds)) s for \(what), in vain\(standing)")
        }
    }

    /// Where the replicas stand, for a message that something did not come.
    private var standing: String {
        let words = alive.filter { $0 < counters.count }.map { replica in
            let values = Dictionary(counters[replica].entries.map { ($0.name, $0.value) }) { first, _ in first }
            let notes = [("isSequencer", "sequencer"), ("isForgetful", "forgetful"), ("isStranded", "stranded")]
            return
                "replica \(replica) has decided \(values["commitIndex"] ?? 0) slots, executed \(values["executedSlot"] ?? 0), "
                + "\(values["ownBatchesInFlight"] ?? 0) own batches under way"
                + notes.filter { values[$0.0] == 1 }.map { ", " + $0.1 }.joined()
        }
        return words.isEmpty ? "" : "; " + words.joined(separator: "; ")
    }

    func becomesTrue(within seconds: Double, _ condition: () -> Bool) throws -> Bool {
        let end = trm_monotonic_nanoseconds() + UInt64(seconds * 1e9)
        while !condition() {
            guard trm_monotonic_nanoseconds() < end else { return false }
            try watch(milliseconds: 5)
        }
        return true
    }

    /// A look at the signals, for stretches that do not wait.
    func checkInterrupted() throws {
        if case .end = signals.wait(milliseconds: 0) { throw Interrupted() }
    }

    /// Sleeps, but not past a signal or the end of a replica.
    private func watch(milliseconds: Int) throws {
        if case .end = signals.wait(milliseconds: milliseconds) { throw Interrupted() }
        for replica in alive where !children[replica].isRunning {
            throw BenchError(
                "\(children[replica].name) \(children[replica].end?.description ?? "ended"); see its message above")
        }
    }
}
