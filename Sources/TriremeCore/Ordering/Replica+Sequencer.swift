// The sequencer: cuts, one after another (PROTOCOL §4, phase 2 and optimism).

/// What a sequencer remembers of its reign.
struct Sequencing {
    var firstSlot: UInt64 = 0
    var nextSlot: UInt64 = 0
    /// The join of everything proposed or decided so far: a new cut must rise above it.
    var lastCut = Cut()
    /// When the prepare last went out.
    var preparedAt: UInt64 = 0
    /// Batches that a cut may run ahead of what a quorum has acknowledged, per lane.
    var optimism: UInt64 = Sequencing.optimismStart
    /// Sum of the others' counts of votes that had to wait for data, when it was last looked at.
    var waits: UInt64 = 0
    var raisedAt: UInt64 = 0
    /// Whom to hand over to, once everything proposed is decided.
    var successor: ReplicaID?

    static let optimismStart: UInt64 = 16
    static let optimismMost: UInt64 = 256
    mutating func reset() { self = Sequencing() }
}

extension Replica {
    /// Phase 1 is done: once everything that it showed to be decided is known, re-proposes what may be decided.
    mutating func startSequencing(into effects: inout Effects) {
        guard commitIndex >= candidacy.commitIndex else { return }
        let ballot = candidacy.ballot
        precondition(promise == ballot && promiseIndex <= durable)
        // What the promises show to be decided needs no phase 2; the rest is picked.
        while commitIndex < candidacy.highestVoted, canCommit,
            let entry = candidacy.decided(commitIndex + 1, configuration.quorums)
        {
            fastCounts.phase1Decided += 1
            commit(commitIndex + 1, entry)
        }
        role = .sequencer
        sequencing.reset()
        sequencing.firstSlot = commitIndex + 1
        sequencing.nextSlot = commitIndex + 1
        sequencing.lastCut = committed
        sequencing.raisedAt = now
        proposedFirst = sequencing.firstSlot
        opened(from: anyFrom)
        kindChoice.began(now: now)
        counted = committed
        failures = 0
        pendingSince = nil
        proposeAgain(into: &effects)
        statusDue(in: 0)
    }

    /// The decided prefix is skipped; every other slot up to the highest voted one is proposed again, as the pipeline has
    /// room, before anything new.
    private mutating func proposeAgain(into effects: inout Effects) {
        while sequencing.nextSlot <= candidacy.highestVoted, hasRoom {
            let pick = candidacy.pick(sequencing.nextSlot, configuration.quorums)
            if case .choosable = pick { fastCounts.phase1Choosable += 1 }
            if case .join = pick { fastCounts.phase1Joins += 1 }
            proposeNext(pick.entry, into: &effects)
        }
    }

    private var hasRoom: Bool { sequencing.nextSlot <= commitIndex + UInt64(Limits.undecidedSlots) }

    private mutating func proposeNext(_ entry: Entry, into effects: inout Effects) {
        let slot = sequencing.nextSlot
        let proposal = Propose(ballot: currentBallot, slot: slot, first: sequencing.firstSlot, entry: entry)
        effects.add(.immediate(.propose(proposal), .all))
        if entry.kind == .cut { sequencing.lastCut.join(entry.cut) }
        sequencing.nextSlot = slot + 1
        keep(proposal)
    }

    /// Proposes one cut for all lanes, if any lane grew and the pipeline has room.
    mutating func propose(into effects: inout Effects) {
        guard role == .sequencer, sequencing.successor == nil else { return }
        proposeAgain(into: &effects)
        // From `any`'s `from` on the owner of a fast round proposes in half 1 only where half 0 has failed ◆.
        guard hasRoom, currentBallot.kind == .classic else { return }
        adaptOptimism()
        var cut = sequencing.lastCut
        var grew = false
        for lane in 0..<members {
            let reach = reach(ReplicaID(lane), above: cut[lane])
            if cut[lane] < reach {
                cut[lane] = reach
                grew = true
            }
        }
        guard grew else { return }
        cut.timestamp = max(cut.timestamp, wallClock)
        cut.epoch = configuration.epoch
        proposeNext(Entry(cut), into: &effects)
    }

