// Snapshots of the key-value store: written and read in pieces, while commands go on.
import Trireme

extension KeyValueStore {
    private static let format: UInt32 = 1

    /// A record is about to change: if a snapshot still has to write it, its present image is set aside. One comparison while no
    /// snapshot runs.
    @inline(__always)
    mutating func preserve(_ record: KeyValueRecord) {
        if cursor.isActive, record.mark != cursor.mark { cursor.setAside(record) }
    }

    private func header(to writer: inout SnapshotWriter) throws {
        try writer.write(Self.format)
        try writer.write(UInt64(table.count))
        try writer.write(digest)
    }
    private static func write(_ record: KeyValueRecord, to writer: inout SnapshotWriter) throws {
        try writer.write(UInt32(record.keyBytes))
        try writer.write(UInt32(record.valueBytes))
        try writer.write(record.key)
        try writer.write(record.value)
    }

    /// Format, number of keys and digest, then each key and value behind their lengths.
    package func snapshot(to writer: inout SnapshotWriter) throws {
        try header(to: &writer)
        try table.forEach { try Self.write($0, to: &writer) }
    }

    package mutating func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress {
        if !cursor.begin() {
            let mark = cursor.mark
            table.forEach { $0.mark = mark }
            _ = cursor.begin()
        }
        table.beginWalk()
        try header(to: &writer)
        return .unfinished
    }

    package mutating func continueSnapshot(
        to writer: inout SnapshotWriter, budgetBytes: Int
    ) throws -> SnapshotProgress {
        if !waste.isEmpty { waste.release() }
        let start = writer.byteCount
        try cursor.takeImages(budgetBytes) { try writer.write($0) }
        let mark = cursor.mark
        // Many that were written as images in a row take time, too.
        var looks = budgetBytes / 16 + 1
        while writer.byteCount - start < budgetBytes, looks > 0 {
            guard let record = cursor.frozen?.table.nextOfWalk() ?? (cursor.frozen == nil ? table.nextOfWalk() : nil)
            else {
                guard cursor.imageBytes == 0 else { return .unfinished }
                finishSnapshot(isWhole: true)
                return .finished
            }
            looks -= 1
            guard record.mark != mark else { continue }
            try Self.write(record, to: &writer)
            record.mark = mark
        }
        return .unfinished
    }
    package mutating func endSnapshot() { if cursor.isActive { finishSnapshot(isWhole: false) } }
    private mutating func finishSnapshot(isWhole: Bool) {
        table.endWalk()
        cursor.end(isWhole: isWhole, &waste)
    }
    package var snapshotBacklogBytes: Int { cursor.imageBytes }

    package mutating func restore(from reader: inout SnapshotReader) throws {
        try beginRestore()
        try continueRestore(from: &reader)
        guard reader.leftBytes == 0 else {
            throw SnapshotError.malformed("\(reader.leftBytes) bytes are left over")
        }
        try endRestore()
    }

    package mutating func beginRestore() throws {
        endSnapshot()
        removeAll()
        cursor.forgetMarks()
        restoring = KeyValueRestore()
    }
    package mutating func continueRestore(from reader: inout SnapshotReader) throws {
        // As fast as the new state comes, so that both together take no more than one.
        if !waste.isEmpty { waste.release() }
        if !restoring.hasHeader {
            guard reader.leftBytes >= 20 || reader.isLast else { return }
            let format = try reader.read(UInt32.self)
            guard format == Self.format else {
                throw SnapshotError.malformed("format \(format) instead of \(Self.format)")
            }
            restoring.left = try reader.read(UInt64.self)
            restoring.digest = try reader.read(UInt64.self)
            restoring.hasHeader = true
        }
        while restoring.left > 0 {
            guard let sizes = reader.peek(UInt64.self) else { break }
            let (keyBytes, valueBytes) = (Int(sizes & 0xFFFF_FFFF), Int(sizes >> 32))
            guard keyBytes <= limits.keyBytes, valueBytes <= limits.valueBytes else {
                throw SnapshotError.malformed("a key of \(keyBytes) or value of \(valueBytes) bytes is over the limit")
            }
            guard reader.leftBytes >= 8 + keyBytes + valueBytes else { break }
            _ = try reader.read(UInt64.self)
            let pair = try reader.read(bytes: keyBytes + valueBytes)
            try pair.withUnsafeBytes { try insert($0, keyBytes: keyBytes) }
            restoring.left -= 1
        }
    }
    private mutating func insert(_ pair: UnsafeRawBufferPointer, keyBytes: Int) throws {
        let key = UnsafeRawBufferPointer(rebasing: pair[..<keyBytes])
        let hash = hash(key)
        guard table.find(key, hash) == nil else { throw SnapshotError.malformed("a key stands twice") }
        store(key, hash, UnsafeRawBufferPointer(rebasing: pair[keyBytes...]), nil)
    }
    package mutating func endRestore() throws {
        guard restoring.hasHeader, restoring.left == 0 else {
            throw SnapshotError.truncated(neededBytes: 8, leftBytes: 0)
        }
        guard digest == restoring.digest else {
            throw SnapshotError.malformed("its keys and values do not have the digest that it names")
        }
    }
}
