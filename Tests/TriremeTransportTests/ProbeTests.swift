// Finding out who hears whose multicast: the state machine with a hand-moved clock, then over sockets.
import CTrireme
import Testing
import TriremeCore
import TriremeTransport

/// Two replicas and three ways each way that can be cut.
struct ProbePair {
    /// Two, for as long as the test runs.
    let states: UnsafeMutablePointer<ProbeState>
    /// ways[i][w]: what replica i sends by way w arrives.
    var ways: [[Bool]] = [[true, true, true], [true, true, true]]
    var now: UInt64 = 1_000
    var probesSent = [0, 0]

    init() {
        states = .allocate(capacity: 2)
        for i in 0..<2 {
            (states + i).initialize(
                to: ProbeState(me: ReplicaID(i), members: 0b11, boot: UInt64(i) + 5, now: 1_000))
        }
    }

    /// Runs for so long in steps of a millisecond.
    mutating func run(milliseconds: Int) {
        for _ in 0..<milliseconds {
            now += 1_000_000
            for me in 0..<2 {
                let peer = 1 - me
                if let (boot, number) = states[me].probeDue(now: now) {
                    probesSent[me] += 1
                    for way in ProbeWay.allCases where ways[me][Int(way.rawValue)] {
                        states[peer].received(
                            Probe(boot: boot, number: number, way: way), from: ReplicaID(me), now: now)
                    }
                }
                while let (to, reply) = states[me].replyDue(now: now) {
                    #expect(to == ReplicaID(peer))
                    if ways[me][2] { states[peer].received(reply, from: ReplicaID(me), now: now) }
                }
            }
        }
    }
    func reach(_ me: Int) -> ProbeState.Reach { states[me].reach(of: ReplicaID(1 - me)) }
}

@Suite struct ProbeStateTests {
    @Test func whereMulticastArrivesItIsUsed() {
        var pair = ProbePair()
        pair.run(milliseconds: 10)
        #expect(pair.reach(0) == .multicast && pair.reach(1) == .multicast)
        #expect(pair.states[0].unicastMembers == 0 && pair.states[0].multicastMembers == 0b10)
    }

    @Test(arguments: [0, 1]) func whereEitherGroupIsDeadUnicastTakesItsPlace(way: Int) {
        var pair = ProbePair()
        pair.ways[0][way] = false
        pair.run(milliseconds: 200)
        #expect(pair.reach(0) == .unicast, "what I send is not heard")
        #expect(pair.reach(1) == .multicast, "what I hear is not what I send")
        #expect(pair.states[0].unicastMembers == 0b10 && pair.states[0].multicastMembers == 0)
        pair.ways[0][way] = true
        pair.run(milliseconds: 2_500)
        #expect(pair.reach(0) == .multicast, "it heals")
        pair.ways[0][way] = false
        pair.run(milliseconds: 5_000)
        #expect(pair.reach(0) == .unicast, "and breaks again")
    }

    @Test func whereNothingArrivesNothingIsDecided() {
        var pair = ProbePair()
        pair.ways[0] = [false, false, false]
        pair.run(milliseconds: 3_000)
        #expect(pair.reach(0) == .unknown && pair.states[0].multicastMembers == 0b10)
        pair.ways[0] = [true, false, false]
        pair.run(milliseconds: 3_000)
        #expect(pair.reach(0) == .unknown, "unicast is no remedy where it does not arrive")
    }

    @Test func aMemberThatIsDownIsCalledSlowly() {
        var pair = ProbePair()
        pair.ways = [[false, false, false], [false, false, false]]
        pair.run(milliseconds: 20_000)
        #expect((40...60).contains(pair.probesSent[0]))
        let before = pair.probesSent[0]
        pair.ways = [[true, true, true], [true, true, true]]
        pair.run(milliseconds: 1_100)
        #expect(pair.reach(0) == .multicast && pair.reach(1) == .multicast)
        #expect(pair.probesSent[0] - before < 30)
    }

    @Test func lostProbesAloneDecideNothing() {
        var pair = ProbePair()
        pair.run(milliseconds: 1_000)
        for _ in 0..<10 {
            pair.ways[0][0] = false
            pair.run(milliseconds: 2_000)
            pair.ways[0][0] = true
            pair.run(milliseconds: 1_000)
            #expect(pair.reach(0) == .multicast)
        }
    }

