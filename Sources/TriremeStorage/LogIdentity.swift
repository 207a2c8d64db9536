// Whose log it is, how large, and how it is written. Told once, when the log is formatted or opened.
import TriremeCore

/// Whose log: a record or a superblock of any other cluster, replica or group is never taken (PROTOCOL §9).
package struct LogIdentity: Hashable, Sendable {
    /// The 128-bit cluster identifier, as in every datagram's header.
    package var clusterLow: UInt64
    package var clusterHigh: UInt64
    package var replica: ReplicaID
    package var group: UInt16

    package init(clusterLow: UInt64, clusterHigh: UInt64, replica: ReplicaID, group: UInt16 = 0) {
        self.clusterLow = clusterLow
        self.clusterHigh = clusterHigh
        self.replica = replica
        self.group = group
    }
}

/// How the stream is laid over files. Stream offset `x` lies in stream segment `x / segmentBytes`, and that in the file
/// of that number modulo `segments`. Offsets never wrap.
package struct LogGeometry: Hashable, Sendable {
    /// A multiple of 4,096, at least the largest record.
    package var segmentBytes: Int
    package var segments: Int

    package init(segmentBytes: Int = 64 << 20, segments: Int = 16) {
        self.segmentBytes = segmentBytes
        self.segments = segments
    }
    package func check() throws(StorageError) {
        guard segmentBytes % Limits.pageBytes == 0, segmentBytes >= Limits.batchBytesMaximum, segments >= 2,
            segments < 1 << 20
        else {
            throw StorageError(
                .unsupported,
                "log: \(segments) segments of \(segmentBytes) bytes; needed are at least 2, each a multiple of "
                    + "\(Limits.pageBytes) and not below \(Limits.batchBytesMaximum) bytes")
        }
    }
    package var totalBytes: UInt64 { UInt64(segmentBytes) * UInt64(segments) }
    /// Number of the stream segment that holds an offset.
    package func segment(_ offset: UInt64) -> UInt64 { offset / UInt64(segmentBytes) }
    /// Stream offset at which that segment begins.
    package func segmentStart(_ offset: UInt64) -> UInt64 { offset - offset % UInt64(segmentBytes) }
    package func file(_ offset: UInt64) -> Int { Int(segment(offset) % UInt64(segments)) }
    package func place(_ offset: UInt64) -> UInt64 { offset % UInt64(segmentBytes) }
    /// Bytes from an offset to the end of its segment.
    package func room(_ offset: UInt64) -> Int { segmentBytes - Int(offset % UInt64(segmentBytes)) }
}

/// How the log is written. The defaults are those that were fastest where they were measured.
package struct LogOptions: Sendable {
    /// Writes that may be under way at once.
    package var writesInFlight = 2
    /// Most batches in one write, and most bytes of it.
    package var batchesPerWrite = 16
    package var bytesPerWrite = 1 << 20
    /// Records that may be queued or under way; a power of two.
    package var queuedRecords = 4_096
    /// Pages for items, fillers and vouching records that are queued or under way.
    package var itemPages = 512
    /// Of them, those that ``Log/canAppend(_:)`` keeps free: one step of the core appends at most 512 items, about ten
    /// in a page, and a batch between two items starts a new page.
    package var reservedItemPages = 128
    /// Bytes that ``Log/canAppend(_:)`` keeps free for what must always fit: promises, votes, batches that execution waits
    /// for, and what is carried forward out of the oldest segment. `nil`: two segments, of which the last one and a quarter
    /// is for the latter alone.
    package var reserveBytes: Int? = nil
    /// Blocks of a snapshot that may be under way beside the log's own writes (another one is filled meanwhile), and the bytes
    /// of each: whole pages, less than 16 MiB, the same at all members.
    package var snapshotWritesInFlight = 1
    package var snapshotBlockBytes = 1 << 20
    /// Reads of records that may be under way.
    package var readsInFlight = 32

    package init() {}
}

package func roundedToPages(_ bytes: Int) -> Int { (bytes + Limits.pageBytes - 1) & ~(Limits.pageBytes - 1) }
