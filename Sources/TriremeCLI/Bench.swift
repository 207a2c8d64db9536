// `trireme bench`: options by the contract; what they mean is in TriremeBench.
import ArgumentParser
import Trireme
import TriremeBench

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure a cluster of real processes on this machine.",
        discussion: """
            Starts the replicas as processes of their own, which multicast, order, store and execute commands that each \
            generates for itself; prints a line each second and a table at the end; and compares the state of all replicas. \
            The exit code is 0 when they agree, 1 when they do not, and 2 when nothing could be measured.

            Examples:
              trireme bench
              trireme bench --durability memory --replicas 5
              trireme bench --rate 1000 --seconds 30 --json result.json
              trireme bench --limits
              trireme bench --sweep --seconds 5 --report curve.html
            """)

    @Option(help: ArgumentHelp("Replicas, 1 to 15 (default: 3, or as many as the quorums name).", valueName: "n"))
    var replicas: Int?
    @Option(help: ArgumentHelp("What an acknowledged command lies on: disk or memory.", valueName: "where"))
    var durability: Configuration.Durability = .disk
    @Option(help: ArgumentHelp("Bytes of a command.", valueName: "bytes"))
    var commandBytes = 64
    @Option(help: ArgumentHelp("Bytes of a batch at most: whole pages of 4096.", valueName: "bytes"))
    var batchBytes = 61_440
    @Option(
        help: ArgumentHelp(
            "Batches of a replica under way at most (default: 16 on disk, 6 in memory).", valueName: "batches"))
    var window: Int?
    @Option(
        help: ArgumentHelp(
            "State machine: counter, or kv, the key-value service with SET and GET by turns.", valueName: "name"))
    var service = "counter"
    @Option(help: ArgumentHelp("Where the clients are: inprocess.", valueName: "where"))
    var clients = "inprocess"
    @Option(
        help: ArgumentHelp(
            "max, or commands a second of the whole cluster at even intended times (open loop).", valueName: "max|N"))
    var rate = "max"
    @Option(help: ArgumentHelp("Which replicas have clients: all, or one.", valueName: "which"))
    var lanes: Lanes = .all
    @OptionGroup var quorums: QuorumOptions
    @Option(help: ArgumentHelp("How long to measure.", valueName: "seconds"))
    var seconds = 10.0
    @Option(help: ArgumentHelp("How long to load before.", valueName: "seconds"))
    var warmup = 2.0
    @Option(
        help: ArgumentHelp("A directory in which to make the temporary one for the replicas' files.", valueName: "dir"))
    var data: String?
    @Option(help: ArgumentHelp("Network interface for multicast.", valueName: "name"))
    var interface = "lo"
    @Option(
        help: ArgumentHelp("multicast, or unicast to each member where there is no multicast.", valueName: "way"))
    var dissemination: Configuration.Dissemination = .multicast
    @Option(help: ArgumentHelp("Who proposes the order: classic, fast or adaptive.", valueName: "kind"))
    var ordering: Configuration.Ordering = .classic
    @Option(
        help: ArgumentHelp("Members that a sequencer names to decide in its round; 0: any Q2 decides.", valueName: "n"))
    var announce = 0
    @Option(
        help: ArgumentHelp(
            "Run replica i in the network namespace PREFIXi, with the --interface that it has there.",
            valueName: "prefix"))
    var networkNamespaces: String?
    @Option(
        help: ArgumentHelp(
            "What each replica's link carries in either direction, such as 1gbit: adds the network's limit to the report.",
            valueName: "rate"))
    var linkRate: String?
    @Option(help: ArgumentHelp("Multicast group (default: a free one).", valueName: "address:port"))
    var group: String?
    @Option(
        help: ArgumentHelp(
            "Kill a replica so long after the start of the measurement.", valueName: "sequencer|follower@seconds"))
    var kill: String?
    @Option(help: ArgumentHelp("Whether datagrams are sealed: off.", valueName: "off|on"))
    var seal = "off"
    @Option(help: ArgumentHelp("Write the result as JSON; - is standard output.", valueName: "file"))
    var json: String?
    @Flag(help: "Measure afterwards what the machine could do, and print how much of it the run used.")
    var limits = false
    @Flag(help: "Then measure latency at rising parts of what the closed loop reached (open loop); --seconds for each.")
    var sweep = false
    @Option(help: ArgumentHelp("Write a page with the curves, for a browser.", valueName: "file.html"))
    var report: String?
    @Option(
        help: ArgumentHelp(
            "Write the percentiles as HdrHistogram's plotters read them, in microseconds; - is standard output.",
            valueName: "file"))
    var hgrm: String?

    enum Lanes: String, ExpressibleByArgument, CaseIterable { case all, one }

    func validate() throws {
        let later: [(asked: Bool, what: String)] = [
            (seal != "off", "--seal \(seal)"), (clients != "inprocess", "--clients \(clients)"),
        ]
        if let first = later.first(where: \.asked) {
            throw ValidationError("\(first.what) is not part of this version yet: leave it out")
        }
        _ = try options()
        _ = try chosenService()
    }

    func run() throws {
        let signals = SignalWatch()
        let run = BenchRun(
            try options(), service: try chosenService(), signals: signals,
            writeClusterFile: { try ClusterFileText.write($0, to: $1) })
        throw ExitCode(run.run())
    }

    private func chosenService() throws -> BenchService {
        guard let service = BenchServices.named(service) else {
            throw ValidationError("--service is \"\(service)\"; it must be one of \(BenchServices.names)")
        }
        return service
    }

    /// What the options say, in the terms of TriremeBench.
    func options() throws -> BenchOptions {
        var options = BenchOptions()
        options.quorums = try quorums.system()
        options.replicas = replicas ?? options.quorums?.namedMembers ?? 3
        options.durability = durability
        options.commandBytes = commandBytes
        options.batchBytes = batchBytes
        options.windowBatches = window
        options.service = service
        options.oneLane = lanes == .one
        options.seconds = seconds
        options.warmUpSeconds = warmup
        options.data = data
        options.interface = interface
        options.limits = limits
        options.sweep = sweep
        options.jsonPath = json
        options.reportPath = report
        options.hgrmPath = hgrm
        options.dissemination = dissemination
        options.ordering = ordering
        options.announcedMembers = announce
        options.networkNamespaces = networkNamespaces.map(NetworkNamespaces.init(prefix:))
        if let linkRate {
            guard let rate = LinkRate(linkRate) else {
                throw ValidationError("--link-rate is \"\(linkRate)\"; a rate such as 100mbit or 1gbit is needed")
            }
            options.linkRate = rate
        }
        if rate != "max" {
            guard let number = Double(rate), number > 0, number.isFinite else {
                throw ValidationError("--rate is \"\(rate)\"; it must be max, or commands a second above 0")
            }
            options.commandsPerSecond = number
        }
        if let group {
            let parts = group.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let port = UInt16(parts[1]) else {
                throw ValidationError("--group is \"\(group)\"; ADDRESS:PORT is needed, such as 239.77.1.1:7400")
            }
            options.group = .init(address: String(parts[0]), port: port)
        }
        if let kill {
            let parts = kill.split(separator: "@", omittingEmptySubsequences: false)
            guard parts.count == 2, let victim = BenchOptions.Victim(rawValue: String(parts[0])),
                let seconds = Double(parts[1]), seconds >= 0
            else {
                throw ValidationError("--kill is \"\(kill)\"; it must be sequencer@SECONDS or follower@SECONDS")
            }
            options.kill = .init(victim: victim, seconds: seconds)
        }
        return options
    }
}

extension Configuration.Durability: ExpressibleByArgument {}
extension Configuration.Dissemination: ExpressibleByArgument {}
extension Configuration.Ordering: ExpressibleByArgument {}
