// The common prefix of every datagram: written by the sender's reactor, read first by every receiver's.
// All loads and stores of wire fields are in this folder.
import CTrireme
import TriremeCore

/// The 128 bits that tell one cluster's datagrams and logs from another's, as two little-endian words.
package struct ClusterID: Hashable, Sendable {
    package var low: UInt64
    package var high: UInt64
    @inlinable package init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}

/// Numbers of the wire format; they are for ever.
package enum WireFormat {
    /// "TRM1" as it stands in memory.
    package static let magic: UInt32 = 0x314D_5254
    package static let version: UInt8 = 1
    /// Bytes before a fragment's slice: the common prefix, then generation, sequence, offset, total.
    package static let fragmentHeaderBytes = 64
    /// IPv4 and UDP headers without options.
    package static let ipBytes = 28
    /// Most payload of one UDP datagram over IPv4.
    package static let datagramBytesMaximum = 65_507
}

/// Who sends, for whom: what all datagrams of one network have in common.
package struct DatagramOrigin: Equatable, Sendable {
    package var cluster: ClusterID
    /// The engine within the process (ARCHITECTURE, principle 9), not a multicast address.
    package var group: UInt16
    package var me: ReplicaID

    package init(cluster: ClusterID, group: UInt16, me: ReplicaID) {
        self.cluster = cluster
        self.group = group
        self.me = me
    }
}

/// Bytes 0 ..< 40 of every datagram, decoded; nothing of it is verified.
///
///     0 magic u32 | 4 version u8 | 5 kind u8 | 6 sender u8 | 7 lane u8 | 8 cluster 16 bytes | 24 group u16 | 26 zero u16
///     28 payload bytes u32 | 32 header checksum u32 | 36 payload checksum u32                       (little endian)
package struct DatagramHeader: Equatable, Sendable {
    package var magic: UInt32
    package var version: UInt8
    package var kind: UInt8
    package var sender: UInt8
    package var lane: UInt8
    package var cluster: ClusterID
    package var group: UInt16
    /// Bytes after the whole header of this kind.
    package var payloadBytes: UInt32
    package var headerChecksum: UInt32
    package var payloadChecksum: UInt32

    /// `bytes` has at least 40.
    @inlinable package init(reading bytes: UnsafeRawPointer) {
        magic = bytes.word32(0)
        version = bytes.load(fromByteOffset: 4, as: UInt8.self)
        kind = bytes.load(fromByteOffset: 5, as: UInt8.self)
        sender = bytes.load(fromByteOffset: 6, as: UInt8.self)
        lane = bytes.load(fromByteOffset: 7, as: UInt8.self)
        cluster = ClusterID(low: bytes.word64(8), high: bytes.word64(16))
        group = bytes.word16(24)
        payloadBytes = bytes.word32(28)
        headerChecksum = bytes.word32(32)
        payloadChecksum = bytes.word32(36)
    }

    /// Writes bytes 0 ..< 40 with a header checksum of zero.
    @inlinable package static func write(
        to bytes: UnsafeMutableRawPointer, _ kind: DatagramKind, from origin: DatagramOrigin, lane: ReplicaID,
        payloadBytes: Int, payloadChecksum: UInt32 = 0
    ) {
        bytes.store(WireFormat.magic, at: 0)
        bytes.storeBytes(of: WireFormat.version, toByteOffset: 4, as: UInt8.self)
        bytes.storeBytes(of: kind.rawValue, toByteOffset: 5, as: UInt8.self)
        bytes.storeBytes(of: origin.me.rawValue, toByteOffset: 6, as: UInt8.self)
        bytes.storeBytes(of: lane.rawValue, toByteOffset: 7, as: UInt8.self)
        bytes.store(origin.cluster.low, at: 8)
        bytes.store(origin.cluster.high, at: 16)
        bytes.store(origin.group, at: 24)
        bytes.store(UInt16(0), at: 26)
        bytes.store(UInt32(truncatingIfNeeded: payloadBytes), at: 28)
        bytes.store(UInt32(0), at: 32)
        bytes.store(payloadChecksum, at: 36)
    }

    /// Bytes that a kind's header checksum covers of a datagram of `count` bytes: a control message's is over all of
    /// it, so that one pass verifies it; a batch's and a fragment's are over the header, for the payload has its own.
    @inlinable package static func checkedBytes(of kind: UInt8, in count: Int) -> Int {
        switch kind {
        case DatagramKind.batch.rawValue: Limits.headerBytes
        case DatagramKind.fragment.rawValue: WireFormat.fragmentHeaderBytes
        default: count
        }
    }

    /// Puts the checksum over `count` bytes, of which bytes 32 ..< 36 are zero, into its place.
    @inlinable package static func seal(_ bytes: UnsafeMutableRawPointer, count: Int) {
        bytes.store(trm_crc32c(0, bytes, count), at: 32)
    }

    /// Whether the checksum over `count` bytes is right. Leaves the bytes as they were.
    @inlinable package static func isSealed(_ bytes: UnsafeMutableRawPointer, count: Int) -> Bool {
        let found = UnsafeRawPointer(bytes).word32(32)
        bytes.store(UInt32(0), at: 32)
        let computed = trm_crc32c(0, bytes, count)
        bytes.store(found, at: 32)
        return computed == found
    }
}

extension UnsafeRawPointer {
    @inlinable package func word16(_ offset: Int) -> UInt16 {
        UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    @inlinable package func word32(_ offset: Int) -> UInt32 {
        UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    @inlinable package func word64(_ offset: Int) -> UInt64 {
        UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}

extension UnsafeMutableRawPointer {
    @inlinable package func store<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}
