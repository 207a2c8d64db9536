// One engine alone that fetches another's snapshot (PROTOCOL §8), over a disk that has no room for it.
import CTrireme
import Testing
import TriremeCore
import TriremeRuntime
import TriremeStorage
import TriremeTransport

@Suite struct EngineFetchTests {
    /// An engine that has nothing, and two members who are a hundred slots ahead and keep ten of them. The donors offer a snapshot.
    private final class Bench {
        static let slot: UInt64 = 100
        let disk: ScriptedDisk
        let script = Scripted()
        private let base: EngineAloneTests
        private var engine: Engine<ScriptedDevice, ScriptedNetwork>
        private var now: UInt64 = 1_000_000
        private var counter: UInt64 = 0
        private let name = SnapshotName(origin: ReplicaID(1), generation: EngineAloneTests.generation, slot: slot)
        /// Two: a full one, and one of a page.
        private var blocks: [[UInt8]] = []
        var offer: SnapshotOffer
        var donors = [ReplicaID(1)]
        /// Who gives nothing of what it offered.
        var stalled: [ReplicaID] = []
        /// Donors take newer snapshots all the time: a pull finds that what it wants is no more.
        var areHasty = false
        private(set) var requests = 0
        /// Who was asked for an offer, one after the other.
        private(set) var asked: [ReplicaID] = []
        /// The member that offers only when it is asked for the third time: it has to take a snapshot first.
        var late: ReplicaID?
        /// Who was asked and offered, one after the other.
        private(set) var offered: [ReplicaID] = []
        private(set) var pulls: [UInt64] = []
        private(set) var notices: [String] = []

        init(_ base: EngineAloneTests) throws {
            self.base = base
            disk = try base.formatted()
            let settings = try base.settings()
            engine = try base.start(disk, script, base.pool(settings), settings)
            let blockBytes = LogOptions().snapshotBlockBytes
            var checksum: UInt32 = 0
            for (number, content) in [SnapshotBlock.capacity(blockBytes), 100].enumerated() {
                let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: blockBytes, alignment: 8)
                defer { memory.deallocate() }
                memory.initializeMemory(as: UInt8.self, repeating: UInt8(number + 1))
                let sum = SnapshotBlock.seal(
                    memory.baseAddress!, name, number: UInt64(number), contentBytes: content)
                checksum = SnapshotBlock.chain(checksum, sum)
                blocks.append(Array(memory[..<(SnapshotBlock.headerBytes + content)]))
            }
            offer = SnapshotOffer(
                name: name, lengthBytes: UInt64(SnapshotBlock.capacity(blockBytes) + 100),
                blockBytes: UInt32(blockBytes), checksum: checksum, cut: Cut(epoch: 1))
        }

