// The acceptor in fast rounds: slots are voted for one by one, in half 0 for the first proposal, in half 1 for the owner's
// (PROTOCOL §7).

extension Replica {
    /// Votes in the present fast round, as far as this log holds what the proposals cover.
    mutating func voteFast(into effects: inout Effects) {
        let ballot = currentBallot
        guard ballot.kind == .fast, ballot >= promise, mayVote, logHasRoom else { return }
        let first = max(commitIndex, snapshotSlot) + 1
        let last = min(fast.highest, commitIndex + UInt64(Limits.fastWindowSlots))
        guard first <= last else { return }
        for slot in first...last {
            if isProposed(slot, in: ballot) {
                if written(slot, in: ballot) != .classic {
                    _ = castFast(slot, .classic, proposals[slot].entry, into: &effects)
                }
            } else if fast.from > 0, slot >= fast.from, written(slot, in: ballot) == nil, !hasVowed(slot, in: ballot) {
                // The first that came, unless a later one finds its batches here before.
                for i in 0..<fastProposals.count(slot, ballot)
                where castFast(slot, .fast, fastProposals.entry(slot, i), into: &effects) { break }
            }
            if fatal != nil { return }
        }
    }

    /// Whether the owner's proposal of half 1 is here.
    func isProposed(_ slot: UInt64, in ballot: Ballot) -> Bool {
        proposals[slot].slot == slot && proposals[slot].ballot == ballot
    }
    /// The half of a ballot in which this replica has voted for a slot, if it has; a vote in half 1 ends half 0 (PROTOCOL §7).
    func written(_ slot: UInt64, in ballot: Ballot) -> Half? {
        votes[slot].slot == slot && votes[slot].ballot == ballot ? votes[slot].half : nil
    }
    func hasVowed(_ slot: UInt64, in ballot: Ballot) -> Bool {
        vows[slot].slot == slot && vows[slot].ballot == ballot
    }

    /// Votes if the log holds what the entry covers; whether it did.
    private mutating func castFast(_ slot: UInt64, _ half: Half, _ entry: Entry, into effects: inout Effects) -> Bool {
        switch possession(of: entry, slot) {
        case .held: break
        case .lacking: return false
        case .conflicting(let lane):
            fatal = conflict(slot, lane: lane)
            return false
        }
        castVote(slot, currentBallot, half, entry, into: &effects)
        wrote(votes[slot].index)
        return true
    }

    /// A vote or a vow of the present fast round went to the log.
    private mutating func wrote(_ index: LogIndex) {
        fast.ballot = currentBallot
        fast.isInUse = true
        if fast.unreported == 0 { fast.unreported = index }
    }

    /// The owner of the round gave up on half 0 of some slots. Whoever has voted there reports that; whoever has not vows that it
    /// never will, durably, and then reports that ◆. No vow for a slot that is decided or that the snapshot covers: the commit index
    /// in the status answers for it ◆.
    mutating func received(_ close: Close, from: ReplicaID, into effects: inout Effects) {
        guard close.ballot.owner == from, close.ballot.epoch == configuration.epoch else { return }
        heardSequencer(close.ballot)
        vow(close, into: &effects)
    }
    mutating func vow(_ close: Close, into effects: inout Effects) {
        statusDue(in: 0)
        guard close.ballot == currentBallot, close.ballot >= promise, mayVote, logHasRoom else { return }
        let first = max(close.first, commitIndex + 1, snapshotSlot + 1)
        let last = min(close.last, commitIndex + UInt64(Limits.fastWindowSlots))
        guard first <= last else { return }
        for slot in first...last where written(slot, in: close.ballot) == nil && !hasVowed(slot, in: close.ballot) {
            let index = append(.closed(slot: slot, ballot: close.ballot), into: &effects)
            vows[slot] = Vow(slot: slot, ballot: close.ballot, index: index)
            fast.highestVow = max(fast.highestVow, slot)
            // A vow takes part in the ballot as a vote does.
            if close.ballot > promise {
                raisePromise(to: close.ballot)
                promiseIndex = index
            }
            wrote(index)
            fastCounts.vows += 1
        }
    }

