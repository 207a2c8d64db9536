// `trireme serve`: one replica with the key-value service, until it is told to end.
import ArgumentParser
import CTrireme
import Dispatch
import Glibc
import Logging
import Trireme
import TriremeBench
import TriremeRuntime
import TriremeService
import TriremeTuning

struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run one replica with the key-value service.",
        discussion: """
            Answers RESP2 (redis-cli, redis-benchmark, any Redis client) at the address and respPort that the cluster file \
            gives this member, each command after it was executed in order. Ends on Ctrl-C or SIGTERM. `trireme status DIR` \
            shows what it does.

            A new replica needs --format once: it is your word that this identity never ran before. A directory that was \
            lost is amnesia and not a fresh start; without --format an unformatted one is refused.
            """)

    @Option(help: ArgumentHelp("The cluster's JSON file, the same at every replica.", valueName: "file"))
    var config: String
    @Option(help: ArgumentHelp("Which member this is.", valueName: "id"))
    var replica: Int
    @Option(help: ArgumentHelp("This replica's directory.", valueName: "dir"))
    var data: String
    @Flag(help: "Prepare an absent or empty directory for a new replica.")
    var format = false
    @Option(
        help: ArgumentHelp(
            "Where the reactor runs and how it idles: \(Profiles.names), or a JSON file (default: by the number of processors).",
            valueName: "name|file"))
    var placement: String?
    @Option(help: .hidden)
    var parent: Int32?
    /// Whoever started it says where it answers.
    @Flag(help: .hidden)
    var quiet = false

    func run() throws {
        let signals = SignalWatch()
        // A replica started by `trireme cluster` does not outlive it.
        if let parent, trm_end_with_parent(parent, SIGTERM) != 0 { throw ExitCode(1) }
        do {
            try serve(signals)
        } catch {
            throw fail("serve: replica \(replica)", error)
        }
    }

    private func serve(_ signals: SignalWatch) throws {
        let configuration = try ClusterFile.load(config)
        guard configuration.members.indices.contains(replica) else {
            throw TriremeError(
                .invalidConfiguration,
                "--replica is \(replica); the members in \(config) are 0 to \(configuration.members.count - 1)")
        }
        let member = configuration.members[replica]
        guard let port = member.respPort else {
            throw TriremeError(
                .invalidConfiguration,
                "\(config): members.\(replica).respPort is missing; serve needs the TCP port for this replica's clients"
            )
        }
        warn(configuration)
        let placement = try chosenPlacement()
        let manager = ServiceManager.ofThisProcess
        var logger = Logger(label: "trireme")
        if quiet { logger.logLevel = .warning }
        let host = try ReplicaHost.start(
            configuration, replica: replica, dataDirectory: data, format: format,
            machine: AnyStateMachine.make(KeyValueStore()), load: nil, countersPath: data + "/counters",
            placement: placement, logger: logger)
        defer { host.stop() }
        guard let clients = host.clients else { preconditionFailure("a replica without client ports") }
        var settings = RespConfiguration()
        settings.information = { [configuration, replica] in
            [
                ("cluster", "\(configuration.clusterID)"), ("replica", "\(replica)"),
                ("durability", configuration.durability.rawValue),
            ]
        }
        let provider = ReplicaSinks(
            clients, commandBytesMaximum: configuration.largestCommandBytes, copies: host.copies)
        let server = try blocking { [settings, logger] in
            do {
                return try await RespServer(
                    host: member.address, port: Int(port), provider: provider, configuration: settings, logger: logger)
            } catch {
                throw TriremeError(
                    .network,
                    "RESP cannot listen at \(member.address):\(port) (\(error)): free the port, or change respPort in \(config)",
                    cause: error)
            }
        }
        defer { blocking { await server.stop() } }
        // Not before clients can connect. Whoever waits for this unit may then use it.
        tell(manager.ready(status: "replica \(replica) serves RESP at \(member.address):\(server.port)"))
        defer { tell(manager.stopping()) }
        if !quiet { Terminal.say("replica \(replica) pid \(getpid()) resp \(member.address):\(server.port)") }
        while signals.wait(milliseconds: 100) == .none {
            if let failure = host.failure { throw TriremeError(.stopped, failure) }
        }
    }

    private func chosenPlacement() throws -> Placement? {
        guard let placement else { return nil }
        let processors = Placement.processors
        let chosen = try Placement(
            Profile.find(placement).placement, processors: processors, node: { Int(trm_cpu_node(Int32($0))) })
        tell(chosen.warning(processors: processors))
        return chosen
    }

    /// Something that is no reason to end.
    private func tell(_ sentence: String?) {
        if let sentence { Terminal.complain("trireme serve: \(sentence)") }
    }

    /// What an operator should know before trusting it.
    private func warn(_ configuration: Configuration) {
        if configuration.interface != "lo" {
            Terminal.complain(
                "trireme serve: datagrams are not sealed yet: whoever can send on \(configuration.interface) can pretend to be a "
                    + "member; keep others off that segment")
        }
        guard configuration.durability == .memory else { return }
        Terminal.complain(
            format
                ? "trireme serve: durability is memory: acknowledged commands lie in the memory of a quorum, on no disk; when that many end, they are gone"
                : "trireme serve: durability is memory, so this replica has forgotten what it promised: it follows and serves its clients, and does not count, until it is replaced under a new id"
        )
    }
}

/// Runs asynchronous work to its end on other threads while the main thread waits.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let done = DispatchSemaphore(value: 0)
    let box = ResultBox<Value>()
    Task.detached {
        do {
            box.result = .success(try await body())
        } catch {
            box.result = .failure(error)
        }
        done.signal()
    }
    done.wait()
    return try box.result!.get()
}

func blocking(_ body: @escaping @Sendable () async -> Void) {
    let done = DispatchSemaphore(value: 0)
    Task.detached {
        await body()
        done.signal()
    }
    done.wait()
}

/// Written before the semaphore is signalled, read after.
private final class ResultBox<Value>: @unchecked Sendable {
    var result: Result<Value, any Error>?
}
