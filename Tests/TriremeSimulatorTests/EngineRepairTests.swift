// One engine alone that lacks batches (PROTOCOL §3.4): whom it asks for them.
import Testing
import TriremeCore
import TriremeRuntime
import TriremeStorage
import TriremeTransport

@Suite struct EngineRepairTests {
    /// An engine to which the third batch of a lane came, and not the two before it. Their owner has started again since, and so
    /// reports another generation; the third member reports all three. Nobody answers.
    private final class Bench {
        static let generation = EngineAloneTests.generation
        let owner: ReplicaID
        let reporter: ReplicaID
        private let base = EngineAloneTests()
        private let script = Scripted()
        private let disk: ScriptedDisk
        private var engine: Engine<ScriptedDevice, ScriptedNetwork>
        private var now: UInt64 = 1_000_000
        private var counter: UInt64 = 0

        init(owner: Int) throws {
            self.owner = ReplicaID(owner)
            reporter = ReplicaID(3 - owner)
            disk = try base.formatted()
            engine = try base.start(disk, script, base.pool(try base.settings()))
            let third = EngineAloneTests.batch(3, lane: owner)
            script.arrivals.append { empty in
                let (buffer, frame) = empty.buffers.removeFirst()
                return .batch(third, from: ReplicaID(owner), buffer: buffer, frame: frame)
            }
        }
        /// Slot 1 covers all three, and the reporter has executed it.
        private(set) var isDecided = false
        func decide() {
            isDecided = true
            var cut = Cut(epoch: 1)
            cut[owner.index] = EngineAloneTests.batch(3, lane: owner.index).position
            let from = reporter
            let body = base.message {
                EntriesHeader(first: 1, count: 1).encode(into: &$0)
                $0.put(Entry(cut), members: 3)
            }
            script.arrivals.append { _ in .control(.entries, from: from, body: body) }
        }
        /// Whom it asks in so many turns, five milliseconds apart, of which those are heard.
        func asked(turns: Int, hearing: [ReplicaID], sends: Bool = false) -> [ReplicaID] {
            script.sentControl.removeAll()
            for turn in 1...UInt64(turns) {
                if sends { send(turn) }
                now += 5_000_000
                for member in hearing { hear(member) }
                _ = engine.turn(now: now, wallClock: 1)
                disk.completeAll()
            }
            return script.sentControl.compactMap { sent in
                guard sent.kind == .repair,
                    let request = sent.body.withUnsafeBytes({ BatchRequest.decode($0, members: 3) }),
                    request.lane == owner, request.generation == Self.generation, request.first == 1
                else { return nil }
                return sent.to
            }
        }
        /// The owner's present start sends on.
        private func send(_ k: UInt64) {
            let owner = owner
            let batch = EngineAloneTests.batch(k, Generation(epoch: 1, counter: 9), lane: owner.index)
            script.arrivals.append { empty in
                let (buffer, frame) = empty.buffers.removeFirst()
                return .batch(batch, from: owner, buffer: buffer, frame: frame)
            }
        }
        private func hear(_ member: ReplicaID) {
            counter += 1
            var status = Status()
            let present = Generation(epoch: 1, counter: 9)
            status.number = StatusNumber(present, counter)
            status.epoch = 1
            if member == reporter {
                status.received[owner.index] = EngineAloneTests.batch(3, lane: owner.index).position
                status.oldestEntry = 1
                if isDecided { (status.commitIndex, status.executedSlot) = (1, 1) }
            } else {
                status.received[owner.index] = EngineAloneTests.batch(1, present, lane: owner.index).position
            }
            let body = base.message { status.encode(into: &$0, members: 3) }
            script.arrivals.append { _ in .control(.status, from: member, body: body) }
        }
    }

    /// Who reports a batch may be deaf. Its owner has it, though what it reports is another generation.
    @Test(arguments: [1, 2], [true, false]) func everybodyIsAskedInTurn(owner: Int, isDecided: Bool) throws {
        let bench = try Bench(owner: owner)
        if isDecided { bench.decide() }
        let asked = bench.asked(turns: 400, hearing: [bench.owner, bench.reporter])
        #expect(asked.first == bench.reporter, "who has it for certain comes first: \(asked)")
        #expect(asked.contains(bench.owner), "\(asked)")
        #expect(asked.count { $0 == bench.reporter } * 2 > asked.count, "\(asked)")
    }
    /// What the owner sends in its present generation is no answer: the questions for the earlier one go on to the next member.
    @Test func newBatchesDoNotPutOffTheQuestions() throws {
        let bench = try Bench(owner: 1)
        let asked = bench.asked(turns: 8, hearing: [bench.owner, bench.reporter], sends: true)
        #expect(asked.count <= 5 && asked.contains(bench.owner), "\(asked)")
    }
    /// Who has fallen silent is not better than another.
    @Test(arguments: [1, 2], [true, false]) func theSilentAreNotPreferred(owner: Int, isDecided: Bool) throws {
        let bench = try Bench(owner: owner)
        if isDecided { bench.decide() }
        _ = bench.asked(turns: 20, hearing: [bench.owner, bench.reporter])
        _ = bench.asked(turns: 40, hearing: [bench.owner])
        let asked = bench.asked(turns: 1_000, hearing: [bench.owner])
        #expect(asked.count > 4 && asked.count { $0 == bench.owner } * 3 >= asked.count, "\(asked)")
    }
}
