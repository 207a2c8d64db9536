// Which kind of round this sequencer opens (PROTOCOL §7).

extension Replica {
    /// The kind of the next ballot that this replica takes.
    var kindToOpen: Ballot.Kind { configuration.ordering == .fast ? .fast : .classic }

    /// Goes on sequencing in a new round of a kind: phase 1 again, which picks up what is under way.
    package mutating func openRound(_ kind: Ballot.Kind, into effects: inout Effects) {
        guard role == .sequencer, currentBallot.kind != kind, sequencing.successor == nil, mayPromise, logHasRoom else {
            return
        }
        fastCounts.changes += 1
        takeBallot(kind, into: &effects)
    }

    /// Whether a fast round can be the better one: where two votes decide, the classic half is as fast from everywhere, and a `QF` is
    /// larger (PROTOCOL §7).
    private var fastMayPay: Bool { configuration.quorums.classic > 2 }

    /// Changes the kind where the other one was measured to decide sooner, or to find that out.
    mutating func considerKind(into effects: inout Effects) {
        guard configuration.ordering == .adaptive, fastMayPay, role == .sequencer else { return }
        kindChoice.take(me.index, microseconds: sample.microseconds, samples: sample.count)
        for member in 0..<members where member != me.index {
            let status = status(of: ReplicaID(member))
            kindChoice.take(
                member, microseconds: status.pointee.decideMicroseconds, samples: status.pointee.decideSamples)
        }
        countDecided()
        if let kind = kindChoice.decide(currentBallot.kind, now: now) {
            openRound(kind, into: &effects)
        }
    }

    /// What was decided since the last look, in batches.
    private mutating func countDecided() {
        for lane in 0..<members {
            let (position, last) = (committed[lane], counted[lane])
            guard position != last else { continue }
            let before = position.generation == last.generation ? last.sequence : 0
            kindChoice.decided(lane, batches: position.sequence - min(before, position.sequence))
            counted[lane] = position
        }
    }

    /// An own batch went to the log: one at a time is followed to its decision.
    mutating func beginSample(_ batch: BatchDescriptor) {
        guard batch.lane == me, batch.generation == generation, sample.position.isEmpty else { return }
        sample.position = batch.position
        sample.at = now
    }
    mutating func endSample() {
        if !sample.position.isEmpty, sample.position <= committed[me.index] { sample.end(now: now) }
    }
}
