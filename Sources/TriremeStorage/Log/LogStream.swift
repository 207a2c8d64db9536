// The stream as the reactor writes it: records queued in order, their places, what is under way, what is durable.
// It does no I/O and knows no device; ``Log`` carries its writes out.
import CTrireme
import TriremeCore

/// A record that is queued, under way, or written behind one that is not.
struct QueuedRecord {
    var frame: UnsafeMutableRawPointer
    var kind: RecordKind
    /// Whole pages.
    var bytes: Int32
    /// The caller's buffer of a batch, or the log's own page.
    var buffer: UInt32
    var offset: UInt64
    /// The last append up to and including this record.
    var lastIndex: LogIndex
}

/// One vectored write of neighbouring records.
struct StreamWrite {
    var number: UInt64 = 0
    /// Queue numbers first ..< end.
    var first: UInt64 = 0
    var end: UInt64 = 0
    var offset: UInt64 = 0
    var bytes = 0
    var pieces = 0
    var endOffset: UInt64 { offset + UInt64(bytes) }
    var isDone = false
}

/// What has been handed to the device as log writes since the start; snapshots and superblocks not counted.
package struct LogWriteCounters: Sendable {
    package var writes: UInt64 = 0
    package var bytes: UInt64 = 0
    package var batches: UInt64 = 0
}

struct LogStream: ~Copyable {
    let identity: LogIdentity
    let geometry: LogGeometry
    let options: LogOptions
    let writer: Generation
    let members: Int

    // MARK: places in the stream

    /// Where the next record begins.
    private(set) var tail: UInt64
    /// Header checksum of the last record whose write has begun.
    private var predecessor: UInt32
    /// Every byte before it is durable.
    private(set) var durableOffset: UInt64
    /// First offset that must not be written: the segments before ``logStart`` plus the whole log.
    var limit: UInt64
    private let reserveBytes: UInt64
    /// Offset of the last appended record.
    private(set) var lastOffset: UInt64
    /// Highest low-water mark that a begun record carries, and the end of the last record worth vouching for.
    private var markWritten: UInt64
    private var contentEnd: UInt64

    // MARK: counts

    private(set) var appended: LogIndex = 0
    private(set) var durableIndex: LogIndex = 0
    private(set) var failure: StorageError?
    private(set) var writeCounters = LogWriteCounters()
    /// Records that are queued or under way.
    var recordsQueued: UInt64 { queued - head }

    // MARK: the queue, by running numbers: head ≤ submitted ≤ queued

    private let records: UnsafeMutablePointer<QueuedRecord>
    private let mask: UInt64
    private var head: UInt64 = 0
    private var submitted: UInt64 = 0
    private var queued: UInt64 = 0
    /// Payload bytes and items of the items record at the end of the queue.
    private var itemBytes = 0
    private var itemCount = 0
    var memory: LogMemory

    // MARK: writes, in the order in which they began

    private let writes: UnsafeMutablePointer<StreamWrite>
    private var firstWrite: UInt64 = 0
    private var nextWrite: UInt64 = 0
    let pieces: UnsafeMutablePointer<UnsafeRawBufferPointer>
    /// Records of completed writes that are still to be told: queue numbers.
    private var told: UInt64 = 0
    private var tellEnd: UInt64 = 0

    init(
        identity: LogIdentity, geometry: LogGeometry, options: LogOptions, writer: Generation, members: Int,
        resume: StreamEnd, limit: UInt64, memory: consuming LogMemory
    ) {
        precondition(options.queuedRecords.nonzeroBitCount == 1 && options.writesInFlight >= 1)
        self.identity = identity
        self.geometry = geometry
        self.options = options
        self.writer = writer
        self.members = members
        tail = resume.offset
        predecessor = resume.predecessor
        durableOffset = resume.offset
        lastOffset = resume.offset
        markWritten = resume.durableMark
        contentEnd = resume.contentEnd
        self.limit = limit
        reserveBytes = UInt64(options.reserveBytes ?? 2 * geometry.segmentBytes)
        mask = UInt64(options.queuedRecords - 1)
        records = .allocate(capacity: options.queuedRecords)
        writes = .allocate(capacity: options.writesInFlight)
        writes.initialize(repeating: StreamWrite(), count: options.writesInFlight)
        pieces = .allocate(capacity: options.bytesPerWrite / Limits.pageBytes + 1)
        self.memory = memory
    }
    deinit {
        records.deallocate()
        writes.deallocate()
        pieces.deallocate()
    }

