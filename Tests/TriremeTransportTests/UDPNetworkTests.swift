// Several networks in one process, real sockets, loopback multicast, real rings.
import CTrireme
import Testing
import TriremeCore
import TriremeTransport

@Suite(.serialized) struct UDPNetworkTests {
    @Test func wholeBatchesArriveEverywhereWithoutACopy() throws {
        let nodes = try Loopback.nodes(3)
        #expect(nodes[0].network.pieces == false)
        let batches = (1...6).map { TestBatch(lane: 0, sequence: UInt64($0), bytes: $0 == 6 ? 64 : 61_440 - 128) }
        for (index, batch) in batches.enumerated() {
            nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: UInt32(100 + index))
            turn(nodes) { nodes[1].batches == index + 1 && nodes[2].batches == index + 1 }
        }
        settle(nodes)
        for node in nodes[1...] {
            try #require(node.batchesSeen.count == 6)
            for (seen, batch) in zip(node.batchesSeen, batches) {
                guard case .batch(let descriptor, let from, _, let content, let aligned) = seen else { continue }
                #expect(descriptor == batch.descriptor)
                #expect(from == 0)
                #expect(content == batch.payload)
                #expect(aligned)
            }
            #expect(node.network.counters.batchesCopied == 0)
            #expect(node.network.counters.refused == 0)
        }
        #expect(nodes[0].seen == (0..<6).map { .sent(UInt32(100 + $0)) }, "nobody hears himself")
        #expect(nodes[0].network.sendsInFlight == 0)
    }

    @Test func controlMessagesArriveByMulticastAndUnicast() throws {
        let nodes = try Loopback.nodes(3)
        let long = (0..<Limits.controlBodyBytes).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        long.withUnsafeBytes { nodes[1].network.multicast(.status, $0) }
        [UInt8](arrayLiteral: 1, 2, 3).withUnsafeBytes { nodes[1].network.send(.promise, $0, to: ReplicaID(2)) }
        nodes[1].network.send(.prepare, UnsafeRawBufferPointer(start: nil, count: 0), to: ReplicaID(0))
        turn(nodes) { nodes[0].seen.count == 2 && nodes[2].seen.count == 2 }
        settle(nodes)
        #expect(nodes[0].seen.contains(.control(.status, from: 1, body: long)))
        #expect(nodes[0].seen.contains(.control(.prepare, from: 1, body: [])))
        #expect(nodes[2].seen.contains(.control(.status, from: 1, body: long)))
        #expect(nodes[2].seen.contains(.control(.promise, from: 1, body: [1, 2, 3])))
        #expect(nodes[0].seen.count == 2 && nodes[2].seen.count == 2 && nodes[1].seen.isEmpty)
        #expect(nodes[1].network.counters.controlDatagramsSent == 3)
    }

    @Test func aRepairComesByUnicastFromAnotherHolder() throws {
        let nodes = try Loopback.nodes(3)
        let batch = TestBatch(lane: 0, sequence: 9)
        nodes[1].network.send(batch.descriptor, payload: batch.pointer, to: ReplicaID(2), token: 5)
        turn(nodes) { nodes[2].batches == 1 && nodes[1].seen.count == 1 }
        settle(nodes)
        guard case .batch(let descriptor, 1, _, let content, true)? = nodes[2].seen.first else {
            Issue.record("no batch from replica 1: \(nodes[2].seen.count)")
            return
        }
        #expect(descriptor == batch.descriptor && content == batch.payload)
        #expect(nodes[2].network.counters.batchesCopied == 1)
        #expect(nodes[0].seen.isEmpty)
        #expect(nodes[1].seen == [.sent(5)])
    }

    @Test func receivingGoesOnAfterBuffersRanOut() throws {
        let nodes = try Loopback.nodes(2) { options, _ in options.reservedBuffers = 0 }
        nodes[1].returnsBuffers = false
        let batch = TestBatch(lane: 0, sequence: 1, bytes: 4_000)
        for _ in 0..<40 { nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 1) }
        turn(nodes) { nodes[1].batches == 32 }
        settle(nodes)
        #expect(nodes[1].batches == 32)
        #expect(nodes[1].network.counters.receiveBuffersExhausted > 0)
        nodes[1].provideHeld()
        #expect(turn(nodes) { nodes[1].batches == 40 }, "the rest waited in the socket's buffer")
    }

    @Test func withoutAnyFreeBufferControlStillArrives() throws {
        let nodes = try Loopback.nodes(2)
        nodes[1].returnsBuffers = false
        let batch = TestBatch(lane: 0, sequence: 1, bytes: 1_000)
        for _ in 0..<32 { nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 1) }
        for _ in 0..<10 {
            nodes[0].network.send(batch.descriptor, payload: batch.pointer, to: ReplicaID(1), token: 1)
        }
        settle(nodes)
        #expect(nodes[1].batches == 32)
        #expect(nodes[1].network.counters[.noBuffer] == 2)
        for kind in [DatagramKind.status, .promise] {
            nodes[0].network.multicast(kind, UnsafeRawBufferPointer(start: nil, count: 0))
            nodes[0].network.send(kind, UnsafeRawBufferPointer(start: nil, count: 0), to: ReplicaID(1))
        }
        #expect(turn(nodes) { nodes[1].controlsSeen.count == 4 })
    }

    @Test func moreSendsThanSlotsAreKeptInABoundedQueueAndThenDropped() throws {
        let nodes = try Loopback.nodes(2) { options, _ in
            options.batchSends = 2
            options.batchQueue = 8
            options.controlSends = 4
        }
        let batch = TestBatch(lane: 0, sequence: 1, bytes: 100)
        for token in 0..<10 {
            nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: UInt32(token))
        }
        for _ in 0..<6 { nodes[0].network.multicast(.status, UnsafeRawBufferPointer(start: nil, count: 0)) }
        #expect(nodes[0].network.counters.batchSendsDropped == 2)
        #expect(nodes[0].network.counters.controlSendsDropped == 2)
        turn(nodes) { nodes[1].batches == 8 && nodes[0].sentSeen.count == 10 }
        settle(nodes)
        #expect(nodes[1].batches == 8)
        #expect(nodes[1].controlsSeen.count == 4)
        #expect(nodes[0].sentSeen.count == 10, "every token comes back")
        #expect(Set(nodes[0].sentSeen.map(String.init(describing:))).count == 10)
    }

    @Test func foreignDatagramsOnTheSameGroupAreCountedAndDropped() throws {
        let place = Loopback.place()
        let mine = try Node(Loopback.options(0, of: 3, at: place))
        var options = Loopback.options(1, of: 3, at: place)
        options.origin.cluster.low += 1
        let foreign = try Node(options)
        options = Loopback.options(2, of: 3, at: place)
        options.origin.group = 8
        let otherGroup = try Node(options)
        for node in [foreign, otherGroup] {
            node.network.multicast(.status, UnsafeRawBufferPointer(start: nil, count: 0))
        }
        turn([mine, foreign, otherGroup]) { mine.network.counters.refused == 2 }
        #expect(mine.network.counters[.cluster] == 1)
        #expect(mine.network.counters[.group] == 1)
        #expect(mine.seen.isEmpty)
    }

    @Test func aSecondOwnerOfAnIdentityIsRefused() throws {
        let place = Loopback.place()
        let first = try Node(Loopback.options(0, of: 2, at: place))
        #expect(throws: TransportError.self) { _ = try Node(Loopback.options(0, of: 2, at: place)) }
        _ = first
    }

    @Test func aClusterOfOneSendsNothing() throws {
        let nodes = try Loopback.nodes(1)
        let batch = TestBatch(lane: 0, sequence: 1)
        nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 3)
        nodes[0].network.multicast(.status, UnsafeRawBufferPointer(start: nil, count: 0))
        nodes[0].turn(tick: true)
        #expect(nodes[0].seen == [.sent(3)])
        #expect(
            nodes[0].network.counters.batchDatagramsSent == 0 && nodes[0].network.counters.controlDatagramsSent == 0)
    }
}
