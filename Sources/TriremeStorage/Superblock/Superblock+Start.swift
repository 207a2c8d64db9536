// Reading and writing the four copies while nothing else runs (PROTOCOL §9). At run time: ``SuperblockWriter``.
import TriremeCore

/// What the four copies say.
struct SuperblockCopies {
    /// The newest readable one, if at least two are readable.
    var newest: Superblock
    /// Highest generation of any readable copy (PROTOCOL §9 ◆).
    var highestGeneration: Generation
    /// Copies in the order in which to overwrite them: unreadable and old ones first, so that a crash between the two
    /// pairs always leaves two readable ones.
    var order: [Int]
}

extension StorageDevice where Self: ~Copyable {
    mutating func readSuperblock() throws(StorageError) -> SuperblockCopies {
        let bytes = Superblock.copies * Limits.pageBytes
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: Limits.pageBytes)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        let got = try readNow(.superblock, at: 0, into: memory)
        if !memory.contains(where: { $0 != 0 }) {
            throw StorageError(
                .unformatted,
                "superblock: empty, this directory was never formatted; for a new identity start once with --format, a lost "
                    + "one has to be replaced through a configuration change")
        }
        var copies = [Superblock?](repeating: nil, count: Superblock.copies)
        for i in 0..<Superblock.copies where (i + 1) * Limits.pageBytes <= got {
            copies[i] = Superblock(memory.baseAddress! + i * Limits.pageBytes)
        }
        let readable = copies.compactMap { $0 }
        guard readable.count >= 2, let newest = readable.max(by: { $0.sequence < $1.sequence }) else {
            throw StorageError(
                .tooFewSuperblocks,
                "superblock: \(readable.count) of 4 copies readable, 2 needed; what this replica has promised is unknown, "
                    + "so replace it under a new identity through a configuration change")
        }
        let order = (0..<Superblock.copies).sorted {
            let a = copies[$0]?.sequence
            let b = copies[$1]?.sequence
            return a == b ? $0 < $1 : (a ?? 0) < (b ?? 0)
        }
        return SuperblockCopies(
            newest: newest, highestGeneration: readable.map(\.generation).max() ?? newest.generation, order: order)
    }

    /// Two copies, flush, two copies, flush: durable when all four are.
    mutating func writeSuperblock(_ superblock: Superblock, order: [Int] = [0, 1, 2, 3]) throws(StorageError) {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.pageBytes, alignment: Limits.pageBytes)
        defer { page.deallocate() }
        superblock.encode(to: page.baseAddress!)
        for (i, copy) in order.enumerated() {
            try writeNow(.superblock, at: UInt64(copy * Limits.pageBytes), UnsafeRawBufferPointer(page))
            if i % 2 == 1 { try flushSuperblockNow() }
        }
    }
}
