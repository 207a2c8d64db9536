// Where keys and values lie: pieces of memory in size classes, given back and taken again without the system's allocator.
import Glibc

/// Memory in pieces of a few dozen sizes, four to each doubling, so that at most a fifth of a piece is wasted (a third below
/// 64 bytes). Freed pieces are kept in one list per size and used again for that size; memory goes back to the system with
/// ``removeChunk()`` only.
///
/// Pieces do not move, and are aligned to 16 bytes.
struct KeyValueArena: ~Copyable {
    /// Pieces of 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 … bytes.
    static let classes = 64
    /// Memory is taken from the system in this size: that of a huge page.
    private static let chunkBytes = 2 << 20

    private var freeLists = InlineArray<64, UnsafeMutableRawPointer?>(repeating: nil)
    private var next: UnsafeMutableRawPointer?
    private var leftBytes = 0
    private var chunks: [(base: UnsafeMutableRawPointer, bytes: Int)] = []
    /// Bytes taken from the system.
    private(set) var reservedBytes = 0

    init() {}

    deinit { for chunk in chunks { free(chunk.base) } }

    /// The size class of pieces of at least `bytes` bytes, 1 to 2 MiB.
    @inline(__always)
    static func sizeClass(_ bytes: Int) -> Int {
        if bytes <= 128 { return (bytes &- 1) &>> 4 }
        // The place of the highest bit of the last byte's index, and the two bits after it.
        let last = bytes &- 1
        let power = Int.bitWidth &- 1 &- last.leadingZeroBitCount
        return 8 &+ (power &- 7) &* 4 &+ (last &>> (power &- 2)) & 3
    }

    /// Bytes of the pieces of a class.
    @inline(__always)
    static func pieceBytes(_ sizeClass: Int) -> Int {
        if sizeClass < 8 { return (sizeClass &+ 1) &* 16 }
        let power = 7 &+ (sizeClass &- 8) / 4
        return (1 &<< power) &+ ((sizeClass &- 8) % 4 &+ 1) &* (1 &<< (power &- 2))
    }

    /// A piece of the class.
    @inline(__always)
    mutating func allocate(_ sizeClass: Int) -> UnsafeMutableRawPointer {
        if let piece = freeLists[sizeClass] {
            freeLists[sizeClass] = piece.load(as: UnsafeMutableRawPointer?.self)
            return piece
        }
        return carve(Self.pieceBytes(sizeClass))
    }

    /// Gives a piece back. Its first eight bytes now belong to the arena.
    @inline(__always)
    mutating func deallocate(_ piece: UnsafeMutableRawPointer, _ sizeClass: Int) {
        piece.storeBytes(of: freeLists[sizeClass], as: UnsafeMutableRawPointer?.self)
        freeLists[sizeClass] = piece
    }

    private mutating func carve(_ bytes: Int) -> UnsafeMutableRawPointer {
        if leftBytes < bytes { addChunk(atLeast: bytes) }
        let piece = next!
        next = piece + bytes
        leftBytes -= bytes
        return piece
    }

    @inline(never)
    private mutating func addChunk(atLeast bytes: Int) {
        // What is left of the old chunk is kept for smaller pieces.
        while let rest = next, leftBytes >= 16 {
            var sizeClass = Self.sizeClass(leftBytes)
            if Self.pieceBytes(sizeClass) > leftBytes { sizeClass -= 1 }
            deallocate(rest, sizeClass)
            next = rest + Self.pieceBytes(sizeClass)
            leftBytes -= Self.pieceBytes(sizeClass)
        }
        let size = (max(bytes, Self.chunkBytes) + Self.chunkBytes - 1) / Self.chunkBytes * Self.chunkBytes
        guard let chunk = aligned_alloc(Self.chunkBytes, size) else {
            fatalError("no memory for \(size) bytes of keys and values")
        }
        madvise(chunk, size, MADV_HUGEPAGE)
        chunks.append((chunk, size))
        reservedBytes += size
        next = chunk
        leftBytes = size
    }

    /// Gives one chunk back, whatever lies in it. Returns whether there was one. Nothing may be allocated afterwards.
    mutating func removeChunk() -> Bool {
        guard let chunk = chunks.popLast() else { return false }
        free(chunk.base)
        reservedBytes -= chunk.bytes
        return true
    }
}
