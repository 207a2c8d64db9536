// Bytes of control messages: little endian, packed, no padding. The only file of the core that touches raw memory.

/// Appends fields to a message body of fixed capacity.
package struct WireWriter: ~Copyable {
    package let base: UnsafeMutableRawPointer
    package let capacity: Int
    package private(set) var count = 0

    package init(_ buffer: UnsafeMutableRawBufferPointer) {
        base = buffer.baseAddress!
        capacity = buffer.count
    }
    package var remaining: Int { capacity - count }
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    @inline(__always) package mutating func put<T: FixedWidthInteger>(_ value: T) {
        precondition(count + MemoryLayout<T>.size <= capacity, "message body over its capacity")
        base.storeBytes(of: value.littleEndian, toByteOffset: count, as: T.self)
        count += MemoryLayout<T>.size
    }
    package mutating func put(_ ballot: Ballot) {
        put(ballot.epoch)
        put(ballot.round)
        put(ballot.owner.rawValue)
        // A third kind on the wire: classic, and who decides in it follows.
        guard !ballot.announced.isEmpty else { return put(ballot.kind.rawValue) }
        put(Self.announcedKind)
        put(ballot.announced.bits)
    }
    fileprivate static let announcedKind: UInt8 = 2
    package mutating func put(_ position: Position) {
        put(position.generation.rawValue)
        put(position.sequence)
        put(position.digest)
    }
    package mutating func put(_ entry: Entry, members: Int) {
        put(entry.kind.rawValue)
        guard entry.kind == .cut else { return }
        put(entry.cut.timestamp)
        put(entry.cut.epoch)
        for lane in 0..<members { put(entry.cut[lane]) }
    }
    /// Most bytes of one entry of `members` lanes.
    package static func entryBytes(members: Int) -> Int { 1 + 8 + 4 + members * 24 }
}

/// Takes fields from a message body. A read past the end, or a value that does not exist, marks the reader as failed and
/// yields zeros; the caller asks once, at the end.
package struct WireReader: ~Copyable {
    let bytes: UnsafeRawBufferPointer
    var offset = 0
    package private(set) var failed = false

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
    /// Whether everything was there and nothing is left over.
    package var isComplete: Bool { !failed && offset == bytes.count }
    package mutating func fail() { failed = true }

    @inline(__always) package mutating func take<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T {
        guard !failed, offset + MemoryLayout<T>.size <= bytes.count else {
            failed = true
            return 0
        }
        defer { offset += MemoryLayout<T>.size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
    package mutating func takeReplica(members: Int) -> ReplicaID {
        let raw: UInt8 = take()
        if raw >= members { failed = true }
        return ReplicaID(failed ? 0 : raw)
    }
    package mutating func takeBallot(members: Int) -> Ballot {
        let epoch: UInt32 = take()
        let round: UInt32 = take()
        let owner = takeReplica(members: members)
        let raw: UInt8 = take()
        if raw == WireWriter.announcedKind {
            let announced = MemberSet(bits: take())
            if announced.isEmpty || !announced.isSubset(of: .first(members)) { failed = true }
            return failed ? .none : Ballot(epoch: epoch, round: round, owner: owner, announced: announced)
        }
        guard let kind = Ballot.Kind(rawValue: raw) else {
            failed = true
            return .none
        }
        return Ballot(epoch: epoch, round: round, owner: owner, kind: kind)
    }
    package mutating func takePosition() -> Position {
        let generation = Generation(rawValue: take())
        let position = Position(generation, take(), digest: take())
        if position.isEmpty && position != .empty { failed = true }
        return position
    }
    package mutating func takeEntry(members: Int) -> Entry {
        switch Entry.Kind(rawValue: take()) {
        case .nothing: return .nothing
        case .cut:
            var cut = Cut()
            cut.timestamp = take()
            cut.epoch = take()
            for lane in 0..<members { cut[lane] = takePosition() }
            return Entry(cut)
        // A configuration entry has no meaning yet in this version: such a message is malformed.
        case .configuration, nil:
            failed = true
            return .nothing
        }
    }
}
