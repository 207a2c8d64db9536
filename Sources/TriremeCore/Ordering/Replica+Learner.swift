// The learner: which slots are decided, and fetching what was missed (PROTOCOL §4 decide, §8).

extension Replica {
    /// A member's account of itself.
    mutating func received(_ status: UnsafePointer<Status>, from: ReplicaID) {
        let peer = peers + from.index
        guard peer.pointee.status.number < status.pointee.number, status.pointee.epoch == configuration.epoch,
            peer.pointee.startedAs <= status.pointee.number.generation
        else { return }
        if peer.pointee.status.number.generation < status.pointee.number.generation {
            peer.pointee.memory.join(peer.pointee.status, members: members)
        }
        if UnsafePointer(peer.pointer(to: \.status)!).echo(of: me) < status.echo(of: me) { peer.pointee.hearsAt = now }
        peer.pointer(to: \.status)!.update(from: status, count: 1)
        peer.pointee.heardAt = now
        note(status.pointee.votes, of: peer)
        saw(status.pointee.promise)
        saw(status.pointee.marks.ballot)
        // Two that suspect different ballots would never agree to replace one: the lower learns of the higher.
        saw(status.pointee.suspected)
        if !status.pointee.sequencing.isNone, status.pointee.sequencing.owner == from {
            saw(status.pointee.sequencing)
            heardSequencer(status.pointee.sequencing)
            if status.pointee.sequencing == currentBallot {
                proposedFirst = status.pointee.firstProposed
                proposedLast = max(proposedLast, status.pointee.lastProposed)
                if status.pointee.anyFrom > 0 { opened(from: status.pointee.anyFrom) }
            }
        }
        noteMarks(UnsafePointer(peer.pointer(to: \.status)!))
        if status.pointee.sentSequence > 0 {
            lanes.want(
                from, status.pointee.number.generation, status.pointee.sentSequence, committed: committed[from.index])
        }
        for lane in 0..<members {
            let position = status.received(lane)
            // Of its own lane a replica may have lost what an earlier start sent and others hold.
            guard !position.isEmpty, lane != me.index || position.generation < generation else { continue }
            lanes.want(ReplicaID(lane), position.generation, position.sequence, committed: committed[lane])
        }
        if suspectedAt != nil, status.echo(of: me) >= suspicionNumber {
            peer.pointee.echoedSuspicionAt = now
        }
        if status.pointee.flags.contains(.wantsEcho) { statusDue(in: 0) }
        decide()
    }

    /// A vote once reported stays a fact: runs under one ballot are joined where they touch.
    private func note(_ run: VoteRun, of peer: UnsafeMutablePointer<Peer>) {
        guard !run.isEmpty else { return }
        let known = peer.pointee.votes
        if known.ballot == run.ballot, run.touches(known) {
            peer.pointee.votes.first = min(known.first, run.first)
            peer.pointee.votes.last = max(known.last, run.last)
        } else if known.ballot < run.ballot || (known.ballot == run.ballot && known.last < run.last) {
            peer.pointee.votes = run
        }
    }

    /// Decides slots in order, as far as a `Q2` reports votes under one ballot whose proposal is known (PROTOCOL §4 ◆).
    mutating func decide() {
        while canCommit {
            if decideInRun() { continue }
            guard fast.isInUse, let (entry, half) = decidedFast(commitIndex + 1) else { return }
            noteDecisionTime(commitIndex + 1)
            if half == .fast { fastCounts.decided += 1 } else { fastCounts.decidedInHalf1 += 1 }
            commit(commitIndex + 1, entry)
        }
    }

    /// Decides the next slot if it was voted for in a classic round.
    @inline(__always)
    private mutating func decideInRun() -> Bool {
        let slot = commitIndex + 1
        let proposal = proposals[slot]
        guard proposal.slot == slot, !proposal.ballot.isNone else { return false }
        var voters = MemberSet()
        for member in 0..<members where member != me.index {
            let run = peers[member].votes
            if run.ballot == proposal.ballot, run.contains(slot) { voters.insert(ReplicaID(member)) }
        }
        // This replica's own vote counts when it is durable, as anybody's (◆).
        if votingBallot == proposal.ballot, runFirst <= slot, slot <= runDurable { voters.insert(me) }
        guard configuration.quorums.isClassic(voters, in: proposal.ballot) else { return false }
        commit(slot, proposal.entry)
        return true
    }

    /// Neither execution nor the notes in the log may fall so far behind that entries they need are forgotten; nor may the
    /// snapshot, however long it takes to write: a start has to execute every slot above it again (PROTOCOL §9).
    var canCommit: Bool {
        commitIndex - executor.slot < history.capacity / 2
            && commitIndex - noted < UInt64(Limits.votingWindowSlots) / 2
            && commitIndex - snapshotSlot + UInt64(Limits.votesAheadSlots) < history.capacity
    }

