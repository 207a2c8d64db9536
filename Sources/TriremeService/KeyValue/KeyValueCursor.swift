// A snapshot of a store that goes on changing: a walk through the table, and the old images of what changed ahead of it.

/// Every record bears a mark. While a snapshot runs those with its mark have gone into it, or came after it began; the others
/// still have to. Between snapshots all records bear the last one's mark, or an earlier one's that was given up.
struct KeyValueCursor: ~Copyable {
    private(set) var isActive = false
    /// The mark of this snapshot, or of the last one: what new records get.
    private(set) var mark: UInt16 = 0
    /// Snapshots given up in a row: their marks are still about.
    private(set) var givenUp = 0
    /// The table to walk through where it is no longer the store's own.
    private(set) var frozen: FrozenStore?
    /// Old images, as they stand in the snapshot, oldest first.
    private(set) var images = KeyValueImages()
    var imageBytes: Int { images.count }
    /// Most snapshots given up in a row, at one a second nine hours of a full disk: after them all records are visited at once.
    static let givenUpMaximum = 32_000

    init() {}

    /// - Returns: false where marks of snapshots that were given up fill the range: the caller sets all records to ``mark`` first.
    mutating func begin() -> Bool {
        guard givenUp < Self.givenUpMaximum else {
            givenUp = 0
            return false
        }
        isActive = true
        mark = (mark &+ 1) & KeyValueRecord.markMaximum
        return true
    }
    /// What was kept goes to `waste`, which gives it back bit by bit.
    mutating func end(isWhole: Bool, _ waste: inout KeyValueWaste) {
        givenUp = isWhole ? 0 : givenUp + 1
        isActive = false
        if let frozen { waste.add(frozen) }
        frozen = nil
        waste.take(&images)
    }
    /// Nothing bears a mark any more.
    mutating func forgetMarks() { givenUp = 0 }

    /// The walk goes on in what the store was.
    mutating func freeze(_ store: FrozenStore) { frozen = store }

    mutating func setAside(_ record: KeyValueRecord) {
        record.mark = mark
        let sizes = UInt64(record.keyBytes) | UInt64(record.valueBytes) << 32
        withUnsafeBytes(of: sizes.littleEndian) { images.append($0) }
        // The value stands behind the key.
        images.append(UnsafeRawBufferPointer(start: record.keyStart, count: record.keyBytes + record.valueBytes))
    }
    /// Hands out up to `limit` bytes of images.
    mutating func takeImages(_ limit: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try images.take(limit, body)
    }
}

/// How far a restore has come.
struct KeyValueRestore {
    var hasHeader = false
    var left: UInt64 = 0
    var digest: UInt64 = 0
}
