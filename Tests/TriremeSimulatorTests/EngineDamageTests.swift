// One engine alone over a disk that loses what it held (PROTOCOL §9).
import CTrireme
import Testing
import TriremeCore
import TriremeRuntime
import TriremeStorage
import TriremeTransport

@Suite struct EngineDamageTests {
    let base = EngineAloneTests()
    private static let payloadBytes = 600
    private static let ballot = Ballot(epoch: 1, round: 1, owner: ReplicaID(1))

    /// The payload of the k-th batch of lane 1, and its name.
    private static func payload(_ k: UInt64, _ salt: UInt8 = 0) -> [UInt8] {
        (0..<payloadBytes).map { UInt8(truncatingIfNeeded: Int(k) * 31 + $0 * 7) ^ salt }
    }
    private static func batch(_ k: UInt64, _ salt: UInt8 = 0) -> BatchDescriptor {
        var digest: UInt64 = 0
        var checksum: UInt32 = 0
        for i in 1...k {
            let bytes = payload(i, i == k ? salt : 0)
            checksum = trm_crc32c(0, bytes, bytes.count)
            digest = BatchDescriptor.chain(digest, checksum: checksum, payloadBytes: UInt32(bytes.count))
        }
        return BatchDescriptor(
            lane: ReplicaID(1), generation: EngineAloneTests.generation, sequence: k,
            payloadBytes: UInt32(payloadBytes),
            payloadChecksum: checksum, count: 1, stride: UInt32(payloadBytes), digest: digest)
    }
    private static func entry(_ k: UInt64) -> Entry {
        var cut = Cut(epoch: 1)
        cut[1] = batch(k).position
        return Entry(cut)
    }

    /// An engine, its disk and what it hears.
    final class Bench {
        let disk: ScriptedDisk
        let script = Scripted()
        var engine: Engine<ScriptedDevice, ScriptedNetwork>
        var now: UInt64 = 1_000_000
        let base: EngineAloneTests

        init(_ disk: ScriptedDisk, _ base: EngineAloneTests, remembered: (inout Memory) -> Void = { _ in }) throws {
            self.disk = disk
            self.base = base
            // Snapshots come when they are asked for.
            var settings = try base.settings()
            settings.snapshotBytes = 1 << 20
            engine = try base.start(disk, script, base.pool(settings), settings, remembered: remembered)
        }
        func turns(_ count: Int = 4, milliseconds: UInt64 = 1) {
            for _ in 0..<count {
                now += milliseconds * 1_000_000
                _ = engine.turn(now: now, wallClock: 1)
                disk.completeAll()
            }
        }
        func arrive(_ k: UInt64, salt: UInt8 = 0) {
            let batch = EngineDamageTests.batch(k, salt)
            script.arrivals.append { empty in
                let (buffer, frame) = empty.buffers.removeFirst()
                (frame + Limits.headerBytes).copyMemory(
                    from: EngineDamageTests.payload(k, salt), byteCount: EngineDamageTests.payloadBytes)
                return .batch(batch, from: ReplicaID(2), buffer: buffer, frame: frame)
            }
            turns()
        }
        func arrive(_ kind: DatagramKind, _ fill: (inout WireWriter) -> Void) {
            let body = base.message(fill)
            script.arrivals.append { _ in .control(kind, from: ReplicaID(1), body: body) }
            turns()
        }
        func propose(_ slot: UInt64, _ k: UInt64) {
            arrive(.propose) {
                Propose(ballot: EngineDamageTests.ballot, slot: slot, first: 1, entry: EngineDamageTests.entry(k))
                    .encode(into: &$0, members: 3)
            }
        }
        func decide(_ k: UInt64) {
            arrive(.entries) {
                EntriesHeader(first: 1, count: 1).encode(into: &$0)
                $0.put(EngineDamageTests.entry(k), members: 3)
            }
        }
        /// The batches asked for since the last look.
        func asked() -> [UInt64] {
            defer { script.sentControl.removeAll() }
            return script.sentControl.flatMap { sent -> [UInt64] in
                guard sent.kind == .repair,
                    let request = sent.body.withUnsafeBytes({ BatchRequest.decode($0, members: 3) })
                else { return [] }
                return Array(request.first...request.last)
            }
        }
        func status() -> Status { engine.core.takeStatus() }
        var failure: String? { engine.failure?.description }
        var counters: EngineCounters { engine.counters }
        var executedSlot: UInt64 { engine.core.executor.slot }
        var isForgetful: Bool { engine.core.isForgetful }
        var logIsForgetful: Bool { engine.log.isForgetful }
        var generation: Generation { engine.settings.generation }
        var durableIndex: LogIndex { engine.log.durableIndex }
        var snapshotSlot: UInt64? { engine.log.snapshotDescription?.slot }
        func takeNotice() -> String? { engine.takeNotice() }
    }
    /// A disk with batches 1 … 4 of lane 1 and a vote that covers them, all vouched for.
    func written() throws -> ScriptedDisk {
        let bench = try Bench(try base.formatted(), base)
        for k in 1...4 as ClosedRange<UInt64> { bench.arrive(k) }
        bench.propose(1, 4)
        bench.turns(40, milliseconds: 10)
        #expect(bench.status().votes == VoteRun(ballot: Self.ballot, first: 1, last: 1))
        return bench.disk.afterCrash()
    }
    /// Where the record of a batch lies in segment 0.
    func place(_ disk: ScriptedDisk, _ k: UInt64, lane: Int = 1, last: Bool = false) -> Int? {
        let content = disk.files[.segment(0)]!
        let places = stride(from: 0, to: content.count, by: 4_096).filter { at in
            content.withUnsafeBytes {
                guard let header = RecordHeader($0.baseAddress! + at), header.kind == .batch else { return false }
                return header.content.sequence == k && header.content.lane == ReplicaID(lane)
            }
        }
        return last ? places.last : places.first
    }
    private func rot(_ disk: ScriptedDisk, _ k: UInt64) {
        disk.flip(.segment(0), at: place(disk, k)! + Limits.headerBytes + 100, count: 3)
    }

