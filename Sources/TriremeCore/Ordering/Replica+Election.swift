// Suspecting a sequencer and becoming one (PROTOCOL §4, election and phase 1).

extension Replica {
    /// A ballot was seen anywhere: a higher one than one's own ends a candidacy or a reign.
    mutating func saw(_ ballot: Ballot) {
        guard ballot > currentBallot, ballot.epoch == configuration.epoch else { return }
        currentBallot = ballot
        proposedFirst = .max
        proposedLast = 0
        openFrom = 0
        fast.reset()
        sample.restart()
        if role != .follower {
            if role != .sequencer { failed() }
            role = .follower
            sequencing.reset()
            statusDue(in: 0)
        }
        // Whoever took it gets one timeout to show that it reigns.
        endSuspicion()
        pendingSince = nil
        heardSequencerAt = now
    }

    mutating func heardSequencer(_ ballot: Ballot) {
        saw(ballot)
        if ballot == currentBallot { heardSequencerAt = now }
    }

    /// The clock's part of everything.
    mutating func tick(into effects: inout Effects) {
        if heardSequencerAt == 0 { heardSequencerAt = now }
        recall(into: &effects)
        watch()
        switch role {
        case .follower: considerCandidacy(into: &effects)
        case .candidate, .learning: pursueCandidacy(into: &effects)
        case .sequencer:
            letGo(into: &effects)
            renewAnnouncement(into: &effects)
            considerKind(into: &effects)
        }
        if now >= lastStatusAt + timing.heartbeatNanoseconds { statusDue(in: 0) }
    }

    // MARK: Suspicion

    /// Whether something waits to be decided: a proposed slot, or a batch that a `Q2` holds.
    private func hasPending() -> Bool {
        if proposedLast > commitIndex || highestVoted > commitIndex || fast.highest > commitIndex { return true }
        for lane in 0..<members {
            let mine = lanes.received(ReplicaID(lane))
            guard committed[lane] < mine else { continue }
            var holders = MemberSet()
            holders.insert(me)
            for member in 0..<members where member != me.index {
                if status(of: ReplicaID(member)).received(lane) >= mine { holders.insert(ReplicaID(member)) }
            }
            if configuration.quorums.isClassic(holders) { return true }
        }
        return false
    }

    private mutating func watch() {
        if hasPending() { pendingSince = pendingSince ?? now } else { pendingSince = nil }
        if role == .sequencer, isStuck, hearsQuorum { stepDown() }
        guard role == .follower else {
            endSuspicion()
            return
        }
        let silent = now - heardSequencerAt > timing.suspicionNanoseconds
        if silent || isStuck {
            guard suspectedAt == nil else { return }
            suspectedAt = now
            suspicionNumber = StatusNumber(generation, statusCounter + 1)
            electionWait = random.below(timing.suspicionNanoseconds / 2) << UInt64(min(failures, 5))
            for member in 0..<members { peers[member].echoedSuspicionAt = nil }
            echoAskedAt = 0
            statusDue(in: 0)
        } else if suspectedAt != nil {
            endSuspicion()
        }
    }

    private var isStuck: Bool { pendingSince.map { now - $0 > timing.stuckNanoseconds } ?? false }

    /// Whether a `Q1` and a `Q2` spoke within a timeout: with fewer a new round would do no better.
    private var hearsQuorum: Bool {
        let heard = heard
        return mayElect(heard) && configuration.quorums.isClassic(heard)
    }

    /// Nobody can obtain a proposal's batches, it seems: a new round picks again (PROTOCOL §4). The sequencer suspects itself,
    /// as the others do, and whoever is first takes a ballot.
    private mutating func stepDown() {
        role = .follower
        sequencing.reset()
        statusDue(in: 0)
    }

    mutating func endSuspicion() {
        guard suspectedAt != nil else { return }
        suspectedAt = nil
        statusDue(in: timing.coalesceNanoseconds)
    }

    private mutating func failed() { failures += 1 }

    // MARK: Candidacy

