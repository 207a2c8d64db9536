// One receiver of the multicast measurement, in a process of its own: takes batches, gives their buffers back, tells how far it is.
import CTrireme
import Glibc
import TriremeCore
import TriremeTransport

package enum MulticastReceiver {
    private static let buffers = 128

    /// Runs until the measuring process ends it, or is gone.
    package static func run(_ plan: MulticastPlan, member: Int, parent: Int32) throws {
        guard trm_end_with_parent(parent, SIGKILL) == 0 else { return }
        // A page before each frame is the network's.
        let stride = roundedUp(plan.batchBytes) + Limits.pageBytes
        let ring = try LimitRing(bytes: buffers * stride, files: [Int32](repeating: -1, count: Int(UDPNetwork.files)))
        var network: UDPNetwork
        do {
            network = try UDPNetwork(
                ring: ring.ring, options: plan.options(for: member, buffers: buffers), boot: trm_realtime_nanoseconds(),
                now: trm_monotonic_nanoseconds())
        } catch {
            throw BenchError(error.message)
        }
        for buffer in 0..<buffers {
            network.provide(buffer: UInt32(buffer), at: ring.memory + buffer * stride + Limits.pageBytes)
        }
        var highest: UInt64 = 0
        var told: UInt64 = 0
        while true {
            network.tick(now: trm_monotonic_nanoseconds())
            while let arrival = network.next() {
                guard case .batch(let batch, _, let buffer, let frame) = arrival else { continue }
                highest = max(highest, batch.sequence)
                network.provide(buffer: buffer, at: frame)
            }
            if highest > told {
                told = highest
                withUnsafeBytes(of: highest) { network.send(.status, $0, to: ReplicaID(0)) }
            }
            let now = trm_monotonic_nanoseconds()
            let due = min(network.deadline, now + 20_000_000)
            _ = trm_ring_submit_and_wait(ring.ring, 1, Int64(due - min(due, now)))
            withUnsafeTemporaryAllocation(of: trm_completion.self, capacity: 256) { found in
                let count = Int(trm_ring_completions(ring.ring, found.baseAddress!, 256))
                for index in 0..<count { network.complete(found[index]) }
            }
        }
    }

    private static func roundedUp(_ bytes: Int) -> Int {
        (bytes + Limits.pageBytes - 1) / Limits.pageBytes * Limits.pageBytes
    }
}
