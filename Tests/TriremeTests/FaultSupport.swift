// What the fault tests share: the faults that there are, and a client that adds to an account and keeps the books.
import CTrireme
import Foundation
import Trireme

/// How a call to the kernel may fail.
struct FaultKind {
    let name: String
    let kind: UInt32
    let value: UInt64
    static let all = [
        FaultKind(name: "EIO", kind: UInt32(TRM_FAULT_ERROR), value: UInt64(EIO)),
        FaultKind(name: "ENOSPC", kind: UInt32(TRM_FAULT_ERROR), value: UInt64(ENOSPC)),
        FaultKind(name: "a lost result", kind: UInt32(TRM_FAULT_LOST_RESULT), value: UInt64(EIO)),
        FaultKind(name: "short", kind: UInt32(TRM_FAULT_SHORT), value: 512),
        FaultKind(name: "late", kind: UInt32(TRM_FAULT_DELAY), value: 20_000_000),
    ]
    /// Lost results and short ones are for transfers, and rings may be late.
    func applies(to site: String) -> Bool {
        let isTransfer = Self.isTransfer(site)
        let isLateHere = kind == UInt32(TRM_FAULT_DELAY) && site.hasPrefix("ring_")
        return isTransfer || kind == UInt32(TRM_FAULT_ERROR) || isLateHere
    }
    static func isTransfer(_ site: String) -> Bool { site.hasSuffix("_write") || site.hasSuffix("_read") }
}

/// The faults of a test: adopted by the thread that starts a replica, which its reactor inherits.
final class Faults {
    private let faults: OpaquePointer
    static let sites = (0..<trm_site_count()).map { String(cString: trm_site_name($0)) }

    init?() {
        guard let faults = trm_faults_create() else { return nil }
        self.faults = faults
    }
    deinit {
        trm_faults_adopt(nil)
        trm_faults_destroy(faults)
    }
    /// Whoever is started from here on has them, or has them no more.
    func adopt() { trm_faults_adopt(faults) }
    func release() { trm_faults_adopt(nil) }

    func arm(_ site: UInt32, _ kind: FaultKind, skip: UInt64, times: UInt32 = 1) {
        arm(trm_fault(site: site, kind: kind.kind, value: kind.value, skip: UInt32(skip), times: times))
    }
    func disarm() { arm(trm_fault(site: 0, kind: UInt32(TRM_FAULT_NONE), value: 0, skip: 0, times: 0)) }
    private func arm(_ fault: trm_fault) { withUnsafePointer(to: fault) { trm_faults_arm(faults, $0) } }
    /// Since the last arming.
    var visits: [UInt64] { (0..<trm_site_count()).map { trm_faults_visits(faults, $0) } }
    var hits: UInt64 { trm_faults_hits(faults) }
}

/// Adds to one account through a replica: what was submitted, and what was acknowledged.
final class Account {
    private(set) var submitted: Int64 = 0
    private(set) var acknowledged: Int64 = 0
    private(set) var refusals: [String] = []
    private(set) var stoodStill = false
    /// Commands whose replica jumped over them with another one's state: executed or not (PROTOCOL §8).
    private(set) var unknown = 0
    /// How long an answer may take: a machine that builds beside this has a slow disk.
    private static let patienceSeconds = 20.0

    func refused(_ sentence: String) { refusals.append(sentence) }

    /// Adds `amount` so many times, each after the answer to the one before. Returns the last balance that was answered.
    @discardableResult func use(_ host: ReplicaHost, _ times: Int, amount: Int64 = 1) -> Int64? {
        var balance: Int64?
        do {
            var client = try host.client(outstanding: 4, onReplies: nil)
            for _ in 0..<times {
                let command = withUnsafeBytes(of: (UInt64(7).littleEndian, amount.littleEndian)) { Array($0) }
                var isAnswered = false
                var isUnknown = false
                func take(_ tag: UInt64, _ reply: UnsafeRawBufferPointer) {
                    isAnswered = true
                    if reply.count == 8 { balance = reply.loadUnaligned(as: Int64.self) }
                }
                submitted += amount
                try command.withUnsafeBytes { try client.submitWaiting($0, tag: 0, take) }
                let end = Date().addingTimeInterval(Self.patienceSeconds)
                while !isAnswered, !isUnknown {
                    if client.poll(unknown: { _ in isUnknown = true }, take) > 0 { break }
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
                if isUnknown { unknown += 1 } else { acknowledged += amount }
            }
        } catch {
            if let failure = host.failure { refusals.append(failure) } else { refusals.append("\(error)") }
        }
        return balance
    }
}
