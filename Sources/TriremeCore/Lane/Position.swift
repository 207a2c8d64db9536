// Names of things in lanes: who, which incarnation, how far (PROTOCOL §2).

/// A member's identity within a configuration, which is also its lane index: 0 ..< 15.
package struct ReplicaID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt8
    @inlinable package init(_ rawValue: UInt8) { self.rawValue = rawValue }
    @inlinable package init(_ rawValue: Int) { self.rawValue = UInt8(truncatingIfNeeded: rawValue) }
    @inlinable package var index: Int { Int(rawValue) }
    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    package var description: String { "\(rawValue)" }
}

/// One incarnation of a lane's owner: (epoch of joining, counter), compared lexicographically. The owner raises the
/// counter durably at every start, before it sends anything (PROTOCOL §2 ◆).
package struct Generation: BitwiseCopyable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Epoch in the high half, counter in the low half: comparing the word compares the pair.
    package let rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable package init(epoch: UInt32, counter: UInt32) { rawValue = UInt64(epoch) << 32 | UInt64(counter) }
    @inlinable package static var zero: Self { Self(rawValue: 0) }
    @inlinable package var epoch: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
    @inlinable package var counter: UInt32 { UInt32(truncatingIfNeeded: rawValue) }
    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    package var description: String { epoch == 0 ? "g\(counter)" : "g\(epoch).\(counter)" }
}

/// How far a lane reaches: (generation, sequence) and the digest chained over the generation's batches up to it.
/// The digest is part of equality and never of order (PROTOCOL §2).
package struct Position: BitwiseCopyable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package var generation: Generation
    /// Sequences start at 1; (0, 0) is the empty position, and no other has sequence 0.
    package var sequence: UInt64
    package var digest: UInt64

    @inlinable package init(_ generation: Generation, _ sequence: UInt64, digest: UInt64) {
        self.generation = generation
        self.sequence = sequence
        self.digest = digest
    }
    @inlinable package static var empty: Self { Self(.zero, 0, digest: 0) }
    @inlinable package var isEmpty: Bool { sequence == 0 }
    @inlinable package static func < (a: Self, b: Self) -> Bool {
        a.generation != b.generation ? a.generation < b.generation : a.sequence < b.sequence
    }
    /// Same place, whatever the digests say.
    @inlinable package func isAt(_ other: Self) -> Bool {
        generation == other.generation && sequence == other.sequence
    }
    package var description: String { isEmpty ? "–" : "\(generation):\(sequence)" }
}

/// What the core and the log know of a batch; the payload itself they never touch (ARCHITECTURE, principle 3).
package struct BatchDescriptor: Hashable, Sendable {
    package var lane: ReplicaID
    package var generation: Generation
    package var sequence: UInt64
    /// Bytes of payload after the 128-byte header.
    package var payloadBytes: UInt32
    /// CRC32C of the payload.
    package var payloadChecksum: UInt32
    /// Number of commands.
    package var count: UInt32
    /// Bytes of each command when all have one length; 0 when each carries its own.
    package var stride: UInt32
    /// Digest of the generation's batches up to and including this one: see ``chain(_:checksum:payloadBytes:)``.
    package var digest: UInt64

    @inlinable package init(
        lane: ReplicaID, generation: Generation, sequence: UInt64, payloadBytes: UInt32, payloadChecksum: UInt32,
        count: UInt32, stride: UInt32, digest: UInt64
    ) {
        self.lane = lane
        self.generation = generation
        self.sequence = sequence
        self.payloadBytes = payloadBytes
        self.payloadChecksum = payloadChecksum
        self.count = count
        self.stride = stride
        self.digest = digest
    }
    @inlinable package var position: Position { Position(generation, sequence, digest: digest) }

    /// The digest of a generation one batch further. Before the first batch the digest is 0.
    @inlinable package static func chain(_ digest: UInt64, checksum: UInt32, payloadBytes: UInt32) -> UInt64 {
        var h = (digest ^ (UInt64(payloadBytes) << 32 | UInt64(checksum))) &* 0x9E37_79B9_7F4A_7C15
        h ^= h >> 29
        h = h &* 0xBF58_476D_1CE4_E5B9
        return h ^ (h >> 32)
    }
}