    mutating func commit(_ slot: UInt64, _ entry: Entry) {
        precondition(slot == commitIndex + 1)
        history.store(slot, entry)
        commitIndex = slot
        if slot - oldestEntry >= history.capacity { oldestEntry = slot - history.capacity + 1 }
        if entry.kind == .cut {
            committed.join(entry.cut)
            want(entry.cut)
            compare(entry.cut, slot)
        }
        endSample()
        lastCommitAt = now
        pendingSince = nil
        fetch.progressed(now: now)
        failures = 0
        statusDue(in: timing.coalesceNanoseconds)
    }

    /// One position, two digests: this log holds another content under a name that was decided (PROTOCOL §2 ◆). Asked when
    /// a slot is decided, and again when it was executed, for batches that came between.
    mutating func compare(_ cut: Cut, _ slot: UInt64) {
        for lane in 0..<members where snapshotCut[lane] < cut[lane] {
            let position = cut[lane]
            guard let held = lanes.position(ReplicaID(lane), position.generation, position.sequence),
                held.digest != position.digest
            else { continue }
            fatal = conflict(slot, lane: lane)
        }
    }

    func conflict(_ slot: UInt64, lane: Int) -> String {
        "slot \(slot) covers a batch of lane \(lane) with another content than this log holds under that name: two processes "
            + "acted under one identity; stop both and replace that member"
    }

    /// Notes in the log, lazily, that slots are decided, with the entries where this replica's votes differ
    /// (PROTOCOL §8). A restart trusts it.
    mutating func noteDecided(into effects: inout Effects) {
        guard commitIndex > noted else {
            notedAt = now
            return
        }
        guard logHasRoom, commitIndex - noted >= 64 || now - notedAt >= timing.decidedNoteNanoseconds else { return }
        let first = noted + 1
        let last = min(commitIndex, noted + 64)
        for slot in first...last {
            guard let entry = history.entry(slot) else { preconditionFailure("a decided entry is forgotten unnoted") }
            let vote = votes[slot]
            if vote.slot == slot, vote.entry == entry { continue }
            _ = append(.decidedEntry(slot: slot, entry: entry), into: &effects)
        }
        notedIndex = append(.decided(first: first, last: last), into: &effects)
        noted = last
        notedAt = now
    }

    /// The decided entry of a slot, if it is still known.
    package func decidedEntry(_ slot: UInt64) -> Entry? {
        slot <= commitIndex && slot >= oldestEntry ? history.entry(slot) : nil
    }

    // MARK: Asking for entries

    /// The slots that others know and this replica does not, if any.
    private func missing() -> (first: UInt64, last: UInt64)? {
        var decided: UInt64 = 0
        for member in 0..<members where member != me.index {
            decided = max(decided, peers[member].status.commitIndex)
        }
        let target = max(decided, role == .sequencer ? 0 : proposedLast)
        var slot = commitIndex + 1
        guard canCommit else { return nil }
        guard slot <= target else { return firstUnknownVote().map { ($0, $0 + 15) } }
        // Decided by others, and this replica holds the proposal: votes may just be late. It asks from there on all the same,
        // since the wait before asking is longer than that.
        if decided < slot {
            while slot <= target, slot < commitIndex + 256, holdsProposal(slot) { slot += 1 }
            guard slot <= target else { return firstUnknownVote().map { ($0, $0 + 15) } }
        }
        return (slot, slot + min(target - slot, 127))
    }

    /// Whether it holds the present sequencer's proposal; that of an earlier ballot decides nothing any more.
    private func holdsProposal(_ slot: UInt64) -> Bool {
        proposals[slot].slot == slot && proposals[slot].ballot == currentBallot
    }

    /// Asks for what is missing: a holder of decided entries, or the sequencer (PROTOCOL §3.4).
    mutating func ask(into effects: inout Effects) {
        guard let gap = missing() else {
            lacksEntries = false
            fetch.stop()
            return
        }
        fetch.start(now: now, after: timing.retryNanoseconds / 4 + random.below(timing.retryNanoseconds / 4))
        guard fetch.isDue(now) else { return }
        guard let target = holder(of: gap.first) else { return }
        effects.add(.immediate(.entryRequest(EntryRequest(first: gap.first, last: gap.last)), .one(target)))
        fetch.asked(now: now, wait: timing.retryNanoseconds)
    }

    /// Silent for so long that nothing is hoped of it: what it said that it gives may be gone with it.
    private func isGone(_ member: Int) -> Bool { now - peers[member].heardAt > timing.stuckNanoseconds }

