// What a log consists of, counted record by record.
import TriremeCore

package struct LogStatistics: Sendable {
    package struct Count: Sendable, Equatable {
        package var records: UInt64 = 0
        /// Of the stream: headers, payloads and padding.
        package var bytes: UInt64 = 0
        package var payloadBytes: UInt64 = 0
        package var paddingBytes: UInt64 = 0
        /// Commands of batches, items of items records.
        package var content: UInt64 = 0

        mutating func add(_ record: InspectedRecord) {
            records += 1
            bytes += UInt64(Limits.headerBytes + record.paddingBytes) + UInt64(record.header.content.payloadBytes)
            payloadBytes += UInt64(record.header.content.payloadBytes)
            paddingBytes += UInt64(record.paddingBytes)
            content += UInt64(record.header.content.count)
        }
    }
    /// One incarnation of the replica: what it wrote.
    package struct Writer: Sendable {
        package var generation: Generation
        package var records: UInt64
        package var first: UInt64
        package var last: UInt64
    }
    /// Batches of one generation of a lane.
    package struct Lane: Sendable {
        package var lane: ReplicaID
        package var generation: Generation
        package var count = Count()
        package var first = UInt64.max
        package var last: UInt64 = 0
    }
    package enum ItemKind: String, Sendable, CaseIterable {
        case promise, vote, decided, decidedEntry, closed, outstanding
    }

    package private(set) var kinds: [RecordKind: Count] = [:]
    package private(set) var items: [ItemKind: UInt64] = [:]
    package private(set) var lanes: [Lane] = []
    package private(set) var writers: [Writer] = []
    package private(set) var largest: [(offset: UInt64, kind: RecordKind, bytes: Int)] = []
    package private(set) var highestPromise = Ballot.none
    /// Slots that votes and notes name.
    package private(set) var slots: ClosedRange<UInt64>?
    package private(set) var damagedRecords: UInt64 = 0
    /// The first record that the named snapshot does not cover: segments before it could be recycled.
    package private(set) var firstUncovered: UInt64?
    /// The last records behind which nothing vouches.
    package private(set) var highestMark: UInt64 = 0

    private let snapshot: SnapshotDescription?

    package init(_ superblock: Superblock) { snapshot = superblock.snapshot }

    package var total: Count {
        kinds.values.reduce(into: Count()) { sum, one in
            sum.records += one.records
            sum.bytes += one.bytes
            sum.payloadBytes += one.payloadBytes
            sum.paddingBytes += one.paddingBytes
            sum.content += one.content
        }
    }

    package mutating func add(_ record: InspectedRecord) {
        let header = record.header
        kinds[header.kind, default: Count()].add(record)
        highestMark = max(highestMark, header.durableMark)
        if !record.isWhole { damagedRecords += 1 }
        if writers.last?.generation == header.writer {
            writers[writers.count - 1].records += 1
            writers[writers.count - 1].last = header.offset
        } else {
            writers.append(Writer(generation: header.writer, records: 1, first: header.offset, last: header.offset))
        }
        noteSize(header)
        switch header.kind {
        case .batch: add(batch: record)
        case .items: for item in record.items ?? [] { add(item, at: header.offset) }
        case .empty, .filler: break
        }
    }

    private mutating func noteSize(_ header: RecordHeader) {
        if largest.count == 5, header.recordBytes <= largest[4].bytes { return }
        let place = largest.firstIndex { $0.bytes < header.recordBytes } ?? largest.count
        largest.insert((header.offset, header.kind, header.recordBytes), at: place)
        if largest.count > 5 { largest.removeLast() }
    }
    private mutating func add(batch record: InspectedRecord) {
        let batch = record.header.content
        let place =
            lanes.firstIndex { $0.lane == batch.lane && $0.generation == batch.generation }
            ?? {
                lanes.append(Lane(lane: batch.lane, generation: batch.generation))
                return lanes.count - 1
            }()
        lanes[place].count.add(record)
        lanes[place].first = min(lanes[place].first, batch.sequence)
        lanes[place].last = max(lanes[place].last, batch.sequence)
        let covered = snapshot.map { batch.position <= $0.cut[batch.lane.index] } ?? false
        if !covered { noteUncovered(record.header.offset) }
    }
    private mutating func add(_ item: LogItem, at offset: UInt64) {
        let covered = snapshot?.slot ?? 0
        switch item {
        case .promise(let ballot):
            // Appended anew before its segment goes, so it holds none.
            items[.promise, default: 0] += 1
            highestPromise = max(highestPromise, ballot)
        case .vote(let slot, _, _, _): note(.vote, slot, slot, covered, offset)
        case .decided(let first, let last): note(.decided, first, last, covered, offset)
        case .outstanding: items[.outstanding, default: 0] += 1
        case .closed(let slot, _): note(.closed, slot, slot, covered, offset)
        case .decidedEntry(let slot, _): note(.decidedEntry, slot, slot, covered, offset)
        }
    }
    private mutating func note(_ kind: ItemKind, _ first: UInt64, _ last: UInt64, _ covered: UInt64, _ offset: UInt64) {
        items[kind, default: 0] += 1
        slots = min(slots?.lowerBound ?? first, first)...max(slots?.upperBound ?? last, last, first)
        if last > covered { noteUncovered(offset) }
    }
    private mutating func noteUncovered(_ offset: UInt64) {
        if firstUncovered == nil { firstUncovered = offset }
    }
}