    var isIdle: Bool { submitted == queued && firstWrite == nextWrite }
    /// Bytes that may be appended before ``canAppend(_:)`` says no.
    var freeBytes: UInt64 {
        let end = tail + reserveBytes
        return limit > end ? limit - end : 0
    }
    var usableBytes: UInt64 { geometry.totalBytes - min(geometry.totalBytes, reserveBytes) }
    /// Whether batches of that many bytes, headers included, may be appended without using the reserves.
    func canAppend(_ bytes: Int) -> Bool {
        guard failure == nil else { return false }
        let count = bytes / Limits.pageBytes + 1
        let fillers = bytes / geometry.segmentBytes + 1
        let needed = UInt64(roundedToPages(bytes) + fillers * Limits.batchBytesMaximum)
        return freeBytes >= needed && memory.freeCount >= options.reservedItemPages + fillers
            && Int(mask) + 1 - Int(queued - head) >= count + fillers + options.reservedItemPages
    }
    /// Whether a batch that everything else waits for may be appended: it leaves five eighths of the reserve.
    func canAppendAwaited(_ bytes: Int) -> Bool {
        failure == nil && tail + UInt64(bytes) + reserveBytes / 8 * 5 <= limit
            && memory.freeCount >= options.reservedItemPages
    }
    /// Whether items other than those that are carried forward may be appended: they leave three quarters of the reserve.
    var canAppendItems: Bool { failure == nil && tail + reserveBytes / 4 * 3 <= limit && hasItemPages }
    /// Whether a record of that many bytes may be carried forward: anything that fits.
    func canCarry(_ bytes: Int) -> Bool {
        failure == nil && tail + UInt64(bytes + Limits.batchBytesMaximum) <= limit && hasItemPages
    }
    /// Whether one step's items find pages and places in the queue: not while the disk stands still.
    private var hasItemPages: Bool {
        memory.freeCount >= options.reservedItemPages / 2
            && Int(mask) + 1 - Int(queued - head) >= options.reservedItemPages / 2
    }

    mutating func fail(_ error: StorageError) {
        if failure == nil { failure = error }
    }

    // MARK: appending

    mutating func append(_ batch: BatchDescriptor, frame: UnsafeMutableRawPointer, buffer: UInt32) -> LogIndex {
        let used = Limits.headerBytes + Int(batch.payloadBytes)
        let bytes = roundedToPages(used)
        precondition(Int(bitPattern: frame) % Limits.pageBytes == 0, "a batch's frame is not page-aligned")
        precondition(bytes <= Limits.batchBytesMaximum, "a batch over its bound")
        // A filler before the batch is durable without it: the index rises only when that is queued.
        let place = place(bytes)
        appended += 1
        guard let offset = place else { return appended }
        RecordHeader(
            kind: .batch, identity: identity, content: batch, writer: writer, offset: offset, geometry: geometry
        ).write(to: frame)
        if used < bytes { (frame + used).initializeMemory(as: UInt8.self, repeating: 0, count: bytes - used) }
        push(frame, .batch, bytes, buffer, offset)
        contentEnd = tail
        return appended
    }

