// Whoever has fresh batches proposes them itself, in half 0 (PROTOCOL §7).

extension Replica {
    /// Proposes this replica's own fresh batches for the first slot that it has not seen proposed or voted for. The proposal leaves in
    /// the turn in which the batches do.
    mutating func proposeFast(into effects: inout Effects) {
        guard currentBallot.kind == .fast, fast.from > 0, isProven else { return }
        // Those of the own lane that are neither decided nor in a proposal of this replica that may still win.
        let isClaimed = fast.claimedSlot > commitIndex
        let known = isClaimed ? max(committed[me.index], fast.claimed) : committed[me.index]
        var cut = Cut(epoch: configuration.epoch)
        let own = held(me, above: known)
        if known < own { cut[me.index] = own }
        if role == .sequencer { takeUpIdle(into: &cut) }
        let slot = max(fast.from, commitIndex + 1, fast.highest + 1)
        guard !cut.isEmpty, slot <= min(commitIndex + fastPipeline, lastSlot) else { return }
        cut.timestamp = wallClock
        let entry = Entry(cut)
        effects.add(
            .immediate(
                .propose(Propose(ballot: currentBallot, half: .fast, slot: slot, first: fast.from, entry: entry)), .all)
        )
        if known < own {
            fast.claimed = own
            fast.claimedSlot = slot
        }
        keepFast(slot, entry)
    }

    /// Slots that may be undecided in half 0: three quarters of those that a status can tell of.
    var fastPipeline: UInt64 {
        let capacity = UInt64(VoteMarks.capacity(members: members))
        return capacity - capacity / 4
    }

    /// The highest position of a lane that is held above `known`; what is held of one generation goes before a later one opens.
    private func held(_ lane: ReplicaID, above known: Position) -> Position {
        if !known.isEmpty, let track = lanes.track(lane, known.generation), track.held > known.sequence {
            return lanes.position(lane, known.generation, track.held) ?? known
        }
        guard let generation = lanes.generationHeld(lane, above: known.generation),
            let track = lanes.track(lane, generation)
        else { return known }
        return lanes.position(lane, generation, track.held) ?? known
    }

    /// Batches whose owner does not propose them any more: the sequencer does, when nothing else has been under way for a while.
    private mutating func takeUpIdle(into cut: inout Cut) {
        guard fast.highest <= commitIndex else {
            fast.idleSince = nil
            return
        }
        var reach = cut
        for lane in 0..<members {
            let held = held(ReplicaID(lane), above: committed[lane])
            if committed[lane] < held { reach[lane] = held }
        }
        guard !reach.isEmpty else {
            fast.idleSince = nil
            return
        }
        let since = fast.idleSince ?? now
        fast.idleSince = since
        if now - since >= fastPatience { cut = reach }
    }

    /// A proposal of half 0 arrived.
    mutating func receivedFast(_ proposal: Propose) {
        saw(proposal.ballot)
        guard proposal.ballot == currentBallot else { return }
        if fast.from == 0 { fast.from = proposal.first }
        keepFast(proposal.slot, proposal.entry)
    }

    private mutating func keepFast(_ slot: UInt64, _ entry: Entry) {
        fast.isInUse = true
        sawSlot(slot)
        guard slot > commitIndex, slot <= commitIndex + UInt64(Limits.fastWindowSlots) else { return }
        if fastProposals.keep(slot, currentBallot, entry), entry.kind == .cut { want(entry.cut) }
    }

    /// A slot of the present fast round is in use.
    mutating func sawSlot(_ slot: UInt64) {
        guard slot <= Limits.slotMaximum else { return }
        fast.highest = max(fast.highest, slot)
        if role == .sequencer, slot > commitIndex, slot <= commitIndex + UInt64(Limits.fastWindowSlots),
            waitingSlots[slot].slot != slot || waitingSlots[slot].ballot != currentBallot
        {
            waitingSlots[slot] = WaitingSlot(slot: slot, since: now, ballot: currentBallot)
        }
    }
}

extension Cut {
    /// Whether it names no batch.
    package var isEmpty: Bool {
        for lane in 0..<Limits.members where !positions[lane].isEmpty { return false }
        return true
    }
}
