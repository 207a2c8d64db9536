// What the explorer tries everything within: how many replicas, and how often what costs something may happen.
import TriremeCore

/// A bound that cannot be explored; one sentence.
package struct BoundsError: Error, CustomStringConvertible {
    package let description: String
}

/// Deliveries, losses, repetitions, reordering and the pace of the disks are unbounded; these are the rest.
package struct Bounds: Sendable {
    package let quorums: Quorums
    /// Ballots taken, whoever takes them.
    package let candidacies: Int
    /// Crashes, each followed by a start, whoever it is.
    package let crashes: Int
    /// Batches sealed, in whatever lane.
    package let batches: Int
    /// The kind of all rounds.
    package let ordering: Ordering
    /// How many members each ballot names that decide in it (PROTOCOL §14); 0: none.
    package let announced: Int

    package init(
        quorums: Quorums, candidacies: Int, crashes: Int, batches: Int, ordering: Ordering = .classic,
        announced: Int = 0
    ) throws(BoundsError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(BoundsError) {
            guard range.contains(value) else {
                throw BoundsError(
                    description: "\(name) is \(value); \(range.lowerBound) to \(range.upperBound) can be explored")
            }
        }
        try check("replicas", quorums.members, 1...Self.mostMembers)
        try check("candidacies", candidacies, 0...7)
        try check("crashes", crashes, 0...7)
        try check("batches", batches, 0...7)
        try check("candidacies × batches", candidacies * batches, 0...(Self.mostSlots - 1))
        try check("announced", announced, 0...quorums.members)
        guard announced == 0 || quorums.mayAnnounce else {
            throw BoundsError(
                description: "announced is \(announced), and a Q1 may have \(quorums.phase1) of \(quorums.members) replicas; more than "
                    + "half are needed where ballots name who decides")
        }
        self.quorums = quorums
        self.candidacies = candidacies
        self.crashes = crashes
        self.batches = batches
        self.ordering = ordering
        self.announced = announced
    }

    package static let mostMembers = 4
    package var members: Int { quorums.members }
    /// The most slots that a window of the explorer holds.
    private static var mostSlots: Int { 16 }
    /// A classic ballot proposes at most one new slot for each batch, so that no more can be proposed. In a fast one what lost is
    /// proposed again, without an end: there the window is one (nobody proposes slots beyond it).
    var windowSlots: Int {
        var slots = 2
        while slots <= candidacies * batches { slots *= 2 }
        return ordering == .classic ? slots : max(4, slots)
    }
    /// Clocks stand still, but for the two choices that are about time: what may be done again is done at once, and nobody
    /// suspects anybody.
    static var timing: Timing {
        var timing = Timing()
        timing.heartbeatNanoseconds = 0
        timing.retryNanoseconds = 0
        timing.coalesceNanoseconds = 0
        timing.decidedNoteNanoseconds = 1 << 20
        timing.suspicionNanoseconds = 1 << 40
        timing.stuckNanoseconds = 1 << 50
        return timing
    }
    func configuration(_ id: ReplicaID) -> CoreConfiguration {
        CoreConfiguration(
            quorums: quorums, me: id, timing: Self.timing, entryHistorySlots: Limits.votingWindowSlots,
            ordering: ordering, announced: announced)
    }
}
