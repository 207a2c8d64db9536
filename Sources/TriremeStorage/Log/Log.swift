// One group's log on a replica's disk: the reactor appends, pumps, and takes events. Owned by the reactor's thread.
// After the start it allocates nothing; an error is final (RELIABILITY, storage rules 1 to 6).
import TriremeCore

package enum LogEvent: Sendable {
    /// The bytes of this batch's buffer are written; the log needs it no longer. It may not be durable yet.
    case written(buffer: UInt32)
    /// Every append up to this index is durable.
    case durable(LogIndex)
    /// A read is over. ``Log/verify(_:offset:)`` tells whether it is the record that was meant.
    case read(token: UInt32, ok: Bool)
    /// The snapshot of this slot is durable and named by all four copies of the superblock.
    case snapshotDurable(slot: UInt64)
    /// The disk has no room for the snapshot that was being written, which is given up. Nothing else is harmed.
    case snapshotRefused(StorageError)
    /// The segments before this stream offset are free for reuse.
    case released(before: UInt64)
    /// All four copies of the superblock say that this replica is forgetful.
    case forgetfulDurable
    /// A read of a snapshot's block is over. ``Log/content(ofBlock:of:in:)`` tells whether it is the one that was meant.
    case snapshotRead(token: UInt32, ok: Bool)
    /// An error, told once. The log does nothing any more: the replica ends.
    case failed(StorageError)
}

