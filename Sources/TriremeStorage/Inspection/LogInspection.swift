// What lies in a log, for those who only look: no record is acted on and nothing is written. Tools; never the reactor's thread.
import CTrireme
import TriremeCore

/// One of the superblock's four copies as it is found.
package enum SuperblockCopy: Equatable, Sendable {
    case readable(Superblock)
    /// Never written: zeros.
    case empty
    /// Neither: torn or damaged.
    case unreadable
}

/// A record that the walk came to. Its payload stays until the walk goes on.
package struct InspectedRecord {
    package var header: RecordHeader
    package var payload: UnsafeRawBufferPointer
    /// Whether the payload is what the header's checksum says.
    package var isWhole: Bool
    /// Bytes after the payload up to the record's end, or to the segment's after a filler: no checksum covers them, nobody reads them.
    package var paddingBytes: Int

    /// The items of an items record; nil where one of them makes no sense to this version.
    package var items: [LogItem]? {
        guard header.kind == .items, isWhole else { return [] }
        var items: [LogItem] = []
        var rest = payload
        for _ in 0..<header.content.count {
            guard let (item, bytes) = LogItem.decode(rest, members: Int(header.content.stride)) else { return nil }
            items.append(item)
            rest = UnsafeRawBufferPointer(rebasing: rest[bytes...])
        }
        return items
    }
}

/// Why the walk ended where it did.
package enum LogEnd: String, Sendable {
    /// Nothing was ever written here, or the last lap's record is still there.
    case clean
    /// A write that was cut off: what is here is of this lap and not whole, and nobody says that it had been durable.
    case torn
    /// Whole records that an earlier start left behind the end, which the chain does not reach.
    case leftBehind
    /// The log is as long as its segments allow.
    case full
    /// Something had been durable here, and no record of this log follows.
    case damaged
}

package enum LogFinding {
    case record(InspectedRecord)
    /// From here to there had been durable and is no record that continues the log.
    case gap(from: UInt64, to: UInt64)
}

