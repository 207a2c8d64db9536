// How a snapshot lies in its file: one header page, then blocks of equal size, each with a header and a checksum of its own.
import CTrireme
import TriremeCore

/// A whole snapshot in one of the two files: what the superblock says of it, its name, and the size of its blocks.
package struct SnapshotFile: Equatable, Sendable {
    package var description: SnapshotDescription
    package var name: SnapshotName
    /// Bytes of a block, its header included: whole pages.
    package var blockBytes: Int

    package init(description: SnapshotDescription, name: SnapshotName, blockBytes: Int) {
        self.description = description
        self.name = name
        self.blockBytes = blockBytes
    }
    package var blocks: UInt64 {
        let each = UInt64(SnapshotBlock.capacity(blockBytes))
        return (description.lengthBytes + each - 1) / each
    }
    /// Bytes of state in a block: all are full but the last.
    package func contentBytes(_ block: UInt64) -> Int {
        let each = UInt64(SnapshotBlock.capacity(blockBytes))
        return Int(min(each, description.lengthBytes - min(description.lengthBytes, block * each)))
    }
    /// Bytes of a block with its header, as it is sent.
    package func bytes(_ block: UInt64) -> Int { SnapshotBlock.headerBytes + contentBytes(block) }
    func offset(_ block: UInt64) -> UInt64 { UInt64(Limits.pageBytes) + block * UInt64(blockBytes) }
    /// Bytes of a file whose blocks hold so many.
    static func bytes(ofContent bytes: UInt64, blockBytes: Int) -> UInt64 {
        let each = UInt64(SnapshotBlock.capacity(blockBytes))
        let last = bytes % each
        return UInt64(Limits.pageBytes) + bytes / each * UInt64(blockBytes)
            + (last == 0 ? 0 : UInt64(roundedToPages(SnapshotBlock.headerBytes + Int(last))))
    }
}

/// A block:
///
///     +0   u32 magic "TRMK"    +8   u64 slot                  +24  u64 number of the block, from 0
///     +4   u32 checksum        +16  u64 origin's generation   +32  u32 bytes of content
///                                                             +36  u8  origin, then zeros to +64, then the content
///
/// The checksum (CRC32C) covers everything from +8 to the end of the content; behind it are zeros up to a whole page.
package enum SnapshotBlock {
    package static let headerBytes = 64
    package static let magic: UInt32 = 0x4B4D_5254  // "TRMK"
    package static func capacity(_ blockBytes: Int) -> Int { blockBytes - headerBytes }

    /// Writes the header of a block whose content is in its place. Returns the checksum.
    package static func seal(
        _ base: UnsafeMutableRawPointer, _ name: SnapshotName, number: UInt64, contentBytes: Int
    ) -> UInt32 {
        base.initializeMemory(as: UInt8.self, repeating: 0, count: headerBytes)
        base.put(magic, at: 0)
        base.put(name.slot, at: 8)
        base.put(name.generation.rawValue, at: 16)
        base.put(number, at: 24)
        base.put(UInt32(contentBytes), at: 32)
        base.put(name.origin.rawValue, at: 36)
        let checksum = trm_crc32c(0, base + 8, headerBytes - 8 + contentBytes)
        base.put(checksum, at: 4)
        let used = headerBytes + contentBytes
        (base + used).initializeMemory(as: UInt8.self, repeating: 0, count: roundedToPages(used) - used)
        return checksum
    }
    /// The checksum of the block if it is whole and the one that is meant; nil for anything else.
    static func checked(
        _ base: UnsafeRawPointer, _ name: SnapshotName, number: UInt64, contentBytes: Int
    ) -> UInt32? {
        guard base.get(UInt32.self, at: 0) == magic, base.get(UInt64.self, at: 8) == name.slot,
            base.get(UInt64.self, at: 16) == name.generation.rawValue, base.get(UInt64.self, at: 24) == number,
            base.get(UInt32.self, at: 32) == UInt32(contentBytes), base.get(UInt8.self, at: 36) == name.origin.rawValue
        else { return nil }
        let stored = base.get(UInt32.self, at: 4)
        return trm_crc32c(0, base + 8, headerBytes - 8 + contentBytes) == stored ? stored : nil
    }
    /// The checksum of a whole snapshot, one block further: chained over those of its blocks, which cover the content.
    package static func chain(_ checksum: UInt32, _ block: UInt32) -> UInt32 {
        withUnsafeBytes(of: block.littleEndian) { trm_crc32c(checksum, $0.baseAddress!, 4) }
    }
}

/// The first page of a snapshot file, written last, so that it is there only when the blocks are. It says what the superblock
/// says, whose file it is, who took the snapshot, and how large the blocks are.
package enum SnapshotHeader {
    package static let magic: UInt32 = 0x534D_5254  // "TRMS"
    package static let version: UInt32 = 2

    package static func encode(_ file: SnapshotFile, _ identity: LogIdentity, to page: UnsafeMutableRawPointer) {
        page.initializeMemory(as: UInt8.self, repeating: 0, count: Limits.pageBytes)
        var out = WireWriter(UnsafeMutableRawBufferPointer(start: page, count: Limits.pageBytes))
        out.put(magic)
        out.put(version)
        out.put(UInt32(0))  // checksum
        out.put(UInt32(identity.group))
        out.put(identity.clusterLow)
        out.put(identity.clusterHigh)
        out.put(UInt64(identity.replica.rawValue))
        out.put(file.description.slot)
        out.put(file.description.lengthBytes)
        out.put(file.description.checksum)
        out.put(Entry(file.description.cut), members: Limits.members)
        out.put(UInt32(file.blockBytes))
        out.put(UInt64(file.name.origin.rawValue))
        out.put(file.name.generation.rawValue)
        page.put(trm_crc32c(0, page, Limits.pageBytes), at: 8)
    }
    /// The snapshot whose header this page is, if it is that of exactly the one that the superblock names.
    static func read(
        _ page: UnsafeRawPointer, _ snapshot: SnapshotDescription, _ identity: LogIdentity
    ) -> SnapshotFile? {
        var reader = WireReader(UnsafeRawBufferPointer(start: page, count: Limits.pageBytes))
        // What stands before the blocks' size is known: it is compared below, whole.
        for _ in 0..<7 { _ = reader.take(UInt64.self) }
        _ = reader.take(UInt32.self)
        _ = reader.takeEntry(members: Limits.members)
        let blockBytes: UInt32 = reader.take()
        let origin: UInt64 = reader.take()
        let generation: UInt64 = reader.take()
        guard !reader.failed, blockBytes >= UInt32(Limits.pageBytes), blockBytes < 1 << 24, origin < Limits.members,
            Int(blockBytes) % Limits.pageBytes == 0
        else { return nil }
        let file = SnapshotFile(
            description: snapshot,
            name: SnapshotName(
                origin: ReplicaID(Int(origin)), generation: Generation(rawValue: generation), slot: snapshot.slot),
            blockBytes: Int(blockBytes))
        return withUnsafeTemporaryAllocation(byteCount: Limits.pageBytes, alignment: 16) { expected in
            encode(file, identity, to: expected.baseAddress!)
            return UnsafeRawBufferPointer(expected).elementsEqual(
                UnsafeRawBufferPointer(start: page, count: Limits.pageBytes)) ? file : nil
        }
    }
}
