// What the core is told once: who is in, who it is, how long it waits.

/// Durations of the core's clocks, in nanoseconds. Safety never depends on them (PROTOCOL §1).
package struct Timing: Sendable, Equatable {
    /// A status goes out at least this often.
    package var heartbeatNanoseconds: UInt64 = 5_000_000
    /// Silence of a sequencer for so long makes a replica suspect it.
    package var suspicionNanoseconds: UInt64 = 50_000_000
    /// A slot or a batch undecided for so long, though the sequencer is heard, makes a replica suspect it. Longer than a disk's
    /// usual stalls, which another sequencer would not mend.
    package var stuckNanoseconds: UInt64 = 500_000_000
    /// Least wait between two asks for the same thing; doubled up to eight times.
    package var retryNanoseconds: UInt64 = 2_000_000
    /// How long a start waits for all others to say what they remember of it, when a quorum has said so already.
    package var recallNanoseconds: UInt64 { 4 * suspicionNanoseconds }
    /// Statuses that carry only positions are held back for so long (PROTOCOL §3).
    package var coalesceNanoseconds: UInt64 = 300_000
    /// Decided slots are noted in the log at the latest after so long.
    package var decidedNoteNanoseconds: UInt64 = 100_000_000
    /// Most that C(s)'s timestamp rises in one slot, in microseconds (PROTOCOL §5).
    package var timestampStepMicroseconds: UInt64 = 60_000_000

    package init() {}
}

/// Which kind of round a sequencer opens (PROTOCOL §7).
package enum Ordering: String, CaseIterable, Sendable {
    /// The sequencer proposes every slot.
    case classic
    /// Whoever has fresh batches proposes them; the sequencer steps in where that did not decide.
    case fast
    /// Either, by what is measured.
    case adaptive
}

/// One epoch's configuration as the core sees it, with this replica's place in it.
package struct CoreConfiguration: Sendable {
    package var quorums: Quorums
    package var me: ReplicaID
    package var epoch: UInt32
    package var timing: Timing
    /// Slots whose decided entries are kept for others to fetch, a power of two.
    package var entryHistorySlots: Int
    package var ordering: Ordering
    /// How many members a classic ballot names that decide in it (PROTOCOL §14); 0: none are named, any `Q2` decides.
    package var announced: Int

    package init(
        quorums: Quorums, me: ReplicaID, epoch: UInt32 = 1, timing: Timing = Timing(), entryHistorySlots: Int = 65_536,
        ordering: Ordering = .classic, announced: Int = 0
    ) {
        precondition(me.index < quorums.members)
        precondition(entryHistorySlots.nonzeroBitCount == 1 && entryHistorySlots >= Limits.votingWindowSlots)
        self.quorums = quorums
        self.me = me
        self.epoch = epoch
        self.timing = timing
        self.entryHistorySlots = entryHistorySlots
        self.ordering = ordering
        self.announced = announced
    }
    package var members: Int { quorums.members }
    package var others: [ReplicaID] { (0..<members).map(ReplicaID.init).filter { $0 != me } }
}

/// A small deterministic generator (SplitMix64): the core's waits come from its seed alone.
package struct CoreRandom: Sendable {
    var state: UInt64
    package init(seed: UInt64) { state = seed }
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    /// Uniform in 0 ..< bound.
    package mutating func below(_ bound: UInt64) -> UInt64 { bound == 0 ? 0 : next() % bound }
}
