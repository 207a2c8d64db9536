// From keys to records: an open-addressing index that grows in small steps.
import CTrireme
import Glibc

/// An index from hashes to records.
///
/// 256 shards, chosen by the hash's upper bits, each a power of two of 16-byte slots (hash, record's address) with linear
/// probing. A shard doubles by itself when it is three quarters full, and shards reach that point at different times:
/// at ten million keys one doubling moves 40,000 slots, well below a millisecond. The hash stands in the slot, so growing does
/// not touch records, and a wrong record is hardly ever looked at.
struct KeyValueTable: ~Copyable {
    private static let shardCount = 256
    private static let slotsMinimum = 16

    private struct Slot {
        /// 0 is an empty slot; see ``KeyValueTable/nonZero(_:)``.
        var hash: UInt64
        var record: UInt64
    }

    private struct Shard {
        var slots: UnsafeMutablePointer<Slot>
        var mask: Int
        var count: Int
    }

    private let shards: UnsafeMutablePointer<Shard>
    private(set) var count = 0
    /// Shards that were given back.
    private var removed = 0
    /// Where a walk through all records stands, while there is one.
    private var cursor: Cursor?
    private struct Cursor {
        var shard = 0
        var index = 0
    }

    init() {
        shards = .allocate(capacity: Self.shardCount)
        for shard in 0..<Self.shardCount { (shards + shard).initialize(to: Self.emptyShard(Self.slotsMinimum)) }
    }

    deinit {
        for shard in removed..<Self.shardCount { free(shards[shard].slots) }
        shards.deallocate()
    }
    /// Gives one shard back. Returns whether there was one. The table can only be ended afterwards.
    mutating func removeShard() -> Bool {
        guard removed < Self.shardCount else { return false }
        free(shards[removed].slots)
        removed += 1
        return true
    }

    private static func emptyShard(_ capacity: Int) -> Shard {
        guard let memory = aligned_alloc(64, capacity * MemoryLayout<Slot>.stride) else {
            fatalError("no memory for the index")
        }
        memset(memory, 0, capacity * MemoryLayout<Slot>.stride)
        return Shard(slots: memory.bindMemory(to: Slot.self, capacity: capacity), mask: capacity - 1, count: 0)
    }

    /// Hashes must not be 0 here.
    @inline(__always)
    static func nonZero(_ hash: UInt64) -> UInt64 { hash == 0 ? 1 : hash }

    @inline(__always)
    private func shard(_ hash: UInt64) -> UnsafeMutablePointer<Shard> { shards + Int(truncatingIfNeeded: hash &>> 56) }

    /// Fetches the first slot of a probe into the cache.
    @inline(__always)
    func prefetchSlot(_ hash: UInt64) {
        let shard = shard(hash)
        trm_prefetch_write(shard.pointee.slots + (Int(truncatingIfNeeded: hash) & shard.pointee.mask))
    }

    /// Fetches the record into the cache when it stands in the first slot, as most do.
    @inline(__always)
    func prefetchRecord(_ hash: UInt64) {
        let shard = shard(hash)
        let slot = shard.pointee.slots + (Int(truncatingIfNeeded: hash) & shard.pointee.mask)
        // A command without a key has hash 0, which is that of an empty slot.
        if slot.pointee.hash == hash, let record = UnsafeRawPointer(bitPattern: UInt(slot.pointee.record)) {
            trm_prefetch_write(record)
        }
    }

    /// A slot that holds a record, until the next insertion or removal.
    struct Place {
        fileprivate let index: Int
        let record: KeyValueRecord
    }