    /// How far the next cut goes in a lane: to what this replica holds, at most `optimism` batches beyond what a `Q2` was
    /// heard to have received. What is held of the present generation goes before a later one opens.
    func reach(_ lane: ReplicaID, above from: Position) -> Position {
        if !from.isEmpty, let held = lanes.track(lane, from.generation), held.held > from.sequence {
            return bounded(lane, held, above: from.sequence) ?? from
        }
        guard let generation = lanes.generationHeld(lane, above: from.generation),
            let held = lanes.track(lane, generation)
        else { return from }
        return bounded(lane, held, above: 0) ?? from
    }

    private func bounded(_ lane: ReplicaID, _ held: LaneTrack, above from: UInt64) -> Position? {
        var counts = InlineArray<16, UInt64>(repeating: 0)
        for member in 0..<members {
            let value = heldBy(member, lane, held)
            // Insertion sort, highest first: at most fifteen values.
            var i = member
            while i > 0, counts[i - 1] < value {
                counts[i] = counts[i - 1]
                i -= 1
            }
            counts[i] = value
        }
        // What is decided lies on a `Q2`, whatever the members at hand report.
        let decided = committed[lane.index]
        let onQ2 =
            configuration.quorums.areCounting
            ? counts[configuration.quorums.classic - 1] : highestOnQ2(lane, held, counts)
        let reached = min(
            held.held, max(onQ2, decided.generation == held.generation ? decided.sequence : 0))
        let sequence = reached + min(held.held - reached, sequencing.optimism)
        return sequence > from ? lanes.position(lane, held.generation, sequence) : nil
    }

    /// How far a member reports to hold a generation of a lane.
    @inline(__always)
    private func heldBy(_ member: Int, _ lane: ReplicaID, _ held: LaneTrack) -> UInt64 {
        let received = status(of: ReplicaID(member)).received(lane.index)
        // A status names only the newest generation. Whoever reports a later one hides how far it holds this one, which
        // does not grow any more: there is nothing to run ahead of.
        return member == me.index || received.generation > held.generation
            ? held.held : received.generation == held.generation ? received.sequence : 0
    }

    /// The highest sequence that all of some `Q2` report; `counts` are what the members report, highest first.
    private func highestOnQ2(_ lane: ReplicaID, _ held: LaneTrack, _ counts: InlineArray<16, UInt64>) -> UInt64 {
        for place in configuration.quorums.classic - 1..<members {
            var holders = MemberSet()
            for member in 0..<members where heldBy(member, lane, held) >= counts[place] {
                holders.insert(ReplicaID(member))
            }
            if configuration.quorums.isClassic(holders) { return counts[place] }
        }
        return 0
    }

    /// Halved when votes had to wait for data, raised by one when they did not for a while.
    private mutating func adaptOptimism() {
        var waits: UInt64 = UInt64(waitedForData)
        for member in 0..<members where member != me.index { waits += UInt64(peers[member].status.waitedForData) }
        if waits > sequencing.waits {
            sequencing.waits = waits
            sequencing.optimism = max(1, sequencing.optimism / 2)
            sequencing.raisedAt = now
        } else if waits < sequencing.waits {
            sequencing.waits = waits  // A member restarted and counts from 0.
        } else if now - sequencing.raisedAt >= timing.coalesceNanoseconds {
            sequencing.optimism = min(Sequencing.optimismMost, sequencing.optimism + 1)
            sequencing.raisedAt = now
        }
    }

    /// Hands over: everything proposed is decided, so the successor is named and the reign ends.
    mutating func letGo(into effects: inout Effects) {
        guard let successor = sequencing.successor, commitIndex + 1 >= sequencing.nextSlot else { return }
        effects.add(.immediate(.handOver(HandOver(ballot: currentBallot, successor: successor)), .all))
        role = .follower
        sequencing.reset()
        heardSequencerAt = now
        statusDue(in: 0)
    }
}
