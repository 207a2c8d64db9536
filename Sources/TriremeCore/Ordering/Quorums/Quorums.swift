// The quorums of a configuration, and the checks that make them safe (PROTOCOL §2; Flexible Paxos, Fast Flexible Paxos).

/// A configuration whose quorums need not meet.
package struct QuorumError: Error, Sendable, CustomStringConvertible {
    package let description: String
    /// The quorums that have no member in common: a `Q1` and a `Q2`, or a `Q1` and two `QF`; else none.
    package let sets: [MemberSet]

    package init(_ description: String, sets: [MemberSet] = []) {
        self.description = description
        self.sets = sets
    }
}

/// The quorums of `n` members: a `Q1` may elect, a `Q2` decides in a classic round, a `QF` in a fast one. Counting quorums are
/// judged by their size alone; all others by one look into a table besides.
package struct Quorums: Hashable, Sendable {
    package let members: Int
    /// Members of the smallest `Q1`.
    package let phase1: Int
    /// Members of the smallest `Q2`.
    package let classic: Int
    /// Members of the smallest `QF`.
    package let fast: Int
    /// None where any so many members will do, for all three.
    package let tables: QuorumTables?

    /// Counting quorums. Checks the two intersection rules of PROTOCOL §2 ◆ and that one copy is enough only where that was said.
    /// - Throws: a sentence with the sets that fail to meet.
    package init(members n: Int, phase1: Int, classic: Int, fast: Int, allowSingleCopy: Bool = false)
        throws(QuorumError)
    {
        guard (1...Limits.members).contains(n) else {
            throw QuorumError(
                "\(n) members were configured; Trireme replicates over 1 to \(Limits.members): change members")
        }
        for (name, size) in [("Q1", phase1), ("Q2", classic), ("QF", fast)] where !(1...n).contains(size) {
            throw QuorumError(
                "quorums: |\(name)| = \(size) with \(n) members; it must lie in 1 ... \(n)")
        }
        guard phase1 + classic > n else {
            let q1 = MemberSet.first(phase1)
            let q2 = MemberSet(bits: MemberSet.first(classic).bits << UInt16(n - classic))
            throw QuorumError(
                "quorums: Q1 \(q1) and Q2 \(q2) do not meet, so two sequencers could decide differently; "
                    + "|Q1| + |Q2| = \(phase1 + classic) must exceed n = \(n)", sets: [q1, q2])
        }
        guard phase1 + 2 * fast > 2 * n else {
            // Two fast quorums that overlap as little as they can, and a phase-1 quorum outside the overlap.
            let left = MemberSet.first(fast)
            let right = MemberSet(bits: MemberSet.first(fast).bits << UInt16(n - fast))
            let outside = (0..<n).filter { (left.bits & right.bits) >> UInt16($0) & 1 == 0 }.prefix(phase1)
            var q1 = MemberSet()
            for member in outside { q1.insert(ReplicaID(member)) }
            throw QuorumError(
                "quorums: Q1 \(q1) misses what the fast quorums \(left) and \(right) share, so a fast "
                    + "decision could be overlooked; |Q1| + 2|QF| = \(phase1 + 2 * fast) must exceed 2n = \(2 * n)",
                sets: [q1, left, right])
        }
        guard classic > 1 || n == 1 || allowSingleCopy else { throw Self.singleCopy("|Q2| = 1") }
        members = n
        self.phase1 = phase1
        self.classic = classic
        self.fast = fast
        tables = nil
    }

    /// Takes families that are known to meet.
    init(members: Int, checked phase1: QuorumFamily, _ classic: QuorumFamily, _ fast: QuorumFamily) {
        self.members = members
        self.phase1 = phase1.leastSize
        self.classic = classic.leastSize
        self.fast = fast.leastSize
        let families = [phase1, classic, fast]
        tables = families.allSatisfy(\.isCounting) ? nil : QuorumTables(families)
    }

    package static func singleCopy(_ found: String) -> QuorumError {
        QuorumError(
            "quorums: \(found) makes one replica's disk the only copy of an acknowledged command; "
                + "raise |Q2| to 2, or set allowSingleCopy to true if that is meant")
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

    /// Whether the sizes say all.
    @inlinable package var areCounting: Bool { tables == nil }

    @inlinable package func isPhase1(_ set: MemberSet) -> Bool { set.count >= phase1 && isListed(set, table: 0) }
    @inlinable package func isClassic(_ set: MemberSet) -> Bool { set.count >= classic && isListed(set, table: 1) }
    @inlinable package func isFast(_ set: MemberSet) -> Bool { set.count >= fast && isListed(set, table: 2) }

    @inlinable package func isListed(_ set: MemberSet, table: Int) -> Bool {
        guard let tables else { return true }
        return tables.contains(set, table: table)
    }

    package static func == (left: Quorums, right: Quorums) -> Bool {
        guard left.members == right.members, left.phase1 == right.phase1, left.classic == right.classic,
            left.fast == right.fast
        else { return false }
        guard let a = left.tables, let b = right.tables else { return left.areCounting && right.areCounting }
        return a.equals(b)
    }
    package func hash(into hasher: inout Hasher) {
        for part in [members, phase1, classic, fast] { hasher.combine(part) }
    }
}

extension Quorums: CustomStringConvertible {
    /// Sizes where they say all, else the minimal quorums. Cost: n · 2ⁿ.
    package var description: String {
        if areCounting { return "(\(phase1), \(classic), \(fast))" }
        func text(_ family: QuorumFamily) -> String {
            family.isCounting
                ? "any \(family.leastSize)" : family.minimal.map(\.description).joined(separator: " ")
        }
        return "(Q1 \(text(phase1Family)); Q2 \(text(classicFamily)); QF \(text(fastFamily)))"
    }
}
