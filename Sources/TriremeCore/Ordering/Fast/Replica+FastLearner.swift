// Which slots of a fast round are decided (PROTOCOL §4 decide, §7).

extension Replica {
    /// The entry of a slot for which a `QF` reports votes in half 0, or a `Q2` in half 1, of one fast ballot, if it is known here.
    func decidedFast(_ slot: UInt64) -> (entry: Entry, half: Half)? {
        for member in 0..<members {
            let ballot = marksBallot(member)
            guard !ballot.isNone, isFirst(ballot, member) else { continue }
            var count = VoteCount()
            for other in 0..<members {
                let mark = mark(of: other, slot, in: ballot)
                if mark.half != nil { count.add(ReplicaID(other), mark.rawValue) }
            }
            for i in 0..<count.count {
                let mark = Mark(rawValue: count.key(i))
                let voters = count.voters(i)
                guard
                    mark.half == .fast
                        ? configuration.quorums.isFast(voters) : configuration.quorums.isClassic(voters, in: ballot),
                    let entry = entry(of: mark, slot, ballot), let half = mark.half
                else { continue }
                return (entry, half)
            }
        }
        return nil
    }

    private func marksBallot(_ member: Int) -> Ballot {
        member == me.index ? fast.ballot : status(of: ReplicaID(member)).pointee.marks.ballot
    }
    private func isFirst(_ ballot: Ballot, _ member: Int) -> Bool {
        for earlier in 0..<member where marksBallot(earlier) == ballot { return false }
        return true
    }
    /// A member's durable register; this replica's own counts as anybody's.
    func mark(of member: Int, _ slot: UInt64, in ballot: Ballot) -> Mark {
        member == me.index ? ownMark(slot, in: ballot) : status(of: ReplicaID(member)).mark(slot, in: ballot)
    }

    /// The proposal that a vote is for; in half 1 that of the ballot's owner.
    func entry(of mark: Mark, _ slot: UInt64, _ ballot: Ballot) -> Entry? {
        let vote = votes[slot]
        if vote.slot == slot, vote.ballot == ballot, vote.half == mark.half, mark.isFor(vote.entry) {
            return vote.entry
        }
        if mark.half == .fast { return fastProposals.entry(slot, ballot, mark) }
        return isProposed(slot, in: ballot) && mark.isFor(proposals[slot].entry) ? proposals[slot].entry : nil
    }

    /// A status tells of votes in fast ballots.
    mutating func noteMarks(_ status: UnsafePointer<Status>) {
        let marks = status.pointee.marks
        guard marks.count > 0 else { return }
        fast.isInUse = true
        guard marks.ballot == currentBallot else { return }
        for i in 0..<marks.count where marks.values[i].half != nil { sawSlot(marks.first + UInt64(i)) }
    }

    /// The first slot above the commit index for which somebody voted in the present fast round for an entry that is unknown here.
    func firstUnknownVote() -> UInt64? {
        let ballot = currentBallot
        guard ballot.kind == .fast, fast.highest > commitIndex else { return nil }
        for slot in commitIndex + 1...min(fast.highest, commitIndex + UInt64(Limits.fastWindowSlots)) {
            for member in 0..<members {
                let mark = mark(of: member, slot, in: ballot)
                if mark.half != nil, entry(of: mark, slot, ballot) == nil { return slot }
            }
        }
        return nil
    }

    /// Passes on what was proposed in half 0 for a slot: whoever has it may.
    func giveFast(_ slot: UInt64, to member: ReplicaID, into effects: inout Effects) {
        let ballot = currentBallot
        guard ballot.kind == .fast, fast.from > 0, slot >= fast.from else { return }
        for i in 0..<fastProposals.count(slot, ballot) {
            let proposal = Propose(
                ballot: ballot, half: .fast, slot: slot, first: fast.from, entry: fastProposals.entry(slot, i))
            effects.add(.immediate(.propose(proposal), .one(member)))
        }
    }
}
