// `trireme bench-receiver`: a receiver of the multicast measurement, started by `trireme bench --limits`; nobody types it.
import ArgumentParser
import TriremeBench

struct BenchReceiverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench-receiver", shouldDisplay: false)

    @Option var member: Int
    @Option var members: Int
    @Option var interface: String
    @Option var address: UInt32
    @Option var group: UInt32
    @Option var port: UInt16
    @Option var batchBytes: Int
    @Option var window: Int
    @Option var parent: Int32

    func run() throws {
        do {
            try MulticastReceiver.run(
                MulticastPlan(
                    members: members, interface: interface, address: address, group: group, port: port,
                    batchBytes: batchBytes, windowBatches: window),
                member: member, parent: parent)
        } catch {
            throw fail("bench: receiver \(member)", error)
        }
    }
}
