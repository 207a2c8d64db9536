// The simulated network: bytes survive, links behave as they are told, lost is lost.
import Testing
import TriremeCore
import TriremeSimulator
import TriremeTransport

/// Three endpoints and the clock that moves between them.
final class Bench {
    let queue = EventQueue()
    let referee: Referee
    let wire: Wire
    var endpoints: [Endpoint?]
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64 * 4_096, alignment: 4_096)

    init(seed: UInt64 = 1) {
        referee = Referee(seed: seed, queue: queue)
        let wire = Wire(queue: queue, members: 3, batchBytes: 4_096, random: CoreRandom(seed: seed), referee: referee)
        self.wire = wire
        endpoints = (0..<3).map { Endpoint(wire: wire, replica: ReplicaID($0), incarnation: 1) }
        for i in 0..<3 { wire.names.started(ReplicaID(i), generation: Generation(epoch: 1, counter: 1)) }
    }
    deinit { memory.deallocate() }
    func network(_ i: Int) -> SimulatedNetwork { SimulatedNetwork(endpoints[i]!) }
    func page(_ i: Int) -> UnsafeMutableRawPointer { memory + i * 4_096 }
    /// Lets everything under way arrive.
    func settle() {
        while let event = queue.pop() {
            let endpoint = endpoints[Int(event.replica)]
            _ =
                event.kind == .sent
                ? wire.departed(event.index, endpoint: endpoint) : wire.arrive(event.index, at: endpoint)
        }
    }
    func controls(_ i: Int) -> [[UInt8]] {
        var network = network(i)
        var bodies: [[UInt8]] = []
        while let arrival = network.next() {
            if case .control(_, _, let body) = arrival { bodies.append(Array(body)) }
        }
        return bodies
    }
    func multicast(from: Int, _ bytes: [UInt8]) {
        var network = network(from)
        bytes.withUnsafeBytes { network.multicast(.status, $0) }
    }
    func batch(_ sequence: UInt64, bytes: Int) -> BatchDescriptor {
        BatchDescriptor(
            lane: ReplicaID(0), generation: Generation(epoch: 1, counter: 1), sequence: sequence,
            payloadBytes: UInt32(bytes),
            payloadChecksum: 9, count: 1, stride: UInt32(bytes), digest: 77)
    }
}

@Suite struct NetworkTests {
    @Test func multicastReachesAllOthersByteForByte() {
        let bench = Bench()
        bench.multicast(from: 1, [1, 2, 3])
        bench.settle()
        #expect(bench.controls(0) == [[1, 2, 3]])
        #expect(bench.controls(1) == [])
        #expect(bench.controls(2) == [[1, 2, 3]])
        #expect(bench.wire.pool.underWay == 0)
    }
    @Test func aBatchLandsBehindItsHeader() {
        let bench = Bench()
        var sender = bench.network(0)
        var receiver = bench.network(1)
        receiver.provide(buffer: 5, at: bench.page(4))
        for i in 0..<300 { bench.page(0).storeBytes(of: UInt8(i & 0xFF), toByteOffset: i, as: UInt8.self) }
        sender.multicast(bench.batch(1, bytes: 300), payload: bench.page(0), token: 31)
        bench.settle()
        guard case .batch(let batch, let from, let buffer, let frame) = receiver.next() else {
            Issue.record("no batch")
            return
        }
        #expect(batch == bench.batch(1, bytes: 300) && from == ReplicaID(0) && buffer == 5 && frame == bench.page(4))
        for i in 0..<300 { #expect((frame + 128).load(fromByteOffset: i, as: UInt8.self) == UInt8(i & 0xFF)) }
        guard case .sent(31) = sender.next() else {
            Issue.record("no note that it left")
            return
        }
        // Replica 2 provided no buffer: lost there.
        #expect(bench.wire.counts.overflowed == 1)
        if receiver.next() != nil || sender.next() != nil { Issue.record("something more arrived") }
        #expect(bench.wire.pool.underWay == 0)
    }
    @Test func bytesTouchedWhileTheyAreSentAreFound() {
        let bench = Bench()
        var sender = bench.network(0)
        bench.page(0).storeBytes(of: 1, as: UInt64.self)
        sender.multicast(bench.batch(1, bytes: 64), payload: bench.page(0), token: 1)
        bench.page(0).storeBytes(of: 2, as: UInt64.self)
        bench.settle()
        #expect(bench.referee.violation?.sentence == "replica 0 touched batch 0/g1.1:1 while it was being sent")
    }
    @Test func aLinkIsCutInOneDirection() {
        let bench = Bench()
        bench.wire.setLink(from: 0, to: 1, open: false)
        bench.multicast(from: 0, [1])
        bench.multicast(from: 1, [2])
        bench.settle()
        #expect(bench.controls(0) == [[2]])
        #expect(bench.controls(1) == [])
        #expect(bench.controls(2).count == 2)
        bench.wire.openAllLinks()
        bench.multicast(from: 0, [3])
        bench.settle()
        #expect(bench.controls(1) == [[3]])
    }
    @Test func lossDuplicationAndReordering() {
        let bench = Bench(seed: 4)
        bench.wire.conditions.lossPerMillion = 300_000
        bench.wire.conditions.duplicatePerMillion = 200_000
        for i in 0..<200 { bench.multicast(from: 0, [UInt8(i)]) }
        bench.settle()
        let one = bench.controls(1)
        let two = bench.controls(2)
        #expect(one != two)
        #expect((100..<180).contains(Set(one).count))
        #expect(one.count > Set(one).count)
        #expect(one.map { $0[0] } != one.map { $0[0] }.sorted())
        let counts = bench.wire.counts
        #expect(counts.delivered == one.count + two.count)
        #expect(counts.lost + counts.delivered == 400 + counts.duplicated)
    }
    @Test func aDeadReceiverHearsNothingAndADeadSenderLeavesNothing() {
        let bench = Bench()
        var sender = bench.network(0)
        sender.multicast(bench.batch(1, bytes: 8), payload: bench.page(0), token: 1)
        bench.endpoints[0]!.close()
        bench.endpoints[0] = Endpoint(wire: bench.wire, replica: ReplicaID(0), incarnation: 2)
        bench.endpoints[1] = nil
        bench.settle()
        var again = bench.network(0)
        if again.next() != nil { Issue.record("a note to a former life") }
        #expect(bench.wire.pool.underWay == 0)
    }
    @Test func anInboxOverflows() {
        let bench = Bench()
        for i in 0..<700 { bench.multicast(from: 0, [UInt8(i & 0xFF)]) }
        bench.settle()
        #expect(bench.controls(1).count == 512)
        #expect(bench.wire.counts.overflowed == 2 * 188)
    }
}
