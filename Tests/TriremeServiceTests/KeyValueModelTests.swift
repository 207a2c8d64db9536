// The key-value state machine beside a dictionary, under random commands; digests; snapshots; memory.
import Testing
import Trireme
import TriremeService

/// A generator that gives the same numbers in every run.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite struct KeyValueModelTests {
    /// A random command, its expected reply, and its effect on the model.
    func step(_ model: inout [String: String], _ random: inout Xorshift, keys: Int) -> ([UInt8], String) {
        let key = "key:\(Int.random(in: 0..<keys, using: &random))"
        let value = String(
            repeating: Character("\(Int.random(in: 1...9, using: &random))"),
            count: Int.random(in: 0...(Bool.random(using: &random) ? 10 : 700), using: &random))
        func bulk(_ text: String?) -> String { text.map { "$\($0.utf8.count)\r\n\($0)\r\n" } ?? "$-1\r\n" }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35:
            model[key] = value
            return (encode(.set, [key, value]), "+OK\r\n")
        case 35..<55: return (encode(.get, [key]), bulk(model[key]))
        case 55..<75: return (encode(.delete, [key]), model.removeValue(forKey: key) == nil ? ":0\r\n" : ":1\r\n")
        case 75..<85:
            model[key, default: ""] += value
            return (encode(.append, [key, value]), ":\(model[key]!.utf8.count)\r\n")
        case 85..<95:
            let old = model[key] ?? "0"
            guard let number = Int64(old), "\(number)" == old else {
                return (encode(.add, [key], amount: 3), "-ERR value is not an integer or out of range\r\n")
            }
            guard number < .max - 3 else { return (encode(.exists, [key]), ":1\r\n") }
            model[key] = "\(number + 3)"
            return (encode(.add, [key], amount: 3), ":\(number + 3)\r\n")
        case 95..<99: return (encode(.getMany, [key, "none"]), "*2\r\n\(bulk(model[key]))$-1\r\n")
        default: return (encode(.count), ":\(model.count)\r\n")
        }
    }

    /// A store with the model's content, put in in sorted order.
    func rebuilt(_ model: [String: String]) -> UInt64 {
        var store = KeyValueStore()
        _ = store.run(model.sorted { $0.key < $1.key }.map { encode(.set, [$0.key, $0.value]) })
        return store.digest
    }

    @Test(arguments: [10, 300, 20_000]) func agreesWithADictionary(_ keys: Int) throws {
        var random = Xorshift(state: UInt64(keys) | 1 << 40)
        var model: [String: String] = [:]
        var store = KeyValueStore()
        for _ in 0..<60 {
            let steps = (0..<1_000).map { _ in step(&model, &random, keys: keys) }
            #expect(store.run(steps.map(\.0)) == steps.map(\.1))
        }
        #expect(store.count == model.count)
        #expect(store.digest == rebuilt(model), "the digest depends on the content alone")

        var writer = SnapshotWriter()
        try store.snapshot(to: &writer)
        var copy = KeyValueStore()
        _ = copy.run(encode(.set, ["not", "there"]))
        try writer.withBytes { bytes throws in
            var reader = SnapshotReader(bytes)
            try copy.restore(from: &reader)
        }
        #expect(copy.digest == store.digest && copy.count == store.count && copy.usedBytes == store.usedBytes)
        for (key, value) in model.prefix(200) { #expect(copy.run(encode(.get, [key])).hasSuffix("\r\n\(value)\r\n")) }
    }

    @Test func digestsSeeEveryDifference() {
        var digests: Set<UInt64> = []
        for commands in [
            [], [encode(.set, ["a", "1"])], [encode(.set, ["a", "2"])], [encode(.set, ["b", "1"])],
            [encode(.set, ["a", ""])], [encode(.set, ["", "a"])], [encode(.set, ["a1", ""])], [encode(.set, ["", ""])],
            [encode(.set, ["a", "1"]), encode(.set, ["b", "2"])],
            [encode(.set, ["a", "2"]), encode(.set, ["b", "1"])],
        ] {
            var store = KeyValueStore()
            _ = store.run(commands)
            digests.insert(store.digest)
        }
        #expect(digests.count == 10)
    }

    @Test func damagedSnapshotsAreRefused() throws {
        var store = KeyValueStore()
        _ = store.run((0..<20).map { encode(.set, ["key\($0)", "value\($0)"]) })
        var writer = SnapshotWriter()
        try store.snapshot(to: &writer)
        let good = writer.withBytes { Array($0) }
        func restores(_ bytes: [UInt8]) -> Bool {
            bytes.withUnsafeBytes { bytes in
                var reader = SnapshotReader(bytes)
                var store = KeyValueStore()
                do { try store.restore(from: &reader) } catch { return false }
                return true
            }
        }
        #expect(restores(good))
        for length in 0..<good.count { #expect(!restores(Array(good[..<length]))) }
        for index in good.indices {
            var bad = good
            bad[index] ^= 0x41
            #expect(!restores(bad), "byte \(index)")
        }
        #expect(!restores(good + [0]))
    }

    @Test func memoryIsUsedAgain() {
        var store = KeyValueStore()
        func round(_ store: inout KeyValueStore, _ number: Int) {
            for start in stride(from: 0, to: 4_000, by: 500) {
                _ = store.run(
                    (start..<start + 500).map {
                        encode(.set, ["key\($0)", String(repeating: "x", count: 100 + ($0 + number) % 900)])
                    })
            }
        }
        round(&store, 0)
        let reserved = store.reservedBytes
        for number in 1..<20 {
            round(&store, number * 37)
            _ = store.run((0..<4_000).map { encode(.delete, ["key\($0)"]) })
            #expect(store.count == 0 && store.digest == 0 && store.usedBytes == 0)
        }
        #expect(store.reservedBytes <= reserved * 2)
    }
}
