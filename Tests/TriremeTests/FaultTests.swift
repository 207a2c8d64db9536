// A whole replica on real files and sockets, in which one call to the kernel fails (RELIABILITY, "every call site of the ring").
import CTrireme
import Foundation
import Testing
import Trireme
import TriremeRuntime

/// One replica of a cluster of one, through a life: founded, used, ended, started again, used, ended.
private final class Life {
    let configuration: Configuration
    let directory: String
    let account = Account()

    init(number: Int) {
        let port = TestPorts.alone(number)
        var configuration = Configuration(
            clusterID: .random(), members: [.init(id: 0, address: "127.0.0.1")], interface: "lo",
            group: .init(address: "239.77.3.1", port: port))
        configuration.allowSingleCopy = true
        configuration.segmentMebibytes = 1
        configuration.segments = 4
        configuration.batchBytes = 16_384
        configuration.windowBatches = 4
        self.configuration = configuration
        directory = NSTemporaryDirectory() + "trireme-fault-\(UUID().uuidString)"
    }
    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func start(format: Bool) throws -> ReplicaHost {
        try ReplicaHost.start(
            configuration, replica: 0, dataDirectory: directory, format: format,
            machine: AnyStateMachine.make(Ledger()), load: nil, countersPath: directory + "/counters", replicasHere: 1)
    }
    func run() {
        for format in [true, false] {
            do {
                let host = try start(format: format)
                account.use(host, 12)
                host.stop()
            } catch {
                account.refused("\(error)")
            }
            guard account.refusals.isEmpty else { return }
        }
    }
    /// What is there when nothing fails any more; nil where the directory was never founded.
    func balance() -> Int64? {
        guard let host = try? start(format: false) else { return nil }
        defer { host.stop() }
        return Account().use(host, 1, amount: 0)
    }
}

@Suite("one call to the kernel fails, in a whole replica", .serialized)
struct FaultTests {
    @Test(
        "each site, at its first, a middle and its last visit: one sentence or no harm, and nothing acknowledged is lost"
    )
    func everySite() throws {
        let faults = try #require(Faults())
        faults.adopt()
        faults.disarm()
        var number = 0
        let quiet = Life(number: number)
        quiet.run()
        #expect(quiet.account.refusals.isEmpty && quiet.account.acknowledged == 24 && !quiet.account.stoodStill)
        let visits = faults.visits
        // What a replica on a disk goes through; an operation that a life no longer visits is noticed. One that is alone sends
        // nothing and joins no group: those two, like all others, are broken in Tests/CTriremeTests/faults_tests.c.
        for name in [
            "ring_setup", "ring_probe", "ring_restrict", "ring_enable", "ring_register_self", "ring_register_files",
            "ring_update_file", "ring_register_region", "ring_buffers_map", "ring_buffers_register", "ring_enter",
            "ring_write",
            "ring_read", "ring_receive", "ring_poll", "direct_open", "direct_flags", "direct_stat", "zero_map",
            "zero_open", "zero_write", "zero_sync", "lock_open", "lock_take", "directory_open", "directory_sync",
            "file_sync",
            "file_read", "file_write", "free_bytes", "page_open", "page_stat", "page_grow", "page_map", "socket",
            "socket_option", "socket_bind", "interface_list", "event_create", "event_signal", "event_drain",
            "region_map", "region_populate", "thread_create",
        ] {
            #expect(visits[Int(trm_site_find(name))] > 0, "\(name) is not visited")
        }
        var hits = 0
        for (site, name) in Faults.sites.enumerated() where visits[site] > 0 {
            let count = visits[site]
            for kind in FaultKind.all where kind.applies(to: name) {
                for skip in Set([0, count / 2, count - 1]).sorted() {
                    if kind.value != UInt64(EIO), skip != count / 2, !FaultKind.isTransfer(name) { continue }
                    number += 1
                    let life = Life(number: number)
                    faults.arm(UInt32(site), kind, skip: skip)
                    life.run()
                    hits += faults.hits > 0 ? 1 : 0
                    faults.disarm()
                    let what = "\(name) \(kind.name) at visit \(skip)"
                    let account = life.account
                    #expect(!account.stoodStill, "\(what): stands still")
                    for sentence in account.refusals {
                        #expect(sentence.count > 20 && !sentence.contains("\n"), "\(what): \"\(sentence)\"")
                    }
                    if let balance = life.balance() {
                        #expect(
                            balance >= account.acknowledged,
                            "\(what): \(balance) of \(account.acknowledged) acknowledged")
                        #expect(
                            balance <= account.submitted, "\(what): \(balance) of \(account.submitted) submitted")
                    } else {
                        #expect(
                            account.acknowledged == 0,
                            "\(what): acknowledged \(account.acknowledged), and does not start any more")
                    }
                }
            }
        }
        print("faults: \(number) lives of a replica, \(hits) of them with a fault")
        #expect(hits > number * 3 / 4)
    }

    @Test(
        "a write that fails ends the replica at once, with the segment and the reason; what it had under way is not acknowledged"
    )
    func writeFails() throws {
        let faults = try #require(Faults())
        faults.adopt()
        let lost = try #require(FaultKind.all.first { $0.name == "a lost result" })
        faults.arm(trm_site_find("ring_write"), lost, skip: 4, times: 0)
        let life = Life(number: 0)
        life.run()
        #expect(life.account.refusals.count == 1)
        #expect(life.account.refusals.first?.contains("log: a write at stream offset") == true)
        #expect(life.account.refusals.first?.contains("Input/output error") == true)
        #expect(life.account.acknowledged < 12)
    }
}
