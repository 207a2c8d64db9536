// Numbers for what occurs in states: messages, log records, entries.
import TriremeCore

typealias MessageID = UInt32

/// A message as it was sent: it may arrive at each of `to`, never, once, or again and again.
struct Message {
    var kind: DatagramKind
    var from: ReplicaID
    var to: MemberSet
    var body: [UInt8]
    /// What a batch's frame names.
    var batch: BatchDescriptor?
    /// What it proposes.
    var proposal: Proposed?
    /// Generation and counter of a status.
    var status: StatusNumber?

    /// Questions that change nothing with whoever answers, and the exchange of a start.
    var isHeardAtOnce: Bool { kind == .entryRequest || kind == .recall || kind == .memory }
}

/// A proposal, with its entry's number.
struct Proposed: Equatable {
    var ballot: Ballot
    var half: Half
    var slot: UInt64
    var entry: UInt16
}

enum Record: Equatable {
    case batch(BatchDescriptor)
    case item(LogItem)
}

/// Everything that was met so far. Shared by all replicas of one exploration, or of one replay.
final class Vocabulary {
    private(set) var messages: [Message] = []
    private let bodies = ByteStore()
    private(set) var records: [Record] = []
    /// The first is no entry at all.
    private(set) var entries: [Entry] = [.nothing]
    let members: Int

    init(members: Int) { self.members = members }

    func number(_ message: Message) -> MessageID {
        let key = [message.kind.rawValue, message.from.rawValue, UInt8(message.to.bits)] + message.body
        let (number, isNew) = bodies.insert(key)
        if isNew { messages.append(message) }
        return number
    }
    /// There are few: looked for one after another.
    func number(_ record: Record) -> UInt16 {
        if let known = records.firstIndex(of: record) { return UInt16(known) }
        records.append(record)
        return UInt16(records.count - 1)
    }
    func number(_ entry: Entry) -> UInt16 {
        if let known = entries.dropFirst().firstIndex(of: entry) { return UInt16(known) }
        entries.append(entry)
        return UInt16(entries.count - 1)
    }

    /// The message that `fill` encodes, as it goes over the wire.
    func message(
        _ kind: DatagramKind, from: ReplicaID, to: MemberSet, _ fill: (inout WireWriter) -> Void
    ) -> Message {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.controlBodyBytes, alignment: 16)
        defer { room.deallocate() }
        var writer = WireWriter(room)
        fill(&writer)
        return Message(kind: kind, from: from, to: to, body: [UInt8](writer.bytes))
    }
}
