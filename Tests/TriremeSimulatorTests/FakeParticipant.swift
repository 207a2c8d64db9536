// An engine that cheats: its cluster shares one order in memory, outside the simulated machines. It uses network and disk
// as an engine does, so the world can be tried without one; and it can break each promise on demand.
import TriremeCore
import TriremeSimulator
import TriremeStorage
import TriremeTransport

/// A promise that a fake breaks.
enum Breach: CaseIterable {
    case otherEntry, skippedBatch, repeatedCommand, lostOrder, reusedGeneration, reusedSequence, idleAtTheEnd
    case touchedWrite, touchedSend, silentOwner, falseAnswer, otherState, foreignCommand, selfDestruct
    case restless
}

/// What the fakes of one cluster share.
final class FakeOrder {
    struct Item {
        var batch: BatchDescriptor
        var payload: [UInt8]
    }
    var items: [Item] = []
    let breach: Breach?
    init(breach: Breach? = nil) { self.breach = breach }

    func make(_ birth: Birth) throws -> any Participant { try FakeParticipant(birth, self) }
}

final class FakeParticipant: Participant {
    static let buffers = 24
    let birth: Birth
    let order: FakeOrder
    let generation: Generation
    var network: SimulatedNetwork
    var disk: SimulatedDisk
    let memory: UnsafeMutableRawPointer
    let bufferBytes: Int
    var free: [UInt32] = []
    var sequence: UInt64 = 0
    var digest: UInt64 = 0
    /// The own batch under way: it is written, sent, and then ordered.
    var own: (batch: BatchDescriptor, buffer: UInt32)?
    var ownIsWritten = false
    var ownHasLeft = false
    var statusAt: UInt64 = 0
    var commitIndex: UInt64 = 0
    var executedSlot: UInt64 = 0
    var failure: String?
    var role: ParticipantRole { birth.replica.index == 0 ? .sequencer : .follower }
    var promise: Ballot { Ballot(epoch: 1, round: 1, owner: ReplicaID(0)) }
    var oldestEntry: UInt64 { 1 }
    var isStranded: Bool { false }

