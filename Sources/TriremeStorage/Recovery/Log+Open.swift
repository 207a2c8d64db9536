// Founding a log and starting from one (PROTOCOL §9). These wait; the reactor does not turn yet.
import CTrireme
import TriremeCore

extension Log where Device: ~Copyable {
    /// Makes an empty log on a device whose segments are preallocated with zeros. On the operator's word that this
    /// identity is new (PROTOCOL §9 ◆); a device that has ever been formatted is refused.
    package static func format(
        _ device: inout Device, identity: LogIdentity, geometry: LogGeometry, epoch: UInt32
    ) throws(StorageError) {
        try geometry.check()
        do {
            _ = try device.readSuperblock()
        } catch {
            guard error.code == .unformatted else { throw error }
            var superblock = Superblock(
                identity: identity, geometry: geometry, generation: Generation(epoch: epoch, counter: 0))
            superblock.sequence = 1
            return try device.writeSuperblock(superblock)
        }
        throw StorageError(
            .alreadyFormatted,
            "superblock: there is one already; start without --format, or give the new identity an empty directory")
    }

    /// Opens a log: flush, superblock, scan, and the new generation durable in all four copies before this returns.
    /// `visit` is told what the log holds, in stream order. A torn end is cut off and the writer goes on there; damage
    /// that may have cost a promise or a vote is refused. `memory` for the log's own pages may be handed in:
    /// ``memoryBytes(_:)``.
    package static func open(
        _ device: consuming Device, identity: LogIdentity, geometry: LogGeometry, members: Int,
        options: LogOptions = LogOptions(), memory: UnsafeMutableRawBufferPointer? = nil,
        visit: (RecoveryEvent) throws(StorageError) -> Void
    ) throws(StorageError) -> Log {
        try geometry.check()
        // What a dead process left in flight becomes durable before it is believed ◆.
        try device.flushNow()
        let copies = try device.readSuperblock()
        var superblock = copies.newest
        try superblock.check(identity, geometry)
        let scan = try device.readLog(superblock, visit: visit)

        let highest = max(copies.highestGeneration, scan.summary.highestWriter)
        superblock.generation = Generation(rawValue: highest.rawValue + 1)
        superblock.sequence += 1
        superblock.durableMark = scan.end.offset
        try device.writeSuperblock(superblock, order: copies.order)
        return Log(
            device: device, superblock: superblock, options: options, members: members, resume: scan.end,
            recovery: scan.summary, memory: memory)
    }

    /// A log without a disk (`durability: memory`): appends are "durable" at once and nothing can be read back. Every
    /// start is a forgetful one (RELIABILITY, storage rule 7); the caller finds a generation above all former ones.
    package init(
        volatile device: consuming Device, identity: LogIdentity, generation: Generation, members: Int,
        geometry: LogGeometry = LogGeometry(), options: LogOptions = LogOptions(),
        memory: UnsafeMutableRawBufferPointer? = nil
    ) {
        precondition(!device.isDurable, "a durable device is opened")
        self.init(
            device: device, superblock: Superblock(identity: identity, geometry: geometry, generation: generation),
            options: options, members: members, resume: StreamEnd(), recovery: RecoverySummary(), memory: memory)
    }
}

extension Superblock {
    func check(_ wanted: LogIdentity, _ wantedGeometry: LogGeometry) throws(StorageError) {
        func text(_ i: LogIdentity) -> String {
            let high = String(i.clusterHigh, radix: 16)
            let low = String(i.clusterLow, radix: 16)
            return "cluster \(high):\(low), replica \(i.replica), group \(i.group)"
        }
        guard identity == wanted else {
            throw StorageError(
                .foreign,
                "log: it is of \(text(identity)), wanted is that of \(text(wanted)); give the right data directory")
        }
        guard geometry == wantedGeometry else {
            throw StorageError(
                .unsupported,
                "log: it was formatted with \(geometry.segments) segments of \(geometry.segmentBytes) bytes, the "
                    + "configuration says \(wantedGeometry.segments) of \(wantedGeometry.segmentBytes) (log.segments, "
                    + "log.segmentMebibytes); set them back")
        }
    }
}

