// The benchmark's service: the same commands give the same state, by whatever way.
import Testing
import Trireme
import TriremeBench

/// Applies `count` commands of a load in batches of `batch`, and returns the digest at the end.
@discardableResult
func apply(_ counter: inout Counter, _ load: inout CounterLoad, count: Int, batch: Int) -> UInt64 {
    let stride = load.commandBytes
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: batch * stride, alignment: 64)
    defer { memory.deallocate() }
    var replies = ReplyWriter()
    var left = count
    while left > 0 {
        let commands = min(batch, left)
        load.fill(memory.baseAddress!, count: commands)
        let payload = UnsafeRawBufferPointer(start: memory.baseAddress, count: commands * stride)
        replies.beginBatch(count: commands, isWanted: true)
        counter.apply(
            CommandBatch(payload: payload, count: commands, stride: stride, slot: 1, timestamp: 1, isOwn: true),
            replies: &replies)
        #expect(replies.endBatch().isEmpty, "replies are empty")
        left -= commands
    }
    return counter.digest
}

/// One batch of the given (key, addend) pairs.
func add(_ counter: inout Counter, _ pairs: [(UInt64, UInt64)], stride: Int = 32) {
    var payload = [UInt8](repeating: 0, count: pairs.count * stride)
    payload.withUnsafeMutableBytes { bytes in
        for (index, pair) in pairs.enumerated() {
            bytes.storeBytes(of: pair.0, toByteOffset: index * stride + CounterCommand.key, as: UInt64.self)
            bytes.storeBytes(of: pair.1, toByteOffset: index * stride + CounterCommand.addend, as: UInt64.self)
        }
    }
    var replies = ReplyWriter()
    payload.withUnsafeBytes { payload in
        counter.apply(
            CommandBatch(payload: payload, count: pairs.count, stride: stride, slot: 1, timestamp: 1, isOwn: false),
            replies: &replies)
    }
}

@Suite struct CounterTests {
    /// The definition, on a dictionary.
    func model(_ pairs: [(UInt64, UInt64)]) -> UInt64 {
        var sums: [UInt64: UInt64] = [:]
        var hash: UInt64 = 1
        for (key, addend) in pairs {
            let sum = sums[key == 0 ? 1 : key, default: 0] &+ addend
            sums[key == 0 ? 1 : key] = sum
            hash = (hash ^ sum) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 32
        }
        return hash
    }

    @Test func agreesWithTheModel() {
        var random = SystemRandomNumberGenerator()
        let pairs = (0..<20_000).map { _ in (UInt64.random(in: 0..<3_000, using: &random), random.next()) }
        var counter = Counter()
        for start in stride(from: 0, to: pairs.count, by: 500) { add(&counter, Array(pairs[start..<start + 500])) }
        #expect(counter.digest == model(pairs))
        #expect(counter.keys == Set(pairs.map { max($0.0, 1) }).count)
    }

    @Test func theDigestIsTheSameInAnyBatching() {
        var digests: Set<UInt64> = []
        for batch in [1, 7, 47, 48, 49, 957] {
            var counter = Counter()
            var load = CounterLoad(lane: 0, commandBytes: 64)
            digests.insert(apply(&counter, &load, count: 5_000, batch: batch))
        }
        #expect(digests.count == 1)
        // The yardstick's generator and mixing: a change of either shows here.
        #expect(digests.first == 0xFDF7_FAF7_BFF2_F616)
    }

    @Test func lanesAndSizesDiffer() {
        var a = Counter()
        var b = Counter()
        var first = CounterLoad(lane: 0, commandBytes: 64)
        var second = CounterLoad(lane: 1, commandBytes: 64)
        #expect(apply(&a, &first, count: 100, batch: 100) != apply(&b, &second, count: 100, batch: 100))
        var c = Counter()
        var wide = CounterLoad(lane: 0, commandBytes: 1_024)
        apply(&c, &wide, count: 100, batch: 10)
        #expect(c.digest == a.digest, "the padding takes no part")
    }

