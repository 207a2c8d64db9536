// Fast or classic, by what was measured (PROTOCOL §7): a sequencer tries the other kind now and then, for a short while, and stays
// with the one in which batches are decided sooner.

/// What decides is the time from an origin's log to the decision there, over all origins by how much each sends: it has distances,
/// queues and collisions in it, and at a full window also the throughput.
package struct KindChoice {
    /// Microseconds to a decision in a classic and in a fast round, when last measured; 0: never.
    package private(set) var scores = InlineArray<2, UInt64>(repeating: 0)
    /// When the present round began, or the present measurement in it.
    private var since: UInt64 = 0
    private var sum: UInt64 = 0
    private var count: UInt64 = 0
    /// Batches of each origin that were decided in it.
    private var batches = InlineArray<16, UInt64>(repeating: 0)
    /// Samples of a member that were seen before, and in this measurement.
    private var seen = InlineArray<16, UInt32>(repeating: 0)
    private var settled = InlineArray<16, UInt32>(repeating: 0)
    package private(set) var isTrial = false
    private var trialAt: UInt64 = 0
    private var wait = KindChoice.firstWait
    /// The score of the kept kind when the other lost to it.
    private var reference: UInt64 = 0

    package init() {}

    /// Nanoseconds. A trial costs two changes of round, so what loses is tried more and more rarely.
    package static let firstWait: UInt64 = 500_000_000
    package static let longestWait: UInt64 = 60_000_000_000
    /// A measurement ends with so many samples, or after so long if there are a few, or after so long in any case: where commands
    /// are rare a trial harms as few of them.
    package static let trialSamples: UInt64 = 96
    package static let trialNanoseconds: UInt64 = 400_000_000
    package static let fewSamples: UInt64 = 12
    package static let longestTrialNanoseconds: UInt64 = 8_000_000_000
    /// The next trial begins after so many times what the last one took, or later: trials take a tenth of the time at most.
    package static let pause: UInt64 = 9
    /// A member's first samples after a change may still stem from before it: it has not heard of the change yet, and then starts anew.
    package static let settlingSamples: UInt32 = 2

    /// So many batches under way of each origin but the busiest: always some are proposed within a delay of another's, and collide.
    package static let crowd: UInt64 = 2

    /// A round has begun in which this replica reigns.
    package mutating func began(now: UInt64) {
        restart(now)
        settled = InlineArray(repeating: 0)
        if trialAt == 0 { trialAt = now + wait }
    }

    package mutating func decided(_ lane: Int, batches count: UInt64) { batches[lane] += count }

    /// A member's status: its smoothed time to a decision and how many it has measured.
    package mutating func take(_ member: Int, microseconds: UInt32, samples: UInt32) {
        let new = samples &- seen[member]
        seen[member] = samples
        guard new > 0, new < 1 << 16 else { return }
        settled[member] &+= new
        guard settled[member] > Self.settlingSamples else { return }
        sum += UInt64(microseconds) * UInt64(new)
        count += UInt64(new)
    }

    /// The kind to change to, if any.
    package mutating func decide(_ kind: Ballot.Kind, now: UInt64) -> Ballot.Kind? {
        let place = Int(kind.rawValue)
        let other: Ballot.Kind = kind == .fast ? .classic : .fast
        let known = scores[1 - place]
        let mean = count > 0 ? sum / count : 0
        if isTrial {
            let isHopeless = count >= Self.fewSamples && known > 0 && mean > 2 * known
            guard isHopeless || isMeasured(now) || now - since >= Self.longestTrialNanoseconds else { return nil }
            isTrial = false
            let pause = Self.pause * (now - since)
            if count > 0 { scores[place] = mean }
            // A tenth better, or the kept one stays: else two that are alike would change places for ever.
            if count >= Self.fewSamples, mean * 10 <= known * 9 {
                wait = Self.firstWait * 4
                trialAt = now + max(wait, pause)
                reference = mean
                restart(now)
                return nil
            }
            wait = min(Self.longestWait, wait * 2)
            trialAt = now + max(wait, pause)
            reference = known
            return other
        }
        guard isMeasured(now) else { return nil }
        scores[place] = scores[place] == 0 ? mean : (scores[place] + mean) / 2
        // Load or distances have changed: what lost then may win now.
        if reference > 0, scores[place] > 2 * reference || scores[place] * 2 < reference {
            reference = scores[place]
            wait = Self.firstWait
            trialAt = min(trialAt, now + wait)
        }
        let isCrowded = isCrowded(mean, now)
        restart(now)
        guard now >= trialAt else { return nil }
        // The trial would cost two changes of round to find what is known.
        guard other == .classic || !isCrowded else { return nil }
        isTrial = true
        return other
    }

    /// Little's law: under way are as many as come in the time that one takes. An origin's own do not collide with each other.
    private func isCrowded(_ mean: UInt64, _ now: UInt64) -> Bool {
        var (all, busiest, origins): (UInt64, UInt64, UInt64) = (0, 0, 0)
        for lane in 0..<16 where batches[lane] > 0 {
            all += batches[lane]
            busiest = max(busiest, batches[lane])
            origins += 1
        }
        guard origins > 1 else { return false }
        return (all - busiest) * mean * 1_000 / max(1, now - since) > Self.crowd * (origins - 1)
    }
    private func isMeasured(_ now: UInt64) -> Bool {
        count >= Self.trialSamples || count >= Self.fewSamples && now - since >= Self.trialNanoseconds
    }
    private mutating func restart(_ now: UInt64) {
        since = now
        sum = 0
        count = 0
        batches = InlineArray(repeating: 0)
    }
}

/// One own batch at a time on its way to a decision.
struct DecisionSample {
    var position = Position.empty
    var at: UInt64 = 0
    var microseconds: UInt32 = 0
    var count: UInt32 = 0
    private var isFirst = true

    /// Another round began: what was measured in the last one says nothing about it.
    mutating func restart() {
        position = .empty
        isFirst = true
    }

    /// It is decided: smoothed over about four.
    mutating func end(now: UInt64) {
        let took = UInt32(min((now - at) / 1_000, 1 << 30))
        microseconds = isFirst ? took : microseconds - microseconds / 4 + took / 4
        isFirst = false
        count &+= 1
        position = .empty
    }
}