    init(_ birth: Birth, _ order: FakeOrder) throws {
        self.birth = birth
        self.order = order
        network = SimulatedNetwork(birth.endpoint)
        disk = SimulatedDisk(birth.image)
        bufferBytes = birth.scenario.batchBytes + 2 * Limits.pageBytes
        memory = .allocate(byteCount: bufferBytes * Self.buffers, alignment: Limits.pageBytes)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bufferBytes * Self.buffers)
        // The generation is kept in the first page of the superblock.
        try disk.flushNow()
        let page = UnsafeMutableRawBufferPointer(start: memory, count: Limits.pageBytes)
        var counter: UInt32 = 1
        for copy in 0..<4 {
            _ = try disk.readNow(.superblock, at: UInt64(copy * Limits.pageBytes), into: page)
            counter = max(counter, page.load(as: UInt32.self) + 1)
        }
        if order.breach == .reusedGeneration, birth.incarnation == 3 { counter -= 1 }
        page.storeBytes(of: counter, as: UInt32.self)
        for copy in 0..<4 {
            try disk.writeNow(.superblock, at: UInt64(copy * Limits.pageBytes), UnsafeRawBufferPointer(page))
        }
        try disk.flushNow()
        generation = Generation(epoch: 1, counter: counter)
        for i in 0..<Self.buffers {
            if i < 8 { free.append(UInt32(i)) } else { network.provide(buffer: UInt32(i), at: address(UInt32(i))) }
        }
    }
    deinit { memory.deallocate() }
    func address(_ buffer: UInt32) -> UnsafeMutableRawPointer { memory + Int(buffer) * bufferBytes + Limits.pageBytes }
    /// Where the payload of a buffer lies.
    func payload(_ buffer: UInt32) -> UnsafeMutableRawPointer { address(buffer) + Limits.headerBytes }

    func turn(now: UInt64, wallClock: UInt64) -> UInt64 {
        while let arrival = network.next() {
            switch arrival {
            case .control: break
            case .batch(_, _, let buffer, _): network.provide(buffer: buffer, at: address(buffer))
            case .sent: ownHasLeft = true
            }
        }
        while disk.next() != nil { ownIsWritten = true }
        if let (batch, buffer) = own, ownIsWritten, ownHasLeft {
            let bytes = UnsafeRawBufferPointer(start: payload(buffer), count: Int(batch.payloadBytes))
            order.items.append(FakeOrder.Item(batch: batch, payload: Array(bytes)))
            own = nil
            free.append(buffer)
        }
        if order.breach == .idleAtTheEnd, order.items.count > 50, birth.replica.index == 1 { return now + 10_000_000 }
        if order.breach == .restless, order.items.count > 50 { return now }
        execute()
        if own == nil { seal(now: now) }
        if now >= statusAt {
            statusAt = now + 5_000_000
            withUnsafeBytes(of: commitIndex) { network.multicast(.status, $0) }
        }
        return min(statusAt, own == nil ? birth.gateway.due(now: now) : .max)
    }

    func seal(now: UInt64) {
        let buffer = free.removeLast()
        let room = UnsafeMutableRawBufferPointer(
            start: payload(buffer), count: birth.scenario.batchBytes - Limits.headerBytes)
        guard let (bytes, count, stride) = birth.gateway.fill(room, now: now, mustSeal: true) else {
            free.append(buffer)
            return
        }
        if order.breach == .foreignCommand, sequence == 20 { payload(buffer).storeBytes(of: 1 << 40, as: UInt64.self) }
        if order.breach != .reusedSequence || sequence != 10 { sequence += 1 }
        let checksum = payload(buffer).load(as: UInt32.self)
        digest = BatchDescriptor.chain(digest, checksum: checksum, payloadBytes: UInt32(bytes))
        let batch = BatchDescriptor(
            lane: birth.replica, generation: generation, sequence: sequence, payloadBytes: UInt32(bytes),
            payloadChecksum: checksum, count: UInt32(count), stride: UInt32(stride), digest: digest)
        own = (batch, buffer)
        ownIsWritten = false
        ownHasLeft = false
        network.multicast(batch, payload: payload(buffer), token: buffer)
        let pages = (Limits.headerBytes + bytes + Limits.pageBytes - 1) / Limits.pageBytes * Limits.pageBytes
        withUnsafePointer(to: UnsafeRawBufferPointer(start: address(buffer), count: pages)) {
            disk.write(.segment(0), at: 0, UnsafeBufferPointer(start: $0, count: 1), token: 1)
        }
        if order.breach == .touchedWrite, sequence == 12 { address(buffer).storeBytes(of: 0x55, as: UInt8.self) }
        if order.breach == .touchedSend, sequence == 12 { payload(buffer).storeBytes(of: 0, as: UInt64.self) }
    }

    func execute() {
        if order.breach == .lostOrder, order.items.count > 30, birth.incarnation > 1 { order.items.removeLast(15) }
        if order.breach == .repeatedCommand, order.items.count == 25 { order.items.append(order.items[3]) }
        while commitIndex < UInt64(order.items.count) {
            commitIndex += 1
            let item = order.items[Int(commitIndex - 1)]
            let strange = commitIndex == 20 && birth.replica.index == 1
            if order.breach == .skippedBatch, strange { continue }
            var payload = item.payload
            if order.breach == .otherState, strange { payload[9] ^= 1 }
            if order.breach == .selfDestruct, strange { failure = "one position with two digests" }
            var isOwn = item.batch.lane == birth.replica && item.batch.generation == generation
            if order.breach == .silentOwner, commitIndex > 20 { isOwn = false }
            if order.breach == .falseAnswer, strange { isOwn = true }
            payload.withUnsafeBytes {
                birth.application.apply(
                    item.batch, payload: $0.baseAddress!, slot: commitIndex, timestamp: commitIndex, isOwn: isOwn)
            }
        }
        executedSlot = commitIndex
    }

    func decidedEntry(_ slot: UInt64) -> Entry? {
        guard slot <= UInt64(order.items.count) else { return nil }
        var cut = Cut(epoch: 1)
        let batch = order.items[Int(slot - 1)].batch
        cut[batch.lane.index] = batch.position
        if order.breach == .otherEntry, slot == 15, birth.replica.index == 1 { cut.timestamp = 9 }
        return Entry(cut)
    }
}
