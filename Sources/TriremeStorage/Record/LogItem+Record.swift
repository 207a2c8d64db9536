// Items as they lie in an items record: type (u8), length of the rest (u16), fields. Cuts hold `members` lanes.
import TriremeCore

extension LogItem {
    private enum Tag: UInt8 {
        case promise = 1
        case vote = 2
        case decided = 3
        case decidedEntry = 4
        case closed = 5
        case outstanding = 6
    }
    private static let prefixBytes = 3
    /// Bytes of payload that an items record of one page holds.
    package static let capacityBytes = Limits.pageBytes - Limits.headerBytes

    private var tag: Tag {
        switch self {
        case .promise: .promise
        case .vote: .vote
        case .decided: .decided
        case .decidedEntry: .decidedEntry
        case .closed: .closed
        case .outstanding: .outstanding
        }
    }
    /// Bytes that the item takes in a record.
    package func encodedBytes(members: Int) -> Int {
        func size(_ entry: Entry) -> Int { entry.kind == .cut ? WireWriter.entryBytes(members: members) : 1 }
        let fields =
            switch self {
            case .promise(let ballot): ballot.byteCount
            case .outstanding(let outstanding): outstanding.byteCount
            case .vote(_, let ballot, _, let entry): 8 + ballot.byteCount + 1 + size(entry)
            case .decided: 16
            case .decidedEntry(_, let entry): 8 + size(entry)
            case .closed(_, let ballot): 8 + ballot.byteCount
            }
        return Self.prefixBytes + fields
    }

    /// Writes the item at `base`, which has room for ``encodedBytes(members:)``, and returns how many they were.
    package func encode(to base: UnsafeMutableRawPointer, members: Int) -> Int {
        let bytes = encodedBytes(members: members)
        var writer = WireWriter(UnsafeMutableRawBufferPointer(start: base, count: bytes))
        writer.put(tag.rawValue)
        writer.put(UInt16(bytes - Self.prefixBytes))
        switch self {
        case .promise(let ballot):
            writer.put(ballot)
        case .outstanding(let outstanding):
            writer.put(outstanding)
        case .vote(let slot, let ballot, let half, let entry):
            writer.put(slot)
            writer.put(ballot)
            writer.put(half.rawValue)
            writer.put(entry, members: members)
        case .decided(let first, let last):
            writer.put(first)
            writer.put(last)
        case .decidedEntry(let slot, let entry):
            writer.put(slot)
            writer.put(entry, members: members)
        case .closed(let slot, let ballot):
            writer.put(slot)
            writer.put(ballot)
        }
        precondition(writer.count == bytes, "an item's length was computed wrongly")
        return bytes
    }

    /// The item at the beginning of `bytes` and how many of them it takes; nil where there is none that makes sense.
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> (item: LogItem, bytes: Int)? {
        guard bytes.count >= prefixBytes, let tag = Tag(rawValue: bytes[0]) else { return nil }
        let length = Int(bytes.baseAddress!.get(UInt16.self, at: 1))
        guard prefixBytes + length <= bytes.count else { return nil }
        var reader = WireReader(UnsafeRawBufferPointer(rebasing: bytes[prefixBytes..<prefixBytes + length]))
        let item: LogItem
        switch tag {
        case .promise:
            item = .promise(reader.takeBallot(members: members))
        case .vote:
            let slot: UInt64 = reader.take()
            let ballot = reader.takeBallot(members: members)
            guard let half = Half(rawValue: reader.take()) else { return nil }
            item = .vote(slot: slot, ballot: ballot, half: half, entry: reader.takeEntry(members: members))
        case .decided:
            item = .decided(first: reader.take(), last: reader.take())
        case .decidedEntry:
            item = .decidedEntry(slot: reader.take(), entry: reader.takeEntry(members: members))
        case .closed:
            item = .closed(slot: reader.take(), ballot: reader.takeBallot(members: members))
        case .outstanding:
            item = .outstanding(reader.takeOutstanding(members: members))
        }
        return reader.isComplete ? (item, prefixBytes + length) : nil
    }
}
