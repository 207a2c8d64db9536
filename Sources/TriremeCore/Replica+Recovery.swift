// Rebuilding the core from the log, in stream order, before anything is sent (PROTOCOL §9).

extension Replica {
    /// The durable snapshot that the superblock names: execution goes on after it. First of all, if there is one.
    package mutating func recover(snapshotSlot slot: UInt64, cut: Cut) {
        precondition(commitIndex == 0 && appended == 0)
        snapshotSlot = slot
        snapshotCut = cut
        commitIndex = slot
        committed = cut
        noted = slot
        oldestEntry = slot + 1
        nextVote = slot + 1
        runFirst = slot + 1
        runDurable = slot
        highestVoted = slot
        executor = Executor(
            members: members, timestampStep: timing.timestampStepMicroseconds, slot: slot, cut: cut)
        lanes.executed(cut)
        for lane in 0..<members { lanes.rebase(ReplicaID(lane), to: cut[lane], committed: cut[lane]) }
    }

    /// A batch that the log holds. Those that the snapshot covers, or whose generation it has passed, are of no more use to
    /// the core. Returns whether it was taken.
    package mutating func recover(_ batch: BatchDescriptor) -> Bool {
        let committed = committed[batch.lane.index]
        if batch.sequence == 1 { lanes.makeRoom(batch.lane, batch.generation, committed: committed) }
        guard
            lanes.arriving(batch.lane, batch.generation, batch.sequence, committed: committed) == .next
                || isRecoverable(batch)
        else { return false }
        lanes.append(batch, index: 0, committed: committed)
        return true
    }

    /// Whether the log held a batch before this one of its generation that comes later in the stream now, since it was carried
    /// forward (PROTOCOL §8).
    package func isAhead(_ batch: BatchDescriptor) -> Bool {
        let executed = executor.cut[batch.lane.index].generation
        guard batch.generation >= executed else { return false }
        return batch.sequence > (lanes.track(batch.lane, batch.generation)?.appended ?? 0) + 1
    }

    /// During recovery a lane may be longer than its span: it was decided as it grew.
    private func isRecoverable(_ batch: BatchDescriptor) -> Bool {
        guard let track = lanes.track(batch.lane, batch.generation) else { return false }
        return batch.sequence == track.appended + 1
    }

    package mutating func recover(_ item: LogItem) {
        switch item {
        case .promise(let ballot):
            recoverPromise(ballot)
        case .outstanding(let carried):
            outstanding = carried
        case .vote(let slot, let ballot, let half, let entry):
            recoverPromise(ballot)
            if ballot.kind == .fast {
                fast.ballot = max(fast.ballot, ballot)
                fast.isInUse = true
            } else {
                // Votes lie in the log in the order of their ballots, but for those that were carried forward.
                nextVote = max(ballot > votingBallot ? 0 : nextVote, ballot < votingBallot ? 0 : slot + 1)
                votingBallot = max(votingBallot, ballot)
            }
            guard slot > snapshotSlot else { return }
            highestVoted = max(highestVoted, slot)
            let kept = votes[slot]
            guard kept.slot < slot || (kept.slot == slot && (kept.ballot, kept.half) <= (ballot, half)) else { return }
            votes[slot] = VoteRecord(slot: slot, ballot: ballot, half: half, entry: entry, index: 0)
        case .closed(let slot, let ballot):
            recoverPromise(ballot)
            fast.ballot = max(fast.ballot, ballot)
            fast.isInUse = true
            let kept = vows[slot]
            guard slot > snapshotSlot, kept.slot < slot || (kept.slot == slot && kept.ballot < ballot) else { return }
            vows[slot] = Vow(slot: slot, ballot: ballot, index: 0)
            fast.highestVow = max(fast.highestVow, slot)
        case .decidedEntry(let slot, let entry):
            guard slot > commitIndex else { return }
            proposals[slot] = ProposalRecord(slot: slot, ballot: .none, entry: entry)
        case .decided(let first, let last):
            for slot in first...max(first, last) where slot > commitIndex {
                let noted = proposals[slot]
                let vote = votes[slot]
                if noted.slot == slot, noted.ballot.isNone {
                    history.store(slot, noted.entry)
                } else if vote.slot == slot {
                    history.store(slot, vote.entry)
                }
            }
            // What was carried forward comes behind the notes of later slots: those count once the gap before them is closed.
            while let entry = history.entry(commitIndex + 1) { recoverCommit(commitIndex + 1, entry) }
        }
    }

    private mutating func recoverPromise(_ ballot: Ballot) { if ballot > promise { raisePromise(to: ballot) } }

    private mutating func recoverCommit(_ slot: UInt64, _ entry: Entry) {
        history.store(slot, entry)
        commitIndex = slot
        noted = slot
        if slot - oldestEntry >= history.capacity { oldestEntry = slot - history.capacity + 1 }
        if entry.kind == .cut { committed.join(entry.cut) }
    }

    /// Something that binds may be lost (PROTOCOL §9 ◆). Before ``finishRecovery(generation:)``.
    package mutating func becomeForgetful() {
        mayHaveLostVows = true
    }

    /// The snapshot that the superblock names cannot be read. Before ``finishRecovery(generation:)``.
    package mutating func lackSnapshot() {
        lacksSnapshot = true
    }

    /// The log is read: resumes the run of votes, so that votes that were reported stay reported.
    package mutating func finishRecovery(generation: Generation) {
        self.generation = generation
        currentBallot = promise
        _ = lanes.advanceDurable(0)
        beginRecall()
        // Above the slots of the last ballot there may be votes of earlier ones: they are reported to no run any more.
        nextVote = max(nextVote, snapshotSlot + 1)
        runFirst = nextVote
        runDurable = nextVote - 1
        wantVoted()
        guard !votingBallot.isNone else { return }
        let lowest = max(snapshotSlot + 1, nextVote > 512 ? nextVote - 512 : 1)
        while runFirst > lowest, votes[runFirst - 1].slot == runFirst - 1, votes[runFirst - 1].ballot == votingBallot {
            runFirst -= 1
        }
    }

    /// Votes for undecided slots name batches that others may have to give again. A vote knows the proposal that it was cast for.
    private mutating func wantVoted() {
        guard commitIndex < highestVoted else { return }
        for slot in commitIndex + 1...highestVoted where votes[slot].slot == slot {
            let vote = votes[slot]
            if vote.half == .classic {
                proposals[slot] = ProposalRecord(slot: slot, ballot: vote.ballot, entry: vote.entry)
            } else if vote.ballot == currentBallot {
                sawSlot(slot)
                _ = fastProposals.keep(slot, vote.ballot, vote.entry)
            }
            if vote.entry.kind == .cut { want(vote.entry.cut) }
        }
    }
}
