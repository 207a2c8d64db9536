// A start asks the others what they remember of it, and they answer (PROTOCOL §9).

/// "I have started as this generation; what did I tell you before?" Whoever answers takes no earlier status of the sender any
/// more.
package struct Recall: Equatable, Sendable {
    package var generation: Generation
    package var epoch: UInt32
    package init(generation: Generation, epoch: UInt32) {
        self.generation = generation
        self.epoch = epoch
    }
    package func encode(into w: inout WireWriter) {
        w.put(generation.rawValue)
        w.put(epoch)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer) -> Recall? {
        var r = WireReader(bytes)
        let recall = Recall(generation: Generation(rawValue: r.take()), epoch: r.take())
        return r.isComplete ? recall : nil
    }
}

/// The answer: everything durable that the asker's earlier starts reported to the sender, joined.
package struct Memory: Sendable {
    /// Who asked: an answer that goes astray tells whoever gets it nothing (PROTOCOL §9 ◆).
    package var asker = ReplicaID(0)
    /// The generation that asked, and the epoch of the answer.
    package var asked = Generation.zero
    package var epoch: UInt32 = 0
    /// The highest generation of the asker that the sender knows of, be it from a status or a batch.
    package var generation = Generation.zero
    package var promise = Ballot.none
    package var votes = VoteRun.none
    /// Votes and vows of the last fast ballot that it told of.
    package var marks = VoteMarks.none
    /// An earlier start told that it had lost what was reported before: a disk may forget that, too.
    package var hasForgotten = false
    package var durable = InlineArray<16, Position>(repeating: .empty)
    /// What the sender itself has promised, durably.
    package var sendersPromise = Ballot.none

    package init() {}
    /// Adds what a status reported.
    mutating func join(_ status: Status, members: Int) {
        generation = max(generation, status.number.generation)
        promise = max(promise, status.promise)
        if status.flags.contains(.hasForgotten) { hasForgotten = true }
        if status.marks.count > 0, marks.ballot <= status.marks.ballot { marks = status.marks }
        for lane in 0..<members { durable[lane] = max(durable[lane], status.durable[lane]) }
    }
    package func encode(into w: inout WireWriter, members: Int) {
        w.put(asker.rawValue)
        w.put(asked.rawValue)
        w.put(epoch)
        w.put(generation.rawValue)
        w.put(promise)
        w.put(votes.ballot)
        w.put(votes.first)
        w.put(votes.last)
        w.put(sendersPromise)
        w.put(UInt8(hasForgotten ? 1 : 0))
        for lane in 0..<members { w.put(durable[lane]) }
        marks.encode(into: &w)
    }
    package static func decode(_ bytes: UnsafeRawBufferPointer, members: Int) -> Memory? {
        var r = WireReader(bytes)
        var memory = Memory()
        memory.asker = r.takeReplica(members: members)
        memory.asked = Generation(rawValue: r.take())
        memory.epoch = r.take()
        memory.generation = Generation(rawValue: r.take())
        memory.promise = r.takeBallot(members: members)
        memory.votes = VoteRun(ballot: r.takeBallot(members: members), first: r.take(), last: r.take())
        memory.sendersPromise = r.takeBallot(members: members)
        memory.hasForgotten = r.take(UInt8.self) != 0
        for lane in 0..<members { memory.durable[lane] = r.takePosition() }
        memory.marks = VoteMarks.decode(&r, members: members)
        return r.isComplete ? memory : nil
    }
}