        /// So many turns, five milliseconds apart, in which the others are heard and answer. False once it does not hold any more.
        func turns(_ count: Int, while goesOn: () -> Bool = { true }) {
            for _ in 0..<count where goesOn() {
                now += 5_000_000
                for member in 1...2 { hear(from: member) }
                _ = engine.turn(now: now, wallClock: 1)
                disk.completeAll()
                answer()
                while let notice = engine.takeNotice() { notices.append(notice) }
            }
        }
        private func hear(from member: Int) {
            counter += 1
            var status = Status()
            status.number = StatusNumber(Generation(epoch: 1, counter: 1), counter)
            status.epoch = 1
            status.commitIndex = Self.slot
            status.executedSlot = Self.slot
            status.oldestEntry = Self.slot - 10
            let body = base.message { status.encode(into: &$0, members: 3) }
            script.arrivals.append { _ in .control(.status, from: ReplicaID(member), body: body) }
        }
        private func answer() {
            for sent in script.sentControl {
                switch sent.kind {
                case .snapshotRequest:
                    guard let donor = sent.to else { break }
                    asked.append(donor)
                    guard donors.contains(donor), donor != late || asked.count(where: { $0 == donor }) > 2 else {
                        break
                    }
                    requests += 1
                    offered.append(donor)
                    give(offer, from: donor)
                case .snapshotPull:
                    guard let pull = sent.body.withUnsafeBytes({ SnapshotPull.decode($0, members: 3) }),
                        let donor = sent.to
                    else { break }
                    pulls.append(pull.block)
                    if areHasty {
                        offer.name = SnapshotName(
                            origin: offer.name.origin, generation: offer.name.generation, slot: offer.name.slot + 1)
                        give(offer, from: donor)
                    } else if !stalled.contains(donor) {
                        give(pull, from: donor)
                    }
                default: break
                }
            }
            script.sentControl.removeAll()
        }
        private func give(_ offer: SnapshotOffer, from donor: ReplicaID) {
            let body = base.message { offer.encode(into: &$0, members: 3) }
            script.arrivals.append { _ in .control(.snapshotOffer, from: donor, body: body) }
        }
        private func give(_ pull: SnapshotPull, from donor: ReplicaID) {
            let each = 4_096 - Limits.headerBytes
            let end = Int(pull.offset + pull.bytes)
            for at in stride(from: Int(pull.offset), to: end, by: each) {
                let bytes = Array(blocks[Int(pull.block)][at..<min(at + each, end)])
                let piece = SnapshotPiece(tag: pull.name.tag, block: pull.block, offset: UInt32(at))
                    .frame(payloadBytes: bytes.count, checksum: trm_crc32c(0, bytes, bytes.count))
                script.arrivals.append { empty in
                    let (buffer, frame) = empty.buffers.removeFirst()
                    (frame + Limits.headerBytes).copyMemory(from: bytes, byteCount: bytes.count)
                    return .batch(piece, from: donor, buffer: buffer, frame: frame)
                }
            }
        }
        /// A prepare is answered only when the promise is durable: the log goes on.
        func prepare(_ round: UInt32) {
            let ballot = Ballot(epoch: 1, round: round, owner: ReplicaID(1))
            let body = base.message { Prepare(ballot: ballot, from: 1).encode(into: &$0) }
            script.arrivals.append { _ in .control(.prepare, from: ReplicaID(1), body: body) }
        }
        var promised: UInt32 { engine.core.promise.round }
        var durableIndex: LogIndex { engine.log.durableIndex }
        var failure: String? { engine.failure?.description }
        var executedSlot: UInt64 { engine.core.executor.slot }
        var snapshotSlot: UInt64? { engine.log.snapshotDescription?.slot }
        var counters: EngineCounters { engine.counters }
        func forgetPulls() { pulls = [] }
    }

    /// Full before it is begun, and full at its second block. Said once; the log goes on; with room it comes, and what is there
    /// already is not asked for again.
    @Test(arguments: [true, false]) func aFullDiskIsSaidOnceAndWaitedFor(fromTheStart: Bool) throws {
        let bench = try Bench(EngineAloneTests())
        if fromTheStart {
            bench.disk.room = 0
        } else {
            bench.turns(200) { bench.pulls.isEmpty }
            #expect(bench.pulls == [0])
            // The header's page and the first block.
            bench.disk.room = (1 << 20) + 4_096
        }
        bench.turns(800)
        #expect(bench.failure == nil && bench.snapshotSlot == nil && bench.executedSlot == 0)
        #expect(bench.notices.filter { $0.contains("room") || $0.contains("are free") }.count == 1, "\(bench.notices)")
        // It looks again about once a second, not at every turn.
        #expect((2...6).contains(bench.requests), "\(bench.requests) requests in four seconds")
        let before = bench.durableIndex
        bench.prepare(9)
        bench.turns(2)
        #expect(bench.promised == 9 && bench.durableIndex > before)

        bench.forgetPulls()
        bench.disk.room = 4 << 20
        bench.turns(1_000) { bench.executedSlot < Bench.slot }
        #expect(bench.failure == nil && bench.snapshotSlot == Bench.slot && bench.executedSlot == Bench.slot)
        #expect(bench.counters.snapshotsInstalled == 1)
        #expect(bench.pulls.contains(0) == fromTheStart && bench.pulls.contains(1), "\(bench.pulls)")
    }
    /// ◆ Every block is whole and of that name, and yet they are not what was offered: the superblock does not name them.
    @Test func whatIsNotWhatWasOfferedIsNotNamed() throws {
        let bench = try Bench(EngineAloneTests())
        bench.offer.checksum ^= 1
        bench.turns(400)
        #expect(bench.pulls.contains(1) && bench.requests > 1)
        #expect(bench.failure == nil && bench.snapshotSlot == nil && bench.executedSlot == 0)
        bench.offer.checksum ^= 1
        bench.turns(400) { bench.executedSlot < Bench.slot }
        #expect(bench.snapshotSlot == Bench.slot && bench.executedSlot == Bench.slot)
    }
    /// A donor whose disk stands still offers and gives nothing: soon somebody else is asked, and not the same one again.
    @Test func whoGivesNothingIsNotAskedAgain() throws {
        let bench = try Bench(EngineAloneTests())
        bench.donors = [ReplicaID(1), ReplicaID(2)]
        bench.stalled = bench.donors
        bench.turns(2_000)
        let tried = bench.offered
        #expect(tried.count > 10, "half a second for each at most: \(tried)")
        for i in stride(from: 0, to: tried.count - 1, by: 2) { #expect(tried[i] != tried[i + 1], "\(tried)") }
        bench.stalled = [tried[0]]
        bench.turns(200) { bench.executedSlot < Bench.slot }
        #expect(bench.executedSlot == Bench.slot)
    }
    @Test func allAreAskedInTurn() throws {
        let bench = try Bench(EngineAloneTests())
        bench.donors = []
        bench.turns(1_000)
        #expect(bench.asked.count > 10)
        for (one, next) in zip(bench.asked, bench.asked.dropFirst()) { #expect(one != next, "\(bench.asked)") }
    }
    /// Who has to take a snapshot first is not passed over for one that failed.
    @Test func whoFailedIsNotAskedBeforeAnotherHadTime() throws {
        let bench = try Bench(EngineAloneTests())
        bench.donors = [ReplicaID(1), ReplicaID(2)]
        bench.stalled = [ReplicaID(1)]
        bench.late = ReplicaID(2)
        bench.turns(600) { bench.executedSlot < Bench.slot }
        #expect(bench.executedSlot == Bench.slot && bench.offered == [ReplicaID(1), ReplicaID(2)], "\(bench.asked)")
    }
    /// With nobody else to ask, one that failed is asked again.
    @Test func whoFailedIsBetterThanNobody() throws {
        let bench = try Bench(EngineAloneTests())
        bench.stalled = [ReplicaID(1)]
        bench.turns(400)
        #expect(bench.requests > 1 && bench.executedSlot == 0)
        bench.stalled = []
        bench.turns(400) { bench.executedSlot < Bench.slot }
        #expect(bench.executedSlot == Bench.slot)
    }
    /// Snapshots that are gone before they are here: the operator is told once what to raise, and it is tried on.
    @Test func snapshotsThatDoNotLastAreTold() throws {
        let bench = try Bench(EngineAloneTests())
        bench.areHasty = true
        bench.turns(1_000)
        let told = bench.notices.filter { $0.contains("raise catchUpPercent (now 10)") }
        #expect(told.count == 1 && bench.requests > 3, "\(bench.notices)")
    }
}