    /// What this replica may say of a slot in a fast ballot: durable votes and vows, and no vote whose batches the disk has lost
    /// (PROTOCOL §4 ◆).
    func ownMark(_ slot: UInt64, in ballot: Ballot) -> Mark {
        let vote = votes[slot]
        // A vote in a higher ballot has taken the place of whatever was told of this one.
        guard vote.slot != slot || vote.ballot <= ballot else { return .none }
        if vote.slot == slot, vote.ballot == ballot {
            guard vote.index <= durable, !lanes.hasLost || possesses(vote) else { return .none }
            return .vote(vote.half, for: vote.entry)
        }
        return hasVowed(slot, in: ballot) && vows[slot].index <= durable ? .closed : .none
    }

    /// The registers that a status tells: a pipeline's slots, and a few below the commit index that some member may still lack.
    package func ownMarks() -> VoteMarks {
        var marks = VoteMarks()
        guard !fast.ballot.isNone, mayVote else { return marks }
        var lowest = commitIndex
        for member in 0..<members where member != me.index {
            guard now - peers[member].heardAt <= timing.suspicionNanoseconds else { continue }
            lowest = min(lowest, status(of: ReplicaID(member)).pointee.commitIndex)
        }
        let capacity = UInt64(VoteMarks.capacity(members: members))
        let first = max(lowest, snapshotSlot, commitIndex - min(commitIndex, capacity - fastPipeline)) + 1
        var last = min(max(highestVoted, fast.highestVow), first + capacity - 1)
        while last >= first, ownMark(last, in: fast.ballot).isNone { last -= 1 }
        guard last >= first else { return marks }
        marks.first = first
        marks.ballot = fast.ballot
        marks.count = Int(last - marks.first) + 1
        for i in 0..<marks.count { marks.values[i] = ownMark(marks.first + UInt64(i), in: fast.ballot) }
        return marks
    }

    /// The log is durable further: votes and vows are reported at once (PROTOCOL §3.3).
    mutating func advanceMarks() {
        guard fast.unreported > 0, fast.unreported <= durable else { return }
        fast.unreported = durable < appended ? durable + 1 : 0
        statusDue(in: 0)
    }

    /// Whether a vote of this round waits for this batch.
    func awaitsForFastVote(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Bool {
        func covers(_ entry: Entry) -> Bool {
            guard entry.kind == .cut else { return false }
            let position = entry.cut[lane.index]
            return position.generation == generation && sequence <= position.sequence
        }
        let last = min(fast.highest, commitIndex + UInt64(Limits.fastWindowSlots))
        guard commitIndex < last else { return false }
        for slot in commitIndex + 1...last {
            if isProposed(slot, in: currentBallot) {
                if written(slot, in: currentBallot) != .classic, covers(proposals[slot].entry) { return true }
            } else if written(slot, in: currentBallot) == nil {
                for i in 0..<fastProposals.count(slot, currentBallot) {
                    if covers(fastProposals.entry(slot, i)) { return true }
                }
            }
        }
        return false
    }

    /// The first slot for which others remember a vote or a vow in a fast ballot that the log has not (PROTOCOL §9 ◆).
    func lostMark(_ marks: VoteMarks) -> UInt64? {
        for i in 0..<marks.count where !marks.values[i].isNone {
            let slot = marks.first + UInt64(i)
            guard slot > max(snapshotSlot, commitIndex), votes[slot].slot <= slot, vows[slot].slot <= slot else {
                continue
            }
            let vote = votes[slot].slot == slot ? votes[slot] : VoteRecord()
            if let half = marks.values[i].half {
                if (vote.ballot, vote.half) < (marks.ballot, half) { return slot }
            } else if max(vote.ballot, vows[slot].slot == slot ? vows[slot].ballot : .none) < marks.ballot {
                return slot
            }
        }
        return nil
    }
}
