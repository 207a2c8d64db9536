// Frames in pieces: the plan, the assembler by itself, and over loopback with small MTUs.
import CTrireme
import Testing
import TriremeCore
import TriremeTransport

/// An assembler with buffers of its own.
struct Workshop: ~Copyable {
    var assembler = FragmentAssembler()
    var free: BufferStack
    var counters = TransportCounters()
    let memory: UnsafeMutableRawPointer

    init(buffers: Int) {
        free = BufferStack(capacity: buffers)
        memory = .allocate(byteCount: buffers * 65_536, alignment: 4_096)
        for number in 0..<buffers {
            free.push(ProvidedBuffer(number: UInt32(number), address: memory + number * 65_536))
        }
    }
    deinit { memory.deallocate() }

    /// Returns the frame when it is whole, and takes the buffer back.
    mutating func take(_ batch: TestBatch, _ frame: [UInt8], _ range: Range<Int>, frameBytes: Int? = nil) -> [UInt8]? {
        let header = FragmentHeader(
            lane: batch.descriptor.lane, generation: batch.descriptor.generation, sequence: batch.descriptor.sequence,
            offset: range.lowerBound, sliceBytes: range.count, frameBytes: frameBytes ?? frame.count)
        let slice = Array(frame[range])
        guard
            let (buffer, count) = slice.withUnsafeBytes({
                assembler.accept(header, slice: $0.baseAddress!, free: &free, counters: &counters)
            })
        else { return nil }
        let whole = Array(UnsafeRawBufferPointer(start: buffer.address, count: count))
        free.push(buffer)
        return whole
    }
}

@Suite struct FragmentAssemblerTests {
    static let origin = DatagramOrigin(cluster: Loopback.cluster, group: 7, me: ReplicaID(1))

    static func slices(_ count: Int, mtu: Int) -> [Range<Int>] {
        let slice = FragmentPlan(mtuBytes: mtu, segmentationOffload: true).sliceBytes
        return stride(from: 0, to: count, by: slice).map { $0..<min($0 + slice, count) }
    }

    @Test(arguments: [576, 1_280, 1_400, 1_500, 4_000, 9_000, 65_535]) func thePlanFitsThePath(mtu: Int) {
        for offload in [true, false] {
            let plan = FragmentPlan(mtuBytes: mtu, segmentationOffload: offload)
            #expect(plan.segmentBytes + 28 <= mtu && plan.segmentBytes + 28 + 64 > min(mtu, 65_535))
            #expect(plan.sliceBytes % 64 == 0)
            #expect(plan.fragmentsPerSend * plan.segmentBytes <= 65_507 && plan.fragmentsPerSend <= 64)
            #expect(plan.fragmentsPerSend >= 1 && (offload || plan.fragmentsPerSend == 1))
            #expect(plan.sends(frameBytes: plan.segmentBytes) == 1)
        }
    }

