// Replies on their way from the thread that executes to one client thread: bytes in a bounded ring.
import CTrireme

/// One producer, one consumer. An entry is a u32 length and the bytes, padded to four; entries never wrap: where one
/// does not fit before the end, a marker sends the consumer to the start.
struct ReplyRing {
    private static let wrap: UInt32 = .max
    /// Instead of a length: the command's outcome is unknown. Such an entry has these four bytes only.
    static let unknown: UInt32 = .max - 1
    static func footprint(_ length: UInt32) -> Int { length == unknown ? 4 : (Int(length) + 7) & ~3 }
    /// Words that the two sides write, 128 bytes apart: tail (producer), head (consumer).
    private let words: UnsafeMutablePointer<UInt64>
    private let base: UnsafeMutableRawPointer
    private let capacity: UInt64

    /// - Parameter capacity: bytes, a power of two, at least twice the largest reply.
    init(capacity: Int) {
        precondition(capacity.nonzeroBitCount == 1)
        self.capacity = UInt64(capacity)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 256 + capacity, alignment: 128)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: 256 + capacity)
        words = memory.assumingMemoryBound(to: UInt64.self)
        base = memory + 256
    }
    func deallocate() { UnsafeMutableRawPointer(words).deallocate() }
    private var tail: UnsafeMutablePointer<UInt64> { words }
    private var head: UnsafeMutablePointer<UInt64> { words + 16 }

    /// Producer: copies one entry in. False when it does not fit now.
    func push(_ entry: UnsafeRawPointer, footprint: Int) -> Bool {
        var position = tail.pointee
        let used = position - trm_load_acquire_u64(head)
        let offset = position & (capacity - 1)
        let toEnd = capacity - offset
        let needed = UInt64(footprint) <= toEnd ? UInt64(footprint) : toEnd + UInt64(footprint)
        guard used + needed <= capacity else { return false }
        if UInt64(footprint) > toEnd {
            base.storeBytes(of: Self.wrap, toByteOffset: Int(offset), as: UInt32.self)
            position += toEnd
        }
        (base + Int(position & (capacity - 1))).copyMemory(from: entry, byteCount: footprint)
        trm_store_release_u64(tail, position + UInt64(footprint))
        return true
    }

    /// Consumer: hands out up to `limit` entries, nil for an unknown outcome. Returns how many.
    func drain(limit: Int, _ body: (UnsafeRawBufferPointer?) -> Void) -> Int {
        var position = head.pointee
        let end = trm_load_acquire_u64(tail)
        var count = 0
        while position < end, count < limit {
            let offset = Int(position & (capacity - 1))
            let length = base.load(fromByteOffset: offset, as: UInt32.self)
            if length == Self.wrap {
                position += capacity - UInt64(offset)
                continue
            }
            body(length == Self.unknown ? nil : UnsafeRawBufferPointer(start: base + offset + 4, count: Int(length)))
            position += UInt64(Self.footprint(length))
            count += 1
        }
        trm_store_release_u64(head, position)
        return count
    }
}
