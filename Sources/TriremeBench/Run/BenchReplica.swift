// One replica of a run, in a process of its own: the real thing, with a load generator where the clients would be.
import CTrireme
import Glibc
import Trireme
import TriremeRuntime

package struct BenchReplica {
    package var configuration: Configuration
    package var replica: Int
    package var dataDirectory: String
    package var pagePath: String
    package var countersPath: String
    package var commandBytes: Int
    package var plan: LoadPlan
    package var service: BenchService
    package var parent: Int32
    /// Heap allocations of this process so far; `UInt64.max` where they are not counted.
    package var allocations: @Sendable () -> UInt64
    /// The network namespace to run in; `nil`: the one that it was started in.
    package var networkNamespace: String?

    package init(
        configuration: Configuration, replica: Int, dataDirectory: String, pagePath: String, countersPath: String,
        commandBytes: Int, plan: LoadPlan, service: BenchService, parent: Int32,
        allocations: @escaping @Sendable () -> UInt64
    ) {
        self.configuration = configuration
        self.replica = replica
        self.dataDirectory = dataDirectory
        self.pagePath = pagePath
        self.countersPath = countersPath
        self.commandBytes = commandBytes
        self.plan = plan
        self.service = service
        self.parent = parent
        self.allocations = allocations
    }

    /// Runs until the measuring process says stop, or is gone. Returns the exit code.
    package func run() -> Int32 {
        guard trm_end_with_parent(parent, SIGKILL) == 0 else { return 1 }
        do {
            if let networkNamespace { try NetworkNamespaces.enter(networkNamespace) }
            let page = try BenchPage(path: pagePath)
            let source = service.source(replica, commandBytes)
            let plan = plan
            let host = try ReplicaHost.start(
                configuration, replica: replica, dataDirectory: dataDirectory, format: true,
                machine: service.machine(page),
                load: { pool in
                    LoadGateway(page: page, source: source, plan: plan, payloadBytes: pool.payloadBytes)
                }, countersPath: countersPath,
                replicasHere: configuration.members.count)
            page.isReady = true
            while page.phase != .stop {
                page.allocations = allocations()
                if let failure = host.failure {
                    complain(failure)
                    return 1
                }
                usleep(5_000)
            }
            host.stop()
            return 0
        } catch {
            complain("\(error)")
            return 1
        }
    }

    private func complain(_ message: String) { Terminal.complain("trireme bench: replica \(replica): \(message)") }
}