    @Test func clientsTakeTurns() {
        var load = CounterLoad(lane: 3, commandBytes: 40)
        let count = Int(CounterLoad.clients) * 2 + 3
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 40, alignment: 64)
        defer { memory.deallocate() }
        load.fill(memory.baseAddress!, count: 10)
        load.fill(memory.baseAddress! + 400, count: count - 10)
        var paddings: Set<UInt64> = []
        for index in 0..<count {
            func word(_ offset: Int) -> UInt64 { memory.load(fromByteOffset: index * 40 + offset, as: UInt64.self) }
            #expect(word(CounterCommand.client) == 3 << 32 | UInt64(index) % CounterLoad.clients)
            #expect(word(CounterCommand.sequence) == UInt64(index) / CounterLoad.clients + 1)
            #expect(word(CounterCommand.key) != 0)
            paddings.insert(word(32))
        }
        #expect(load.written == UInt64(count))
        #expect(paddings.count == 64, "the padding is not zero and not always the same")
    }

    @Test func shortCommandsChangeNothing() {
        var counter = Counter()
        var replies = ReplyWriter()
        [UInt8](repeating: 1, count: 31 * 4).withUnsafeBytes { payload in
            let batch = CommandBatch(payload: payload, count: 4, stride: 31, slot: 1, timestamp: 1, isOwn: true)
            counter.apply(batch, replies: &replies)
        }
        #expect(counter.digest == 1 && counter.keys == 0)
    }

    @Test func snapshotRoundTrip() throws {
        var counter = Counter()
        var load = CounterLoad(lane: 2, commandBytes: 64)
        apply(&counter, &load, count: 300_000, batch: 957)
        var writer = SnapshotWriter()
        try counter.snapshot(to: &writer)
        var other = Counter()
        add(&other, [(99, 99)])
        try writer.withBytes { bytes in
            var reader = SnapshotReader(bytes)
            try other.restore(from: &reader)
            #expect(other.digest == counter.digest && other.keys == counter.keys)
            for length in [0, 8, 15, 16, 100, bytes.count - 1] {
                #expect(throws: SnapshotError.self) {
                    var reader = SnapshotReader(UnsafeRawBufferPointer(rebasing: bytes[..<length]))
                    var broken = Counter()
                    try broken.restore(from: &reader)
                }
            }
        }
        // The sums came along too, not only the hash: both go on alike.
        var again = CounterLoad(lane: 2, commandBytes: 64)
        var same = CounterLoad(lane: 2, commandBytes: 64)
        #expect(apply(&other, &again, count: 5_000, batch: 500) == apply(&counter, &same, count: 5_000, batch: 500))
    }

    /// A snapshot that is written in pieces is of its beginning, whatever is added meanwhile; and the counter goes on as without one.
    @Test func snapshotInPieces() throws {
        var counter = Counter()
        var plain = Counter()
        var load = CounterLoad(lane: 1, commandBytes: 64)
        var same = CounterLoad(lane: 1, commandBytes: 64)
        apply(&counter, &load, count: 200_000, batch: 900)
        apply(&plain, &same, count: 200_000, batch: 900)
        for _ in 0..<2 {
            let (digest, keys) = (counter.digest, counter.keys)
            var whole = SnapshotWriter()
            try counter.snapshot(to: &whole)
            var writer = SnapshotWriter()
            var progress = try counter.beginSnapshot(to: &writer)
            while progress == .unfinished {
                apply(&counter, &load, count: 1_000, batch: 300)
                apply(&plain, &same, count: 1_000, batch: 300)
                #expect(counter.snapshotBacklogBytes > 0)
                progress = try counter.continueSnapshot(to: &writer, budgetBytes: 100_000)
            }
            counter.endSnapshot()
            #expect(counter.digest == plain.digest && counter.keys == plain.keys)
            #expect(writer.withBytes { Array($0) } == whole.withBytes { Array($0) })
            var other = Counter()
            try writer.withBytes { bytes in
                var reader = SnapshotReader(bytes)
                try other.restore(from: &reader)
            }
            #expect(other.digest == digest && other.keys == keys)
        }
    }

    @Test func aFullTableRefusesNewKeysOnly() {
        var table = CounterTable()
        for key in 1...UInt64(CounterTable.keysMaximum) { table.value(of: key)!.pointee = key }
        #expect(table.value(of: UInt64(CounterTable.keysMaximum) + 1) == nil)
        #expect((1...UInt64(CounterTable.keysMaximum)).allSatisfy { table.value(of: $0)!.pointee == $0 })
        #expect(table.count == CounterTable.keysMaximum)
    }
}