    @Test(arguments: [576, 1_500, 9_000]) func inAnyOrderAFrameBecomesWhole(mtu: Int) {
        var workshop = Workshop(buffers: 4)
        for (number, count) in [61_312, 5_000, 1_409, 20_000].enumerated() {
            let batch = TestBatch(lane: 1, sequence: UInt64(number + 1), bytes: count)
            let frame = batch.frame(from: Self.origin)
            let slices = Self.slices(frame.count, mtu: mtu).shuffled()
            for (index, slice) in slices.enumerated() {
                let whole = workshop.take(batch, frame, slice)
                #expect((whole != nil) == (index == slices.count - 1))
                if let whole { #expect(whole == frame) }
            }
        }
        #expect(workshop.counters.batchesAssembled == 4 && workshop.counters.duplicateFragments == 0)
        #expect(workshop.free.count == 4 && workshop.assembler.incomplete == 0)
    }

    @Test func duplicatesAreCountedAndChangeNothing() {
        var workshop = Workshop(buffers: 4)
        let batch = TestBatch(lane: 1, sequence: 1)
        let frame = batch.frame(from: Self.origin)
        let slices = Self.slices(frame.count, mtu: 1_500)
        for slice in slices.dropLast() {
            do {
                let whole = workshop.take(batch, frame, slice)
                #expect(whole == nil)
            }
            do {
                let whole = workshop.take(batch, [UInt8](repeating: 0, count: frame.count), slice)
                #expect(whole == nil)
            }
        }
        do {
            let whole = workshop.take(batch, frame, slices.last!)
            #expect(whole == frame)
        }
        #expect(workshop.counters.duplicateFragments == UInt64(slices.count - 1))
    }

    @Test func slicesForDifferentPathsFitTogether() {
        var workshop = Workshop(buffers: 4)
        let batch = TestBatch(lane: 1, sequence: 1)
        let frame = batch.frame(from: Self.origin)
        for slice in Self.slices(frame.count, mtu: 1_500) where slice.lowerBound % 3 != 0 {
            do {
                let whole = workshop.take(batch, frame, slice)
                #expect(whole == nil)
            }
        }
        var whole: [UInt8]?
        for slice in Self.slices(frame.count, mtu: 9_000) where whole == nil {
            whole = workshop.take(batch, frame, slice)
        }
        #expect(whole == frame)
    }

    @Test func theOldestOfALaneIsAbandonedForANewerOne() {
        var workshop = Workshop(buffers: 16)
        let batches = (1...6).map { TestBatch(lane: 1, sequence: UInt64($0)) }
        let frames = batches.map { $0.frame(from: Self.origin) }
        let slices = Self.slices(frames[0].count, mtu: 9_000)
        for index in 0..<4 { _ = workshop.take(batches[index], frames[index], slices[0]) }
        // The first is touched again, so that the second is the oldest.
        _ = workshop.take(batches[0], frames[0], slices[1])
        _ = workshop.take(batches[4], frames[4], slices[0])
        #expect(workshop.counters.assembliesAbandoned == 1 && workshop.assembler.incomplete == 4)
        var whole: [UInt8]?
        for slice in slices[2...] { whole = workshop.take(batches[0], frames[0], slice) ?? whole }
        #expect(whole == frames[0])
        let other = TestBatch(lane: 2, sequence: 1)
        _ = workshop.take(other, other.frame(from: Self.origin), slices[0])
        #expect(workshop.counters.assembliesAbandoned == 1, "another lane's slots are its own")
    }

    @Test func withoutAFreeBufferTheOldestOfAllIsAbandoned() {
        var workshop = Workshop(buffers: 2)
        for lane in 1...3 {
            let batch = TestBatch(lane: lane, sequence: 1)
            _ = workshop.take(batch, batch.frame(from: Self.origin), 0..<1_408)
        }
        #expect(workshop.counters.assembliesAbandoned == 1 && workshop.assembler.incomplete == 2)
        var empty = Workshop(buffers: 0)
        let batch = TestBatch(lane: 1, sequence: 1)
        do {
            let whole = empty.take(batch, batch.frame(from: Self.origin), 0..<1_408)
            #expect(whole == nil)
        }
        #expect(empty.counters[.noBuffer] == 1)
    }

    @Test func contradictionsAreCounted() {
        var workshop = Workshop(buffers: 2)
        let batch = TestBatch(lane: 1, sequence: 1)
        let frame = batch.frame(from: Self.origin)
        _ = workshop.take(batch, frame, 0..<1_408)
        do {
            let whole = workshop.take(batch, frame, 1_408..<2_816, frameBytes: 5_000)
            #expect(whole == nil, "another length")
        }
        do {
            let whole = workshop.take(batch, frame, 32..<96)
            #expect(whole == nil, "not at a cell")
        }
        do {
            let whole = workshop.take(batch, frame, 1_408..<1_500)
            #expect(whole == nil, "a middle slice that ends within a cell")
        }
        #expect(workshop.counters.contradictingFragments == 3)
    }
}

@Suite(.serialized) struct FragmentNetworkTests {
    @Test(arguments: [1_500, 9_000], [(true, true), (true, false), (false, true), (false, false)])
    func batchesInPiecesArriveByMulticastAndUnicast(mtu: Int, offloads: (Bool, Bool)) throws {
        let nodes = try Loopback.nodes(3) { options, _ in
            options.mtuBytes = mtu
            (options.segmentationOffload, options.receiveOffload) = offloads
        }
        let sizes = [61_312, 61_312, 10_000, 1_344, 1_345, 64, 8_000]
        let batches = sizes.enumerated().map { TestBatch(lane: 0, sequence: UInt64($0 + 1), bytes: $1) }
        for (index, batch) in batches.enumerated() {
            nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: UInt32(index))
            turn(nodes) { nodes[1].batches == index + 1 && nodes[2].batches == index + 1 }
        }
        nodes[1].network.send(batches[0].descriptor, payload: batches[0].pointer, to: ReplicaID(2), token: 99)
        turn(nodes) { nodes[2].batches == 8 && nodes[1].sentSeen.count == 1 }
        settle(nodes)
        #expect(nodes[0].sentSeen.count == 7 && nodes[1].sentSeen == [.sent(99)])
        for node in nodes[1...] {
            let expected = node.id == 2 ? batches + [batches[0]] : batches
            try #require(node.batchesSeen.count == expected.count)
            for (index, (seen, batch)) in zip(node.batchesSeen, expected).enumerated() {
                guard case .batch(let descriptor, let from, _, let content, let aligned) = seen else { continue }
                #expect(descriptor == batch.descriptor && content == batch.payload && aligned)
                #expect(from == (index == 7 ? 1 : 0))
            }
            #expect(node.network.counters.refused == 0)
            #expect(node.network.counters.fragmentsReceived > 0)
            #expect(node.network.counters.duplicateFragments == 0)
        }
        let plan = nodes[0].network.plan
        let cut = batches.map { $0.payload.count + 128 }.filter { !plan.fitsWhole(frameBytes: $0) }
        let pieces = UInt64(cut.map(plan.fragments(frameBytes:)).reduce(0, +))
        #expect(nodes[0].network.counters.fragmentsSent == pieces)
    }

