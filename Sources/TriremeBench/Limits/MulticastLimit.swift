// How fast one replica's batches get to all others: the engine's own network, with nothing behind it.
import CTrireme
import Glibc
import TriremeCore
import TriremeTransport

/// Sender and receivers are told the same.
package struct MulticastPlan: Sendable {
    package var members: Int
    package var interface: String
    package var address: UInt32
    package var group: UInt32
    package var port: UInt16
    package var batchBytes: Int
    /// Batches that no receiver has confirmed, at most.
    package var windowBatches: Int
    /// The sender sends a copy to each receiver.
    package var unicastOnly = false

    package init(
        members: Int, interface: String, address: UInt32, group: UInt32, port: UInt16, batchBytes: Int,
        windowBatches: Int
    ) {
        self.members = members
        self.interface = interface
        self.address = address
        self.group = group
        self.port = port
        self.batchBytes = batchBytes
        self.windowBatches = windowBatches
    }

    func options(for member: Int, buffers: Int) -> UDPNetworkOptions {
        // Any name will do: nobody else is in this group.
        var options = UDPNetworkOptions(
            origin: DatagramOrigin(cluster: ClusterID(low: 1, high: UInt64(port)), group: 0, me: ReplicaID(member)),
            members: (0..<members).map { .init(id: ReplicaID($0), address: address) }, interface: interface,
            multicastAddress: group, port: port)
        options.batchBytes = batchBytes
        options.providedBuffers = buffers
        options.unicastOnly = unicastOnly
        return options
    }
}

enum MulticastLimit {
    private static let seconds = 1.0
    private static let patience = 5.0

    struct Found {
        /// Bytes a second that each receiver got, headers included.
        var bytesPerSecond: Double
        /// Batches that did not arrive.
        var lost: UInt64
    }

    /// Sends to receivers that run already (``MulticastReceiver``). The calling thread's.
    static func measure(_ plan: MulticastPlan) throws -> Found {
        let frames = plan.windowBatches * 2
        let ring = try LimitRing(
            bytes: frames * plan.batchBytes, files: [Int32](repeating: -1, count: Int(UDPNetwork.files)))
        var sender = try Sender(plan, ring)
        let found = Result { try measure(plan, &sender) }
        // The ring first: as long as it lives the kernel reads and writes the network's memory.
        _ = consume ring
        sender.end()
        return try found.get()
    }

    private static func measure(_ plan: MulticastPlan, _ sender: inout Sender) throws -> Found {
        // Batches go out, slowly, until all have heard one.
        let begin = trm_monotonic_nanoseconds()
        while !sender.isHeard {
            sender.send()
            for _ in 0..<10 where !sender.isHeard { sender.turn(milliseconds: 5) }
            guard Double(trm_monotonic_nanoseconds() - begin) < patience * 1e9 else {
                throw BenchError(
                    "no datagrams of group \(Sender.text(plan.group)) arrived on \(plan.interface) within \(Int(patience)) s: "
                        + "the limit of multicast cannot be measured")
            }
        }
        sender.catchUp()
        let start = trm_monotonic_nanoseconds()
        let first = sender.confirmed
        let end = start + UInt64(seconds * 1e9)
        var now = start
        while now < end {
            while sender.mayReach(plan.windowBatches) { sender.send() }
            sender.turn(milliseconds: 20)
            now = trm_monotonic_nanoseconds()
        }
        let bytes = Double(sender.confirmed - first) * Double(plan.batchBytes)
        return Found(bytesPerSecond: bytes / (Double(now - start) / 1e9), lost: sender.lost)
    }
}

/// The sending replica, reduced to its network.
private struct Sender: ~Copyable {
    private let plan: MulticastPlan
    private let ring: OpaquePointer
    private let memory: UnsafeMutableRawPointer
    private let checksum: UInt32
    private var network: UDPNetwork
    private var sent: UInt64 = 0
    private var progressAt = trm_monotonic_nanoseconds()
    /// Highest sequence and number of batches that each receiver says to have.
    private var heard: InlineArray<16, UInt64> = InlineArray(repeating: 0)
    private(set) var lost: UInt64 = 0

    init(_ plan: MulticastPlan, _ ring: borrowing LimitRing) throws {
        self.plan = plan
        self.ring = ring.ring
        memory = ring.memory
        let payload = plan.batchBytes - Limits.headerBytes
        for offset in 0..<payload {
            (memory + offset).storeBytes(of: UInt8(truncatingIfNeeded: offset * 31), as: UInt8.self)
        }
        for frame in 1..<plan.windowBatches * 2 { memcpy(memory + frame * plan.batchBytes, memory, payload) }
        checksum = trm_crc32c(0, memory, payload)
        do {
            network = try UDPNetwork(
                ring: ring.ring, options: plan.options(for: 0, buffers: 8), boot: trm_realtime_nanoseconds(),
                now: trm_monotonic_nanoseconds())
        } catch {
            throw BenchError(error.message)
        }
    }

    consuming func end() {}

    static func text(_ address: UInt32) -> String {
        (0..<4).map { "\(address >> UInt32(24 - 8 * $0) & 255)" }.joined(separator: ".")
    }

    var isHeard: Bool { (1..<plan.members).allSatisfy { heard[$0] > 0 } }
    /// What all receivers have got, apart from what was lost.
    var confirmed: UInt64 { (1..<plan.members).map { heard[$0] }.min() ?? 0 }
    func mayReach(_ window: Int) -> Bool { sent - confirmed < UInt64(window) }

    mutating func send() {
        sent += 1
        let payload = plan.batchBytes - Limits.headerBytes
        let batch = BatchDescriptor(
            lane: ReplicaID(0), generation: Generation(epoch: 1, counter: 1), sequence: sent,
            payloadBytes: UInt32(payload), payloadChecksum: checksum, count: 1, stride: UInt32(payload), digest: 0)
        let frame = Int(sent % UInt64(plan.windowBatches * 2))
        network.multicast(batch, payload: memory + frame * plan.batchBytes, token: UInt32(frame))
    }

    /// Waits for something, and takes it.
    mutating func turn(milliseconds: Int) {
        let begin = trm_monotonic_nanoseconds()
        let due = min(network.deadline, begin + UInt64(milliseconds) * 1_000_000)
        _ = trm_ring_submit_and_wait(ring, 1, Int64(due - min(due, begin)))
        withUnsafeTemporaryAllocation(of: trm_completion.self, capacity: 256) { found in
            let count = Int(trm_ring_completions(ring, found.baseAddress!, 256))
            for index in 0..<count { network.complete(found[index]) }
        }
        let now = trm_monotonic_nanoseconds()
        network.tick(now: now)
        let before = confirmed
        while let arrival = network.next() {
            guard case .control(.status, let from, let body) = arrival, body.count == 8 else { continue }
            heard[from.index] = max(heard[from.index], body.loadUnaligned(as: UInt64.self))
        }
        if confirmed > before || sent == confirmed { progressAt = now }
        // A window whose last batch is missing would stand for ever: after a while the rest of it counts as lost.
        guard now - progressAt > 400_000_000 else { return }
        progressAt = now
        for member in 1..<plan.members where heard[member] < sent {
            lost += sent - heard[member]
            heard[member] = sent
        }
    }

    /// Waits until all have what was sent.
    mutating func catchUp() {
        while sent > confirmed { turn(milliseconds: 20) }
        lost = 0
    }
}
