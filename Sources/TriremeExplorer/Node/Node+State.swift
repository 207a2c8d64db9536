// The state of a replica as bytes, and back.
import TriremeCore

extension Node {
    /// Writes the state down. The bytes lie in ``page`` until the next call.
    func save() -> UnsafeBufferPointer<UInt8> {
        var walk = StateWalk(writingInto: page)
        var me = id.rawValue
        walk.visit(&me)
        self.walk(&walk)
        return UnsafeBufferPointer(rebasing: page[..<walk.count])
    }
    /// Goes on from a state of this replica.
    func load(_ state: UnsafeBufferPointer<UInt8>) {
        var walk = StateWalk(reading: state)
        var me = id.rawValue
        walk.visit(&me)
        precondition(me == id.rawValue, "another replica's state")
        self.walk(&walk)
        precondition(walk.isAtEnd)
    }
    /// Forgets what a state leaves out: what time it is.
    func reload() {
        let state = Array(save())
        state.withUnsafeBufferPointer { load($0) }
    }

    private func walk(_ w: inout StateWalk) {
        w.visit(&keepsOrder)
        w.visit(&starts)
        w.visit(&sealed)
        w.visit(&durable)
        var count = log.count
        w.visit(&count)
        if w.isReading { log = [UInt16](repeating: 0, count: count) }
        for place in 0..<count { w.visit(&log[place]) }

        // Places in the log count from its durable end on.
        var ahead = gate.map { $0.index - core.durable }
        count = gate.count
        w.visit(&count)
        if w.isReading {
            let blank = Gated(index: 0, message: .promise(ballot: .none, from: 0), destination: .all)
            gate = [Gated](repeating: blank, count: count)
            ahead = [UInt64](repeating: 0, count: count)
        }
        for place in 0..<count {
            w.visit(&ahead[place])
            gate[place].index = ahead[place]
            gate[place].walk(&w)
        }
        if !w.isReading { for place in 0..<count { gate[place].index += core.durable } }
        core.walk(&w)
    }
}

extension Gated {
    fileprivate mutating func walk(_ w: inout StateWalk) {
        var ballot = Ballot.none
        var from: UInt64 = 0
        // One byte for the kind, one for the destination: 0xFF is everybody.
        var kind: UInt8 = 0
        switch message {
        case .prepare(let prepare): (ballot, from) = (prepare.ballot, prepare.from)
        case .promise(let promised, let first): (kind, ballot, from) = (1, promised, first)
        }
        var target: UInt8 = 0xFF
        if case .one(let member) = destination { target = member.rawValue }
        w.visit(&kind)
        w.visit(&ballot)
        w.visit(&from)
        w.visit(&target)
        guard w.isReading else { return }
        message = kind == 0 ? .prepare(Prepare(ballot: ballot, from: from)) : .promise(ballot: ballot, from: from)
        destination = target == 0xFF ? .all : .one(ReplicaID(target))
    }
}
