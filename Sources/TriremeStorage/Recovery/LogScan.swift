// The scan of PROTOCOL §9: follow the chain of headers, and tell a torn end from damage.
import TriremeCore

struct LogScan: ~Copyable {
    private var walk: RecordWalk
    private var geometry: LogGeometry { walk.geometry }
    private(set) var summary = RecoverySummary()
    var end: StreamEnd { walk.end }

    init(_ superblock: Superblock) { walk = RecordWalk(superblock) }

    mutating func run<Device: StorageDevice & ~Copyable>(
        _ device: inout Device, visit: (RecoveryEvent) throws(StorageError) -> Void
    ) throws(StorageError) {
        defer { walk.close(&device) }
        follow: while true {
            switch try walk.next(&device) {
            case .record(let header, let base, let isWhole):
                if isWhole {
                    try deliver(header, base, visit)
                } else {
                    guard try isVouched(header.offset, &device) else { break follow }
                    try deliverDamaged(header, visit)
                }
                walk.advance(past: header)
                summary.records += 1
            case .broken:
                try stop(&device, "no record that continues the log")
                break follow
            case .full: break follow
            }
        }
        summary.endOffset = end.offset
        summary.bytes = end.offset - walk.superblock.logStart
        summary.highestWriter = walk.highestWriter
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
            // Nothing that lies behind the damage may be mistaken later for what is written there now.
            try walk.readBehind(&device)
        }
    }
    private mutating func isVouched<Device: StorageDevice & ~Copyable>(
        _ place: UInt64, _ device: inout Device
    ) throws(StorageError) -> Bool { try walk.isVouched(place, &device) }
    /// What had been durable is gone, and may have been a promise or a vote. The scan keeps what it has read: it is true.
    private mutating func lose(_ place: UInt64, _ what: String) {
        guard summary.loss == nil else { return }
        summary.loss =
            "log: damaged, not torn: segment file \(geometry.file(place)), byte \(geometry.place(place)) (stream offset "
            + "\(place)): \(what), but everything before stream offset \(walk.vouched) had been durable; a promise or a vote may "
            + "be lost, so it only observes from now on; replace this replica under a new identity through a "
            + "configuration change"
    }
}