package struct Log<Device: StorageDevice & ~Copyable>: ~Copyable {
    /// The disk. The reactor hands io_uring's completions to it.
    package var device: Device
    /// What the start found.
    package let recovery: RecoverySummary
    var stream: LogStream
    var superblock: SuperblockWriter
    var snapshot: SnapshotWriter
    /// The snapshot that the superblock names, if its file could be read; and the one before, while its file is untouched.
    package internal(set) var currentSnapshot: SnapshotFile?
    package internal(set) var formerSnapshot: SnapshotFile?
    /// The release that waits for its carry-forward, and the one that waits for the superblock.
    var wantedRelease: (before: UInt64, after: LogIndex)?
    private var readsInFlight = 0
    private var toldFailure = false
    private var superblockDone = false
    /// A snapshot was named, and that is still to be told: another one of the same slot may have taken a lost one's place.
    var untoldSnapshot: UInt64?
    var untoldRefusal: StorageError?
    private var toldStart: UInt64
    private var toldForgetful: Bool
    private var toldGeneration: Generation

    init(
        device: consuming Device, superblock: Superblock, options: LogOptions, members: Int, resume: StreamEnd,
        recovery: RecoverySummary, memory: UnsafeMutableRawBufferPointer?, snapshot: SnapshotFile? = nil
    ) {
        let limit =
            device.isDurable
            ? superblock.geometry.segmentStart(superblock.logStart) + superblock.geometry.totalBytes
            : UInt64(Int64.max)
        self.device = device
        self.recovery = recovery
        stream = LogStream(
            identity: superblock.identity, geometry: superblock.geometry, options: options,
            writer: superblock.generation, members: members, resume: resume, limit: limit,
            memory: LogMemory(options, given: memory))
        toldStart = superblock.logStart
        toldForgetful = superblock.isForgetful
        toldGeneration = superblock.generation
        self.superblock = SuperblockWriter(superblock)
        self.snapshot = SnapshotWriter(blockBytes: options.snapshotBlockBytes)
        currentSnapshot = snapshot
    }

    // MARK: what stands

    package var identity: LogIdentity { stream.identity }
    package var geometry: LogGeometry { stream.geometry }
    /// This incarnation, durable before the log was handed out (PROTOCOL §2 ◆).
    package var generation: Generation { stream.writer }
    /// Appends so far, and how many of them are durable.
    package var appendedIndex: LogIndex { stream.appended }
    package var durableIndex: LogIndex { stream.durableIndex }
    /// Stream offset of the last appended record: where ``read(recordAt:bytes:into:token:)`` finds the last batch.
    package var lastOffset: UInt64 { stream.lastOffset }
    /// Where the next record begins if it fits into the segment.
    package var endOffset: UInt64 { stream.tail }
    package var durableOffset: UInt64 { stream.durableOffset }
    /// Stream offset from which on records are kept, by what the superblock says.
    package var oldestNeeded: UInt64 { superblock.current.logStart }
    package func segmentStart(of offset: UInt64) -> UInt64 { stream.geometry.segmentStart(offset) }
    package var snapshotDescription: SnapshotDescription? { superblock.current.snapshot }
    package var isForgetful: Bool { superblock.current.isForgetful }
    package var snapshotBlockBytes: Int { stream.options.snapshotBlockBytes }
    package var failure: StorageError? { stream.failure }
    /// Bytes of records that may be appended before the log is full, the reserve not counted.
    package var freeBytes: UInt64 { stream.freeBytes }
    /// Bytes that the whole log holds without its reserve.
    package var usableBytes: UInt64 { stream.usableBytes }
    /// Whether batches of that many bytes in all, headers included, may be appended. A reserve is kept
    /// for items and for what is carried forward.
    package func canAppend(_ bytes: Int) -> Bool { stream.canAppend(bytes) }
    /// Whether a batch of that many bytes may be appended by whose execution alone room can become free.
    package func canAppendAwaited(_ bytes: Int) -> Bool { stream.canAppendAwaited(bytes) }
    /// Whether votes, promises and notes may be appended. Most of the reserve stays for what is carried forward.
    package var canAppendItems: Bool { stream.canAppendItems }
    /// Whether a batch of that many bytes, or a page of items, may be carried forward now.
    package func canCarry(_ bytes: Int) -> Bool { stream.canCarry(bytes) }
    package var writeCounters: LogWriteCounters { stream.writeCounters }
    /// Records that are queued or under way.
    package var recordsQueued: UInt64 { stream.recordsQueued }
    /// Whether nothing is queued or under way.
    package var isIdle: Bool { stream.isIdle }
    /// The log's own pages: ``memoryBytes(_:)`` of them, for io_uring's registered region.
    package static func memoryBytes(_ options: LogOptions) -> Int { LogMemory.bytes(options) }

    // MARK: appending

    /// Appends a batch. `frame` is page-aligned: room for the header, which the log fills, then the payload; the log
    /// clears the tail of its last page. All of it stays untouched until ``LogEvent/written(buffer:)``.
    package mutating func append(
        _ batch: BatchDescriptor, frame: UnsafeMutableRawPointer, buffer: UInt32
    ) -> LogIndex {
        stream.append(batch, frame: frame, buffer: buffer)
    }
    /// Appends an item: into the record at the end of the queue if that holds items, has room and is not under way.
    package mutating func append(_ item: LogItem) -> LogIndex { stream.append(item) }
    /// Whether the log fell idle and its last record is not yet vouched for.
    package var wantsVouching: Bool { stream.wantsVouching }
    /// Appends an empty record that vouches for all before it (PROTOCOL §1), if one is wanted. No index.
    package mutating func vouch() { _ = stream.vouch() }

    /// Begins as many writes as may be under way.
    package mutating func pump() {
        while let write = stream.beginWrite() {
            let geometry = stream.geometry
            device.write(
                .segment(geometry.file(write.offset)), at: geometry.place(write.offset),
                UnsafeBufferPointer(start: stream.pieces, count: write.pieces),
                token: LogToken(.stream, UInt32(truncatingIfNeeded: write.number)).rawValue)
        }
        pumpSnapshot()
    }

    // MARK: events

    /// The next event, if any. Never waits. After the last one, ``pump()`` begins what has become possible.
    package mutating func next() -> LogEvent? {
        while true {
            if let error = stream.failure {
                if toldFailure { return nil }
                toldFailure = true
                return .failed(error)
            }
            if let refusal = untoldRefusal {
                untoldRefusal = nil
                return .snapshotRefused(refusal)
            }
            if let buffer = stream.nextWritten() { return .written(buffer: buffer) }
            let durable = stream.advanceDurable()
            if wantedRelease != nil { superblockIfReleased() }
            if let durable { return .durable(durable) }
            if superblockDone, let event = nextSuperblockEvent() { return event }
            guard let completion = device.next() else { return nil }
            let token = LogToken(rawValue: completion.token)
            switch token.kind {
            case .stream: stream.endWrite(token.number, result: completion.result)
            case .superblock: superblockWritten(completion.result)
            case .snapshot: snapshotWritten(completion.result, token)
            case .snapshotRead:
                return .snapshotRead(
                    token: token.number, ok: completion.result == Int(token.pages) * Limits.pageBytes)
            case .read:
                readsInFlight -= 1
                return .read(token: token.number, ok: completion.result == Int(token.pages) * Limits.pageBytes)
            }
        }
    }

    // MARK: reading records

    package var canRead: Bool { readsInFlight < stream.options.readsInFlight }
    /// Starts to read the record of `bytes` (whole pages, at most a batch) at a stream offset into page-aligned memory.
    package mutating func read(recordAt offset: UInt64, bytes: Int, into frame: UnsafeMutableRawPointer, token: UInt32)
    {
        precondition(bytes % Limits.pageBytes == 0 && bytes > 0 && bytes <= stream.geometry.room(offset))
        precondition(canRead, "too many reads under way")
        readsInFlight += 1
        device.read(
            .segment(stream.geometry.file(offset)), at: stream.geometry.place(offset),
            into: UnsafeMutableRawBufferPointer(start: frame, count: bytes),
            token: LogToken(.read, token, pages: bytes / Limits.pageBytes).rawValue)
    }
    /// The batch that was read into `frame`, if it is this log's record of that very offset and its payload is whole.
    package func verify(_ frame: UnsafeRawPointer, offset: UInt64) -> BatchDescriptor? {
        guard let header = RecordHeader(frame), header.kind == .batch,
            header.belongs(at: offset, of: stream.identity, geometry: stream.geometry), header.payloadHolds(frame)
        else { return nil }
        return header.content
    }

    // MARK: superblock

    mutating func beginSuperblock() {
        guard stream.failure == nil,
            let offset = superblock.begin(durableMark: stream.durableOffset, memory: stream.memory.superblock)
        else { return }
        writeSuperblockPair(at: offset)
    }
    private mutating func writeSuperblockPair(at offset: UInt64) {
        let pair = UnsafeRawBufferPointer(start: stream.memory.superblock, count: SuperblockWriter.pairBytes)
        write(.superblock, at: offset, pair, LogToken(.superblock, 0))
    }
    mutating func write(_ file: StorageFile, at offset: UInt64, _ piece: UnsafeRawBufferPointer, _ token: LogToken) {
        stream.pieces.initialize(to: piece)
        device.write(file, at: offset, UnsafeBufferPointer(start: stream.pieces, count: 1), token: token.rawValue)
    }
    private mutating func superblockWritten(_ result: Int) {
        guard stream.failure == nil else { return }
        guard result == SuperblockWriter.pairBytes else {
            return stream.fail(
                StorageError(.io, "superblock: a write of 8192 bytes ended with \(result); it is not retried"))
        }
        if let offset = superblock.pairWritten() { return writeSuperblockPair(at: offset) }
        superblockDone = true
        snapshotNamed()
        if device.isDurable {
            stream.limit = stream.geometry.segmentStart(superblock.current.logStart) + stream.geometry.totalBytes
        }
        beginSuperblock()
    }
    private mutating func nextSuperblockEvent() -> LogEvent? {
        let current = superblock.current
        if let slot = untoldSnapshot {
            untoldSnapshot = nil
            return .snapshotDurable(slot: slot)
        }
        if current.isForgetful, !toldForgetful || toldGeneration < current.generation {
            toldForgetful = true
            toldGeneration = current.generation
            return .forgetfulDurable
        }
        if current.logStart != toldStart {
            toldStart = current.logStart
            return .released(before: current.logStart)
        }
        superblockDone = false
        return nil
    }
    /// Makes it durable that a promise, a vote or a vow may be lost (PROTOCOL §9 ◆): ``LogEvent/forgetfulDurable``.
    /// The next start is above `generation`: one that others know of already.
    package mutating func becomeForgetful(above generation: Generation = .zero) {
        superblock.want {
            $0.isForgetful = true
            $0.generation = max($0.generation, generation)
        }
        beginSuperblock()
    }
}

/// What a device's completion belongs to: 48 bits, the upper 16 are the device's own.
struct LogToken {
    enum Kind: UInt64 {
        case stream = 1
        case superblock = 2
        case snapshot = 3
        case read = 4
        case snapshotRead = 5
    }
    let rawValue: UInt64
    init(_ kind: Kind, _ number: UInt32, pages: Int = 0) {
        rawValue = kind.rawValue << 44 | UInt64(pages) << 32 | UInt64(number)
    }
    init(rawValue: UInt64) { self.rawValue = rawValue }
    var kind: Kind {
        guard let kind = Kind(rawValue: rawValue >> 44 & 15) else { preconditionFailure("a completion of nothing") }
        return kind
    }
    var pages: UInt64 { rawValue >> 32 & 0xFFF }
    var number: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
}
