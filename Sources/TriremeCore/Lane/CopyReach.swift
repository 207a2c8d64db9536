// How far the own lane lies on how many members: what a reply waits for that wants more copies than a quorum's (PROTOCOL §5).

/// Per number of members, the sequence up to which so many of them report this replica's own lane as durable, in its present
/// generation. What a member's durable snapshot covers counts as durable there (PROTOCOL §8).
package struct CopyReach: Sendable {
    /// The members' sequences, highest first.
    private var sequences = InlineArray<16, UInt64>(repeating: 0)
    package private(set) var members = 0
    package init() {}

    /// One more member holds the lane up to `sequence`.
    package mutating func add(_ sequence: UInt64) {
        var place = members
        while place > 0, sequences[place - 1] < sequence {
            sequences[place] = sequences[place - 1]
            place -= 1
        }
        sequences[place] = sequence
        members += 1
    }
    /// The highest sequence that at least `count` members hold, at least one of them; 0 where none is.
    package func reached(by count: Int) -> UInt64 { count <= members ? sequences[max(count, 1) - 1] : 0 }
}

extension Replica {
    /// What the members report of this replica's own lane, this replica's own disk included. A position of another generation says
    /// nothing of this one's batches (PROTOCOL §4 ◆). Cost: an insertion sort of as many numbers as there are members.
    package func copyReach() -> CopyReach {
        var reach = CopyReach()
        for member in 0..<members {
            let id = ReplicaID(member)
            let durable = id == me ? lanes.durable(me) : status(of: id).durable(me.index)
            if durable.generation == generation { reach.add(durable.sequence) }
        }
        return reach
    }
}
