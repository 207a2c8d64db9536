// When a status is due, and what it says (PROTOCOL §3.3).

extension Replica {
    /// A status shall leave within `wait` from now; 0 means with this turn.
    mutating func statusDue(in wait: UInt64) { statusDueAt = min(statusDueAt, now + wait) }

    /// Whether one is due. The engine then takes it with ``takeStatus()`` and multicasts it.
    package var isStatusDue: Bool { isProven && statusDueAt <= now }

    /// When the core wants the next tick at the latest.
    package var nextDue: UInt64 {
        var due = isProven ? min(statusDueAt, lastStatusAt + timing.heartbeatNanoseconds) : .max
        if recalling.answered.count < members { due = min(due, recalling.dueAt) }
        if let at = fetch.dueAt { due = min(due, max(at, now + 100_000)) }
        if role == .candidate || role == .learning { due = min(due, now + timing.retryNanoseconds) }
        return due
    }

    /// The status of this moment. Everything in it that binds is durable (PROTOCOL §2 ◆, §4 ◆).
    package mutating func takeStatus() -> Status {
        statusCounter += 1
        lastStatusAt = now
        statusDueAt = .max
        var status = Status()
        status.number = StatusNumber(generation, statusCounter)
        status.epoch = configuration.epoch
        status.promise = promiseIndex <= durable ? promise : .none
        status.highestVoted = highestVoted
        status.commitIndex = commitIndex
        status.executedSlot = executor.slot
        status.oldestEntry = oldestEntry
        status.sentSequence = sentSequence
        status.waitedForData = waitedForData
        if mayVote, runDurable >= runFirst {
            status.votes = VoteRun(ballot: votingBallot, first: runFirst, last: runDurable)
            runTold = runDurable
        }
        if isForgetful { status.flags.insert(.observes) }
        if mayHaveLostVows { status.flags.insert(.hasForgotten) }
        if isStranded { status.flags.insert(.stranded) }
        if suspectedAt != nil {
            status.flags.insert(.suspects)
            status.suspected = currentBallot
            // Not in every status: two that suspect would answer each other's questions with questions for ever.
            if now >= echoAskedAt + timing.retryNanoseconds {
                status.flags.insert(.wantsEcho)
                echoAskedAt = now
            }
        }
        if role == .sequencer {
            status.sequencing = currentBallot
            status.firstProposed = sequencing.firstSlot
            status.lastProposed = sequencing.nextSlot - 1
            status.anyFrom = anyFrom
        }
        status.marks = ownMarks()
        status.decideMicroseconds = sample.microseconds
        status.decideSamples = sample.count
        for lane in 0..<members {
            status.received[lane] = lanes.received(ReplicaID(lane))
            status.durable[lane] = lanes.durable(ReplicaID(lane))
            let executed = executor.cut[lane]
            status.released[lane] = executed.generation == status.received[lane].generation ? executed.sequence : 0
            // A forgetful replica echoes nothing (PROTOCOL §9 ◆).
            if lane != me.index, mayPromise { status.echoes[lane] = peers[lane].status.number }
        }
        return status
    }

    /// A random wait below `bound` nanoseconds, from the core's seed.
    package mutating func randomWait(_ bound: UInt64) -> UInt64 { random.below(bound) }

    /// A batch of this name exists somewhere: it will be asked for.
    package mutating func noteWanted(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) {
        lanes.want(lane, generation, sequence, committed: committed[lane.index])
    }

    /// Execution waits for batches of this generation.
    package mutating func noteNeeded(_ lane: ReplicaID, _ generation: Generation, through sequence: UInt64) {
        lanes.openForExecution(lane, generation, committed: committed[lane.index])
        noteWanted(lane, generation, sequence)
    }

    /// What another member last said of itself. In place: it changes when the next one arrives.
    package func status(of member: ReplicaID) -> UnsafePointer<Status> {
        UnsafePointer((peers + member.index).pointer(to: \.status)!)
    }
    package func heardAt(_ member: ReplicaID) -> UInt64 { peers[member.index].heardAt }

    /// What is executed next (PROTOCOL §5); nil until the next slot is decided.
    package mutating func nextExecution() -> ExecutionStep? {
        let slot = executor.slot + 1
        let commitIndex = commitIndex
        let step = executor.pull { slot <= commitIndex ? history.entry(slot) : nil }
        if case .endOfSlot(let slot) = step {
            lanes.executed(executor.cut)
            if let entry = history.entry(slot), entry.kind == .cut { compare(entry.cut, slot) }
        }
        return step
    }
    /// What is executed after that, as far as it is decided: `ahead` is a copy of ``executor``, which moves on instead of it. Changes
    /// nothing here.
    package func lookAhead(_ ahead: inout Executor) -> ExecutionStep? {
        let slot = ahead.slot + 1
        return ahead.pull { slot <= commitIndex ? history.entry(slot) : nil }
    }
}
