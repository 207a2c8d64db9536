// A snapshot that came from another replica takes the place of everything up to its slot (PROTOCOL §8, §9).

extension Replica {
    /// The superblock names it durably: the core jumps to it. What was decided above its slot stays.
    mutating func installed(slot: UInt64, cut: Cut, into effects: inout Effects) {
        precondition(slot >= executor.slot && slot >= snapshotSlot, "a snapshot would take the state back")
        // A sequencer's pipeline stands on what it knew; whoever is next picks again.
        if role == .sequencer {
            role = .follower
            sequencing.reset()
        }
        if slot >= commitIndex {
            commitIndex = slot
            committed = cut
        }
        noted = max(noted, slot)
        // Neither entries nor batches up to the slot need be here.
        oldestEntry = max(oldestEntry, slot + 1)
        highestVoted = max(highestVoted, slot)
        executor = Executor(
            members: members, timestampStep: timing.timestampStepMicroseconds, slot: slot, cut: cut)
        lanes.executed(cut)
        lacksEntries = false
        lacksBatches = false
        fetch.stop()
        pendingSince = nil
        // One that missed nothing but the snapshot is whole again (◆ at least as new as the one that the superblock named).
        lacksSnapshot = false
        snapshotSlot = slot
        snapshotCut = cut
        for lane in 0..<members { lanes.rebase(ReplicaID(lane), to: cut[lane], committed: committed[lane]) }
        carryPromise(into: &effects)
        statusDue(in: 0)
    }
}