/// Over any device, so that tests look into the logs of scripted disks.
package struct LogInspection<Device: StorageDevice & ~Copyable>: ~Copyable {
    package var device: Device
    /// The four copies, in their order.
    package let copies: [SuperblockCopy]
    /// The newest readable copy.
    package let superblock: Superblock

    private init(_ device: consuming Device, _ copies: [SuperblockCopy], _ superblock: Superblock) {
        self.device = device
        self.copies = copies
        self.superblock = superblock
    }

    /// Reads the superblock. One copy is enough to look; a start wants two.
    package static func open(_ device: consuming Device) throws(StorageError) -> LogInspection {
        var device = device
        let copies = try readCopies(&device)
        let readable = copies.compactMap { copy -> Superblock? in
            if case .readable(let superblock) = copy { superblock } else { nil }
        }
        guard let newest = readable.max(by: { $0.sequence < $1.sequence }) else {
            throw copies.allSatisfy({ $0 == .empty })
                ? StorageError(.unformatted, "superblock: empty, this directory was never formatted")
                : StorageError(
                    .tooFewSuperblocks,
                    "superblock: none of 4 copies is readable, so nothing is known of the log behind it")
        }
        return LogInspection(device, copies, newest)
    }

    private static func readCopies(_ device: inout Device) throws(StorageError) -> [SuperblockCopy] {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.pageBytes, alignment: Limits.pageBytes)
        defer { page.deallocate() }
        var copies: [SuperblockCopy] = []
        for i in 0..<Superblock.copies {
            page.initializeMemory(as: UInt8.self, repeating: 0)
            let got = try device.readNow(.superblock, at: UInt64(i * Limits.pageBytes), into: page)
            if got == page.count, !page.contains(where: { $0 != 0 }) {
                copies.append(.empty)
            } else if got == page.count, let superblock = Superblock(page.baseAddress!) {
                copies.append(.readable(superblock))
            } else {
                copies.append(.unreadable)
            }
        }
        return copies
    }

    /// Follows the log from its start, or from the first record at or after `from`, as far as `visit` returns true. Over what
    /// is damaged it goes on at the next record; recovery does not.
    ///
    /// Cost: reads what it passes once, and where the end is not vouched for also what lies behind it.
    package mutating func walk(
        from: UInt64 = 0, visit: (LogFinding) throws(StorageError) -> Bool
    ) throws(StorageError) -> (offset: UInt64, end: LogEnd, durableMark: UInt64)? {
        var walk = RecordWalk(superblock)
        defer { walk.close(&device) }
        if from > superblock.logStart {
            guard let first = try walk.nextHeader(from: UInt64(roundedToPages(Int(from))), &device) else { return nil }
            walk.resume(at: first.offset)
        }
        var last: (place: UInt64, isVouched: Bool)?
        while true {
            let step = try walk.next(&device)
            let place = walk.end.offset
            if case .full = step { return (place, .full, walk.vouched) }
            if case .record(let header, let base, true) = step {
                guard try visit(.record(record(header, base, true))) else { return nil }
                walk.advance(past: header)
                continue
            }
            // What is not sound is read anew, and once more when something vouches for it: a replica that runs may have
            // written it since it was read ahead.
            if last?.place != place || (last?.isVouched == false && walk.vouched > place) {
                last = (place, try walk.isVouched(place, &device))
                walk.refresh(&device)
                continue
            }
            if case .record(let header, let base, _) = step {
                guard walk.vouched > place else { return (place, .torn, walk.vouched) }
                guard try visit(.record(record(header, base, false))) else { return nil }
                walk.advance(past: header)
                continue
            }
            guard walk.vouched > place else { return (place, try whatIsLeft(at: place, &walk), walk.vouched) }
            let next = try walk.nextHeader(from: place + UInt64(Limits.pageBytes), &device)
            guard try visit(.gap(from: place, to: next?.offset ?? walk.vouched)) else { return nil }
            guard let next else { return (place, .damaged, walk.vouched) }
            walk.resume(at: next.offset)
        }
    }

    private func record(_ header: RecordHeader, _ base: UnsafeRawPointer, _ isWhole: Bool) -> InspectedRecord {
        let used = Limits.headerBytes + Int(header.content.payloadBytes)
        return InspectedRecord(
            header: header,
            payload: UnsafeRawBufferPointer(start: base + Limits.headerBytes, count: Int(header.content.payloadBytes)),
            isWhole: isWhole,
            paddingBytes: (header.kind == .filler ? superblock.geometry.room(header.offset) : header.recordBytes) - used
        )
    }

    /// What stands at the end of a log that nobody vouches for.
    private mutating func whatIsLeft(at place: UInt64, _ walk: inout RecordWalk) throws(StorageError) -> LogEnd {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.pageBytes, alignment: Limits.pageBytes)
        defer { page.deallocate() }
        let geometry = superblock.geometry
        _ = try device.readNow(.segment(geometry.file(place)), at: geometry.place(place), into: page)
        guard page.contains(where: { $0 != 0 }) else { return .clean }
        guard let header = RecordHeader(page.baseAddress!) else {
            // Of another lap nothing can be said but that it was a record's payload; a magic here is a header that broke.
            return RecordHeader.hasMagic(page.baseAddress!) || place < geometry.totalBytes ? .torn : .clean
        }
        return header.belongs(at: place, of: superblock.identity, geometry: geometry) ? .leftBehind : .clean
    }
}

extension LogInspection where Device == ReadOnlyDirectory {
    /// Opens a replica's data directory to look into it.
    package static func open(directory path: String) throws(StorageError) -> LogInspection {
        var inspection = try open(ReadOnlyDirectory(at: path))
        try inspection.device.openSegments(inspection.superblock.geometry)
        return inspection
    }
}
