// Asking for what was lost: batches, proposals, decided entries (PROTOCOL §3.4, §8).

/// "Send me batches `first … last` of this lane and generation again."
package struct BatchRequest: Equatable, Sendable {
    package var lane: ReplicaID
    package var generation: Generation
    package var first: UInt64
    package var last: UInt64
    package init(lane: ReplicaID, generation: Generation, first: UInt64, last: UInt64) {
        self.lane = lane
        self.generation = generation
        self.first = first
        self.last = last
    }
    package func encode(into w: inout WireWriter) {
        w.put(lane.rawValue)
        w.put(generation.rawValue)
        w.put(first)
        w.put(last)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> BatchRequest? {
        var r = WireReader(bytes)
        let request = BatchRequest(
            lane: r.takeReplica(members: members), generation: Generation(rawValue: r.take()), first: r.take(),
            last: r.take())
        return r.isComplete && request.first > 0 && request.first <= request.last ? request : nil
    }
}

/// "Send me what you have of the slots `first … last`": decided entries; and, where you are the sequencer, your proposals.
package struct EntryRequest: Equatable, Sendable {
    package var first: UInt64
    package var last: UInt64
    package init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }
    package func encode(into w: inout WireWriter) {
        w.put(first)
        w.put(last)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer) -> EntryRequest? {
        var r = WireReader(bytes)
        let request = EntryRequest(first: r.take(), last: r.take())
        return r.isComplete && request.first > 0 && request.first <= request.last ? request : nil
    }
}

/// Decided entries of `count` consecutive slots from `first` on; the entries follow.
package struct EntriesHeader: Equatable, Sendable {
    package var first: UInt64
    package var count: UInt8
    package init(first: UInt64, count: UInt8) {
        self.first = first
        self.count = count
    }
    package static func perDatagram(members: Int) -> Int {
        (Limits.controlBodyBytes - 9) / WireWriter.entryBytes(members: members)
    }
    package func encode(into w: inout WireWriter) {
        w.put(first)
        w.put(count)
    }
    package static func decode(_ r: inout WireReader) -> EntriesHeader? {
        let header = EntriesHeader(first: r.take(), count: r.take())
        return !r.failed && header.first > 0 && header.first <= .max - UInt64(header.count) ? header : nil
    }
}