    @Test func repliesToAnEarlierRunOrFromNowhereAreIgnored() {
        var state = ProbeState(me: ReplicaID(0), members: 0b11, boot: 5, now: 0)
        for _ in 0..<4 { _ = state.probeDue(now: state.deadline) }
        state.received(ProbeReply(boot: 4, heard: [4, 4, 4]), from: ReplicaID(1), now: 0)
        state.received(ProbeReply(boot: 5, heard: [4, 4, 4]), from: ReplicaID(2), now: 0)
        state.received(ProbeReply(boot: 5, heard: [9, 9, 9]), from: ReplicaID(1), now: 0)
        #expect(state.reach(of: ReplicaID(1)) == .unknown && state.reach(of: ReplicaID(2)) == .unknown)
        state.received(ProbeReply(boot: 5, heard: [0, 0, 4]), from: ReplicaID(1), now: 0)
        #expect(state.reach(of: ReplicaID(1)) == .unicast)
        state.received(ProbeReply(boot: 5, heard: [3, 3, 3]), from: ReplicaID(1), now: 0)
        #expect(state.reach(of: ReplicaID(1)) == .unicast, "an older reply that was overtaken")
    }

    @Test func bodiesComeBackAsTheyWere() {
        let probe = Probe(boot: 1, number: 2, way: .unicast)
        let reply = ProbeReply(boot: 3, heard: [4, 5, 6])
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { bytes in
            probe.write(to: bytes.baseAddress!)
            #expect(Probe(reading: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<24])) == probe)
            bytes[16] = 3
            #expect(Probe(reading: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<24])) == nil)
            reply.write(to: bytes.baseAddress!)
            #expect(
                ProbeReply(reading: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<32])) == reply)
            #expect(ProbeReply(reading: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[..<31])) == nil)
        }
    }
}

@Suite(.serialized) struct ProbeNetworkTests {
    @Test func membersThatHearNoMulticastAreServedByUnicast() throws {
        // Replica 2 joins nothing; 0 and 1 hear everybody.
        let nodes = try Loopback.nodes(3) { options, me in if me == 2 { options.joinedLanes = 0 } }
        #expect(
            turn(nodes, tick: true) {
                nodes[0].network.probes.unicastMembers == 0b100 && nodes[1].network.probes.unicastMembers == 0b100
                    && nodes[2].network.probes.reach(of: ReplicaID(0)) == .multicast
            })
        #expect(nodes[0].network.probes.multicastMembers == 0b010)
        let before = nodes[0].network.counters.batchDatagramsSent
        let batch = TestBatch(lane: 0, sequence: 1)
        nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 8)
        [UInt8](arrayLiteral: 5).withUnsafeBytes { nodes[0].network.multicast(.status, $0) }
        #expect(turn(nodes) { nodes[1].seen.count == 2 && nodes[2].seen.count == 2 && nodes[0].seen.count == 1 })
        settle(nodes)
        for node in nodes[1...] {
            #expect(node.controlsSeen == [.control(.status, from: 0, body: [5])])
            guard case .batch(batch.descriptor, 0, _, batch.payload, true)? = node.batchesSeen.first else {
                Issue.record("replica \(node.id) got another batch")
                continue
            }
        }
        #expect(nodes[0].seen == [.sent(8)], "once, when the last copy has left")
        #expect(nodes[0].network.counters.batchDatagramsSent - before == 2, "one by multicast, one by unicast")
    }

    @Test func whereNobodyHearsMulticastNoneIsSent() throws {
        let nodes = try Loopback.nodes(3) { options, _ in
            options.joinedLanes = 0
            options.mtuBytes = 1_500
        }
        #expect(turn(nodes, tick: true) { nodes.allSatisfy { $0.network.probes.multicastMembers == 0 } })
        let batch = TestBatch(lane: 1, sequence: 1)
        nodes[1].network.multicast(batch.descriptor, payload: batch.pointer, token: 8)
        #expect(turn(nodes) { nodes[0].batches == 1 && nodes[2].batches == 1 && nodes[1].sentSeen.count == 1 })
        #expect(
            nodes[1].network.counters.fragmentsSent == UInt64(2 * nodes[1].network.plan.fragments(frameBytes: 61_440)))
    }
}
