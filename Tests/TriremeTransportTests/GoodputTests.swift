// How fast batches go through loopback multicast, one thread doing all of it: one sender, two receivers, every checksum
// verified. Small, so that it runs as a test; TRIREME_MEASURE=seconds makes it long enough to quote.
import CTrireme
import Glibc
import Testing
import TriremeCore
import TriremeTransport

@Suite(.serialized) struct GoodputTests {
    @Test(arguments: [(65_535, true), (9_000, true), (1_500, true), (1_500, false)])
    func windowedBatchesAllArrive(mtu: Int, offload: Bool) throws {
        let nodes = try Loopback.nodes(3) { options, _ in
            options.mtuBytes = mtu
            options.segmentationOffload = offload
            options.receiveOffload = offload
        }
        for node in nodes { node.keepsContent = false }
        let window = min(8, nodes[1].network.windowBatches(otherLanes: 1))
        let batch = TestBatch(lane: 0, sequence: 1)
        let seconds = getenv("TRIREME_MEASURE").flatMap { Double(String(cString: $0)) } ?? 0.05
        let start = trm_monotonic_nanoseconds()
        var sent = 0
        while Double(trm_monotonic_nanoseconds() - start) < seconds * 1e9 {
            for _ in 0..<window {
                nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 0)
            }
            sent += window
            guard turn(nodes, until: { nodes[1].batches == sent && nodes[2].batches == sent }) else { break }
            nodes[0].seen.removeAll(keepingCapacity: true)
        }
        let elapsed = Double(trm_monotonic_nanoseconds() - start)
        #expect(nodes[1].batches == sent && nodes[2].batches == sent, "the window keeps the socket from running over")
        if getenv("TRIREME_MEASURE") != nil {
            let goodput = Double(sent * 61_440) / elapsed
            print("MTU \(mtu), offload \(offload): \(goodput) GB/s to each of two receivers, \(sent) batches")
        }
    }
}
