// The acceptor: promises and votes (PROTOCOL §4). What it says binds from the moment it is appended to the log.

extension Replica {
    /// A candidate asks for a promise.
    mutating func received(_ prepare: Prepare, from: ReplicaID, into effects: inout Effects) {
        guard prepare.ballot.owner == from, prepare.ballot.epoch == configuration.epoch, mayPromise else { return }
        guard prepare.ballot >= promise else {
            effects.add(.immediate(.reject(Reject(ballot: prepare.ballot, promise: promise)), .one(from)))
            return
        }
        if prepare.ballot > promise {
            guard logHasRoom else { return }
            saw(prepare.ballot)
            makePromise(prepare.ballot, into: &effects)
            // It has just shown that it lives: it gets the time that a sequencer gets.
            heardSequencerAt = now
        }
        effects.add(
            .afterDurable(promiseIndex, .promise(ballot: prepare.ballot, from: prepare.from), .one(from)))
    }

    mutating func makePromise(_ ballot: Ballot, into effects: inout Effects) {
        precondition(ballot > promise && !isForgetful)
        promiseIndex = append(.promise(ballot), into: &effects)
        raisePromise(to: ballot)
    }
    /// Every rise goes this way, also when the log is read again: what was promised before is remembered (PROTOCOL §14 ◆).
    mutating func raisePromise(to ballot: Ballot) {
        outstanding.passed(promise)
        promise = ballot
    }

    /// Votes that a promise of `ballot` reports: every vote above the commit index. Slots up to the commit index are
    /// answered by that index, and the candidate learns them before it proposes.
    func promisedVotes(from: UInt64) -> ClosedRange<UInt64>? {
        let first = max(from, commitIndex + 1)
        return first <= highestVoted ? first...highestVoted : nil
    }

    private func isReported(_ slot: UInt64) -> Bool { votes[slot].slot == slot }

    /// How many datagrams the answer to a prepare takes; 0 when the promise was overtaken by a higher one meanwhile.
    package func promiseParts(ballot: Ballot, from: UInt64) -> Int {
        guard promise == ballot, !isForgetful else { return 0 }
        var count = 0
        if let range = promisedVotes(from: from) { for slot in range where isReported(slot) { count += 1 } }
        let perPart = PromiseHeader.votesPerPart(members: members)
        let parts = max(1, (count + perPart - 1) / perPart)
        return parts <= PromiseHeader.maximumParts ? parts : 0
    }

    /// Writes one datagram of the answer. Called once the promise is durable (PROTOCOL §4 ◆).
    package func encodePromise(ballot: Ballot, from: UInt64, part: Int, parts: Int, into w: inout WireWriter) {
        precondition(promise == ballot && promiseIndex <= durable, "a promise is reported before it is durable")
        let perPart = PromiseHeader.votesPerPart(members: members)
        let skipped = part * perPart
        var total = 0
        if let range = promisedVotes(from: from) { for slot in range where isReported(slot) { total += 1 } }
        let count = max(0, min(perPart, total - skipped))
        PromiseHeader(
            ballot: ballot, from: from, commitIndex: commitIndex, part: UInt8(part), parts: UInt8(parts),
            votes: UInt8(count), outstanding: outstanding
        ).encode(into: &w)
        guard count > 0, let range = promisedVotes(from: from) else { return }
        var seen = 0
        for slot in range where isReported(slot) {
            defer { seen += 1 }
            guard seen >= skipped, seen < skipped + count else { continue }
            let vote = votes[slot]
            ReportedVote(slot: slot, ballot: vote.ballot, half: vote.half, entry: vote.entry)
                .encode(into: &w, members: members)
        }
    }

    /// A proposal arrived, from its sequencer or from somebody who kept it.
    mutating func received(_ proposal: Propose, from: ReplicaID) {
        guard proposal.ballot.epoch == configuration.epoch else { return }
        if proposal.ballot.owner == from { heardSequencer(proposal.ballot) }
        guard proposal.half == .classic else { return receivedFast(proposal) }
        keep(proposal)
    }

