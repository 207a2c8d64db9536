// The scan of PROTOCOL §9: follow the chain of headers, and tell a torn end from damage.
import TriremeCore

struct LogScan: ~Copyable {
    let superblock: Superblock
    private var geometry: LogGeometry { superblock.geometry }
    private var window: SegmentWindow
    private var behind: SegmentWindow
    private(set) var end: StreamEnd
    private(set) var summary = RecoverySummary()
    /// Everything before it had been durable, as the superblock or some record says.
    private var vouched: UInt64

    init(_ superblock: Superblock) {
        self.superblock = superblock
        window = SegmentWindow(superblock.geometry)
        behind = SegmentWindow(superblock.geometry)
        end = StreamEnd(offset: superblock.logStart, contentEnd: superblock.logStart)
        vouched = superblock.durableMark
    }
    /// First offset that this log cannot have reached.
    private var limit: UInt64 { geometry.segmentStart(superblock.logStart) + geometry.totalBytes }

    mutating func run<Device: StorageDevice & ~Copyable>(
        _ device: inout Device, visit: (RecoveryEvent) throws(StorageError) -> Void
    ) throws(StorageError) {
        var writer = Generation.zero
        var isFirst = true
        while end.offset < limit {
            let place = end.offset
            let head = try window.bytes(at: place, count: Limits.pageBytes, of: &device)
            // The first record is taken as it is if it belongs there; every other one names the one before it, and
            // no incarnation writes behind a later one: what an earlier one left behind the end is never valid again ◆.
            guard let header = RecordHeader(head),
                header.belongs(at: place, of: superblock.identity, geometry: geometry),
                isFirst || (header.predecessor == end.predecessor && header.writer >= writer)
            else {
                try stop(&device, "no record that continues the log")
                break
            }
            let base = try window.bytes(at: place, count: header.recordBytes, of: &device)
            if header.payloadHolds(base) {
                try deliver(header, base, visit)
            } else {
                guard try isVouched(place, &device) else { break }
                try deliverDamaged(header, visit)
            }
            writer = header.writer
            isFirst = false
            advance(header)
        }
        summary.endOffset = end.offset
        summary.bytes = end.offset - superblock.logStart
        summary.highestWriter = max(summary.highestWriter, writer)
    }

    private mutating func advance(_ header: RecordHeader) {
        end.predecessor = header.checksum
        end.durableMark = header.durableMark
        vouched = max(vouched, header.durableMark)
        summary.records += 1
        let next = header.offset + UInt64(header.recordBytes)
        if header.kind == .batch || header.kind == .items { end.contentEnd = next }
        end.offset =
            header.kind == .filler ? geometry.segmentStart(header.offset) + UInt64(geometry.segmentBytes) : next
    }

    private func deliver(
        _ header: RecordHeader, _ base: UnsafeRawPointer, _ visit: (RecoveryEvent) throws(StorageError) -> Void
    ) throws(StorageError) {
        let payload = UnsafeRawBufferPointer(start: base + Limits.headerBytes, count: Int(header.content.payloadBytes))
        switch header.kind {
        case .batch: try visit(.batch(header.content, offset: header.offset, payload: payload))
        case .items:
            var rest = payload
            for _ in 0..<header.content.count {
                guard let (item, bytes) = LogItem.decode(rest, members: Int(header.content.stride)) else {
                    throw StorageError(
                        .unsupported,
                        "log: an items record at stream offset \(header.offset) holds what this version does not know; start "
                            + "the version that wrote it")
                }
                try visit(.item(item))
                rest = UnsafeRawBufferPointer(rebasing: rest[bytes...])
            }
        case .empty, .filler: break
        }
    }
    /// A payload that had been durable and is not what its header says.
    private mutating func deliverDamaged(
        _ header: RecordHeader, _ visit: (RecoveryEvent) throws(StorageError) -> Void
    ) throws(StorageError) {
        guard header.kind == .batch else {
            return lose(header.offset, "the payload of an items record is not its checksum's")
        }
        summary.damagedBatches += 1
        try visit(.damagedBatch(header.content, offset: header.offset))
    }

    // MARK: torn or damaged

    /// The scan cannot go on: the torn end, unless the place had been durable.
    private mutating func stop<Device: StorageDevice & ~Copyable>(
        _ device: inout Device, _ what: String
    ) throws(StorageError) {
        if try isVouched(end.offset, &device) {
            lose(end.offset, what)
            try readHighestWriter(&device)
        }
    }
    /// Nothing that lies behind the damage may be mistaken later for what is written there now.
    private mutating func readHighestWriter<Device: StorageDevice & ~Copyable>(
        _ device: inout Device
    ) throws(StorageError) {
        var at = end.offset + UInt64(Limits.pageBytes)
        while at < limit {
            let page = try behind.bytes(at: at, count: Limits.pageBytes, of: &device)
            if let header = RecordHeader(page), header.belongs(at: at, of: superblock.identity, geometry: geometry) {
                summary.highestWriter = max(summary.highestWriter, header.writer)
            }
            at += UInt64(Limits.pageBytes)
        }
    }
    /// Whether what lies at this offset had been durable: the superblock, a record before it, or any record of this log
    /// at its right place behind it says so. A header tells the truth whatever became of its payload.
    private mutating func isVouched<Device: StorageDevice & ~Copyable>(
        _ place: UInt64, _ device: inout Device
    ) throws(StorageError) -> Bool {
        var at = place + UInt64(Limits.pageBytes)
        while vouched <= place, at < limit {
            let page = try behind.bytes(at: at, count: Limits.pageBytes, of: &device)
            if let header = RecordHeader(page), header.belongs(at: at, of: superblock.identity, geometry: geometry) {
                summary.highestWriter = max(summary.highestWriter, header.writer)
                vouched = max(vouched, header.durableMark)
            }
            at += UInt64(Limits.pageBytes)
        }
        return vouched > place
    }
    /// What had been durable is gone, and may have been a promise or a vote. The scan keeps what it has read: it is true.
    private mutating func lose(_ place: UInt64, _ what: String) {
        guard summary.loss == nil else { return }
        summary.loss =
            "log: damaged, not torn: segment file \(geometry.file(place)), byte \(geometry.place(place)) (stream offset "
            + "\(place)): \(what), but everything before stream offset \(vouched) had been durable; a promise or a vote may "
            + "be lost, so it only observes from now on; replace this replica under a new identity through a "
            + "configuration change"
    }
}
