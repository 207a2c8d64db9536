// Memory that nothing refers to any more, on its way back to the system: a little at a time, since a gigabyte at once takes long.

/// A store that was put away whole because it was emptied. A snapshot that was begun before may still walk through it.
final class FrozenStore {
    var table: KeyValueTable
    var arena: KeyValueArena
    init(_ table: consuming KeyValueTable, _ arena: consuming KeyValueArena) {
        self.table = table
        self.arena = arena
    }
    /// Gives a chunk or a shard back. Returns whether more is there.
    func release() -> Bool { arena.removeChunk() || table.removeShard() }
}

/// Stores and images that go. Nobody reads them.
struct KeyValueWaste: ~Copyable {
    private var stores: [FrozenStore] = []
    private var images = KeyValueImages()
    private(set) var isEmpty = true

    init() {}
    mutating func add(_ store: FrozenStore) {
        stores.append(store)
        isEmpty = false
    }
    /// Takes what is in `more`, which is empty afterwards.
    mutating func take(_ more: inout KeyValueImages) {
        guard more.count > 0 else { return }
        // What was still going from an earlier one goes at once: given up twice within a few batches.
        swap(&images, &more)
        more = KeyValueImages()
        isEmpty = false
    }
    /// Gives about two mebibytes back: some ten microseconds. Called with each batch while there is any.
    mutating func release() {
        for _ in 0..<8 where !images.removePiece() { break }
        while let store = stores.last {
            if store.release() { return }
            stores.removeLast()
        }
        if images.count == 0 {
            images = KeyValueImages()
            isEmpty = true
        }
    }
}
