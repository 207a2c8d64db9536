// What a replica keeps of fast rounds besides votes and proposals (PROTOCOL §7).

/// A vow not to vote in half 0 of a ballot at a slot; its record's index in the log.
struct Vow {
    var slot: UInt64 = 0
    var ballot = Ballot.none
    var index: LogIndex = 0
}

/// When a slot of the present fast round was first seen to wait.
struct WaitingSlot {
    var slot: UInt64 = 0
    var since: UInt64 = 0
    var ballot = Ballot.none
}

struct FastRound {
    /// The highest fast ballot in which this replica has voted or vowed: its status tells the votes of that one.
    var ballot = Ballot.none
    /// The highest slot with a vow, in whatever ballot.
    var highestVow: UInt64 = 0
    /// `any`'s `from` in the highest ballot seen; 0 while it is unknown.
    var from: UInt64 = 0
    /// The highest slot known to be proposed or voted for in the highest ballot seen.
    var highest: UInt64 = 0
    /// The lowest record of a vote or vow that was not durable when the last status left; 0: none.
    var unreported: LogIndex = 0
    /// Whether any member was heard to vote in a fast ballot: without it, deciding costs what it costs in a classic round.
    var isInUse = false

    // As a proposer (Replica+FastProposer.swift).
    /// The position of the own lane that its latest proposal covers, and the slot of that.
    var claimed = Position.empty
    var claimedSlot: UInt64 = 0
    /// Since when batches that this replica holds have waited with no slot under way.
    var idleSince: UInt64?

    // As the sequencer (Replica+FastSequencer.swift).
    var closedAt: UInt64 = 0
    /// Smoothed time from when a slot was first seen to its decision, in nanoseconds.
    var decisionTime: UInt64 = 0

    /// A higher ballot was seen.
    mutating func reset() {
        from = 0
        highest = 0
        claimed = .empty
        claimedSlot = 0
        idleSince = nil
    }
}

/// How often what happened in fast rounds, at this replica since it started.
package struct FastCounts: Equatable, Sendable {
    /// Slots that this replica saw decided in half 0, and in half 1 of a fast round.
    package var decided: UInt64 = 0
    package var decidedInHalf1: UInt64 = 0
    /// Half-1 proposals of this sequencer: the one entry that could be decided; the join of colliding cuts; nothing, where all had
    /// closed.
    package var choosable: UInt64 = 0
    package var joins: UInt64 = 0
    package var empty: UInt64 = 0
    /// Slots that this sequencer asked to close, and vows of this acceptor.
    package var closes: UInt64 = 0
    package var vows: UInt64 = 0
    /// Picks of phase 1 from a fast half: the choosable entry, a join; and slots that phase 1 showed to be decided.
    package var phase1Choosable: UInt64 = 0
    package var phase1Joins: UInt64 = 0
    package var phase1Decided: UInt64 = 0
    /// Rounds that this sequencer opened to change the kind.
    package var changes: UInt64 = 0
    package init() {}

    /// Every count with its name.
    package nonisolated(unsafe) static let all: [(name: String, count: WritableKeyPath<FastCounts, UInt64>)] = [
        ("decided in half 0", \.decided), ("decided in half 1", \.decidedInHalf1), ("choosable picks", \.choosable),
        ("joins", \.joins), ("empty slots", \.empty), ("closes", \.closes), ("vows", \.vows),
        ("choosable in phase 1", \.phase1Choosable), ("joins in phase 1", \.phase1Joins),
        ("decided in phase 1", \.phase1Decided), ("changes of kind", \.changes),
    ]
    package mutating func add(_ other: FastCounts) {
        for (_, count) in Self.all { self[keyPath: count] += other[keyPath: count] }
    }
    package var missing: [String] { Self.all.filter { self[keyPath: $0.count] == 0 }.map(\.name) }
}