    /// Somebody who can give the slot: in turn, those that have it decided; else the sequencer, or any voter for it.
    private mutating func holder(of slot: UInt64) -> ReplicaID? {
        var candidates = MemberSet()
        var ahead = false
        for member in 0..<members where member != me.index {
            let status = status(of: ReplicaID(member))
            guard status.pointee.commitIndex >= slot, !isGone(member) else { continue }
            ahead = true
            if status.pointee.oldestEntry <= slot { candidates.insert(ReplicaID(member)) }
        }
        // Whoever is heard and does not hear gives nothing either.
        let isInVain = ahead && entryWait.isOver(slot, now: now, patience: timing.stuckNanoseconds)
        lacksEntries = ahead && (candidates.bits == 0 || isInVain)
        if !ahead {
            entryWait.stop()
            if currentBallot.owner != me, fetch.attempts % 2 == 0 { return currentBallot.owner }
            for member in 0..<members where member != me.index && peers[member].votes.contains(slot) {
                candidates.insert(ReplicaID(member))
            }
            if candidates.bits == 0, currentBallot.owner != me { return currentBallot.owner }
        }
        guard candidates.count > 0 else { return nil }
        var skip = Int(random.below(UInt64(candidates.count)))
        for member in 0..<members where candidates.contains(ReplicaID(member)) {
            if skip == 0 { return ReplicaID(member) }
            skip -= 1
        }
        return nil
    }

    /// The engine lacks a batch of this decided slot: if nobody keeps batches that old, this replica cannot catch up from logs.
    package mutating func considerStranded(slot: UInt64) {
        var ahead = false
        var isGiven = false
        for member in 0..<members where member != me.index {
            let status = status(of: ReplicaID(member))
            guard status.pointee.executedSlot >= slot, !isGone(member) else { continue }
            ahead = true
            if status.pointee.oldestEntry <= slot { isGiven = true }
        }
        if !ahead { batchWait.stop() }
        let isInVain = ahead && batchWait.isOver(slot, now: now, patience: timing.stuckNanoseconds)
        lackedSlot = ahead && (!isGiven || isInVain) ? slot : 0
    }

    /// Batches of slots below `slot` may have left this replica's log.
    package mutating func released(below slot: UInt64) { oldestEntry = max(oldestEntry, slot) }

    /// Most datagrams of entries that one request brings.
    private static var burst: Int { 8 }

    mutating func received(_ request: EntryRequest, from: ReplicaID, into effects: inout Effects) {
        var slot = max(request.first, oldestEntry)
        let last = request.first + min(request.last - request.first, 127)
        guard slot == request.first, slot < commitIndex + UInt64(Limits.votingWindowSlots) else { return }
        let perDatagram = EntriesHeader.perDatagram(members: members)
        for _ in 0..<Self.burst where slot <= min(last, commitIndex) {
            let count = min(perDatagram, Int(min(last, commitIndex) - slot) + 1)
            effects.add(.immediate(.entries(first: slot, count: count), .one(from)))
            slot += UInt64(count)
        }
        // Proposals that are not decided here: whoever has one may pass it on, it is the same proposal.
        guard slot > commitIndex else { return }
        let most = effects.count + 64
        for _ in 0..<32 where slot <= last && effects.count < most {
            let proposal = proposals[slot]
            if proposal.slot == slot, proposal.ballot == currentBallot, proposedFirst <= slot {
                effects.add(
                    .immediate(
                        .propose(
                            Propose(ballot: proposal.ballot, slot: slot, first: proposedFirst, entry: proposal.entry)),
                        .one(from)))
            }
            giveFast(slot, to: from, into: &effects)
            slot += 1
        }
    }

    package func encodeEntries(first: UInt64, count: Int, into w: inout WireWriter) {
        EntriesHeader(first: first, count: UInt8(count)).encode(into: &w)
        for slot in first..<first + UInt64(count) {
            guard let entry = decidedEntry(slot) else { preconditionFailure("an entry was promised and is forgotten") }
            w.put(entry, members: members)
        }
    }

    mutating func receivedEntries(_ body: UnsafeRawBufferPointer) {
        var r = WireReader(body)
        guard let header = EntriesHeader.decode(&r) else { return }
        for slot in header.first..<header.first + UInt64(header.count) {
            let entry = r.takeEntry(members: members)
            guard !r.failed, fatal == nil else { return }
            if slot == commitIndex + 1, canCommit {
                commit(slot, entry)
            } else if slot <= commitIndex, let known = decidedEntry(slot), known != entry {
                fatal =
                    "slot \(slot) was decided twice with different entries: agreement is broken; stop and report this"
                return
            }
        }
    }
}
