// From a configuration to a running reactor, and back to a stopped one.
import CTrireme
import Logging
import TriremeCore
import TriremeRuntime
import TriremeStorage
import TriremeTransport

/// One replica's threads. What ``Replica``, the daemon and the benchmark stand on.
package final class ReplicaHost: Sendable {
    private let reactor: Reactor
    /// Client ports, when the load does not come from inside.
    package let clients: ClientGateway?
    private let largestCommandBytes: Int
    private let quorums: Quorums

    private init(reactor: Reactor, clients: ClientGateway?, largestCommandBytes: Int, quorums: Quorums) {
        self.reactor = reactor
        self.clients = clients
        self.largestCommandBytes = largestCommandBytes
        self.quorums = quorums
    }

    /// Starts a replica and waits until it runs. Nothing is left behind when it throws.
    ///
    /// - Parameters:
    ///   - load: makes a source of commands that lives on the reactor's thread, instead of client ports.
    ///   - placement: where the reactor runs and how it idles; `nil` leaves that to the number of processors.
    ///   - replicasHere: how many replicas share this machine; nil: as far as the members' addresses tell.
    package static func start(
        _ configuration: Configuration, replica: Int, dataDirectory: String, format: Bool,
        machine: AnyStateMachine, load: ((BufferPool) -> any (Gateway & ReplySink))?, countersPath: String?,
        placement: Placement? = nil, replicasHere: Int? = nil, logger: Logger = Logger(label: "trireme")
    ) throws(TriremeError) -> ReplicaHost {
        var chosen = try ReactorOptions(
            configuration, replica: replica, dataDirectory: dataDirectory, format: format, countersPath: countersPath,
            replicasHere: replicasHere, logger: logger)
        if let placement { chosen.placement = placement }
        let options = chosen
        let made = Made()
        do {
            let reactor = try Reactor(options, onEnd: { made.clients?.shut() }) { pool, waker in
                if let load {
                    let source = load(pool)
                    return Neighbours(application: StateMachineHost(machine, sink: source), gateway: source)
                }
                let gateway = ClientGateway(
                    pool: pool, windowBatches: options.engine.windowBatches, wake: { waker.wake() })
                made.clients = gateway
                return Neighbours(application: StateMachineHost(machine, sink: gateway), gateway: gateway)
            }
            try reactor.start()
            return ReplicaHost(
                reactor: reactor, clients: made.clients,
                largestCommandBytes: options.engine.batchBytes - Limits.headerBytes - 8,
                quorums: options.engine.core.quorums)
        } catch {
            throw TriremeError(.internal, error.description, cause: error)
        }
    }

    /// Written by the reactor's thread before ``Reactor/start()`` returns.
    private final class Made: @unchecked Sendable { var clients: ClientGateway? }

    /// Members that hold a command which is answered: of the smallest `Q2`, to all.
    package var copies: ClosedRange<Int> { quorums.classic...quorums.members }

    package func client(
        outstanding: Int, durability: ReplyDurability = .quorum, onReplies: (@Sendable () -> Void)?
    ) throws(TriremeError) -> Client {
        let copies = try durability.copies(quorums)
        guard let port = clients?.makePort(capacity: outstanding, copies: copies, onReplies: onReplies) else {
            throw TriremeError(
                .overloaded,
                "a replica serves at most \(ClientGateway.ports) clients; share them between threads in turn")
        }
        return Client(port: port, capacity: outstanding, largestCommandBytes: largestCommandBytes)
    }
    package func handOver(to member: Int) { reactor.handOver(to: ReplicaID(member)) }
    package var failure: String? { reactor.failure }
    package var hasEnded: Bool { reactor.hasEnded }
    package func stop() { reactor.stop() }
}
