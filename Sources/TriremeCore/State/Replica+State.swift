// The state of a core. Every stored property stands in a walk, once; a test reads the declarations and misses those that do not.

extension Replica {
    /// Writes down the whole state, or takes it back in place of the present one, of a core of the same configuration and window.
    /// Between turns only: effects are not part of it. Cost: microseconds; no allocation but for sentences.
    package mutating func walk(_ w: inout StateWalk) {
        w.durable = durable
        w.members = members
        w.visit(&generation)
        w.visit(&logHasRoom)
        w.leaveOut(time: &now)
        w.leaveOut(&wallClock, as: 0)
        w.leaveOut(&random, as: CoreRandom(seed: 0))
        w.visit(index: &appended)
        w.visit(index: &durable)
        lanes.walk(&w)
        for member in 0..<members { (peers + member).pointee.walk(&w) }

        w.visit(&promise)
        w.visit(index: &promiseIndex)
        outstanding.walk(&w)
        for cell in 0..<UInt64(votes.capacity) { votes[cell].walk(&w) }
        for cell in 0..<UInt64(proposals.capacity) { proposals[cell].walk(&w) }
        for cell in 0..<UInt64(vows.capacity) { vows[cell].walk(&w) }
        w.visit(&votingBallot)
        w.visit(&nextVote)
        w.visit(&runFirst)
        w.visit(&runDurable)
        // Nothing is lost that the explorer does not crash.
        w.leaveOut(&runTold, as: 0)
        w.visit(&highestVoted)
        w.leaveOut(&waitedForData, as: 0)
        w.leaveOut(&waitingSlot, as: 0)
        w.visit(&mayHaveLostVows)
        w.visit(&isProven)
        recalling.walk(&w)
        w.visit(&exposure, or: Exposure(sentence: "", usedGeneration: nil)) { $1.walk(&$0) }

        w.visit(&commitIndex)
        w.visit(&committed)
        history.walk(&w)
        w.visit(&oldestEntry)
        w.leaveOut(time: &lastCommitAt)
        w.visit(&noted)
        w.leaveOut(time: &notedAt)
        w.visit(index: &notedIndex)
        w.leaveOut(&fetch, as: Retry())
        w.visit(&lacksEntries)
        w.visit(&lackedSlot)
        w.leaveOut(&entryWait, as: VainWait())
        w.leaveOut(&batchWait, as: VainWait())

        w.visit(&snapshotSlot)
        w.visit(&snapshotCut)
        w.visit(&lacksSnapshot)

        w.visit(&role)
        w.visit(&currentBallot)
        w.leaveOut(time: &heardSequencerAt)
        w.visit(&proposedFirst)
        w.visit(&proposedLast)
        w.visit(&openFrom)
        w.leaveOut(time: &suspectedAt)
        w.leaveOut(&suspicionNumber, as: .none)
        w.leaveOut(&electionWait, as: 0)
        w.leaveOut(time: &echoAskedAt)
        w.leaveOut(&failures, as: 0)
        w.leaveOut(time: &pendingSince)
        candidacy.walk(&w, role)
        sequencing.walk(&w)

        fast.walk(&w)
        fastProposals.walk(&w)
        for cell in 0..<UInt64(waitingSlots.capacity) { w.leaveOut(&waitingSlots[cell], as: WaitingSlot()) }
        w.leaveOut(&fastCounts, as: FastCounts())
        w.leaveOut(&kindChoice, as: KindChoice())
        w.leaveOut(&counted, as: Cut())
        w.leaveOut(&sample, as: DecisionSample())

        executor.walk(&w)
        w.leaveOut(&statusCounter, as: 0)
        w.leaveOut(time: &statusDueAt)
        w.leaveOut(time: &lastStatusAt)
        w.visit(&sentSequence)
        w.visit(&fatal, or: "") { $0.visit(&$1) }
    }

    /// A number for the next status that does not depend on how many there were: it rises whenever the votes that it reports
    /// change, or what it calls decided, within one generation.
    package var progress: UInt64 {
        func rank(_ ballot: Ballot) -> UInt64 { UInt64(ballot.round) * 16 + UInt64(ballot.owner.rawValue) }
        // Marks of a fast ballot: a slot's go from nothing over half 0 or a vow to half 1, and are gone under a higher ballot.
        var marks: UInt64 = 0
        for cell in 0..<UInt64(votes.capacity) {
            switch ownMark(max(votes[cell].slot, vows[cell].slot), in: fast.ballot) {
            case .none: break
            case let mark: marks += mark.half == .classic ? 2 : 1
            }
        }
        let room = UInt64(votes.capacity) * 3
        let reigns: UInt64 = role == .sequencer ? 1 : 0
        return 1 + rank(votingBallot) * room + rank(fast.ballot) * room + marks + rank(currentBallot) * 2 + reigns
            + runDurable + commitIndex
    }
    /// The votes that a status of this moment reports.
    package var reportedVotes: VoteRun {
        mayVote && runDurable >= runFirst
            ? VoteRun(ballot: votingBallot, first: runFirst, last: runDurable) : .none
    }
    /// The status of this moment under ``progress``.
    package mutating func takeStatusByProgress() -> Status {
        statusCounter = progress - 1
        return takeStatus()
    }
}

extension Peer {
    mutating func walk(_ w: inout StateWalk) {
        status.walk(&w)
        w.visit(&votes)
        w.leaveOut(time: &heardAt)
        w.leaveOut(time: &hearsAt)
        w.leaveOut(time: &echoedSuspicionAt)
        memory.walk(&w)
        w.visit(&startedAs)
    }
}

extension VoteRecord {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&slot)
        guard slot > 0 else {
            self = VoteRecord()
            return
        }
        w.visit(&ballot)
        w.visit(&half)
        w.visit(&entry)
        w.visit(index: &index)
    }
}

extension Vow {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&slot)
        guard slot > 0 else {
            self = Vow()
            return
        }
        w.visit(&ballot)
        w.visit(index: &index)
    }
}

extension FastRound {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&ballot)
        w.visit(&highestVow)
        w.visit(&from)
        w.visit(&highest)
        w.visit(index: &unreported)
        w.visit(&isInUse)
        w.visit(&claimed)
        w.visit(&claimedSlot)
        w.leaveOut(time: &idleSince)
        w.leaveOut(time: &closedAt)
        w.leaveOut(&decisionTime, as: 0)
    }
}

extension ProposalRecord {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&slot)
        guard slot > 0 else {
            self = ProposalRecord()
            return
        }
        w.visit(&ballot)
        w.visit(&entry)
    }
}

extension Recalling {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&answered)
        w.visit(&adopted)
        w.leaveOut(time: &startedAt)
        w.leaveOut(&dueAt, as: 0)
        w.visit(&promise)
        w.visit(&durable)
    }
}

extension Exposure {
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&sentence)
        w.visit(&usedGeneration, or: .zero) { $0.visit(&$1) }
    }
}

extension Sequencing {
    /// How far a cut may run ahead is left out: it makes things quicker, and never binds.
    mutating func walk(_ w: inout StateWalk) {
        w.visit(&firstSlot)
        w.visit(&nextSlot)
        w.visit(&lastCut)
        w.leaveOut(time: &preparedAt)
        w.leaveOut(&optimism, as: Sequencing.optimismStart)
        w.leaveOut(&waits, as: 0)
        w.leaveOut(time: &raisedAt)
        w.visit(&successor, or: ReplicaID(0)) { $0.visit(&$1) }
    }
}