    /// The pre-check: within a timeout a `Q1` and a `Q2` echoed a status sent since the suspicion began (so this replica
    /// hears and is heard), and a `Q1` suspects the same ballot. A deaf replica thus deposes nobody.
    private mutating func considerCandidacy(into effects: inout Effects) {
        guard let since = suspectedAt, now >= since + electionWait, mayPromise else { return }
        var echoed = MemberSet()
        var suspecting = MemberSet()
        echoed.insert(me)
        suspecting.insert(me)
        for member in 0..<members where member != me.index {
            let peer = peers[member]
            guard !peer.status.flags.contains(.observes), now - peer.heardAt <= timing.suspicionNanoseconds else {
                continue
            }
            if let at = peer.echoedSuspicionAt, now - at <= timing.suspicionNanoseconds {
                echoed.insert(ReplicaID(member))
            }
            if peer.status.flags.contains(.suspects), peer.status.suspected == currentBallot {
                suspecting.insert(ReplicaID(member))
            }
        }
        let quorums = configuration.quorums
        guard mayElect(echoed), quorums.isClassic(echoed), mayElect(suspecting) else { return }
        takeBallot(into: &effects)
    }

    /// Takes a ballot above all that were seen: its own promise first, durably, and only then the prepare (◆). When to do so is no
    /// question of safety: the explorer takes one at any moment.
    package mutating func takeBallot(_ kind: Ballot.Kind? = nil, into effects: inout Effects) {
        guard mayPromise, logHasRoom else { return }
        let last = max(currentBallot.round, promise.round)
        guard last < .max else { return }
        let round = last + 1
        let ballot = Ballot(
            epoch: configuration.epoch, round: round, owner: me, kind: kind ?? kindToOpen,
            announced: announcement(kind ?? kindToOpen))
        saw(ballot)
        role = .candidate
        candidacy.begin(ballot, from: commitIndex + 1, now: now)
        makePromise(ballot, into: &effects)
        sendPrepare(into: &effects)
    }

    private mutating func sendPrepare(into effects: inout Effects) {
        effects.add(
            .afterDurable(promiseIndex, .prepare(Prepare(ballot: candidacy.ballot, from: candidacy.from)), .all))
        sequencing.preparedAt = now
    }

    private mutating func pursueCandidacy(into effects: inout Effects) {
        guard now - candidacy.startedAt <= 4 * timing.suspicionNanoseconds else {
            // Nobody answers, or what was decided cannot be learnt: somebody else may do better.
            role = .follower
            failed()
            sequencing.reset()
            return
        }
        if role == .candidate {
            if promiseIndex <= durable, !candidacy.promised.contains(me) { answerMyself() }
            if candidacy.isComplete(configuration) { role = .learning }
        }
        if role == .learning { startSequencing(into: &effects) }
        if role == .candidate, now - sequencing.preparedAt >= timing.retryNanoseconds * 2 {
            sendPrepare(into: &effects)
        }
    }

    /// The candidate's own votes count as any acceptor's, once its promise is durable.
    private mutating func answerMyself() {
        if let range = promisedVotes(from: candidacy.from) {
            for slot in range where votes[slot].slot == slot {
                let vote = votes[slot]
                candidacy.saw(
                    ReportedVote(slot: slot, ballot: vote.ballot, half: vote.half, entry: vote.entry), by: me)
            }
        }
        candidacy.answered(
            PromiseHeader(
                ballot: candidacy.ballot, from: candidacy.from, commitIndex: commitIndex, part: 0, parts: 1, votes: 0,
                outstanding: outstanding),
            by: me)
    }

    mutating func receivedPromise(_ body: UnsafeRawBufferPointer, from: ReplicaID) {
        var r = WireReader(body)
        guard let header = PromiseHeader.decode(&r, members: members), role == .candidate,
            header.ballot == candidacy.ballot, header.from == candidacy.from
        else { return }
        for _ in 0..<header.votes {
            // An acceptor's votes lie within a window above its commit index.
            guard let vote = ReportedVote.decode(&r, members: members), vote.slot > header.commitIndex,
                vote.slot - header.commitIndex <= UInt64(Limits.votingWindowSlots)
            else { return }
            candidacy.saw(vote, by: from)
        }
        guard r.isComplete else { return }
        candidacy.answered(header, by: from)
    }

    /// A sequencer that lets go named this replica: it prepares at once.
    mutating func received(_ handOver: HandOver, into effects: inout Effects) {
        guard handOver.successor == me, handOver.ballot == currentBallot, role == .follower else { return }
        takeBallot(into: &effects)
    }
}
