// Following the chain of records (PROTOCOL §9) without acting on them: recovery and the inspection of a log share it.
import TriremeCore

/// What stands where the walk has come to.
enum WalkStep {
    /// A record that continues the log. Its bytes stay until the walk goes on. Not whole: its payload is not its checksum's.
    case record(RecordHeader, UnsafeRawPointer, isWhole: Bool)
    /// No record that continues the log.
    case broken
    /// The log is as long as it can be.
    case full
}

struct RecordWalk: ~Copyable {
    let superblock: Superblock
    var geometry: LogGeometry { superblock.geometry }
    private var reader: StreamReader
    private var behind: StreamReader
    /// Where the walk stands.
    private(set) var end: StreamEnd
    /// Everything before it had been durable, as the superblock or some record says.
    private(set) var vouched: UInt64
    /// Highest generation of any record seen, stale ones behind the end too.
    private(set) var highestWriter = Generation.zero
    private var writer = Generation.zero
    private var isFirst = true

    init(_ superblock: Superblock) {
        self.superblock = superblock
        let limit = superblock.logLimit
        reader = StreamReader(superblock.geometry, limit: limit, isForMost: true)
        behind = StreamReader(superblock.geometry, limit: limit, isForMost: false)
        end = StreamEnd(offset: superblock.logStart, contentEnd: superblock.logStart)
        vouched = superblock.durableMark
    }
    /// First offset that this log cannot have reached.
    var limit: UInt64 { superblock.logLimit }

    /// What stands at ``end``. The walk stays there until ``advance(past:)``.
    mutating func next<Device: StorageDevice & ~Copyable>(_ device: inout Device) throws(StorageError) -> WalkStep {
        let place = end.offset
        guard place < limit else { return .full }
        let head = try reader.bytes(at: place, count: Limits.pageBytes, of: &device)
        // The first record is taken as it is if it belongs there; every other one names the one before it, and
        // no incarnation writes behind a later one: what an earlier one left behind the end is never valid again ◆.
        guard let header = RecordHeader(head),
            header.belongs(at: place, of: superblock.identity, geometry: geometry),
            isFirst || (header.predecessor == end.predecessor && header.writer >= writer)
        else { return .broken }
        let base = try reader.bytes(at: place, count: header.recordBytes, of: &device)
        return .record(header, base, isWhole: header.payloadHolds(base))
    }

    mutating func advance(past header: RecordHeader) {
        end.predecessor = header.checksum
        end.durableMark = header.durableMark
        vouched = max(vouched, header.durableMark)
        writer = header.writer
        highestWriter = max(highestWriter, writer)
        isFirst = false
        let next = header.offset + UInt64(header.recordBytes)
        if header.kind == .batch || header.kind == .items { end.contentEnd = next }
        end.offset =
            header.kind == .filler ? geometry.segmentStart(header.offset) + UInt64(geometry.segmentBytes) : next
    }

    /// Whether what lies at this offset had been durable: the superblock, a record before it, or any record of this log
    /// at its right place behind it says so. A header tells the truth whatever became of its payload.
    mutating func isVouched<Device: StorageDevice & ~Copyable>(
        _ place: UInt64, _ device: inout Device
    ) throws(StorageError) -> Bool {
        var at = place + UInt64(Limits.pageBytes)
        while vouched <= place, let header = try nextHeader(from: at, &device) {
            highestWriter = max(highestWriter, header.writer)
            vouched = max(vouched, header.durableMark)
            at = header.offset + UInt64(Limits.pageBytes)
        }
        return vouched > place
    }

    /// Makes ``highestWriter`` cover everything that lies behind the end.
    mutating func readBehind<Device: StorageDevice & ~Copyable>(_ device: inout Device) throws(StorageError) {
        var at = end.offset + UInt64(Limits.pageBytes)
        while let header = try nextHeader(from: at, &device) {
            highestWriter = max(highestWriter, header.writer)
            at = header.offset + UInt64(Limits.pageBytes)
        }
    }

    /// The first header of this log, at its right place, at or behind an offset.
    mutating func nextHeader<Device: StorageDevice & ~Copyable>(
        from offset: UInt64, _ device: inout Device
    ) throws(StorageError) -> RecordHeader? {
        var at = offset
        while at < limit {
            let page = try behind.bytes(at: at, count: Limits.pageBytes, of: &device)
            if let header = RecordHeader(page), header.belongs(at: at, of: superblock.identity, geometry: geometry) {
                return header
            }
            at += UInt64(Limits.pageBytes)
        }
        return nil
    }

    /// Goes on elsewhere; the record there is taken as it is. For inspections only: recovery never skips anything.
    mutating func resume(at offset: UInt64) {
        end.offset = offset
        end.contentEnd = max(end.contentEnd, offset)
        isFirst = true
    }

    /// Forgets what was read ahead: a replica that runs may have written it meanwhile. For inspections only.
    mutating func refresh<Device: StorageDevice & ~Copyable>(_ device: inout Device) {
        reader.drop(&device)
        behind.drop(&device)
    }

    /// Gives back what is being read ahead; always the last call.
    mutating func close<Device: StorageDevice & ~Copyable>(_ device: inout Device) {
        reader.drop(&device)
        behind.drop(&device)
        device.endStart()
    }
}

extension Superblock {
    /// First offset that this log cannot have reached.
    package var logLimit: UInt64 { geometry.segmentStart(logStart) + geometry.totalBytes }
}
