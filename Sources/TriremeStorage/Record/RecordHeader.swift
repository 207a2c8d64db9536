// The 128 bytes ahead of every log record. Written by the reactor when a record's write begins, read at recovery.
//
//   0 magic "TRML"   4 version   5 kind   6 replica   7 lane   8 cluster (16)   24 group (2)   26 reserved (2)
//  28 payload bytes   32 header checksum   36 payload checksum   40 batch generation   48 sequence   56 count   60 stride
//  64 digest   72 writer's generation   80 stream segment   84 predecessor's header checksum   88 stream offset
//  96 durable low-water mark   104 … 127 reserved for nonce (8) and tag (16)
//
// Little endian. Bytes 0 … 71 mean the same in the transport's batch frame, apart from the magic.
import CTrireme
import TriremeCore

package enum RecordKind: UInt8, Sendable {
    case batch = 1
    /// Log items, packed; `count` of them, their cuts of `stride` lanes.
    case items = 2
    /// Nothing but its low-water mark: it vouches for what lies before it (PROTOCOL §1).
    case empty = 3
    /// The segment ends here; the stream goes on at the next.
    case filler = 4
}

package struct RecordHeader: Equatable, Sendable {
    package static let magic: UInt32 = 0x4C4D_5254
    package static let version: UInt8 = 1

    package var kind: RecordKind
    package var identity: LogIdentity
    /// A batch's descriptor. Other kinds use its lengths, checksum, `count` and `stride`; the rest is zero.
    package var content: BatchDescriptor
    /// The incarnation that wrote the record (PROTOCOL §9).
    package var writer: Generation
    package var segment: UInt32
    /// Header checksum of the record before it in the stream; 0 for the first of all.
    package var predecessor: UInt32 = 0
    package var offset: UInt64
    /// Everything before this stream offset was durable when the record was written (RELIABILITY, storage rule 5).
    package var durableMark: UInt64 = 0
    /// CRC32C of the header with this field zero.
    package private(set) var checksum: UInt32 = 0

    package init(
        kind: RecordKind, identity: LogIdentity, content: BatchDescriptor, writer: Generation, offset: UInt64,
        geometry: LogGeometry
    ) {
        self.kind = kind
        self.identity = identity
        self.content = content
        self.writer = writer
        self.offset = offset
        segment = UInt32(truncatingIfNeeded: geometry.segment(offset))
    }
    /// A header for a record that is no batch.
    package init(
        kind: RecordKind, identity: LogIdentity, writer: Generation, offset: UInt64, geometry: LogGeometry
    ) {
        let nothing = BatchDescriptor(
            lane: ReplicaID(0), generation: .zero, sequence: 0, payloadBytes: 0, payloadChecksum: 0, count: 0,
            stride: 0,
            digest: 0)
        self.init(
            kind: kind, identity: identity, content: nothing, writer: writer, offset: offset, geometry: geometry)
    }

    /// Bytes that the record takes in the stream: whole pages.
    package var recordBytes: Int { Self.recordBytes(payload: Int(content.payloadBytes)) }
    package static func recordBytes(payload: Int) -> Int { roundedToPages(Limits.headerBytes + payload) }

    // MARK: writing

    /// Everything but predecessor, low-water mark and checksum, which are known when the write begins: ``seal``.
    package func write(to base: UnsafeMutableRawPointer) {
        base.put(Self.magic, at: 0)
        base.put(Self.version, at: 4)
        base.put(kind.rawValue, at: 5)
        base.put(identity.replica.rawValue, at: 6)
        base.put(content.lane.rawValue, at: 7)
        base.put(identity.clusterLow, at: 8)
        base.put(identity.clusterHigh, at: 16)
        base.put(UInt32(identity.group), at: 24)
        base.put(content.payloadBytes, at: 28)
        base.put(UInt32(0), at: 32)
        base.put(content.payloadChecksum, at: 36)
        base.put(content.generation.rawValue, at: 40)
        base.put(content.sequence, at: 48)
        base.put(content.count, at: 56)
        base.put(content.stride, at: 60)
        base.put(content.digest, at: 64)
        base.put(writer.rawValue, at: 72)
        base.put(segment, at: 80)
        base.put(UInt32(0), at: 84)
        base.put(offset, at: 88)
        base.put(UInt64(0), at: 96)
        base.put(UInt64(0), at: 104)
        base.put(UInt64(0), at: 112)
        base.put(UInt64(0), at: 120)
    }
    /// What an items record learns only when it is closed.
    static func setContent(
        _ base: UnsafeMutableRawPointer, payloadBytes: Int, payloadChecksum: UInt32, count: Int, stride: Int
    ) {
        base.put(UInt32(payloadBytes), at: 28)
        base.put(payloadChecksum, at: 36)
        base.put(UInt32(count), at: 56)
        base.put(UInt32(stride), at: 60)
    }
    /// Chains the header and returns its checksum.
    package static func seal(_ base: UnsafeMutableRawPointer, predecessor: UInt32, durableMark: UInt64) -> UInt32 {
        base.put(UInt32(0), at: 32)
        base.put(predecessor, at: 84)
        base.put(durableMark, at: 96)
        let checksum = trm_crc32c(0, base, Limits.headerBytes)
        base.put(checksum, at: 32)
        return checksum
    }

    // MARK: reading

    package static func hasMagic(_ base: UnsafeRawPointer) -> Bool {
        base.loadUnaligned(as: UInt32.self) == magic.littleEndian
    }
    /// The header at `base`, if its checksum holds and its fields exist. Whether it belongs there is another question:
    /// ``belongs(at:of:geometry:)``.
    package init?(_ base: UnsafeRawPointer) {
        guard Self.hasMagic(base), base.get(UInt8.self, at: 4) == Self.version else { return nil }
        let stored = base.get(UInt32.self, at: 32)
        var zero: UInt32 = 0
        var sum = trm_crc32c(0, base, 32)
        sum = trm_crc32c(sum, &zero, 4)
        sum = trm_crc32c(sum, base + 36, Limits.headerBytes - 36)
        guard sum == stored, let kind = RecordKind(rawValue: base.get(UInt8.self, at: 5)) else { return nil }
        self.kind = kind
        identity = LogIdentity(
            clusterLow: base.get(UInt64.self, at: 8), clusterHigh: base.get(UInt64.self, at: 16),
            replica: ReplicaID(base.get(UInt8.self, at: 6)), group: base.get(UInt16.self, at: 24))
        content = BatchDescriptor(
            lane: ReplicaID(base.get(UInt8.self, at: 7)),
            generation: Generation(rawValue: base.get(UInt64.self, at: 40)),
            sequence: base.get(UInt64.self, at: 48), payloadBytes: base.get(UInt32.self, at: 28),
            payloadChecksum: base.get(UInt32.self, at: 36), count: base.get(UInt32.self, at: 56),
            stride: base.get(UInt32.self, at: 60), digest: base.get(UInt64.self, at: 64))
        writer = Generation(rawValue: base.get(UInt64.self, at: 72))
        segment = base.get(UInt32.self, at: 80)
        predecessor = base.get(UInt32.self, at: 84)
        offset = base.get(UInt64.self, at: 88)
        durableMark = base.get(UInt64.self, at: 96)
        checksum = stored
        guard content.payloadBytes <= UInt32(Limits.batchBytesMaximum - Limits.headerBytes) else { return nil }
    }
    /// Whether the record is this log's own and of this very lap: written for this stream offset.
    package func belongs(at place: UInt64, of owner: LogIdentity, geometry: LogGeometry) -> Bool {
        offset == place && identity == owner && segment == UInt32(truncatingIfNeeded: geometry.segment(place))
            && recordBytes <= geometry.room(place) && durableMark <= offset
    }
    /// Whether the payload after a header at `base` is what the header says.
    package func payloadHolds(_ base: UnsafeRawPointer) -> Bool {
        trm_crc32c(0, base + Limits.headerBytes, Int(content.payloadBytes)) == content.payloadChecksum
    }
}

extension UnsafeMutableRawPointer {
    @inline(__always) func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}
extension UnsafeRawPointer {
    @inline(__always) func get<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T {
        T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}
