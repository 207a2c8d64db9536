// The sequencer of a fast round: it opens half 0, and ends it slot by slot where that did not decide (PROTOCOL §7).

extension Replica {
    /// `any`'s `from`: the first slot above all that may have been voted for or decided in lower ballots; those below are proposed
    /// in half 1 ◆.
    package var anyFrom: UInt64 {
        role == .sequencer && (currentBallot.kind == .fast || !currentBallot.announced.isEmpty)
            ? max(candidacy.highestVoted + 1, sequencing.firstSlot) : 0
    }

    /// How long a slot may wait in half 0 after it was first seen: twice what decisions take.
    var fastPatience: UInt64 { max(timing.retryNanoseconds, 2 * fast.decisionTime) }

    /// Looks at every slot under way: proposes in half 1 where half 0 cannot decide any more, at once, or has not for too long;
    /// asks for vows where too few have voted to pick.
    mutating func resolve(into effects: inout Effects) {
        guard role == .sequencer, currentBallot.kind == .fast, fast.highest > commitIndex else { return }
        let ballot = currentBallot
        let last = min(fast.highest, commitIndex + UInt64(Limits.fastWindowSlots))
        var close: (first: UInt64, last: UInt64)?
        var slot = max(commitIndex + 1, anyFrom)
        while slot <= last {
            defer { slot += 1 }
            if isProposed(slot, in: ballot) { continue }
            sawSlot(slot)
            switch verdict(slot, ballot, isLate: now - waitingSlots[slot].since >= fastPatience) {
            case .wait: break
            case .close: close = (close?.first ?? slot, slot)
            case .propose(let pick):
                var entry = pick.entry
                switch pick {
                case .choosable: fastCounts.choosable += 1
                case .join:
                    fastCounts.joins += 1
                    takeAlong(in: &entry)
                case .free, .classic: fastCounts.empty += 1
                }
                proposeInHalf1(slot, entry, into: &effects)
            }
        }
        guard let close, now - fast.closedAt >= timing.retryNanoseconds else { return }
        fast.closedAt = now
        let message = Close(ballot: ballot, first: close.first, last: close.last)
        effects.add(.immediate(.close(message), .all))
        vow(message, into: &effects)
        fastCounts.closes += close.last - close.first + 1
    }

    private enum Verdict {
        case wait, close
        case propose(Pick)
    }

    /// What the durable votes and vows of half 0 say of a slot: they are the answers of phase 1 of half 1 (an acceptor votes once per
    /// slot and half), so with those of a `Q1` section 6 picks.
    private func verdict(_ slot: UInt64, _ ballot: Ballot, isLate: Bool) -> Verdict {
        let quorums = configuration.quorums
        var count = VoteCount()
        var answered = MemberSet()
        // Whoever has not answered may still vote, if it lives.
        var silent = MemberSet()
        for member in 0..<members {
            let mark = mark(of: member, slot, in: ballot)
            if !mark.isNone { answered.insert(ReplicaID(member)) }
            if mark.half == .fast { count.add(ReplicaID(member), mark.rawValue) }
            if mark.isNone, mayAnswer(member) { silent.insert(ReplicaID(member)) }
        }
        var isOpen = quorums.isFast(silent)
        for i in 0..<count.count {
            isOpen = isOpen || quorums.isFast(MemberSet(bits: count.voters(i).bits | silent.bits))
        }
        guard !isOpen || isLate else { return .wait }
        guard quorums.isPhase1(answered) else { return isLate ? .close : .wait }
        guard count.count > 0 else { return .propose(.free) }
        if let i = count.choosable(promised: answered, quorums) {
            // The entry is asked for if it is not here.
            guard let entry = entry(of: Mark(rawValue: count.key(i)), slot, ballot) else { return .wait }
            return .propose(.choosable(entry))
        }
        var join = Entry.nothing
        for i in 0..<count.count {
            guard let entry = entry(of: Mark(rawValue: count.key(i)), slot, ballot) else { return .wait }
            join.join(entry)
        }
        return .propose(.join(join))
    }

    /// Nothing of half 0 can be decided, so the slot is free and any cut may be proposed: the join takes along what this replica holds,
    /// as a classic cut would. Else an origin whose proposals always come a little later than the others' would lose every slot.
    private func takeAlong(in entry: inout Entry) {
        var cut = Cut(epoch: configuration.epoch)
        for lane in 0..<members {
            let reach = reach(ReplicaID(lane), above: committed[lane])
            if committed[lane] < reach { cut[lane] = reach }
        }
        if !cut.isEmpty { entry.join(Entry(cut)) }
    }

    private func mayAnswer(_ member: Int) -> Bool {
        member == me.index
            || now - peers[member].heardAt <= timing.suspicionNanoseconds
                && !status(of: ReplicaID(member)).pointee.flags.contains(.observes)
    }

    private mutating func proposeInHalf1(_ slot: UInt64, _ entry: Entry, into effects: inout Effects) {
        let proposal = Propose(ballot: currentBallot, slot: slot, first: sequencing.firstSlot, entry: entry)
        effects.add(.immediate(.propose(proposal), .all))
        keep(proposal)
        // The patience follows what votes take: were its own length counted in, each slot that waited it out would make it longer.
        waitingSlots[slot].since = now
    }

    /// What decisions take, from the proposal of the half that decides, is what the patience follows.
    mutating func noteDecisionTime(_ slot: UInt64) {
        let waiting = waitingSlots[slot]
        guard role == .sequencer, waiting.slot == slot, waiting.ballot == currentBallot else { return }
        let took = min(now - waiting.since, timing.stuckNanoseconds)
        fast.decisionTime = fast.decisionTime == 0 ? took : fast.decisionTime - fast.decisionTime / 8 + took / 8
    }
}