extension StorageDevice where Self: ~Copyable {
    /// All that a start reads once it knows the superblock. It writes nothing; an inspection asks the same.
    mutating func readLog(
        _ superblock: Superblock, visit: (RecoveryEvent) throws(StorageError) -> Void
    ) throws(StorageError) -> (end: StreamEnd, summary: RecoverySummary) {
        if let snapshot = superblock.snapshot {
            try checkSnapshot(snapshot, identity: superblock.identity)
            try visit(.snapshot(snapshot))
        }
        var scan = LogScan(superblock)
        try scan.run(&self, visit: visit)
        return (scan.end, scan.summary)
    }

    private func unreadable(_ snapshot: SnapshotDescription, _ what: String) -> StorageError {
        StorageError(
            .damaged,
            "snapshot: file snapshot/\(snapshot.file) of slot \(snapshot.slot): \(what), and the log before it is recycled; "
                + "replace this replica under a new identity through a configuration change")
    }
    /// A replica that cannot read the snapshot that the superblock names is forgetful (PROTOCOL §9 ◆): refused.
    mutating func checkSnapshot(_ snapshot: SnapshotDescription, identity: LogIdentity) throws(StorageError) {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.pageBytes, alignment: Limits.pageBytes)
        defer { page.deallocate() }
        let got = try readNow(.snapshot(snapshot.file), at: 0, into: page)
        guard got == page.count, SnapshotHeader.matches(page.baseAddress!, snapshot, identity) else {
            throw unreadable(snapshot, "its header is not that of the snapshot which the superblock names")
        }
    }
    /// Reads the payload piece by piece and compares its checksum; keeps nothing of it.
    mutating func checkSnapshotPayload(_ snapshot: SnapshotDescription) throws(StorageError) {
        let bytes = roundedToPages(Int(snapshot.lengthBytes))
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: StreamReader.pieceBytes, alignment: Limits.pageBytes)
        defer { memory.deallocate() }
        var checksum: UInt32 = 0
        for at in stride(from: 0, to: bytes, by: memory.count) {
            let piece = UnsafeMutableRawBufferPointer(rebasing: memory[..<min(memory.count, bytes - at)])
            checksum = try add(piece, at, of: snapshot, to: checksum)
        }
        try compare(checksum, snapshot)
    }
    mutating func readSnapshot(
        _ snapshot: SnapshotDescription, identity: LogIdentity, into memory: UnsafeMutableRawBufferPointer
    ) throws(StorageError) {
        let bytes = roundedToPages(Int(snapshot.lengthBytes))
        precondition(memory.count >= bytes)
        var checksum: UInt32 = 0
        var at = 0
        while at < bytes {
            let count = min(StreamReader.pieceBytes, bytes - at)
            let piece = UnsafeMutableRawBufferPointer(rebasing: memory[at..<at + count])
            checksum = try add(piece, at, of: snapshot, to: checksum)
            at += count
        }
        try compare(checksum, snapshot)
    }
    private mutating func add(
        _ piece: UnsafeMutableRawBufferPointer, _ at: Int, of snapshot: SnapshotDescription, to checksum: UInt32
    ) throws(StorageError) -> UInt32 {
        let got = try readNow(.snapshot(snapshot.file), at: UInt64(Limits.pageBytes + at), into: piece)
        guard got == piece.count else { throw unreadable(snapshot, "it ends early") }
        return trm_crc32c(checksum, piece.baseAddress!, min(piece.count, Int(snapshot.lengthBytes) - at))
    }
    private func compare(_ checksum: UInt32, _ snapshot: SnapshotDescription) throws(StorageError) {
        guard checksum == snapshot.checksum else { throw unreadable(snapshot, "its payload is not its checksum's") }
    }
}