    /// One side cuts, the other could take batches whole.
    @Test func piecesReachAReceiverThatExpectsWholeBatches() throws {
        let nodes = try Loopback.nodes(2) { options, me in if me == 0 { options.mtuBytes = 1_500 } }
        let batch = TestBatch(lane: 0, sequence: 1)
        for _ in 0..<5 {
            nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 1)
            settle(nodes, milliseconds: 3)
        }
        turn(nodes) { nodes[1].batches == 5 }
        #expect(nodes[1].batches == 5)
        for case .batch(_, _, _, let content, let aligned) in nodes[1].seen {
            #expect(content == batch.payload && aligned)
        }
    }

    @Test func damageWithinASliceShowsWhenTheFrameIsWhole() throws {
        let nodes = try Loopback.nodes(2) { options, _ in options.mtuBytes = 1_500 }
        let batch = TestBatch(lane: 0, sequence: 1)
        var wrong = batch.payload
        wrong[30_000] ^= 1
        nodes[0].network.multicast(batch.descriptor, payload: wrong.pinned(), token: 1)
        turn(nodes) { nodes[1].network.counters.batchesAssembled == 1 }
        #expect(nodes[1].network.counters[.payloadChecksum] == 1 && nodes[1].batches == 0)
        nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 2)
        #expect(turn(nodes) { nodes[1].batches == 1 })
    }

    @Test func withoutTheKernelsHelpFramesAreCutHere() throws {
        let nodes = try Loopback.nodes(2) { options, _ in options.mtuBytes = 1_500 }
        let batch = TestBatch(lane: 0, sequence: 1)
        let before = nodes[0].network.plan
        nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 1)
        nodes[0].network.stopOffloading()
        nodes[0].network.stopOffloading()
        nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: 2)
        #expect(turn(nodes) { nodes[1].batches == 2 && nodes[0].sentSeen.count == 2 })
        #expect(before.fragmentsPerSend > 1 && nodes[0].network.plan.fragmentsPerSend == 1)
        #expect(nodes[0].network.plan.sliceBytes == before.sliceBytes)
        #expect(nodes[0].network.counters.segmentationOffloadsRefused == 1)
        #expect(nodes[0].network.counters.fragmentsSent == UInt64(2 * before.fragments(frameBytes: 61_440)))
    }

    /// With one slot, each datagram has completed before the next begins: the payload must still be kept to the last.
    @Test func oneSendSlotIsEnough() throws {
        let nodes = try Loopback.nodes(3) { options, _ in
            options.mtuBytes = 9_000
            options.segmentationOffload = false
            options.batchSends = 1
        }
        let batches = (1...3).map { TestBatch(lane: 0, sequence: UInt64($0)) }
        for (token, batch) in batches.enumerated() {
            nodes[0].network.multicast(batch.descriptor, payload: batch.pointer, token: UInt32(token))
        }
        #expect(nodes[0].network.sendsInFlight == 1)
        #expect(turn(nodes) { nodes.dropFirst().allSatisfy { $0.batches == 3 } && nodes[0].sentSeen.count == 3 })
        settle(nodes)
        #expect(nodes[0].seen == [.sent(0), .sent(1), .sent(2)])
        for node in nodes[1...] {
            for (seen, batch) in zip(node.batchesSeen, batches) {
                guard case .batch(batch.descriptor, 0, _, batch.payload, true) = seen else {
                    Issue.record("replica \(node.id) got another batch")
                    continue
                }
            }
        }
    }
}
