// What fits into a socket's buffer: the arithmetic against what the kernel really does.
import CTrireme
import Testing
import TriremeCore
import TriremeTransport

@Suite(.serialized) struct WindowTests {
    /// Fills a socket that nobody reads and counts what was kept.
    @Test(arguments: [
        (61_440, 65_535), (32_768, 65_535), (16_384, 65_535), (4_096, 65_535), (61_440, 1_500), (61_440, 9_000),
    ])
    func asManyBatchesFitAsIsSaid(batchBytes: Int, mtu: Int) throws {
        let place = Loopback.place()
        var options = Loopback.options(0, of: 2, at: place)
        options.mtuBytes = mtu
        options.segmentationOffload = false
        let sender = try Node(options)
        options = Loopback.options(1, of: 2, at: place)
        options.batchBytes = batchBytes
        options.mtuBytes = mtu
        options.receiveOffload = false
        options.receiveBufferBytes = 1 << 20
        let receiver = try Node(options)
        receiver.keepsContent = false
        let said = receiver.network.batchesThatFit(otherLanes: 1)
        for sequence in 1...said * 2 {
            let batch = TestBatch(lane: 0, sequence: UInt64(sequence), bytes: batchBytes - 128)
            sender.network.multicast(batch.descriptor, payload: batch.pointer, token: 0)
            repeat { sender.turn() } while sender.network.sendsInFlight > 0
        }
        settle([receiver])
        receiver.network.refreshKernelDrops()
        #expect(receiver.network.counters.kernelDrops > 0)
        #expect(
            receiver.batches >= said && receiver.batches <= said + 2 + said / 16,
            "said \(said), found \(receiver.batches)")
        #expect(receiver.network.windowBatches(otherLanes: 1) == said * 3 / 4)
    }

    @Test func tooLittleIsRefusedInOneSentence() throws {
        let plan = FragmentPlan(mtuBytes: 65_535, segmentationOffload: true)
        func refusal(_ bytes: Int, _ lanes: Int) -> TransportError? {
            SocketAccounting.refusal(grantedBytes: bytes, batchBytes: 61_440, plan: plan, otherLanes: lanes)
        }
        // Twice of an untuned machine's 212,992: six batches.
        #expect(
            SocketAccounting.batchesThatFit(grantedBytes: 425_984, batchBytes: 61_440, plan: plan, otherLanes: 1) == 6)
        #expect(refusal(425_984, 3) == nil)
        #expect(refusal(0, 0) == nil, "a cluster of one")
        let message = try #require(refusal(425_984, 4)).message
        #expect(
            message
                == "socket receive buffer: 425984 bytes granted, 504800 needed for 2 batches of 61440 bytes from each of 4 other members; `sysctl -w net.core.rmem_max=252400`"
        )
        #expect(refusal(2 * 252_400, 4) == nil, "the command mends it")
        #expect(throws: TransportError.self) {
            _ = try Loopback.nodes(3) { options, _ in options.receiveBufferBytes = 100_000 }
        }
    }

    @Test func impossibleOptionsAreRefusedByName() {
        func refusal(_ change: (inout UDPNetworkOptions) -> Void) -> String {
            var options = Loopback.options(0, of: 3, at: Loopback.place())
            change(&options)
            do {
                _ = try Node(options)
                return "taken"
            } catch let error as TransportError { return error.message } catch { return "\(error)" }
        }
        #expect(refusal { $0.members = [] }.hasPrefix("members:"))
        #expect(refusal { $0.members[1].id = ReplicaID(0) }.hasPrefix("members:"))
        #expect(refusal { $0.origin.me = ReplicaID(9) }.hasPrefix("members: replica 9"))
        #expect(refusal { $0.multicastAddress = 10 << 24 }.hasPrefix("group:"))
        #expect(refusal { $0.port = 65_530 }.hasPrefix("group: port"))
        #expect(refusal { $0.batchBytes = 61_441 }.hasPrefix("batchBytes:"))
        #expect(refusal { $0.mtuBytes = 100 }.hasPrefix("mtuBytes:"))
        #expect(refusal { $0.interface = "nosuch0" }.contains("nosuch0"))
    }
}
