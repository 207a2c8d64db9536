// The memory of the counter service: a table of fixed size on huge pages, where a key costs one cache miss.
import CTrireme
import Glibc

/// An open-addressing table from non-zero 64-bit keys to 64-bit sums: 2^20 entries of 16 bytes in buckets of one cache line.
///
/// A key lies in its bucket or, when that was full, in the next one that had room. Nothing is ever removed.
package struct CounterTable: ~Copyable {
    package static let entries = 1 << 20
    package static let bytes = entries * 16
    /// New keys are refused beyond this, so that a probe always ends at an empty entry, and soon.
    package static let keysMaximum = entries / 8 * 7
    private static let buckets = entries / 4

    /// Zeroed and on huge pages where there are any, which spares the misses of the address translation.
    private var region = trm_region()
    /// Key and value by turns.
    private let words: UnsafeMutablePointer<UInt64>
    package private(set) var count = 0

    package init() {
        var options = trm_region_options(node: -1, huge_table: false, shared: false)
        guard trm_region_map(Self.bytes, &options, &region) == 0, let base = region.base else {
            fatalError("no memory for the counter table of \(Self.bytes) bytes")
        }
        words = base.bindMemory(to: UInt64.self, capacity: Self.entries * 2)
    }

    deinit {
        var region = region
        trm_region_unmap(&region)
    }

    @inline(__always)
    private static func bucket(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0xD6E8_FEB8_6659_FD93) >> (64 - 18))
    }

    /// Fetches the key's bucket into the cache, to be there some dozens of commands later.
    @inline(__always)
    package func prefetch(_ key: UInt64) {
        trm_prefetch_write(words + Self.bucket(key) &* 8)
    }

    /// The place of the key's value, which is 0 at first. `nil` for a new key when the table is full.
    @inline(__always)
    package mutating func value(of key: UInt64) -> UnsafeMutablePointer<UInt64>? {
        var bucket = Self.bucket(key)
        while true {
            // All four are compared before the one branch, which nearly always goes the same way.
            let line = words + bucket &* 8
            let found =
                (line[0] == key ? 1 : 0) | (line[2] == key ? 2 : 0) | (line[4] == key ? 4 : 0)
                | (line[6] == key ? 8 : 0)
            if found != 0 { return line + (found.trailingZeroBitCount &* 2 &+ 1) }
            if line[6] == 0 { return insert(key, in: line) }
            bucket = (bucket &+ 1) & (Self.buckets &- 1)
        }
    }

    /// Entries of a bucket fill in order, so the last is empty when any is.
    @inline(never)
    private mutating func insert(_ key: UInt64, in line: UnsafeMutablePointer<UInt64>) -> UnsafeMutablePointer<UInt64>?
    {
        guard count < Self.keysMaximum else { return nil }
        var entry = line
        while entry.pointee != 0 { entry += 2 }
        entry.pointee = key
        count += 1
        return entry + 1
    }

    package mutating func removeAll() {
        memset(words, 0, Self.bytes)
        count = 0
    }

    /// Calls `body` for every key, in the order of the table.
    package func forEach<E>(_ body: (_ key: UInt64, _ value: UInt64) throws(E) -> Void) throws(E) {
        for entry in 0..<Self.entries where words[entry * 2] != 0 {
            try body(words[entry * 2], words[entry * 2 + 1])
        }
    }
}