    /// Keeps a proposal for voting and for deciding, if it is the highest for its slot and within the window.
    mutating func keep(_ proposal: Propose) {
        saw(proposal.ballot)
        if proposal.ballot == currentBallot {
            proposedFirst = proposal.first
            if proposal.ballot.kind == .classic {
                proposedLast = max(proposedLast, proposal.slot)
            } else {
                sawSlot(proposal.slot)
            }
        }
        let slot = proposal.slot
        guard slot > snapshotSlot, slot < commitIndex + UInt64(Limits.votingWindowSlots) else { return }
        let kept = proposals[slot]
        guard kept.slot < slot || (kept.slot == slot && kept.ballot < proposal.ballot) else { return }
        proposals[slot] = ProposalRecord(slot: slot, ballot: proposal.ballot, entry: proposal.entry)
        if proposal.ballot.kind == .classic, proposal.ballot >= promise, proposal.ballot > votingBallot {
            openRun(proposal)
        }
        if proposal.entry.kind == .cut { want(proposal.entry.cut) }
    }

    /// Starts to vote in a higher ballot: from the first slot that it proposed, but for no slot known to be decided.
    private mutating func openRun(_ proposal: Propose) {
        votingBallot = proposal.ballot
        startRun(at: max(proposal.first, commitIndex + 1, snapshotSlot + 1))
    }
    private mutating func startRun(at slot: UInt64) {
        nextVote = slot
        runFirst = slot
        runDurable = slot - 1
        runTold = slot - 1
    }

    /// The batches under a cut exist: whoever lacks them asks for them.
    mutating func want(_ cut: Cut) {
        for lane in 0..<members where !cut[lane].isEmpty {
            lanes.want(ReplicaID(lane), cut[lane].generation, cut[lane].sequence, committed: committed[lane])
        }
    }

    /// Whether the next vote waits for this batch.
    package func awaitsForVote(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Bool {
        if currentBallot.kind == .fast { return awaitsForFastVote(lane, generation, sequence) }
        let proposal = proposals[nextVote]
        guard proposal.slot == nextVote, proposal.ballot == votingBallot, proposal.entry.kind == .cut else {
            return false
        }
        let position = proposal.entry.cut[lane.index]
        return position.generation == generation && sequence <= position.sequence
    }

    /// Votes for the proposals of the voting ballot, in slot order, as far as this log holds what they cover.
    mutating func vote(into effects: inout Effects) {
        guard mayVote, logHasRoom else { return }
        for _ in 0..<64 {
            let slot = nextVote
            guard votingBallot >= promise, slot <= commitIndex + UInt64(Limits.votesAheadSlots) else { return }
            let proposal = proposals[slot]
            guard proposal.slot == slot, proposal.ballot == votingBallot else {
                // Decided in another way: no vote, and the run ends there (PROTOCOL §4 ◆).
                guard slot <= commitIndex || slot <= snapshotSlot else { return }
                startRun(at: max(slot, snapshotSlot) + 1)
                continue
            }
            if slot <= snapshotSlot {
                startRun(at: snapshotSlot + 1)
                continue
            }
            switch possession(of: proposal.entry, slot) {
            case .held: break
            case .lacking where slot <= commitIndex:
                // Decided without this vote: nobody waits for it, but others wait for the next ones.
                startRun(at: slot + 1)
                continue
            case .lacking:
                if waitingSlot != slot {
                    waitingSlot = slot
                    waitedForData &+= 1
                }
                return
            case .conflicting(let lane):
                fatal = conflict(slot, lane: lane)
                return
            }
            castVote(slot, votingBallot, .classic, proposal.entry, into: &effects)
            nextVote = slot + 1
        }
    }

    /// Whether the log holds what an entry covers at a slot (PROTOCOL §4 ◆). What `C(slot - 1)` has passed has no effect there. The
    /// committed cut tells only for slots above it: of a decided slot it would excuse what that slot itself still has to execute ◆.
    @inline(__always)
    func possession(of entry: Entry, _ slot: UInt64) -> Lanes.Possession {
        guard entry.kind == .cut else { return .held }
        return lanes.possesses(
            entry.cut, snapshot: snapshotCut, passed: slot > commitIndex ? committed : snapshotCut)
    }

    /// Appends a vote. It raises the promise (PROTOCOL §4); the vote's record says so, no further one is needed.
    @inline(__always)
    mutating func castVote(
        _ slot: UInt64, _ ballot: Ballot, _ half: Half, _ entry: Entry, into effects: inout Effects
    ) {
        let index = append(.vote(slot: slot, ballot: ballot, half: half, entry: entry), into: &effects)
        votes[slot] = VoteRecord(slot: slot, ballot: ballot, half: half, entry: entry, index: index)
        if ballot > promise {
            raisePromise(to: ballot)
            promiseIndex = index
        }
        highestVoted = max(highestVoted, slot)
    }
}
