// Parts of a log as words and as JSON.
import TriremeBench
import TriremeCore
import TriremeStorage

enum LogText {
    static func checksum(_ value: UInt32) -> String { String(Format.hex(UInt64(value)).suffix(8)) }
    static func cluster(_ i: LogIdentity) -> String { Format.hex(i.clusterHigh) + Format.hex(i.clusterLow) }
    static func mebibytes(_ bytes: some BinaryInteger) -> String {
        Format.significant(Double(bytes) / Double(1 << 20)) + " MiB"
    }
    static func file(_ file: StorageFile) -> String {
        switch file {
        case .superblock: return "superblock"
        case .snapshot(let i): return "snapshot/\(i)"
        case .segment(let i):
            let digits = String(i)
            return "log/" + String(repeating: "0", count: 8 - digits.count) + digits + ".segment"
        }
    }

    static func heading(_ path: String, _ superblock: Superblock, isInUse: Bool) -> [String] {
        let i = superblock.identity
        let g = superblock.geometry
        var lines = [
            "\(path): cluster \(cluster(i)), replica \(i.replica), group \(i.group), \(g.segments) segments of "
                + "\(mebibytes(g.segmentBytes))"
        ]
        if isInUse {
            lines.append(
                "a replica runs here: what lies behind its durable mark may be in flight, and segments may be recycled")
        }
        return lines
    }
    static func copy(_ copy: SuperblockCopy) -> String {
        switch copy {
        case .empty: return "empty"
        case .unreadable: return "unreadable: not its checksum's"
        case .readable(let s):
            let forgetful = s.isForgetful ? ", forgetful" : ""
            return
                "update \(s.sequence), generation \(s.generation), log from \(s.logStart), durable to \(s.durableMark)"
                + "\(forgetful), "
                + (s.snapshot.map { "snapshot of slot \($0.slot) in snapshot/\($0.file)" } ?? "no snapshot")
        }
    }
    static func end(_ end: LogEnd) -> String {
        switch end {
        case .clean: "the end: nothing was written here"
        case .torn: "the torn end: a write that was cut off; a start cuts it off"
        case .leftBehind: "the end: what follows was left behind by an earlier start and is never valid again"
        case .full: "the end: the log is as long as its segments allow"
        case .damaged: "damaged to the end: something had been durable here, and no record follows"
        }
    }

    // MARK: records

    static func entry(_ entry: Entry) -> String {
        guard entry.kind == .cut else { return "nothing" }
        var last = Limits.members
        while last > 1, entry.cut[last - 1].isEmpty { last -= 1 }
        return "cut [" + (0..<last).map { entry.cut[$0].description }.joined(separator: " ") + "]"
    }
    static func item(_ item: LogItem) -> String {
        switch item {
        case .promise(let ballot): "promise \(ballot)"
        case .vote(let slot, let ballot, let half, let value):
            "vote slot \(slot) in \(ballot)\(half == .fast ? " (fast)" : "") for \(entry(value))"
        case .decided(let first, let last): "decided \(first)…\(last)"
        case .outstanding(let outstanding):
            outstanding.description
        case .closed(let slot, let ballot): "closed slot \(slot) in \(ballot)"
        case .decidedEntry(let slot, let value): "decided \(slot): \(entry(value))"
        }
    }
    static func content(_ record: InspectedRecord) -> String {
        let batch = record.header.content
        if !record.isWhole { return "DAMAGED payload of \(record.header.summary)" }
        switch record.header.kind {
        case .batch:
            return "lane \(batch.lane) \(batch.generation):\(batch.sequence), \(Format.grouped(batch.count)) commands, "
                + "\(Format.grouped(batch.payloadBytes)) bytes"
        case .items:
            guard let items = record.items else { return "items that this version does not know" }
            return items.map(item).joined(separator: "; ")
        case .empty: return "vouches for what is before \(record.header.durableMark)"
        case .filler: return "to the end of the segment"
        }
    }
    static func kind(_ kind: RecordKind) -> String {
        switch kind {
        case .batch: "batch"
        case .items: "items"
        case .empty: "empty"
        case .filler: "filler"
        }
    }
}
