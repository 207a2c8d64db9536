// One engine alone, over a disk and a network that do what they are told.
import Testing
import TriremeCore
import TriremeRuntime
import TriremeStorage
import TriremeTransport

/// What a scripted network is told to bring, and what was sent through it.
final class Scripted {
    var arrivals: [(inout Scripted.Empty) -> Arrival?] = []
    struct Empty { var buffers: [(UInt32, UnsafeMutableRawPointer)] = [] }
    var empty = Empty()
    var sentBatches: [BatchDescriptor] = []
    var leaving: [UInt32] = []
    var sentControl: [(kind: DatagramKind, body: [UInt8], to: ReplicaID?)] = []
}
struct ScriptedNetwork: Network, ~Copyable {
    let script: Scripted
    mutating func provide(buffer: UInt32, at address: UnsafeMutableRawPointer) {
        script.empty.buffers.append((buffer, address))
    }
    var wantsBuffers: Bool { false }
    mutating func multicast(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer) {
        script.sentControl.append((kind, Array(body), nil))
    }
    mutating func send(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, to: ReplicaID) {
        script.sentControl.append((kind, Array(body), to))
    }
    mutating func multicast(_ batch: BatchDescriptor, payload: UnsafeRawPointer, token: UInt32) {
        script.leaving.append(token)
    }
    mutating func send(_ batch: BatchDescriptor, payload: UnsafeRawPointer, to: ReplicaID, token: UInt32) {
        script.sentBatches.append(batch)
        script.leaving.append(token)
    }
    mutating func next() -> Arrival? {
        if !script.leaving.isEmpty { return .sent(token: script.leaving.removeFirst()) }
        guard !script.arrivals.isEmpty else { return nil }
        return script.arrivals.removeFirst()(&script.empty)
    }
}
class Nothing: Application, Gateway {
    func apply(_ batch: BatchDescriptor, payload: UnsafeRawPointer, slot: UInt64, timestamp: UInt64, isOwn: Bool) {}
    var stateDigest: UInt64 { 0 }
    func beginSnapshot() throws {}
    func continueSnapshot(into memory: UnsafeMutableRawBufferPointer) throws -> (bytes: Int, isFinished: Bool) {
        UnsafeMutableRawBufferPointer(rebasing: memory[..<100]).initializeMemory(as: UInt8.self, repeating: 1)
        return (100, true)
    }
    func endSnapshot() {}
    var snapshotBacklogBytes: Int { 0 }
    func beginRestore() throws {}
    func restore(_ piece: UnsafeRawBufferPointer, isLast: Bool) throws {}
    func skipOwn(batches count: Int) {}
    func poll(now: UInt64, mustSeal: Bool, pool: BufferPool) -> Submission? { nil }
    var pendingSince: UInt64? { nil }
    var hasWork: Bool { false }
    func turnEnded() {}
    func nextDue(now: UInt64) -> UInt64 { .max }
}

@Suite struct EngineAloneTests {
    static let generation = Generation(epoch: 1, counter: 7)
    static let identity = LogIdentity(clusterLow: 1, clusterHigh: 2, replica: ReplicaID(0))
    static let geometry = LogGeometry(segmentBytes: 1 << 20, segments: 4)

    /// The k-th batch of a lane: without a payload, whose checksum is 0.
    static func batch(_ k: UInt64, _ generation: Generation = generation, lane: Int = 1) -> BatchDescriptor {
        var digest: UInt64 = 0
        for _ in 1...k { digest = BatchDescriptor.chain(digest, checksum: 0, payloadBytes: 0) }
        return BatchDescriptor(
            lane: ReplicaID(lane), generation: generation, sequence: k, payloadBytes: 0, payloadChecksum: 0, count: 0,
            stride: 0, digest: digest)
    }