    /// ◆ Found at the start: not held, its vote not reported, until a copy of the same name and checksum came and is durable. The
    /// next start finds nothing wrong.
    @Test func aDamagedBatchIsMendedFromTheOthers() throws {
        let disk = try written()
        rot(disk, 2)
        rot(disk, 3)
        let bench = try Bench(disk, base)
        bench.turns(2)
        #expect(bench.counters.damagedBatches == 2 && bench.takeNotice()?.contains("2 batches") == true)
        var status = bench.status()
        #expect(status.received[1] == Self.batch(1).position && status.durable[1] == Self.batch(1).position)
        #expect(status.votes.isEmpty && status.highestVoted == 1)
        bench.propose(2, 4)
        #expect(Set(bench.asked()) == [2, 3])
        // Another content under that name is not taken.
        bench.arrive(2, salt: 9)
        #expect(bench.counters.wrongDigests == 1)
        bench.arrive(3)
        #expect(bench.status().received[1] == Self.batch(1).position)
        bench.arrive(2)
        bench.turns()
        status = bench.status()
        #expect(status.received[1] == Self.batch(4).position && status.durable[1] == Self.batch(4).position)
        #expect(status.votes == VoteRun(ballot: Self.ballot, first: 1, last: 2))
        #expect(bench.counters.mendedBatches == 2 && bench.failure == nil)
        _ = bench.asked()
        bench.turns(50, milliseconds: 20)
        #expect(bench.asked() == [])
        let again = try Bench(disk.afterCrash(), base)
        #expect(again.counters.damagedBatches == 0)
        #expect(again.status().votes == VoteRun(ballot: Self.ballot, first: 1, last: 2))
    }
    /// The copy binds when it is durable, not before.
    @Test func aCopyThatIsNotDurableIsNotHeld() throws {
        let disk = try written()
        rot(disk, 4)
        let bench = try Bench(disk, base)
        let batch = Self.batch(4)
        bench.script.arrivals.append { empty in
            let (buffer, frame) = empty.buffers.removeFirst()
            (frame + Limits.headerBytes).copyMemory(from: Self.payload(4), byteCount: Self.payloadBytes)
            return .batch(batch, from: ReplicaID(2), buffer: buffer, frame: frame)
        }
        for _ in 0..<5 {
            bench.now += 1_000_000
            _ = bench.engine.turn(now: bench.now, wallClock: 1)
        }
        #expect(bench.status().votes.isEmpty)
        let crashed = try Bench(disk.afterCrash(), base)
        #expect(crashed.counters.damagedBatches == 1)
        bench.turns()
        #expect(bench.status().votes.last == 1)
    }
    /// Execution waits for the copy, and for nothing else.
    @Test func whatIsDecidedIsExecutedWhenItIsMended() throws {
        let disk = try written()
        rot(disk, 3)
        let bench = try Bench(disk, base)
        bench.decide(4)
        bench.turns(20)
        #expect(bench.counters.executedBatches == 2 && bench.executedSlot == 0)
        bench.arrive(3)
        bench.turns(20)
        #expect(bench.counters.executedBatches == 4 && bench.executedSlot == 1)
        #expect(bench.failure == nil)
    }
    /// Found later, when it is read back to be executed.
    @Test func whatRotsLaterIsMendedToo() throws {
        let disk = try written()
        let bench = try Bench(disk, base)
        bench.turns(2)
        rot(disk, 2)
        bench.decide(4)
        bench.turns(20)
        #expect(bench.failure == nil && bench.counters.damagedBatches == 1)
        #expect(bench.counters.executedBatches == 1)
        #expect(bench.status().durable[1] == Self.batch(1).position)
        #expect(bench.asked().contains(2))
        bench.arrive(2)
        bench.turns(20)
        #expect(bench.counters.executedBatches == 4 && bench.counters.mendedBatches == 1)
    }
    /// Found when another asks for it: nothing is sent, and it is mended.
    @Test func nothingDamagedIsGivenToOthers() throws {
        let disk = try written()
        let bench = try Bench(disk, base)
        bench.turns(2)
        rot(disk, 2)
        bench.arrive(.repair) {
            BatchRequest(lane: ReplicaID(1), generation: EngineAloneTests.generation, first: 1, last: 4).encode(
                into: &$0)
        }
        bench.turns()
        #expect(bench.script.sentBatches.map(\.sequence).sorted() == [1, 3, 4])
        #expect(bench.counters.damagedBatches == 1 && bench.failure == nil)
        bench.arrive(2)
        bench.script.sentBatches = []
        bench.arrive(.repair) {
            BatchRequest(lane: ReplicaID(1), generation: EngineAloneTests.generation, first: 2, last: 2).encode(
                into: &$0)
        }
        bench.turns()
        #expect(bench.script.sentBatches.map(\.sequence) == [2])
    }
    /// What was executed here is dispensable once a snapshot covers it: one is taken at once, though nobody gives the batch.
    @Test func aSnapshotMakesDamageDispensable() throws {
        let disk = try written()
        let bench = try Bench(disk, base)
        bench.decide(4)
        bench.turns(20)
        #expect(bench.executedSlot == 1 && bench.counters.snapshots == 0)
        rot(disk, 2)
        // Those that were read back to be executed are kept in no buffer.
        bench.arrive(.repair) {
            BatchRequest(lane: ReplicaID(1), generation: EngineAloneTests.generation, first: 2, last: 2).encode(
                into: &$0)
        }
        bench.turns(60)
        #expect(bench.counters.damagedBatches == 1 && bench.counters.mendedBatches == 0)
        #expect(bench.counters.snapshots == 1 && bench.failure == nil)
        #expect(bench.status().durable[1] == Self.batch(4).position)
        _ = bench.asked()
        bench.turns(50, milliseconds: 20)
        #expect(bench.asked() == [])
        let again = try Bench(disk.afterCrash(), base)
        again.turns(2)
        #expect(again.status().durable[1] == Self.batch(4).position && again.takeNotice() == nil)
    }
    /// The disk is full: no snapshot, one sentence, and it goes on; once there is room one is taken.
    @Test func aFullDiskIsSaidOnceAndWaitedFor() throws {
        // Full before it begins, and full at its first block.
        for asksBefore in [true, false] {
            let disk = try written()
            let bench = try Bench(disk, base)
            while bench.takeNotice() != nil {}
            bench.decide(4)
            bench.turns(20)
            rot(disk, 2)
            // With less than the header's page it is not begun; how large it will be is not known then.
            disk.room = asksBefore ? 0 : 4_096
            bench.arrive(.repair) {
                BatchRequest(lane: ReplicaID(1), generation: EngineAloneTests.generation, first: 2, last: 2).encode(
                    into: &$0)
            }
            var notices: [String] = []
            for _ in 0..<30 {
                bench.turns(10, milliseconds: 30)
                while let notice = bench.takeNotice() { notices.append(notice) }
            }
            #expect(bench.failure == nil && bench.snapshotSlot == nil)
            #expect(notices.filter { $0.contains("room") || $0.contains("are free") }.count == 1, "\(notices)")
            let before = bench.durableIndex
            bench.arrive(5)
            bench.turns()
            #expect(bench.durableIndex > before)
            disk.room = 1 << 20
            bench.turns(100, milliseconds: 30)
            #expect(bench.snapshotSlot == 1 && bench.failure == nil)
        }
    }
    /// Nobody gives it: it waits, executes nothing that follows, says so once, and does not end. Whoever comes back is asked.
    @Test func whatNobodyHasIsSaidAndWaitedFor() throws {
        let disk = try written()
        rot(disk, 2)
        let bench = try Bench(disk, base)
        bench.decide(4)
        var notices: [String] = []
        for _ in 0..<100 {
            bench.turns(10, milliseconds: 30)
            while let notice = bench.takeNotice() { notices.append(notice) }
        }
        #expect(notices.count == 2 && notices.last?.contains("no other member") == true, "\(notices)")
        #expect(bench.failure == nil && bench.counters.executedBatches == 1 && bench.executedSlot == 0)
        _ = bench.asked()
        bench.turns(100, milliseconds: 30)
        #expect(bench.asked().contains(2), "after half a minute of silence nobody is asked any more")
        bench.arrive(2)
        bench.turns(20)
        #expect(bench.counters.executedBatches == 4 && bench.executedSlot == 1 && bench.counters.mendedBatches == 1)
    }
    /// One replica alone has nobody to ask: it says what is lost, and answers nobody who comes after it.
    @Test func oneAloneAnswersNothingThatFollowsDamage() throws {
        var settings = try base.settings()
        settings.core = CoreConfiguration(quorums: try .standard(members: 1), me: ReplicaID(0))
        settings.snapshotBytes = 1 << 20
        let disk = try base.formatted()
        let counting = Counting()
        var first = try base.start(disk, Scripted(), base.pool(settings), settings, service: counting)
        var now: UInt64 = 1_000_000
        func turns(_ count: Int, _ engine: inout Engine<ScriptedDevice, ScriptedNetwork>, _ disk: ScriptedDisk) {
            for _ in 0..<count {
                now += 10_000_000
                _ = engine.turn(now: now, wallClock: 1)
                disk.completeAll()
            }
        }
        for _ in 1...4 {
            counting.toSeal += 1
            turns(20, &first, disk)
        }
        #expect(counting.answered == 4)
        // The log falls idle, so that what it holds last is vouched for.
        turns(20, &first, disk)
        let crashed = disk.afterCrash()
        crashed.flip(.segment(0), at: try #require(place(crashed, 2, lane: 0)) + Limits.headerBytes + 100, count: 3)
        let later = Counting()
        var engine = try base.start(crashed, Scripted(), base.pool(settings), settings, service: later)
        later.toSeal = 1
        var notices: [String] = []
        for _ in 0..<50 {
            turns(20, &engine, crashed)
            while let notice = engine.takeNotice() { notices.append(notice) }
        }
        #expect(notices.count == 1 && notices[0].contains("nobody else has them"), "\(notices)")
        let (failure, executed, sealed) = (engine.failure, engine.counters.executedBatches, later.toSeal == 0)
        #expect(failure == nil && sealed && later.answered == 0)
        #expect(executed == 1, "batch 1 alone is executed again")
    }
    /// Seals as many batches as it is told to, and counts those of its clients that are executed.
    private final class Counting: Nothing {
        var toSeal = 0
        var answered = 0
        override func apply(
            _ batch: BatchDescriptor, payload: UnsafeRawPointer, slot: UInt64, timestamp: UInt64, isOwn: Bool
        ) {
            if isOwn { answered += 1 }
        }
        override func poll(now: UInt64, mustSeal: Bool, pool: BufferPool) -> Submission? {
            guard toSeal > 0, let buffer = pool.take(.own) else { return nil }
            toSeal -= 1
            pool.hold(buffer, .filling)
            UnsafeMutableRawBufferPointer(start: pool.payload(buffer), count: 600)
                .initializeMemory(as: UInt8.self, repeating: 7)
            return Submission(buffer: buffer, payloadBytes: 600, count: 1, stride: 600)
        }
    }
}
