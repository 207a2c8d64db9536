// Reading the stream at the start, or for an inspection: in large pieces, several of them under way ahead of the scan, each
// byte once. The scan asks in order and gets the same bytes whether or not the device reads ahead.
import CTrireme
import TriremeCore

struct StreamReader: ~Copyable {
    static let pieceBytes = 1 << 20
    /// Pieces in memory or under way: enough to keep a fast disk busy while the scan works on one (`make bench-recovery`).
    private static let pieces = 8
    /// Room before the first piece: what of a record lies in the last one is copied there, so that a record is always whole.
    private static let slackBytes = Limits.batchBytesMaximum

    private struct Piece {
        var offset: UInt64 = 0
        var count = 0
        var read: StorageRead?
    }
    private let geometry: LogGeometry
    private let limit: UInt64
    private var memory: UnsafeMutableRawPointer?
    /// Of a log that is worth it, on huge pages: a read of 1 MiB is then one piece for the disk instead of 256.
    private var region = trm_region()
    private static let bytesWorthHugePages: UInt64 = 64 << 20
    /// Pieces by running number, each in its place modulo ``pieces``: first ..< begun are in memory or under way.
    private var list = [Piece](repeating: Piece(), count: Self.pieces)
    private var first = 0
    private var begun = 0
    private var nextOffset: UInt64 = 0

    private let isForMost: Bool

    /// Reads nothing at or after the stream offset `limit`. The reader that most of a log goes through gets huge pages.
    init(_ geometry: LogGeometry, limit: UInt64, isForMost: Bool) {
        self.geometry = geometry
        self.limit = limit
        self.isForMost = isForMost
    }
    /// ``drop(_:)`` comes before it: the device may still write into the memory.
    deinit {
        guard region.base == nil else {
            var region = region
            return trm_region_unmap(&region)
        }
        memory?.deallocate()
    }

    private func place(_ number: Int) -> UnsafeMutableRawPointer {
        memory! + Self.slackBytes + number % Self.pieces * Self.pieceBytes
    }

    /// `count` bytes of the stream at `offset`, whole pages that do not cross a segment; they stay until the next call.
    mutating func bytes<Device: StorageDevice & ~Copyable>(
        at offset: UInt64, count: Int, of device: inout Device
    ) throws(StorageError) -> UnsafeRawPointer {
        precondition(count <= Self.slackBytes && count <= geometry.room(offset))
        if begun == first || offset < list[first % Self.pieces].offset || offset >= nextOffset { seek(offset, &device) }
        while case let piece = list[first % Self.pieces], piece.offset + UInt64(piece.count) <= offset {
            dropFirst(&device)
        }
        readAhead(&device)
        let piece = try arrived(first, &device)
        let start = place(first) + Int(offset - piece.offset)
        let inPiece = min(count, piece.count - Int(offset - piece.offset))
        guard inPiece < count else { return UnsafeRawPointer(start) }
        _ = try arrived(first + 1, &device)
        // The next piece lies behind this one in memory, unless this is the last place.
        guard (first + 1) % Self.pieces == 0 else { return UnsafeRawPointer(start) }
        let copy = place(first + 1) - inPiece
        copy.copyMemory(from: start, byteCount: inPiece)
        return UnsafeRawPointer(copy)
    }

    /// Waits for what is under way and forgets it.
    mutating func drop<Device: StorageDevice & ~Copyable>(_ device: inout Device) {
        while first < begun { dropFirst(&device) }
    }

    private mutating func seek<Device: StorageDevice & ~Copyable>(_ offset: UInt64, _ device: inout Device) {
        drop(&device)
        nextOffset = offset
        if memory == nil { memory = takeMemory() }
        readAhead(&device)
    }
    private mutating func takeMemory() -> UnsafeMutableRawPointer {
        let bytes = Self.slackBytes + Self.pieces * Self.pieceBytes
        var options = trm_region_options(node: -1, huge_table: false, shared: false)
        if isForMost, geometry.totalBytes >= Self.bytesWorthHugePages,
            trm_region_map(bytes, &options, &region) == 0
        {
            return region.base!
        }
        return .allocate(byteCount: bytes, alignment: Limits.pageBytes)
    }
    private mutating func dropFirst<Device: StorageDevice & ~Copyable>(_ device: inout Device) {
        if let read = list[first % Self.pieces].read { device.dropReading(read) }
        list[first % Self.pieces].read = nil
        first += 1
    }
    private mutating func readAhead<Device: StorageDevice & ~Copyable>(_ device: inout Device) {
        while begun - first < Self.pieces, nextOffset < limit {
            let room = min(UInt64(min(Self.pieceBytes, geometry.room(nextOffset))), limit - nextOffset)
            let into = UnsafeMutableRawBufferPointer(start: place(begun), count: Int(room))
            let read = device.beginReading(
                .segment(geometry.file(nextOffset)), at: geometry.place(nextOffset), into: into)
            list[begun % Self.pieces] = Piece(offset: nextOffset, count: into.count, read: read)
            begun += 1
            nextOffset += room
        }
    }
    /// Waits for a piece. An error of one that the scan never comes to is never heard of.
    private mutating func arrived<Device: StorageDevice & ~Copyable>(
        _ number: Int, _ device: inout Device
    ) throws(StorageError) -> Piece {
        let piece = list[number % Self.pieces]
        guard let read = piece.read else { return piece }
        list[number % Self.pieces].read = nil
        let got = try device.endReading(read)
        guard got == piece.count else {
            throw StorageError(
                .damaged,
                "log: segment file \(geometry.file(piece.offset)) ends \(piece.count - got) bytes early; the configuration says "
                    + "\(geometry.segmentBytes) bytes (log.segmentMebibytes)")
        }
        return piece
    }
}