    /// A disk whose snapshot covers batches 1 … 20 of lane 1 and whose log holds 1 … 10 of them: what was executed and was not
    /// yet durable in the log is in the snapshot, which was durable earlier.
    private static func diskWhoseSnapshotIsAhead() throws -> ScriptedDisk {
        let disk = ScriptedDisk(geometry: geometry)
        var device = ScriptedDevice(disk)
        try Log<ScriptedDevice>.format(&device, identity: identity, geometry: geometry, epoch: 1)
        var log = try Log<ScriptedDevice>.open(device, identity: identity, geometry: geometry, members: 3) { _ in }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 21 * Limits.pageBytes, alignment: Limits.pageBytes)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: 21 * Limits.pageBytes)
        for k in 1...10 { _ = log.append(batch(UInt64(k)), frame: memory + k * Limits.pageBytes, buffer: 0) }
        log.pump()
        disk.completeAll()
        while log.next() != nil {}
        for k in 11...20 { _ = log.append(batch(UInt64(k)), frame: memory + k * Limits.pageBytes, buffer: 0) }
        log.pump()
        var cut = Cut(epoch: 1)
        cut[1] = batch(20).position
        log.beginSnapshot(name: SnapshotName(origin: ReplicaID(0), generation: log.generation, slot: 5), cut: cut)
        log.fillSnapshot(8)
        log.finishSnapshot()
        // The snapshot's writes are over before the log's.
        while let i = disk.pending.firstIndex(where: { if case .segment = $0.file { false } else { true } }) {
            disk.complete(i)
            while log.next() != nil {}
            log.pump()
        }
        return disk.afterCrash()
    }

    func settings() throws -> EngineSettings {
        EngineSettings(
            core: CoreConfiguration(quorums: try Quorums.standard(members: 3), me: ReplicaID(0)), batchBytes: 4_096,
            windowBatches: 4)
    }
    func start(
        _ disk: ScriptedDisk, _ script: Scripted, _ pool: BufferPool, _ wanted: EngineSettings? = nil,
        service: any Application & Gateway = Nothing(), remembered: (inout Memory) -> Void = { _ in }
    ) throws -> Engine<ScriptedDevice, ScriptedNetwork> {
        var settings = try wanted ?? settings()
        var recovered = RecoveredState(settings)
        let members = settings.core.members
        let log = try Log<ScriptedDevice>.open(
            ScriptedDevice(disk), identity: Self.identity, geometry: Self.geometry, members: members
        ) { (event) throws(StorageError) in try recovered.take(event) }
        settings.generation = log.generation
        let generation = log.generation
        var engine = Engine(
            settings: settings, recovered: recovered, log: log, network: ScriptedNetwork(script: script), pool: pool,
            application: service, gateway: service)
        engine.start()
        // The others remember nothing of it, so that it may speak.
        for member in 1..<members { answerRecall(script, from: member, generation: generation, remembered) }
        for turn in 1...2 as ClosedRange<UInt64> { _ = engine.turn(now: turn, wallClock: 1) }
        return engine
    }
    func answerRecall(
        _ script: Scripted, from member: Int, generation: Generation, _ fill: (inout Memory) -> Void
    ) {
        var memory = Memory()
        memory.asked = generation
        memory.epoch = 1
        fill(&memory)
        let body = message { memory.encode(into: &$0, members: 3) }
        script.arrivals.append { _ in .control(.memory, from: ReplicaID(member), body: body) }
    }
    func pool(_ settings: EngineSettings) -> BufferPool {
        BufferPool(
            batchBytes: 4_096, own: settings.ownBuffers, receive: settings.receiveBuffers,
            reserve: EngineSettings.reserveBuffers)
    }
    func formatted() throws -> ScriptedDisk {
        let disk = ScriptedDisk(geometry: Self.geometry)
        var device = ScriptedDevice(disk)
        try Log<ScriptedDevice>.format(&device, identity: Self.identity, geometry: Self.geometry, epoch: 1)
        return disk
    }
    func message(_ fill: (inout WireWriter) -> Void) -> UnsafeRawBufferPointer {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_280, alignment: 8)
        var writer = WireWriter(room)
        fill(&writer)
        return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<writer.count])
    }

    /// Batches of a generation that is given up are executed nowhere; their buffers must come back all the same. An owner that
    /// starts again five times, with a window of batches lost on their way to the sequencer, leaves no room for its lane else.
    @Test func abandonedBatchesGiveTheirBuffersBack() throws {
        let disk = try formatted()
        let script = Scripted()
        let pool = pool(try settings())
        var engine = try start(disk, script, pool)
        var now: UInt64 = 1_000_000
        func turns() {
            for _ in 0..<4 {
                now += 1_000_000
                _ = engine.turn(now: now, wallClock: 1)
                disk.completeAll()
            }
        }
        func arrive(_ batch: BatchDescriptor) {
            script.arrivals.append { empty in
                let (buffer, frame) = empty.buffers.removeFirst()
                return .batch(batch, from: ReplicaID(1), buffer: buffer, frame: frame)
            }
            turns()
        }
        for start in 1...5 as ClosedRange<UInt32> {
            for k in 1...4 as ClosedRange<UInt64> { arrive(Self.batch(k, Generation(epoch: 1, counter: start))) }
        }
        let last = Generation(epoch: 1, counter: 6)
        var cut = Cut(epoch: 1)
        cut[1] = Self.batch(1, last).position
        let entries = message {
            EntriesHeader(first: 1, count: 1).encode(into: &$0)
            $0.put(Entry(cut), members: 3)
        }
        script.arrivals.append { _ in .control(.entries, from: ReplicaID(1), body: entries) }
        turns()
        arrive(Self.batch(1, last))
        #expect(engine.core.executor.slot == 1)
        arrive(Self.batch(2, last))
        let reached = engine.core.lanes.received(ReplicaID(1))
        #expect(reached.generation == last && reached.sequence == 2, "the lane is taken up to \(reached)")
    }

    /// The digest over all batches before it is part of what a batch is (PROTOCOL §2 ◆): one that continues another chain is not
    /// taken into the log, and does not keep out the one that continues this.
    @Test func aBatchThatContinuesAnotherChainIsRefused() throws {
        let script = Scripted()
        var engine = try start(try formatted(), script, pool(try settings()))
        var other = Self.batch(2)
        other.digest ^= 1
        var reached: [UInt64] = []
        for (turn, batch) in [Self.batch(1), other, Self.batch(2)].enumerated() {
            script.arrivals.append { empty in
                let (buffer, frame) = empty.buffers.removeFirst()
                return .batch(batch, from: ReplicaID(1), buffer: buffer, frame: frame)
            }
            _ = engine.turn(now: 1_000_000 * UInt64(turn + 1), wallClock: 1)
            reached.append(engine.core.lanes.received(ReplicaID(1)).sequence)
        }
        #expect(reached == [1, 1, 2])
        let counters = engine.counters
        #expect(counters.wrongDigests == 1)
    }

    /// What the snapshot does not cover outlives its segment, though the log runs short and the segment goes (PROTOCOL §8 ◆): a
    /// start still has the votes for whoever prepares, and the batches, more than one turn carries, and one that came later. Without
    /// batches nothing but the votes keeps the segment.
    @Test(arguments: [false, true]) func whatIsNotCoveredOutlivesItsSegment(withBatches: Bool) throws {
        let disk = try formatted()
        let script = Scripted()
        let settings = EngineSettings(
            core: CoreConfiguration(quorums: try Quorums.standard(members: 3), me: ReplicaID(0)), batchBytes: 4_096,
            windowBatches: 4, snapshotBytes: 1 << 20)
        var engine = try start(disk, script, pool(settings), settings)
        var now: UInt64 = 1_000_000
        func arrive(_ kind: DatagramKind, _ fill: (inout WireWriter) -> Void) {
            let body = message(fill)
            script.arrivals.append { _ in .control(kind, from: ReplicaID(1), body: body) }
            now += 1_000_000
            _ = engine.turn(now: now, wallClock: 1)
            disk.completeAll()
            body.deallocate()
        }
        func ballot(_ round: UInt32) -> Ballot { Ballot(epoch: 1, round: round, owner: ReplicaID(1)) }
        for slot in 1...3 as ClosedRange<UInt64> {
            arrive(.propose) {
                Propose(ballot: ballot(1), slot: slot, first: 1, entry: .nothing).encode(into: &$0, members: 3)
            }
        }
        func arrive(_ batch: BatchDescriptor) {
            script.arrivals.append { empty in
                let (buffer, frame) = empty.buffers.removeFirst()
                return .batch(batch, from: ReplicaID(1), buffer: buffer, frame: frame)
            }
            arrive(.status) { _ in }
        }
        if withBatches { for k in 1...18 as ClosedRange<UInt64> { arrive(Self.batch(k)) } }
        // Promises, a page each, until the votes lie a segment back; then slot 1 is decided and a snapshot covers it alone.
        var round: UInt32 = 1
        func promise(until bytes: UInt64) {
            while engine.log.endOffset < bytes, round < 2_000 {
                round += 1
                arrive(.prepare) { Prepare(ballot: ballot(round), from: 1).encode(into: &$0) }
            }
        }
        promise(until: 3 << 19)
        arrive(.entries) {
            EntriesHeader(first: 1, count: 1).encode(into: &$0)
            $0.put(Entry.nothing, members: 3)
        }
        if withBatches { arrive(Self.batch(19)) }
        // The log runs short, and nothing new can be executed.
        promise(until: 9 << 18)
        for _ in 0..<20 { arrive(.status) { _ in } }
        let failure = engine.failure?.description
        #expect(failure == nil)
        let covered = engine.core.snapshotSlot
        #expect(covered == 1)
        let start = engine.log.oldestNeeded
        #expect(start > 0, "the oldest segment is still there")
        let again = try self.start(disk.afterCrash(), Scripted(), pool(settings), settings)
        let promised = again.core.promise
        #expect(promised == ballot(round))
        let voted = Self.votes(again.core)
        #expect(voted == [2, 3])
        let held = again.core.lanes.durable(ReplicaID(1))
        #expect(held == (withBatches ? Self.batch(19).position : .empty))
    }
    /// The slots of the votes that a core would answer a prepare with.
    static func votes(_ core: borrowing Replica) -> [UInt64] {
        guard core.promiseParts(ballot: core.promise, from: 1) == 1 else { return [] }
        return withUnsafeTemporaryAllocation(byteCount: Limits.controlBodyBytes, alignment: 8) {
            var writer = WireWriter(UnsafeMutableRawBufferPointer($0))
            core.encodePromise(ballot: core.promise, from: 1, part: 0, parts: 1, into: &writer)
            var reader = WireReader(writer.bytes)
            let votes = PromiseHeader.decode(&reader, members: 3)?.votes ?? 0
            return (0..<votes).compactMap { _ in ReportedVote.decode(&reader, members: 3)?.slot }
        }
    }

    /// A disk that stands still while the others go on deciding must make the replica wait, not end it.
    @Test func aStalledDiskEndsNobody() throws {
        let disk = try formatted()
        let script = Scripted()
        var engine = try start(disk, script, pool(try settings()))
        let perMessage = EntriesHeader.perDatagram(members: 3)
        var slot: UInt64 = 1
        var now: UInt64 = 1_000_000
        // Three seconds at ten slots a millisecond; no write completes.
        for _ in 0..<3_000 where engine.failure == nil {
            let first = slot
            let count = UInt8(min(10, perMessage))
            let entries = message {
                EntriesHeader(first: first, count: count).encode(into: &$0)
                for _ in 0..<count { $0.put(Entry(Cut(epoch: 1)), members: 3) }
            }
            slot += UInt64(count)
            script.arrivals.append { _ in .control(.entries, from: ReplicaID(1), body: entries) }
            now += 1_000_000
            _ = engine.turn(now: now, wallClock: 1)
            entries.deallocate()
        }
        let failure = engine.failure?.description ?? ""
        let noted = engine.core.commitIndex
        #expect(failure == "", "after \(noted) slots and \(now / 1_000_000) ms")
    }

    /// What an idle log holds last must be vouched for by a later record, or rot in it passes for a torn end (PROTOCOL §1).
    @Test func anIdleLogVouchesForItsLastPromise() throws {
        let disk = try formatted()
        let script = Scripted()
        var engine = try start(disk, script, pool(try settings()))
        let ballot = Ballot(epoch: 1, round: 4, owner: ReplicaID(1))
        let prepare = message { Prepare(ballot: ballot, from: 1).encode(into: &$0) }
        script.arrivals.append { _ in .control(.prepare, from: ReplicaID(1), body: prepare) }
        // Two seconds in which nothing happens.
        for turn in 1...200 as ClosedRange<UInt64> {
            _ = engine.turn(now: 10_000_000 * turn, wallClock: 1)
            disk.completeAll()
        }
        let promise = engine.core.promise
        #expect(promise == ballot)
        // One sector of the promise's record rots.
        disk.flip(.segment(0), at: 40)
        let again = ScriptedDisk(copyOf: disk)
        let later = try start(again, Scripted(), pool(try settings()))
        let observes = later.core.isForgetful
        #expect(observes, "a promise that was given is forgotten, and nobody notices")
    }

    /// A replica that starts so goes on with batch 21. It has no batch 11 … 20, and must not give any.
    @Test func aSnapshotAheadOfTheLogLeavesNoGapToBeServed() throws {
        let disk = try Self.diskWhoseSnapshotIsAhead()
        let settings = try settings()
        let script = Scripted()
        let pool = pool(settings)
        var engine = try start(disk, script, pool)
        let next = Self.batch(21)
        script.arrivals.append { empty in
            let (buffer, frame) = empty.buffers.removeFirst()
            return .batch(next, from: ReplicaID(1), buffer: buffer, frame: frame)
        }
        let request = message {
            BatchRequest(lane: ReplicaID(1), generation: Self.generation, first: 11, last: 11).encode(into: &$0)
        }
        script.arrivals.append { _ in .control(.repair, from: ReplicaID(2), body: request) }
        for turn in 1...6 as ClosedRange<UInt64> {
            _ = engine.turn(now: 1_000_000 * turn, wallClock: 1)
            disk.completeAll()
        }
        #expect(engine.core.lanes.received(ReplicaID(1)).sequence == 21)
        #expect(script.sentBatches == [], "asked for a batch that it has not, it sends something else")
        let free = pool.freeCount(.own)
        #expect(free <= settings.ownBuffers, "\(free) of \(settings.ownBuffers) own buffers are free")
    }
}
