// The state of plain values: what names things, and what messages carry.

extension StateWalk {
    mutating func visit(_ value: inout ReplicaID) {
        var raw = value.rawValue
        visit(&raw)
        value = ReplicaID(raw)
    }
    mutating func visit(_ value: inout Generation) {
        var raw = value.rawValue
        visit(&raw)
        value = Generation(rawValue: raw)
    }
    package mutating func visit(_ value: inout Ballot) {
        visit(&value.epoch)
        visit(&value.round)
        visit(&value.owner)
        visit(&value.kind)
        visit(&value.announced)
    }
    mutating func visit(_ value: inout Position) {
        visit(&value.generation)
        visit(&value.sequence)
        visit(&value.digest)
    }
    mutating func visit(_ value: inout Mark) {
        var raw = value.rawValue
        visit(&raw)
        value = Mark(rawValue: raw)
    }
    mutating func visit(_ value: inout MemberSet) { visit(&value.bits) }
    mutating func visit(_ value: inout Cut) {
        visit(&value.timestamp)
        visit(&value.epoch)
        visit(&value.positions)
    }
    mutating func visit(_ value: inout InlineArray<16, Position>) { for lane in 0..<members { visit(&value[lane]) } }
    mutating func visit(_ value: inout Entry) {
        visit(&value.kind)
        if value.kind == .cut { visit(&value.cut) } else if isReading { value.cut = Cut() }
    }
    mutating func visit(_ value: inout StatusNumber) {
        visit(&value.generation)
        visit(&value.counter)
    }
    mutating func visit(_ value: inout VoteRun) {
        visit(&value.ballot)
        visit(&value.first)
        visit(&value.last)
    }
}

extension Status {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&number)
        w.visit(&epoch)
        w.visit(&flags)
        w.visit(&promise)
        w.visit(&votes)
        w.visit(&highestVoted)
        w.visit(&commitIndex)
        w.visit(&executedSlot)
        w.visit(&oldestEntry)
        w.visit(&sentSequence)
        w.visit(&waitedForData)
        w.visit(&suspected)
        w.visit(&sequencing)
        w.visit(&firstProposed)
        w.visit(&lastProposed)
        w.visit(&anyFrom)
        w.leaveOut(&decideMicroseconds, as: 0)
        w.leaveOut(&decideSamples, as: 0)
        marks.walk(&w)
        w.visit(&received)
        w.visit(&durable)
        for member in 0..<w.members {
            w.visit(&released[member])
            w.visit(&echoes[member])
        }
    }
}

extension VoteMarks {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&ballot)
        w.visit(&first)
        w.visit(&count)
        for i in 0..<count { w.visit(&values[i]) }
    }
}

extension Memory {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&asker)
        w.visit(&asked)
        w.visit(&epoch)
        w.visit(&generation)
        w.visit(&promise)
        w.visit(&votes)
        marks.walk(&w)
        w.visit(&durable)
        w.visit(&sendersPromise)
        w.visit(&hasForgotten)
    }
}
