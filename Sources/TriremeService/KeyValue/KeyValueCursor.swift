// A snapshot of a store that goes on changing: a walk through the table, and the old images of what changed ahead of it.

/// What a store has put away whole because it was emptied during a snapshot.
final class FrozenStore {
    var table: KeyValueTable
    let arena: KeyValueArena
    init(_ table: consuming KeyValueTable, _ arena: consuming KeyValueArena) {
        self.table = table
        self.arena = arena
    }
}

/// Every record bears a mark. While a snapshot runs those with its mark have gone into it, or came after it began; the others
/// still have to. Between snapshots all records bear the last one's mark, or an earlier one's that was given up.
struct KeyValueCursor {
    private(set) var isActive = false
    /// The mark of this snapshot, or of the last one: what new records get.
    private(set) var mark: UInt8 = 0
    /// Snapshots given up in a row: their marks are still about.
    private(set) var givenUp = 0
    /// The table to walk through where it is no longer the store's own.
    private(set) var frozen: FrozenStore?
    /// Old images, as they stand in the snapshot, oldest first.
    private var images: [UInt8] = []
    private var imagesGiven = 0
    var imageBytes: Int { images.count - imagesGiven }

    /// - Returns: false where marks of snapshots that were given up fill the range: the caller sets all records to ``mark`` first.
    mutating func begin() -> Bool {
        guard givenUp < 250 else {
            givenUp = 0
            return false
        }
        isActive = true
        mark &+= 1
        return true
    }
    mutating func end(isWhole: Bool) {
        givenUp = isWhole ? 0 : givenUp + 1
        isActive = false
        frozen = nil
        images = []
        imagesGiven = 0
    }
    /// Nothing bears a mark any more.
    mutating func forgetMarks() { givenUp = 0 }

    mutating func freeze(_ table: inout KeyValueTable, _ arena: inout KeyValueArena) {
        var oldTable = KeyValueTable()
        var oldArena = KeyValueArena()
        swap(&table, &oldTable)
        swap(&arena, &oldArena)
        frozen = FrozenStore(oldTable, oldArena)
    }

    mutating func setAside(_ record: KeyValueRecord) {
        record.mark = mark
        let sizes = UInt64(record.keyBytes) | UInt64(record.valueBytes) << 32
        withUnsafeBytes(of: sizes.littleEndian) { images.append(contentsOf: $0) }
        images.append(contentsOf: record.key)
        images.append(contentsOf: record.value)
    }
    /// Hands out up to `limit` bytes of images.
    mutating func takeImages(_ limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        let count = min(limit, imageBytes)
        guard count > 0 else { return }
        let start = imagesGiven
        try images.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<start + count])) }
        imagesGiven += count
        if imageBytes == 0 {
            images.removeAll(keepingCapacity: images.count < 1 << 20)
            imagesGiven = 0
        } else if imagesGiven > 1 << 20, imagesGiven > images.count / 2 {
            // What was given away does not add up while more comes.
            images.removeFirst(imagesGiven)
            imagesGiven = 0
        }
    }
}

/// How far a restore has come.
struct KeyValueRestore {
    var hasHeader = false
    var left: UInt64 = 0
    var digest: UInt64 = 0
}
