// The frame header of a batch, 128 bytes. Bytes 0 ..< 72 lie where a log record's header has them, so that a receiver
// overwrites a frame header with its own record header in place (ARCHITECTURE, principle 6).
import CTrireme
import TriremeCore

///     0 … 39 as every datagram | 40 generation u64 | 48 sequence u64 | 56 count u32 | 60 stride u32 | 64 digest u64
///     72 when it was sent u64, 0 where nobody measures | 80 … 95 zero | 96 … 107 nonce, 112 … 127 tag: reserved for sealing
package enum BatchHeader {
    /// Writes all 128 bytes, sealed. `lane` may be another's: any holder repairs with the same bytes.
    package static func write(to bytes: UnsafeMutableRawPointer, _ batch: BatchDescriptor, from origin: DatagramOrigin)
    {
        DatagramHeader.write(
            to: bytes, .batch, from: origin, lane: batch.lane, payloadBytes: Int(batch.payloadBytes),
            payloadChecksum: batch.payloadChecksum)
        bytes.store(batch.generation.rawValue, at: 40)
        bytes.store(batch.sequence, at: 48)
        bytes.store(batch.count, at: 56)
        bytes.store(batch.stride, at: 60)
        bytes.store(batch.digest, at: 64)
        (bytes + 72).initializeMemory(as: UInt8.self, repeating: 0, count: Limits.headerBytes - 72)
        DatagramHeader.seal(bytes, count: Limits.headerBytes)
    }

    /// Notes when the frame leaves, in nanoseconds of the sender's clock since 1970, and seals it anew.
    package static func stamp(_ bytes: UnsafeMutableRawPointer, sentAt: UInt64) {
        bytes.store(sentAt, at: 72)
        bytes.store(UInt32(0), at: 32)
        DatagramHeader.seal(bytes, count: Limits.headerBytes)
    }
    @inlinable package static func sentAt(_ bytes: UnsafeRawPointer) -> UInt64 { bytes.word64(72) }

    /// What bytes 28 ..< 72 say; `bytes` has at least 128 and its checksum was verified.
    @inlinable package static func read(_ bytes: UnsafeRawPointer) -> BatchDescriptor {
        BatchDescriptor(
            lane: ReplicaID(bytes.load(fromByteOffset: 7, as: UInt8.self)),
            generation: Generation(rawValue: bytes.word64(40)), sequence: bytes.word64(48),
            payloadBytes: bytes.word32(28), payloadChecksum: bytes.word32(36), count: bytes.word32(56),
            stride: bytes.word32(60), digest: bytes.word64(64))
    }
}

/// One slice of a frame (header and payload) that is longer than the path's MTU allows.
///
///     0 … 39 as every datagram; payload bytes are the slice's | 40 generation u64 | 48 sequence u64 | 56 offset u32
///     60 frame bytes u32 | 64 … slice
///
/// The header checksum covers these 64 bytes only: the frame carries two checksums of its own, which are verified
/// when it is whole, and a slice that was damaged costs what a lost one costs.
package struct FragmentHeader: Equatable, Sendable {
    package var lane: ReplicaID
    package var generation: Generation
    package var sequence: UInt64
    package var offset: Int
    package var sliceBytes: Int
    package var frameBytes: Int

    package init(
        lane: ReplicaID, generation: Generation, sequence: UInt64, offset: Int, sliceBytes: Int, frameBytes: Int
    ) {
        self.lane = lane
        self.generation = generation
        self.sequence = sequence
        self.offset = offset
        self.sliceBytes = sliceBytes
        self.frameBytes = frameBytes
    }

    /// `bytes` has at least 64.
    @inlinable package init(reading bytes: UnsafeRawPointer) {
        lane = ReplicaID(bytes.load(fromByteOffset: 7, as: UInt8.self))
        generation = Generation(rawValue: bytes.word64(40))
        sequence = bytes.word64(48)
        offset = Int(bytes.word32(56))
        sliceBytes = Int(bytes.word32(28))
        frameBytes = Int(bytes.word32(60))
    }

    /// Writes all 64 bytes, sealed.
    package func write(to bytes: UnsafeMutableRawPointer, from origin: DatagramOrigin) {
        DatagramHeader.write(to: bytes, .fragment, from: origin, lane: lane, payloadBytes: sliceBytes)
        bytes.store(generation.rawValue, at: 40)
        bytes.store(sequence, at: 48)
        bytes.store(UInt32(truncatingIfNeeded: offset), at: 56)
        bytes.store(UInt32(truncatingIfNeeded: frameBytes), at: 60)
        DatagramHeader.seal(bytes, count: WireFormat.fragmentHeaderBytes)
    }
}
