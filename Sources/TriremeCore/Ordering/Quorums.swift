// Quorum sizes and the check that makes them safe (PROTOCOL §2; Flexible Paxos, Fast Flexible Paxos).

/// A set of members as a bitmap: bit i stands for member i.
package struct MemberSet: Hashable, Sendable, CustomStringConvertible {
    package var bits: UInt16
    @inlinable package init(bits: UInt16 = 0) { self.bits = bits }
    @inlinable package static func first(_ n: Int) -> Self { Self(bits: UInt16((1 << n) - 1)) }
    @inlinable package var count: Int { bits.nonzeroBitCount }
    @inlinable package func contains(_ id: ReplicaID) -> Bool { bits >> id.rawValue & 1 != 0 }
    @inlinable package mutating func insert(_ id: ReplicaID) { bits |= 1 << id.rawValue }
    @inlinable package mutating func remove(_ id: ReplicaID) { bits &= ~(1 << id.rawValue) }
    package var description: String {
        "{" + (0..<16).filter { bits >> $0 & 1 != 0 }.map(String.init).joined(separator: ", ") + "}"
    }
}

/// A configuration whose quorums need not meet.
package struct QuorumError: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// Counting quorums over `n` members: any `phase1` members may elect, any `classic` members decide in a classic round,
/// any `fast` members in a fast one.
package struct Quorums: Hashable, Sendable {
    package let members: Int
    package let phase1: Int
    package let classic: Int
    package let fast: Int

    /// Checks the two intersection rules of PROTOCOL §2 ◆ and that one copy is enough only where that was said.
    /// - Throws: a sentence with the sets that fail to meet.
    package init(members n: Int, phase1: Int, classic: Int, fast: Int, allowSingleCopy: Bool = false)
        throws(QuorumError)
    {
        guard (1...Limits.members).contains(n) else {
            throw QuorumError(
                description:
                    "\(n) members were configured; Trireme replicates over 1 to \(Limits.members): change members")
        }
        for (name, size) in [("Q1", phase1), ("Q2", classic), ("QF", fast)] where !(1...n).contains(size) {
            throw QuorumError(
                description: "quorums: |\(name)| = \(size) with \(n) members; it must lie in 1 ... \(n)")
        }
        guard phase1 + classic > n else {
            let q1 = MemberSet.first(phase1)
            let q2 = MemberSet(bits: MemberSet.first(classic).bits << UInt16(n - classic))
            throw QuorumError(
                description: "quorums: Q1 \(q1) and Q2 \(q2) do not meet, so two sequencers could decide differently; "
                    + "|Q1| + |Q2| = \(phase1 + classic) must exceed n = \(n)")
        }
        guard phase1 + 2 * fast > 2 * n else {
            // Two fast quorums that overlap as little as they can, and a phase-1 quorum outside the overlap.
            let left = MemberSet.first(fast)
            let right = MemberSet(bits: MemberSet.first(fast).bits << UInt16(n - fast))
            let outside = (0..<n).filter { (left.bits & right.bits) >> UInt16($0) & 1 == 0 }.prefix(phase1)
            var q1 = MemberSet()
            for member in outside { q1.insert(ReplicaID(member)) }
            throw QuorumError(
                description: "quorums: Q1 \(q1) misses what the fast quorums \(left) and \(right) share, so a fast "
                    + "decision could be overlooked; |Q1| + 2|QF| = \(phase1 + 2 * fast) must exceed 2n = \(2 * n)")
        }
        guard classic > 1 || n == 1 || allowSingleCopy else {
            throw QuorumError(
                description: "quorums: |Q2| = 1 makes one replica's disk the only copy of an acknowledged command; "
                    + "raise |Q2| to 2, or set allowSingleCopy to true if that is meant")
        }
        members = n
        self.phase1 = phase1
        self.classic = classic
        self.fast = fast
    }

    /// The default of the operating contract: Q1 = ⌊n/2⌋ + 1, Q2 = n − Q1 + 1, QF the smallest allowed.
    package static func standard(members n: Int) throws(QuorumError) -> Quorums {
        guard (1...Limits.members).contains(n) else {
            return try Quorums(members: n, phase1: 1, classic: 1, fast: 1)
        }
        let phase1 = n / 2 + 1
        let classic = n - phase1 + 1
        return try Quorums(
            members: n, phase1: phase1, classic: classic, fast: smallestFast(members: n, phase1: phase1),
            allowSingleCopy: n <= 2)
    }

    /// The least |QF| with |Q1| + 2|QF| > 2n.
    package static func smallestFast(members n: Int, phase1: Int) -> Int { (2 * n - phase1) / 2 + 1 }

    @inlinable package func isPhase1(_ set: MemberSet) -> Bool { set.count >= phase1 }
    @inlinable package func isClassic(_ set: MemberSet) -> Bool { set.count >= classic }
}
