// A sequencer that names who decides in its round, so that a later candidate has fewer to hear (PROTOCOL §14).

extension Replica {
    /// Those who spoke within a suspicion timeout, this replica among them.
    var heard: MemberSet {
        var heard = MemberSet()
        heard.insert(me)
        for member in 0..<members where member != me.index {
            if peers[member].heardAt > 0, now - peers[member].heardAt <= timing.suspicionNanoseconds {
                heard.insert(ReplicaID(member))
            }
        }
        return heard
    }

    /// Whether these could elect, by what is known here. A guess, for the answers of phase 1 may tell more.
    func mayElect(_ set: MemberSet) -> Bool {
        guard configuration.announced > 0 else { return configuration.quorums.isPhase1(set) }
        var known = outstanding
        known.passed(promise)
        known.passed(currentBallot)
        return known.areMet(by: set, configuration.quorums)
    }

    /// Whether a member can vote in a round of this replica, as far as that shows: it is heard and hears, and does not observe.
    private func canVote(_ member: ReplicaID) -> Bool {
        member == me
            || peers[member.index].hearsAt > 0
                && now - peers[member.index].hearsAt <= timing.suspicionNanoseconds
                && !status(of: member).pointee.flags.contains(.observes)
    }
    private var voters: MemberSet {
        var voters = heard
        for member in 0..<members where !canVote(ReplicaID(member)) { voters.remove(ReplicaID(member)) }
        return voters
    }

    /// The members that a new ballot names: this one, then those that can vote and whose disks were heard to have got furthest in
    /// voting, as many as were asked for and at least a `Q2`. Nobody where there are not so many.
    func announcement(_ kind: Ballot.Kind) -> MemberSet {
        var named = MemberSet()
        guard configuration.announced > 0, kind == .classic else { return named }
        var left = voters
        var next: ReplicaID? = me
        while let member = next {
            named.insert(member)
            left.remove(member)
            if named.count >= configuration.announced, configuration.quorums.isClassic(named) { return named }
            next = nil
            for step in 1..<members {
                let other = ReplicaID((me.index + step) % members)
                guard left.contains(other) else { continue }
                if let best = next, votes(of: best) >= votes(of: other) { continue }
                next = other
            }
        }
        return MemberSet()
    }
    private func votes(of member: ReplicaID) -> (ballot: Ballot, last: UInt64) {
        (peers[member.index].votes.ballot, peers[member.index].votes.last)
    }

    /// Too few of those whom this round names can decide anything, and others could: a new round names them.
    mutating func renewAnnouncement(into effects: inout Effects) {
        guard !currentBallot.announced.isEmpty, sequencing.successor == nil, mayPromise, logHasRoom else { return }
        let voters = voters
        guard !configuration.quorums.isClassic(voters, in: currentBallot), mayElect(voters),
            configuration.quorums.isClassic(voters)
        else { return }
        takeBallot(into: &effects)
    }

    /// The owner of the present ballot has told from which slot on lower ballots decide nothing.
    mutating func opened(from slot: UInt64) {
        if currentBallot.kind == .fast { fast.from = slot } else { openFrom = slot }
    }

    /// Whatever lower ballots may have decided is noted here, durably: whoever hears this replica learns it, and need not meet those
    /// who decided it (PROTOCOL §14 ◆).
    mutating func endOutstanding() {
        guard openFrom > 0, promise == currentBallot, outstanding.ended < promise else { return }
        let last = openFrom - 1
        guard snapshotSlot >= last || (noted >= last && notedIndex <= durable) else { return }
        outstanding = Outstanding()
        outstanding.ended = promise
    }
}
