// Snapshots of the key-value store that are written and read in pieces while commands go on.
import Testing
import Trireme
import TriremeService

@Suite struct KeyValueSnapshotTests {
    private func pieces(_ store: inout KeyValueStore, _ between: (inout KeyValueStore, Int) -> Void) throws -> [UInt8] {
        var writer = SnapshotWriter()
        var all: [UInt8] = []
        var progress = try store.beginSnapshot(to: &writer)
        var piece = 0
        while true {
            writer.withBytes { all.append(contentsOf: $0) }
            writer.removeAll()
            if progress == .finished { break }
            between(&store, piece)
            piece += 1
            progress = try store.continueSnapshot(to: &writer, budgetBytes: 1_000)
        }
        store.endSnapshot()
        return all
    }
    /// Hands the bytes over in pieces of that many; what is left unread comes again.
    private func restored(_ bytes: [UInt8], pieceBytes: Int) throws -> (digest: UInt64, count: Int, values: [String]) {
        var store = KeyValueStore()
        _ = store.run(encode(.set, ["not", "there"]))
        try store.beginRestore()
        var unread: [UInt8] = []
        var at = 0
        repeat {
            let next = min(bytes.count, at + pieceBytes)
            unread += bytes[at..<next]
            at = next
            unread = try feed(&store, unread, isLast: at == bytes.count)
        } while at < bytes.count
        try store.endRestore()
        return (store.digest, store.count, (0..<40).map { store.run(encode(.get, ["key:\($0)"])) })
    }
    private func feed(_ store: inout KeyValueStore, _ bytes: [UInt8], isLast: Bool) throws -> [UInt8] {
        try bytes.withUnsafeBytes { raw in
            var reader = SnapshotReader(raw, isLast: isLast)
            try store.continueRestore(from: &reader)
            return Array(raw[(raw.count - reader.leftBytes)...])
        }
    }

    /// What is written is the state of the beginning, whatever changes, comes, goes, or is flushed meanwhile.
    @Test(arguments: [20, 300, 6_000], [false, true]) func isTheStateOfItsBeginning(keys: Int, flushes: Bool) throws {
        let model = KeyValueModelTests()
        var random = Xorshift(state: UInt64(keys) &* 77 | 1)
        var values: [String: String] = [:]
        var store = KeyValueStore()
        func run(_ store: inout KeyValueStore, _ count: Int) {
            for _ in 0..<count {
                let (command, reply) = model.step(&values, &random, keys: keys)
                #expect(store.run(command) == reply)
            }
        }
        run(&store, keys * 4)
        for round in 0..<6 {
            let digest = store.digest
            let count = store.count
            let begun = (0..<40).map { store.run(encode(.get, ["key:\($0)"])) }
            var setAside = 0
            let bytes = try pieces(&store) { store, piece in
                run(&store, keys / 10 + 5)
                setAside = max(setAside, store.snapshotBacklogBytes)
                if flushes, round % 2 == 1, piece == 2 || piece == 9 {
                    #expect(store.run(encode(.removeAll)) == "+OK\r\n")
                    values = [:]
                }
            }
            #expect(store.snapshotBacklogBytes == 0)
            #expect(setAside > 0 || count < 10)
            let copy = try restored(bytes, pieceBytes: [1, 7, 1_000, 50_000][round % 4] + (keys > 1_000 ? 4_096 : 0))
            #expect(copy.digest == digest && copy.count == count && copy.values == begun)
            // The store itself is none the worse.
            #expect(store.digest == model.rebuilt(values))
        }
    }

    @Test func oneThatIsGivenUpSpoilsNoLaterOne() throws {
        var store = KeyValueStore()
        for round in 0..<600 {
            _ = store.run(encode(.set, ["key:\(round % 40)", "\(round)"]))
            var writer = SnapshotWriter()
            _ = try store.beginSnapshot(to: &writer)
            _ = try store.continueSnapshot(to: &writer, budgetBytes: 100)
            _ = store.run(encode(.set, ["key:\(round % 7)", "x\(round)"]))
            store.endSnapshot()
            #expect(store.snapshotBacklogBytes == 0)
            guard round % 100 == 99 || round == 257 || round == 258 else { continue }
            let digest = store.digest
            let bytes = try pieces(&store) { store, piece in
                _ = store.run(encode(.set, ["key:\(piece % 40)", "later"]))
            }
            #expect(try restored(bytes, pieceBytes: 333).digest == digest)
        }
    }

    /// Records bear marks of fifteen bits: more snapshots given up in a row than there are marks spoil none either.
    @Test func marksThatComeRoundSpoilNothing() throws {
        var store = KeyValueStore()
        _ = store.run((0..<20).map { encode(.set, ["key:\($0)", "value\($0)"]) })
        var writer = SnapshotWriter()
        for round in 0..<66_000 {
            writer.removeAll()
            _ = try store.beginSnapshot(to: &writer)
            // Some records get this one's mark, others keep one of long ago.
            if round % 1_000 == 7 { _ = try store.continueSnapshot(to: &writer, budgetBytes: 100) }
            store.endSnapshot()
            guard round % 8_192 < 2 || round > 65_990 || (32_000..<32_003).contains(round) else { continue }
            writer.removeAll()
            _ = try store.beginSnapshot(to: &writer)
            var progress = SnapshotProgress.unfinished
            while progress == .unfinished { progress = try store.continueSnapshot(to: &writer, budgetBytes: 64) }
            store.endSnapshot()
            let bytes = writer.withBytes { Array($0) }
            #expect(try restored(bytes, pieceBytes: 4_096).count == 20)
        }
    }

    @Test func cutShortItIsRefused() throws {
        var store = KeyValueStore()
        _ = store.run((0..<20).map { encode(.set, ["key\($0)", "value\($0)"]) })
        let bytes = try pieces(&store) { _, _ in }
        for length in [0, 5, 19, 20, 30, bytes.count - 1] {
            #expect(throws: (any Error).self) { _ = try restored(Array(bytes[..<length]), pieceBytes: 11) }
        }
        #expect(try restored(bytes, pieceBytes: 11).count == 20)
    }
}
