// The run of votes that a status reports, and what becomes of it when the disk has lost batches that votes cover (PROTOCOL §4, §9).

extension Replica {
    /// The run of votes that is reported grows over those that are durable.
    mutating func advanceRun() {
        while runDurable + 1 < nextVote {
            let vote = votes[runDurable + 1]
            if vote.slot == runDurable + 1 {
                guard vote.index <= durable else { break }
                if lanes.hasLost, !possesses(vote) {
                    // It says that its batches are here, which the disk has lost meanwhile: it waits until they are here again,
                    // unless it is known how the slot was decided (PROTOCOL §4 ◆).
                    guard vote.slot <= commitIndex else { break }
                    runFirst = runDurable + 2
                }
                statusDue(in: 0)
            } else {
                // The disk stood still for a whole window: a later slot has this cell, the run starts anew above it.
                runFirst = runDurable + 2
            }
            runDurable += 1
        }
    }

    /// Whether the log holds what this replica has voted for.
    func possesses(_ vote: VoteRecord) -> Bool { possession(of: vote.entry, vote.slot) == .held }

    /// The disk has lost the content of a batch whose name and digest are known; `sequence` is the lowest such of its
    /// generation, or nil when all are here again. No vote says any more that it is held until then (PROTOCOL §4 ◆).
    package mutating func lost(_ lane: ReplicaID, _ generation: Generation, from sequence: UInt64?) {
        lanes.setLost(lane, generation, from: sequence)
        statusDue(in: timing.coalesceNanoseconds)
        // What no status has told yet is looked at again; the rest was true when it was said.
        runDurable = min(runDurable, max(runTold, runFirst - 1))
        advanceRun()
    }
    /// After ``finishRecovery(generation:)``: of the votes that the log holds those are reported whose batches are here.
    package mutating func suspendVotes() {
        runFirst = min(max(runFirst, commitIndex + 1), nextVote)
        runDurable = runFirst - 1
        advanceRun()
    }
}
