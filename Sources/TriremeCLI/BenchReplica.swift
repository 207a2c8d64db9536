// `trireme bench-replica`: what `trireme bench` starts; nobody types it.
import ArgumentParser
import CAllocations
import TriremeBench
import TriremeService

struct BenchReplicaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench-replica", shouldDisplay: false)

    @Option var config: String
    @Option var replica: Int
    @Option var data: String
    @Option var page: String
    @Option var counters: String
    @Option var commandBytes: Int
    @Option var service: String
    @Option var parent: Int32
    @Option var offset = 0.0
    @Flag var idle = false
    @Option var networkNamespace: String?

    func run() throws {
        guard let service = BenchServices.named(service) else { throw ExitCode(2) }
        do {
            var replica = BenchReplica(
                configuration: try ClusterFile.load(config), replica: replica, dataDirectory: data, pagePath: page,
                countersPath: counters, commandBytes: commandBytes,
                plan: LoadPlan(offset: offset, isActive: !idle, wantsReplies: service.wantsReplies),
                service: service, parent: parent, allocations: { trm_allocations() })
            replica.networkNamespace = networkNamespace
            throw ExitCode(replica.run())
        } catch let code as ExitCode {
            throw code
        } catch {
            throw fail("bench: replica \(replica)", error)
        }
    }
}
