// Fetching a snapshot from another replica (PROTOCOL §8): who has one, which, and pieces of it.

/// Which snapshot: named by whoever took it. Whoever passes it on passes the name on, and equal names mean equal bytes.
package struct SnapshotName: Hashable, Sendable {
    package var origin: ReplicaID
    package var generation: Generation
    package var slot: UInt64
    package init(origin: ReplicaID, generation: Generation, slot: UInt64) {
        self.origin = origin
        self.generation = generation
        self.slot = slot
    }
    /// A word that stands for the name in the frames that carry its bytes.
    package var tag: UInt64 {
        var h = (generation.rawValue ^ slot &* 0x9E37_79B9_7F4A_7C15) &+ UInt64(origin.rawValue)
        h = (h ^ h >> 30) &* 0xBF58_476D_1CE4_E5B9
        return h ^ h >> 31
    }
    func encode(into w: inout WireWriter) {
        w.put(origin.rawValue)
        w.put(generation.rawValue)
        w.put(slot)
    }
    static func decode(_ r: inout WireReader, members: Int) -> SnapshotName {
        SnapshotName(
            origin: r.takeReplica(members: members), generation: Generation(rawValue: r.take()), slot: r.take())
    }
}

/// "Have you a durable snapshot above this slot?" Answered by an offer.
package struct SnapshotRequest: Equatable, Sendable {
    package var above: UInt64
    package init(above: UInt64) { self.above = above }
    package func encode(into w: inout WireWriter) { w.put(above) }
    package static func decode(_ bytes: UnsafeRawBufferPointer) -> SnapshotRequest? {
        var r = WireReader(bytes)
        let request = SnapshotRequest(above: r.take())
        return r.isComplete ? request : nil
    }
}

/// What the sender's snapshot is of, and its size.
package struct SnapshotOffer: Equatable, Sendable {
    package var name: SnapshotName
    /// Bytes of state, in blocks of ``blockBytes`` with a header each.
    package var lengthBytes: UInt64
    package var blockBytes: UInt32
    /// Chained over the blocks' checksums.
    package var checksum: UInt32
    /// `C(slot)` with its timestamp.
    package var cut: Cut
    package init(name: SnapshotName, lengthBytes: UInt64, blockBytes: UInt32, checksum: UInt32, cut: Cut) {
        self.name = name
        self.lengthBytes = lengthBytes
        self.blockBytes = blockBytes
        self.checksum = checksum
        self.cut = cut
    }
    package func encode(into w: inout WireWriter, members: Int) {
        name.encode(into: &w)
        w.put(lengthBytes)
        w.put(blockBytes)
        w.put(checksum)
        w.put(Entry(cut), members: members)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> SnapshotOffer? {
        var r = WireReader(bytes)
        let offer = SnapshotOffer(
            name: .decode(&r, members: members), lengthBytes: r.take(), blockBytes: r.take(), checksum: r.take(),
            cut: r.takeEntry(members: members).cut)
        return r.isComplete && offer.name.slot > 0 && offer.lengthBytes < 1 << 56 ? offer : nil
    }
}

/// "Send me these bytes of a block, its header included." Never more is sent than was asked for.
package struct SnapshotPull: Equatable, Sendable {
    package var name: SnapshotName
    package var block: UInt64
    package var offset: UInt32
    package var bytes: UInt32
    package init(name: SnapshotName, block: UInt64, offset: UInt32, bytes: UInt32) {
        self.name = name
        self.block = block
        self.offset = offset
        self.bytes = bytes
    }
    package func encode(into w: inout WireWriter) {
        name.encode(into: &w)
        w.put(block)
        w.put(offset)
        w.put(bytes)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> SnapshotPull? {
        var r = WireReader(bytes)
        let pull = SnapshotPull(
            name: .decode(&r, members: members), block: r.take(), offset: r.take(), bytes: r.take())
        return r.isComplete && pull.bytes > 0 && pull.block < 1 << 39 ? pull : nil
    }
}

/// One piece of a block as it travels: in a batch's frame, of a lane that no member has.
package struct SnapshotPiece: Equatable, Sendable {
    package var tag: UInt64
    package var block: UInt64
    package var offset: UInt32
    package init(tag: UInt64, block: UInt64, offset: UInt32) {
        self.tag = tag
        self.block = block
        self.offset = offset
    }
    /// The frame's content.
    package func frame(payloadBytes: Int, checksum: UInt32) -> BatchDescriptor {
        BatchDescriptor(
            lane: ReplicaID(Limits.snapshotLane), generation: Generation(rawValue: tag),
            sequence: block << 24 | UInt64(offset) + 1, payloadBytes: UInt32(payloadBytes), payloadChecksum: checksum,
            count: 0, stride: 0, digest: 0)
    }
    /// What such a frame holds.
    package init(_ frame: BatchDescriptor) {
        tag = frame.generation.rawValue
        block = (frame.sequence - 1) >> 24
        offset = UInt32(truncatingIfNeeded: (frame.sequence - 1) & 0xFF_FFFF)
    }
}
