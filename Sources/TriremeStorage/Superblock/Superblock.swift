// What a replica must know before it reads its log: four copies of one page (PROTOCOL §9).
import CTrireme
import TriremeCore

/// A durable snapshot: what it is of and where it lies.
package struct SnapshotDescription: Equatable, Sendable {
    /// Which of the two snapshot files, 0 or 1.
    package var file: Int
    package var slot: UInt64
    /// `C(slot)` with its timestamp.
    package var cut: Cut
    package var lengthBytes: UInt64
    /// Chained over the checksums of the file's blocks.
    package var checksum: UInt32

    package init(file: Int, slot: UInt64, cut: Cut, lengthBytes: UInt64, checksum: UInt32) {
        self.file = file
        self.slot = slot
        self.cut = cut
        self.lengthBytes = lengthBytes
        self.checksum = checksum
    }
}

package struct Superblock: Equatable, Sendable {
    package static let magic: UInt32 = 0x424D_5254  // "TRMB"
    package static let version: UInt32 = 1
    static let copies = 4

    package var identity: LogIdentity
    package var geometry: LogGeometry
    /// Counts updates; the highest readable copy is the newest.
    package var sequence: UInt64 = 0
    /// Epoch of joining in the high half, counter of starts in the low half. Above that of every record when the log opens.
    package var generation: Generation
    /// Stream offset of the first segment that is still needed; the scan begins there.
    package var logStart: UInt64 = 0
    /// Everything before this stream offset was durable when the superblock was written: it vouches like a record.
    package var durableMark: UInt64 = 0
    /// A promise, a vote or a vow may be lost (PROTOCOL §9 ◆); for ever.
    package var isForgetful = false
    package var snapshot: SnapshotDescription?

    package init(identity: LogIdentity, geometry: LogGeometry, generation: Generation) {
        self.identity = identity
        self.geometry = geometry
        self.generation = generation
    }

    /// Fills one page.
    package func encode(to page: UnsafeMutableRawPointer) {
        page.initializeMemory(as: UInt8.self, repeating: 0, count: Limits.pageBytes)
        var out = WireWriter(UnsafeMutableRawBufferPointer(start: page, count: Limits.pageBytes))
        out.put(Self.magic)
        out.put(Self.version)
        out.put(UInt32(0))  // checksum
        out.put(UInt32(identity.group))
        out.put(identity.clusterLow)
        out.put(identity.clusterHigh)
        out.put(UInt64(identity.replica.rawValue))
        out.put(sequence)
        out.put(generation.rawValue)
        out.put(UInt64(geometry.segmentBytes))
        out.put(UInt64(geometry.segments))
        out.put(logStart)
        out.put(durableMark)
        out.put(UInt8(isForgetful ? 1 : 0))
        out.put(UInt8(snapshot == nil ? 0 : 1))
        if let snapshot {
            out.put(UInt8(snapshot.file))
            out.put(snapshot.slot)
            out.put(snapshot.lengthBytes)
            out.put(snapshot.checksum)
            out.put(Entry(snapshot.cut), members: Limits.members)
        }
        page.put(trm_crc32c(0, page, Limits.pageBytes), at: 8)
    }

    /// The superblock in one page whose checksum holds; nil for any other page. `scratch` is changed.
    package init?(_ scratch: UnsafeMutableRawPointer) {
        let page = UnsafeRawPointer(scratch)
        let stored = page.get(UInt32.self, at: 8)
        scratch.put(UInt32(0), at: 8)
        guard page.get(UInt32.self, at: 0) == Self.magic, trm_crc32c(0, page, Limits.pageBytes) == stored,
            page.get(UInt32.self, at: 4) == Self.version
        else { return nil }
        var reader = WireReader(UnsafeRawBufferPointer(start: page, count: Limits.pageBytes))
        _ = reader.take(UInt64.self)
        _ = reader.take(UInt32.self)
        let group: UInt32 = reader.take()
        let low: UInt64 = reader.take()
        let high: UInt64 = reader.take()
        identity = LogIdentity(
            clusterLow: low, clusterHigh: high, replica: ReplicaID(Int(truncatingIfNeeded: reader.take(UInt64.self))),
            group: UInt16(truncatingIfNeeded: group))
        sequence = reader.take()
        generation = Generation(rawValue: reader.take())
        let segmentBytes: UInt64 = reader.take()
        geometry = LogGeometry(
            segmentBytes: Int(truncatingIfNeeded: segmentBytes),
            segments: Int(truncatingIfNeeded: reader.take(UInt64.self)))
        logStart = reader.take()
        durableMark = reader.take()
        isForgetful = reader.take(UInt8.self) != 0
        if reader.take(UInt8.self) != 0 {
            let file: UInt8 = reader.take()
            let slot: UInt64 = reader.take()
            let length: UInt64 = reader.take()
            let checksum: UInt32 = reader.take()
            snapshot = SnapshotDescription(
                file: Int(file & 1), slot: slot, cut: reader.takeEntry(members: Limits.members).cut,
                lengthBytes: length,
                checksum: checksum)
        }
        guard !reader.failed, (try? geometry.check()) != nil else { return nil }
    }
}
