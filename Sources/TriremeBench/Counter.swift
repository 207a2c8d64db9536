// The service of the benchmark's contract: the same work for a command as the yardstick does, so that the two compare.
import Trireme

/// What lies in a command of the counter service, little-endian; the rest of the command is padding.
package enum CounterCommand {
    package static let client = 0
    package static let sequence = 8
    package static let key = 16
    package static let addend = 24
    /// Least bytes of a command.
    package static let bytesMinimum = 32
}

/// Adds a command's addend to its key's sum and mixes the sum into a running hash. Replies are empty.
///
/// Key 0 counts as key 1. Commands of less than 32 bytes, and those with a new key when the table is full, change nothing.
package struct Counter: StateMachine, ~Copyable {
    private var table = CounterTable()
    private var hash: UInt64 = 1

    package init() {}

    /// The running hash: it depends on every sum that ever was and on their order.
    package var digest: UInt64 { hash }
    package var keys: Int { table.count }

    /// Commands between the prefetch of a bucket and its use: at about 10 ns each, several times the latency of memory.
    private static let ahead = 48

    package mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
        let stride = batch.stride
        guard stride >= CounterCommand.bytesMinimum else { return applyUneven(batch) }
        if table.isWalking { return applyPreserving(batch) }
        let bytes = batch.bytes
        let count = batch.count
        var running = hash
        for index in 0..<min(Self.ahead, count) { prefetch(bytes, at: index &* stride) }
        var offset = 0
        for index in 0..<count {
            if index &+ Self.ahead < count { prefetch(bytes, at: offset &+ Self.ahead &* stride) }
            add(bytes, at: offset, &running)
            offset &+= stride
        }
        hash = running
    }

    /// As ``apply(_:replies:)``, while a snapshot is being written.
    private mutating func applyPreserving(_ batch: borrowing CommandBatch) {
        let stride = batch.stride
        let bytes = batch.bytes
        let count = batch.count
        var running = hash
        for index in 0..<min(Self.ahead, count) { prefetch(bytes, at: index &* stride) }
        var offset = 0
        for index in 0..<count {
            if index &+ Self.ahead < count { prefetch(bytes, at: offset &+ Self.ahead &* stride) }
            addPreserving(bytes, at: offset, &running)
            offset &+= stride
        }
        hash = running
    }

    /// Commands of several lengths. Not what a benchmark sends: without prefetch.
    private mutating func applyUneven(_ batch: borrowing CommandBatch) {
        var running = hash
        var commands = batch.commands
        while let command = commands.next() {
            guard command.byteCount >= CounterCommand.bytesMinimum else { continue }
            if table.isWalking { addPreserving(command, at: 0, &running) } else { add(command, at: 0, &running) }
        }
        hash = running
    }

    @inline(__always)
    private func prefetch(_ bytes: RawSpan, at offset: Int) {
        table.prefetch(Self.key(bytes, at: offset))
    }

    @inline(__always)
    private mutating func add(_ bytes: RawSpan, at offset: Int, _ running: inout UInt64) {
        if let value = table.value(of: Self.key(bytes, at: offset)) { Self.add(bytes, at: offset, to: value, &running) }
    }
    @inline(__always)
    private mutating func addPreserving(_ bytes: RawSpan, at offset: Int, _ running: inout UInt64) {
        if let value = table.preservedValue(of: Self.key(bytes, at: offset)) {
            Self.add(bytes, at: offset, to: value, &running)
        }
    }
    @inline(__always)
    private static func add(
        _ bytes: RawSpan, at offset: Int, to value: UnsafeMutablePointer<UInt64>, _ running: inout UInt64
    ) {
        let sum = value.pointee &+ bytes.load(UInt64.self, at: offset &+ CounterCommand.addend)
        value.pointee = sum
        running = (running ^ sum) &* 0x9E37_79B9_7F4A_7C15
        running ^= running >> 32
    }

    @inline(__always)
    private static func key(_ bytes: RawSpan, at offset: Int) -> UInt64 {
        let key = bytes.load(UInt64.self, at: offset &+ CounterCommand.key)
        return key == 0 ? 1 : key
    }

    package func snapshot(to writer: inout SnapshotWriter) throws {
        try writer.reserve(16 + table.count * 16)
        try writer.write(hash)
        try writer.write(UInt64(table.count))
        try table.forEach { key, value in
            try writer.write(key)
            try writer.write(value)
        }
    }

    package mutating func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress {
        try writer.write(hash)
        try writer.write(UInt64(table.count))
        table.beginWalk()
        return .unfinished
    }
    package mutating func continueSnapshot(
        to writer: inout SnapshotWriter, budgetBytes: Int
    ) throws -> SnapshotProgress {
        let start = writer.byteCount
        while writer.byteCount - start < budgetBytes {
            let isThere = try table.nextPage { key, value in
                try writer.write(key)
                try writer.write(value)
            }
            if !isThere { return .finished }
        }
        return .unfinished
    }
    package mutating func endSnapshot() { table.endWalk() }
    package var snapshotBacklogBytes: Int { table.setAsideBytes }

    package mutating func restore(from reader: inout SnapshotReader) throws {
        let hash = try reader.read(UInt64.self)
        let count = try reader.read(UInt64.self)
        table.removeAll()
        for _ in 0..<count {
            let key = try reader.read(UInt64.self)
            let sum = try reader.read(UInt64.self)
            guard key != 0, let value = table.value(of: key) else {
                throw SnapshotError.malformed("a key that the counter table cannot hold")
            }
            value.pointee = sum
        }
        guard table.count == count, reader.leftBytes == 0 else {
            throw SnapshotError.malformed(
                "\(table.count) keys and \(reader.leftBytes) further bytes, where \(count) keys stood")
        }
        self.hash = hash
    }
}
