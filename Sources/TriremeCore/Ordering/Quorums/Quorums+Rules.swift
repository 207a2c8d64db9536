// Quorums that are more than a number: made from rules, and checked exactly (PROTOCOL §2 ◆).

extension Quorums {
    /// Checks the rules exactly, over every set of members, and evaluates them into tables.
    ///
    /// - Parameters:
    ///   - phase1: `nil`: whatever meets every `Q2`.
    ///   - fast: `nil`: any so many members as are safe with the smallest `Q1`.
    /// - Throws: a sentence with the sets that fail to meet. Cost: 2ⁿ · n, and the square of the number of minimal `QF`.
    package init(
        members n: Int, phase1: QuorumRule?, classic: QuorumRule, fast: QuorumRule? = nil, allowSingleCopy: Bool = false
    ) throws(QuorumError) {
        guard (1...Limits.members).contains(n) else {
            throw QuorumError(
                "\(n) members were configured; Trireme replicates over 1 to \(Limits.members): change members")
        }
        try phase1?.check("Q1", members: n)
        try classic.check("Q2", members: n)
        try fast?.check("QF", members: n)
        let q2 = QuorumFamily(members: n, classic)
        let q1 = phase1.map { QuorumFamily(members: n, $0) } ?? q2.meeting
        let qf =
            fast.map { QuorumFamily(members: n, $0) }
            ?? QuorumFamily(members: n, size: Self.smallestFast(members: n, phase1: q1.leastSize))
        try self.init(phase1: q1, classic: q2, fast: qf, allowSingleCopy: allowSingleCopy)
    }

    /// As above, from families of one number of members.
    package init(phase1: QuorumFamily, classic: QuorumFamily, fast: QuorumFamily, allowSingleCopy: Bool)
        throws(QuorumError)
    {
        let n = classic.members
        try Self.check(phase1, meets: classic)
        try Self.check(phase1, meetsTwo: fast)
        if n > 1, !allowSingleCopy {
            for (name, family) in [("Q2", classic), ("QF", fast)] {
                guard let alone = family.minimal.first(where: { $0.count == 1 }) else { continue }
                throw Self.singleCopy("the \(name) \(alone)")
            }
        }
        self.init(members: n, checked: phase1, classic, fast)
    }

    /// ◆ Every `Q1` meets every `Q2`: none lies in the rest that a minimal `Q2` leaves.
    private static func check(_ phase1: QuorumFamily, meets classic: QuorumFamily) throws(QuorumError) {
        for q2 in classic.minimal where phase1.contains(q2.complement(phase1.members)) {
            let q1 = phase1.reduced(q2.complement(phase1.members))
            throw QuorumError(
                "quorums: Q1 \(q1) and Q2 \(q2) do not meet, so two sequencers could decide differently",
                sets: [q1, q2])
        }
    }

    /// ◆ Every `Q1` meets what any two `QF` share: none lies in the rest that a pair of minimal ones leaves.
    private static func check(_ phase1: QuorumFamily, meetsTwo fast: QuorumFamily) throws(QuorumError) {
        let minimal = fast.minimal
        for (place, left) in minimal.enumerated() {
            for right in minimal[place...] {
                let rest = left.intersection(right).complement(phase1.members)
                guard phase1.contains(rest) else { continue }
                let q1 = phase1.reduced(rest)
                throw QuorumError(
                    "quorums: Q1 \(q1) misses what the fast quorums \(left) and \(right) share, so a fast decision could "
                        + "be overlooked", sets: [q1, left, right])
            }
        }
    }

    /// A table of each kind, for whoever reasons about them. Cost: 2ⁿ look-ups.
    package var phase1Family: QuorumFamily { QuorumFamily(members: members, where: isPhase1) }
    package var classicFamily: QuorumFamily { QuorumFamily(members: members, where: isClassic) }
    package var fastFamily: QuorumFamily { QuorumFamily(members: members, where: isFast) }
}
