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
    /// `visit` is told what the log holds, in stream order. A torn end is cut off and the writer goes on there. So it does at
    /// damage that may have cost a promise or a vote: ``RecoverySummary/loss``, and the log is forgetful for ever. `memory` for the log's own pages may be handed in:
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
        // Durable with the generation, so before anything is said (PROTOCOL §9 ◆).
        if scan.summary.loss != nil { superblock.isForgetful = true }
        try device.writeSuperblock(superblock, order: copies.order)
        return Log(
            device: device, superblock: superblock, options: options, members: members, resume: scan.end,
            recovery: scan.summary, memory: memory, snapshot: scan.snapshot)
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
    /// All that a start reads once it knows the superblock, but the blocks of the snapshot. It writes nothing; an inspection asks
    /// the same. `snapshot` is nil where the file that the superblock names has another header, too.
    mutating func readLog(
        _ superblock: Superblock, visit: (RecoveryEvent) throws(StorageError) -> Void
    ) throws(StorageError) -> (end: StreamEnd, summary: RecoverySummary, snapshot: SnapshotFile?) {
        var snapshotFile: SnapshotFile?
        if let snapshot = superblock.snapshot {
            snapshotFile = try self.snapshotFile(snapshot, identity: superblock.identity)
            try visit(.snapshot(snapshot))
        }
        var scan = LogScan(superblock)
        try scan.run(&self, visit: visit)
        var summary = scan.summary
        // What lies behind a place where it was cut off before speaks for a log that is no more.
        if superblock.isForgetful { summary.loss = nil }
        return (scan.end, summary, snapshotFile)
    }
}
