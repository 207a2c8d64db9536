// Decides whether a datagram is taken: pure, without sockets, so that tests and fuzzing reach every refusal. Nothing is
// allocated here. The order is RELIABILITY's: length → magic and version → cluster → group → sender → checksum → decode.
import CTrireme
import TriremeCore

package struct DatagramVerifier: Sendable {
    package enum Verdict {
        case control(DatagramKind, from: ReplicaID, bodyBytes: Int)
        case batch(BatchDescriptor, from: ReplicaID)
        case fragment(FragmentHeader, from: ReplicaID)
        case refused(Refusal)
    }

    package let origin: DatagramOrigin
    /// Bit i: replica i is a member of the configuration.
    package var members: UInt16
    /// Most bytes of a frame.
    package let batchBytes: Int

    package init(origin: DatagramOrigin, members: UInt16, batchBytes: Int) {
        precondition(batchBytes <= Limits.batchBytesMaximum)
        self.origin = origin
        self.members = members
        self.batchBytes = batchBytes
    }

    /// Judges the `count` bytes of one datagram. Bytes are changed and restored while checksums are computed.
    package func verify(_ bytes: UnsafeMutableRawPointer, count: Int) -> Verdict {
        guard count >= Limits.datagramHeaderBytes else { return .refused(.length) }
        let header = DatagramHeader(reading: bytes)
        let isBatch = header.kind == DatagramKind.batch.rawValue
        let isFragment = header.kind == DatagramKind.fragment.rawValue
        let headerBytes =
            isBatch ? Limits.headerBytes : isFragment ? WireFormat.fragmentHeaderBytes : Limits.datagramHeaderBytes
        // The length is asked first where it needs no field that a foreign datagram may lack; a datagram that is not
        // ours at all is better counted as such than as one of a wrong length.
        guard header.magic == WireFormat.magic else { return .refused(.magic) }
        guard header.version == WireFormat.version else { return .refused(.version) }
        guard count >= headerBytes, Int(header.payloadBytes) == count - headerBytes else { return .refused(.length) }
        if isBatch {
            guard count <= batchBytes else { return .refused(.length) }
        } else if !isFragment {
            guard header.payloadBytes <= Limits.controlBodyBytes else { return .refused(.length) }
        }
        guard header.cluster == origin.cluster else { return .refused(.cluster) }
        guard header.group == origin.group else { return .refused(.group) }
        guard header.sender < Limits.members, members & (1 << UInt16(header.sender)) != 0,
            header.sender != origin.me.rawValue
        else { return .refused(.sender) }
        let from = ReplicaID(header.sender)
        let checked = DatagramHeader.checkedBytes(of: header.kind, in: count)
        guard DatagramHeader.isSealed(bytes, count: checked) else { return .refused(.headerChecksum) }
        if isBatch {
            let batch = BatchHeader.read(bytes)
            guard trm_crc32c(0, bytes + Limits.headerBytes, count - Limits.headerBytes) == header.payloadChecksum else {
                return .refused(.payloadChecksum)
            }
            guard isSound(batch) else { return .refused(.malformed) }
            return .batch(batch, from: from)
        }
        if isFragment {
            let fragment = FragmentHeader(reading: bytes)
            guard isSound(fragment) else { return .refused(.malformed) }
            return .fragment(fragment, from: from)
        }
        guard let kind = DatagramKind(rawValue: header.kind) else { return .refused(.kind) }
        return .control(kind, from: from, bodyBytes: count - headerBytes)
    }

    private func isSound(_ batch: BatchDescriptor) -> Bool {
        batch.lane.index <= Limits.snapshotLane && batch.sequence > 0
            && UInt64(batch.count) * UInt64(batch.stride) <= UInt64(batch.payloadBytes)
    }

    private func isSound(_ fragment: FragmentHeader) -> Bool {
        fragment.lane.index <= Limits.snapshotLane && fragment.sequence > 0 && fragment.sliceBytes > 0
            && fragment.frameBytes <= batchBytes && fragment.frameBytes > Limits.headerBytes
            && fragment.offset + fragment.sliceBytes <= fragment.frameBytes
    }
}
