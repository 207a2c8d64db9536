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
    /// Old pages of a snapshot that is being written: a second table, of which only those pages are touched that are set aside.
    private var shadow: CounterShadow?
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

    // MARK: Snapshots

    /// Pages of the table: the unit in which it is set aside.
    package static let pageEntries = 256
    package static let pages = entries / pageEntries
    private static let pageWords = pageEntries * 2

    package var isWalking: Bool { shadow != nil }
    package var setAsideBytes: Int { (shadow?.setAside ?? 0) * Self.pageWords * 8 }
    package mutating func beginWalk() { shadow = CounterShadow(pages: Self.pages, words: Self.entries * 2) }
    package mutating func endWalk() { shadow = nil }

    /// As ``value(of:)`` while a snapshot is being written: a page that it has not reached is set aside before it changes.
    @inline(__always)
    package mutating func preservedValue(of key: UInt64) -> UnsafeMutablePointer<UInt64>? {
        var bucket = Self.bucket(key)
        while true {
            let line = words + bucket &* 8
            let found =
                (line[0] == key ? 1 : 0) | (line[2] == key ? 2 : 0) | (line[4] == key ? 4 : 0)
                | (line[6] == key ? 8 : 0)
            if found != 0 {
                setAside(bucket)
                return line + (found.trailingZeroBitCount &* 2 &+ 1)
            }
            if line[6] == 0 {
                setAside(bucket)
                return insert(key, in: line)
            }
            bucket = (bucket &+ 1) & (Self.buckets &- 1)
        }
    }
    @inline(__always)
    private func setAside(_ bucket: Int) {
        let page = bucket / (Self.pageEntries / 4)
        shadow?.setAside(page, words + page * Self.pageWords, count: Self.pageWords)
    }
    /// The keys of the next page of the walk, as they were when it began. False at the end.
    package mutating func nextPage<E>(_ body: (_ key: UInt64, _ value: UInt64) throws(E) -> Void) throws(E) -> Bool {
        guard let page = shadow?.next, page < Self.pages else { return false }
        let old = shadow?.take(page) ?? words + page * Self.pageWords
        for entry in 0..<Self.pageEntries where old[entry * 2] != 0 { try body(old[entry * 2], old[entry * 2 + 1]) }
        return true
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

/// What is kept of a table while a snapshot of it is written.
private final class CounterShadow {
    /// The next page of the walk: pages before it may change.
    @exclusivity(unchecked) var next = 0
    /// Pages that are set aside and not taken.
    @exclusivity(unchecked) var setAside = 0
    private let isSetAside: UnsafeMutablePointer<Bool>
    private let words: UnsafeMutablePointer<UInt64>

    init(pages: Int, words count: Int) {
        isSetAside = .allocate(capacity: pages)
        isSetAside.initialize(repeating: false, count: pages)
        words = .allocate(capacity: count)
    }
    deinit {
        words.deallocate()
        isSetAside.deallocate()
    }

    @inline(__always)
    func setAside(_ page: Int, _ from: UnsafePointer<UInt64>, count: Int) {
        guard page >= next, !isSetAside[page] else { return }
        isSetAside[page] = true
        setAside += 1
        (words + page * count).update(from: from, count: count)
    }
    /// The page as it was set aside, or nil if it has not changed. The walk goes on behind it.
    func take(_ page: Int) -> UnsafeMutablePointer<UInt64>? {
        next = page + 1
        guard isSetAside[page] else { return nil }
        setAside -= 1
        return words + page * CounterTable.pageEntries * 2
    }
}
