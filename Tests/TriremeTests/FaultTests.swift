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
    /// Sums: what was submitted, and what was acknowledged.
    private(set) var submitted: Int64 = 0
    private(set) var acknowledged: Int64 = 0
    private(set) var refusals: [String] = []
    private(set) var stoodStill = false

    init(number: Int) {
        let port = 31_000 + UInt16(getpid() % 100) * 10 + UInt16(number % 2) * 5
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

    private func start(format: Bool) -> ReplicaHost? {
        do {
            return try ReplicaHost.start(
                configuration, replica: 0, dataDirectory: directory, format: format,
                machine: AnyStateMachine.make(Ledger()), load: nil, countersPath: directory + "/counters",
                replicasHere: 1)
        } catch {
            refusals.append("\(error)")
            return nil
        }
    }
    /// Adds 1 so many times, each after the answer to the one before. Returns the last balance that was answered.
    @discardableResult private func use(_ host: ReplicaHost, _ times: Int, amount: Int64 = 1) -> Int64? {
        var balance: Int64?
        do {
            var client = try host.client(outstanding: 4, onReplies: nil)
            for _ in 0..<times {
                let command = withUnsafeBytes(of: (UInt64(7).littleEndian, amount.littleEndian)) { Array($0) }
                var isAnswered = false
                func take(_ tag: UInt64, _ reply: UnsafeRawBufferPointer) {
                    isAnswered = true
                    if reply.count == 8 { balance = reply.loadUnaligned(as: Int64.self) }
                }
                submitted += amount
                try command.withUnsafeBytes { try client.submitWaiting($0, tag: 0, take) }
                let end = Date().addingTimeInterval(5)
                while !isAnswered {
                    if client.poll(take) > 0 { break }
                    if let failure = host.failure {
                        refusals.append(failure)
                        return balance
                    }
                    guard Date() < end else {
                        stoodStill = true
                        return balance
                    }
                    usleep(50)
                }
                acknowledged += amount
            }
        } catch {
            if let failure = host.failure { refusals.append(failure) } else { refusals.append("\(error)") }
        }
        return balance
    }

    func run() {
        for format in [true, false] {
            guard let host = start(format: format) else { return }
            use(host, 12)
            host.stop()
            guard refusals.isEmpty else { return }
        }
    }
    /// What is there when nothing fails any more; nil where the directory was never founded.
    func balance() -> Int64? {
        let before = refusals
        defer { refusals = before }
        guard let host = start(format: false) else { return nil }
        defer { host.stop() }
        return use(host, 1, amount: 0)
    }
}

@Suite("one call to the kernel fails, in a whole replica", .serialized)
struct FaultTests {
    private static let kinds: [(name: String, kind: UInt32, value: UInt64)] = [
        ("EIO", UInt32(TRM_FAULT_ERROR), UInt64(EIO)), ("ENOSPC", UInt32(TRM_FAULT_ERROR), UInt64(ENOSPC)),
        ("a lost result", UInt32(TRM_FAULT_LOST_RESULT), UInt64(EIO)), ("short", UInt32(TRM_FAULT_SHORT), 512),
        ("late", UInt32(TRM_FAULT_DELAY), 20_000_000),
    ]

    @Test(
        "each site, at its first, a middle and its last visit: one sentence or no harm, and nothing acknowledged is lost"
    )
    func everySite() throws {
        let faults = try #require(trm_faults_create())
        trm_faults_adopt(faults)
        defer {
            trm_faults_adopt(nil)
            trm_faults_destroy(faults)
        }
        func arm(_ fault: trm_fault) { withUnsafePointer(to: fault) { trm_faults_arm(faults, $0) } }
        arm(trm_fault(site: 0, kind: UInt32(TRM_FAULT_NONE), value: 0, skip: 0, times: 0))
        var number = 0
        let quiet = Life(number: number)
        quiet.run()
        #expect(quiet.refusals.isEmpty && quiet.acknowledged == 24 && !quiet.stoodStill)
        let visits = (0..<trm_site_count()).map { trm_faults_visits(faults, $0) }
        let names = (0..<trm_site_count()).map { String(cString: trm_site_name($0)) }
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
        for site in 0..<trm_site_count() where visits[Int(site)] > 0 {
            let count = visits[Int(site)]
            for (name, kind, value) in Self.kinds {
                // Lost results and short ones are for transfers.
                let isTransfer = names[Int(site)].hasSuffix("_write") || names[Int(site)].hasSuffix("_read")
                let isLateHere = kind == UInt32(TRM_FAULT_DELAY) && names[Int(site)].hasPrefix("ring_")
                guard isTransfer || kind == UInt32(TRM_FAULT_ERROR) || isLateHere else { continue }
                for skip in Set([0, count / 2, count - 1]).sorted() {
                    if value != UInt64(EIO), skip != count / 2, !isTransfer { continue }
                    number += 1
                    let life = Life(number: number)
                    arm(trm_fault(site: site, kind: kind, value: value, skip: UInt32(skip), times: 1))
                    life.run()
                    hits += trm_faults_hits(faults) > 0 ? 1 : 0
                    arm(trm_fault(site: 0, kind: UInt32(TRM_FAULT_NONE), value: 0, skip: 0, times: 0))
                    let what = "\(names[Int(site)]) \(name) at visit \(skip)"
                    #expect(!life.stoodStill, "\(what): stands still")
                    for sentence in life.refusals {
                        #expect(sentence.count > 20 && !sentence.contains("\n"), "\(what): \"\(sentence)\"")
                    }
                    if let balance = life.balance() {
                        #expect(
                            balance >= life.acknowledged, "\(what): \(balance) of \(life.acknowledged) acknowledged")
                        #expect(balance <= life.submitted, "\(what): \(balance) of \(life.submitted) submitted")
                    } else {
                        #expect(
                            life.acknowledged == 0,
                            "\(what): acknowledged \(life.acknowledged), and does not start any more")
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
        let faults = try #require(trm_faults_create())
        trm_faults_adopt(faults)
        defer {
            trm_faults_adopt(nil)
            trm_faults_destroy(faults)
        }
        var fault = trm_fault(
            site: trm_site_find("ring_write"), kind: UInt32(TRM_FAULT_LOST_RESULT), value: UInt64(EIO), skip: 4,
            times: 0)
        trm_faults_arm(faults, &fault)
        let life = Life(number: 0)
        life.run()
        #expect(life.refusals.count == 1)
        #expect(life.refusals.first?.contains("log: a write at stream offset") == true)
        #expect(life.refusals.first?.contains("Input/output error") == true)
        #expect(life.acknowledged < 12)
    }
}