    mutating func append(_ item: LogItem) -> LogIndex {
        let bytes = item.encodedBytes(members: members)
        let fits = hasOpenItems && itemBytes + bytes <= LogItem.capacityBytes
        let hasRoom = fits || pushPage(.items)
        appended += 1
        guard hasRoom else { return appended }
        if !fits {
            itemBytes = 0
            itemCount = 0
        }
        let last = Int((queued - 1) & mask)
        itemBytes += item.encode(to: records[last].frame + Limits.headerBytes + itemBytes, members: members)
        itemCount += 1
        records[last].lastIndex = appended
        contentEnd = tail
        return appended
    }

    private var hasOpenItems: Bool { queued > submitted && records[Int((queued - 1) & mask)].kind == .items }

    /// Whether the last record with content is in no later record's low-water mark, and nothing is under way.
    var wantsVouching: Bool { isIdle && failure == nil && markWritten < contentEnd }
    mutating func vouch() -> Bool { wantsVouching && pushPage(.empty) }

    /// Appends a record of one page of the log's own.
    private mutating func pushPage(_ kind: RecordKind) -> Bool {
        guard let offset = place(Limits.pageBytes) else { return false }
        return pushPage(kind, at: offset)
    }
    private mutating func pushPage(_ kind: RecordKind, at offset: UInt64) -> Bool {
        guard let page = memory.take() else {
            fail(
                StorageError(.full, "log: all \(options.itemPages) item pages wait for the disk (LogOptions.itemPages)")
            )
            return false
        }
        let frame = memory.page(page)
        RecordHeader(kind: kind, identity: identity, writer: writer, offset: offset, geometry: geometry).write(
            to: frame)
        push(frame, kind, Limits.pageBytes, page, offset)
        return true
    }

    /// The offset for the next record of that many bytes: where the stream stands, or the next segment after a filler.
    private mutating func place(_ bytes: Int) -> UInt64? {
        guard failure == nil else { return nil }
        let room = geometry.room(tail)
        let offset = bytes <= room ? tail : tail + UInt64(room)
        guard offset + UInt64(bytes) <= limit, queued - head < mask else {
            fail(
                StorageError(
                    .full,
                    "log: full; \(geometry.segments) segments of \(geometry.segmentBytes) bytes hold offsets "
                        + "\(limit - min(limit, geometry.totalBytes)) to \(limit) and \(queued - head) records wait "
                        + "(configuration: log.segments, log.segmentMebibytes)"))
            return nil
        }
        if offset != tail {
            guard pushPage(.filler, at: tail) else { return nil }
            tail = offset
        }
        return offset
    }
    private mutating func push(
        _ frame: UnsafeMutableRawPointer, _ kind: RecordKind, _ bytes: Int, _ buffer: UInt32, _ offset: UInt64
    ) {
        if hasOpenItems { closeItems(records[Int((queued - 1) & mask)].frame) }
        (records + Int(queued & mask)).initialize(
            to: QueuedRecord(
                frame: frame, kind: kind, bytes: Int32(bytes), buffer: buffer, offset: offset, lastIndex: appended))
        queued += 1
        lastOffset = offset
        tail = offset + UInt64(bytes)
    }

    // MARK: writing