    /// The record with this key.
    @inline(__always)
    func find(_ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Place? {
        let shard = shard(hash).pointee
        var index = Int(truncatingIfNeeded: hash) & shard.mask
        while true {
            let slot = shard.slots[index]
            if slot.hash == hash {
                let record = KeyValueRecord(bits: slot.record)
                if bytesAreEqual(record.key, key) { return Place(index: index, record: record) }
            }
            if slot.hash == 0 { return nil }
            index = (index &+ 1) & shard.mask
        }
    }

    /// Adds a record whose key is not there.
    mutating func insert(_ record: KeyValueRecord, _ hash: UInt64) {
        let shard = shard(hash)
        if (shard.pointee.count &+ 1) &* 4 > (shard.pointee.mask &+ 1) &* 3 {
            Self.grow(shard)
            // Records have changed places: the walk begins this shard again.
            if let cursor, shards + cursor.shard == shard { self.cursor?.index = 0 }
        }
        Self.place(shard, Slot(hash: hash, record: record.bits))
        shard.pointee.count &+= 1
        count &+= 1
    }

    /// Puts another record for the same key into its place.
    @inline(__always)
    func replace(_ place: Place, _ record: KeyValueRecord, _ hash: UInt64) {
        shard(hash).pointee.slots[place.index].record = record.bits
    }

    /// Removes a record. Later ones of the same probe move up, so there are no tombstones.
    mutating func remove(_ place: Place, _ hash: UInt64) {
        let shard = shard(hash)
        let (slots, mask) = (shard.pointee.slots, shard.pointee.mask)
        var hole = place.index
        var index = hole
        while true {
            index = (index &+ 1) & mask
            if slots[index].hash == 0 { break }
            let home = Int(truncatingIfNeeded: slots[index].hash) & mask
            // It may move to the hole unless its home lies after the hole on the way here.
            if (index &- home) & mask >= (index &- hole) & mask {
                slots[hole] = slots[index]
                if cursor != nil { moved(shard, from: index, to: hole) }
                hole = index
            }
        }
        slots[hole] = Slot(hash: 0, record: 0)
        shard.pointee.count &-= 1
        count &-= 1
    }

    @inline(__always)
    private static func place(_ shard: UnsafeMutablePointer<Shard>, _ slot: Slot) {
        var index = Int(truncatingIfNeeded: slot.hash) & shard.pointee.mask
        while shard.pointee.slots[index].hash != 0 { index = (index &+ 1) & shard.pointee.mask }
        shard.pointee.slots[index] = slot
    }

    /// A record has moved: where that is past the walk, the walk goes back to it.
    private mutating func moved(_ shard: UnsafeMutablePointer<Shard>, from index: Int, to hole: Int) {
        guard let cursor, shards + cursor.shard == shard, hole < cursor.index, index >= cursor.index else { return }
        self.cursor?.index = hole
    }

    @inline(never)
    private static func grow(_ shard: UnsafeMutablePointer<Shard>) {
        let old = shard.pointee
        shard.pointee = emptyShard((old.mask + 1) * 2)
        for index in 0...old.mask where old.slots[index].hash != 0 { place(shard, old.slots[index]) }
        shard.pointee.count = old.count
        free(old.slots)
    }

    // MARK: Walking through

    /// Begins a walk through all records. Records come and go meanwhile: those that stay all the time are met at least once.
    mutating func beginWalk() { cursor = Cursor() }
    mutating func endWalk() { cursor = nil }
    /// The next record of the walk, or nil at its end.
    mutating func nextOfWalk() -> KeyValueRecord? {
        guard var at = cursor else { return nil }
        while at.shard < Self.shardCount {
            let shard = shards[at.shard]
            while at.index <= shard.mask {
                let slot = shard.slots[at.index]
                at.index &+= 1
                guard slot.hash != 0 else { continue }
                // The records that come next are fetched meanwhile.
                let ahead = at.index &+ 8
                if ahead <= shard.mask, let record = UnsafeRawPointer(bitPattern: UInt(shard.slots[ahead].record)) {
                    trm_prefetch_write(record)
                }
                cursor = at
                return KeyValueRecord(bits: slot.record)
            }
            at = Cursor(shard: at.shard + 1, index: 0)
        }
        cursor = at
        return nil
    }

    /// Calls `body` for every record, in no particular order.
    func forEach<E>(_ body: (KeyValueRecord) throws(E) -> Void) throws(E) {
        for shard in 0..<Self.shardCount {
            for index in 0...shards[shard].mask where shards[shard].slots[index].hash != 0 {
                try body(KeyValueRecord(bits: shards[shard].slots[index].record))
            }
        }
    }
}