    /// The next write, its pieces in ``pieces``; nil where nothing is queued or enough is under way.
    mutating func beginWrite() -> StreamWrite? {
        guard submitted < queued, nextWrite - firstWrite < UInt64(options.writesInFlight), failure == nil else {
            return nil
        }
        let offset = records[Int(submitted & mask)].offset
        var write = StreamWrite(number: nextWrite, first: submitted, end: submitted, offset: offset)
        var batches = 0
        while write.end < queued {
            let i = Int(write.end & mask)
            let record = records[i]
            let bytes = Int(record.bytes)
            // Never across a segment: the record after a filler, or at a segment's start, begins another write.
            guard record.offset == write.endOffset, write.bytes == 0 || geometry.place(record.offset) != 0,
                write.bytes == 0 || write.bytes + bytes <= options.bytesPerWrite
            else { break }
            if record.kind == .batch {
                guard batches < options.batchesPerWrite else { break }
                batches += 1
            }
            if record.kind == .items, write.end + 1 == queued { closeItems(record.frame) }
            predecessor = RecordHeader.seal(record.frame, predecessor: predecessor, durableMark: durableOffset)
            markWritten = durableOffset
            let piece = UnsafeRawBufferPointer(start: record.frame, count: bytes)
            if write.pieces > 0, let before = pieces[write.pieces - 1].baseAddress,
                before + pieces[write.pieces - 1].count == piece.baseAddress
            {
                pieces[write.pieces - 1] = UnsafeRawBufferPointer(
                    start: before, count: pieces[write.pieces - 1].count + bytes)
            } else {
                (pieces + write.pieces).initialize(to: piece)
                write.pieces += 1
            }
            write.end += 1
            write.bytes += bytes
        }
        submitted = write.end
        writeCounters.writes &+= 1
        writeCounters.bytes &+= UInt64(write.bytes)
        writeCounters.batches &+= UInt64(batches)
        writes[Int(nextWrite % UInt64(options.writesInFlight))] = write
        nextWrite += 1
        return write
    }
    /// An items record at the queue's end stays open until another follows it or its write begins.
    private func closeItems(_ frame: UnsafeMutableRawPointer) {
        let payload = frame + Limits.headerBytes
        (payload + itemBytes).initializeMemory(as: UInt8.self, repeating: 0, count: LogItem.capacityBytes - itemBytes)
        RecordHeader.setContent(
            frame, payloadBytes: itemBytes, payloadChecksum: trm_crc32c(0, payload, itemBytes), count: itemCount,
            stride: members)
    }

    /// A write is over. Its records are told by ``nextWritten()``; the durable prefix grows if nothing before it is
    /// missing (PROTOCOL §4 ◆): ``advanceDurable()``.
    mutating func endWrite(_ number: UInt32, result: Int) {
        let i = Int(UInt64(number) % UInt64(options.writesInFlight))
        let write = writes[i]
        precondition(UInt32(truncatingIfNeeded: write.number) == number && !write.isDone, "a completion of no write")
        guard result == write.bytes else {
            let what = result < 0 ? "failed (\(reason(Int32(result))))" : "wrote \(result) of \(write.bytes) bytes"
            fail(
                StorageError(
                    .io,
                    "log: a write at stream offset \(write.offset) (segment file \(geometry.file(write.offset))) \(what); "
                        + "it is not retried, the replica ends and recovers by protocol"))
            return
        }
        writes[i].isDone = true
        told = write.first
        tellEnd = write.end
    }
    /// The next batch whose bytes are written, so that its buffer may be used again.
    mutating func nextWritten() -> UInt32? {
        while told < tellEnd {
            let record = records[Int(told & mask)]
            told += 1
            if record.kind == .batch { return record.buffer }
            memory.giveBack(record.buffer)
        }
        return nil
    }
    /// Grows the durable prefix over completed writes. Returns the highest durable append if it rose.
    mutating func advanceDurable() -> LogIndex? {
        let before = durableIndex
        while firstWrite < nextWrite {
            let write = writes[Int(firstWrite % UInt64(options.writesInFlight))]
            guard write.isDone else { break }
            durableOffset = write.endOffset
            durableIndex = records[Int((write.end - 1) & mask)].lastIndex
            head = write.end
            firstWrite += 1
        }
        return durableIndex > before ? durableIndex : nil
    }
}

/// Where a scan ended and a writer goes on.
struct StreamEnd: Equatable, Sendable {
    var offset: UInt64 = 0
    /// Header checksum of the last record before it; 0 if there is none.
    var predecessor: UInt32 = 0
    /// Highest low-water mark read.
    var durableMark: UInt64 = 0
    /// End of the last record that is not empty.
    var contentEnd: UInt64 = 0
}
