// All quorums of one kind as a table of bits, one for each set of members. Made at load; what reasons about quorums uses it.

/// Which of the 2ⁿ sets of members are quorums: monotone, and the whole set is one.
package struct QuorumFamily: Hashable, Sendable {
    package let members: Int
    /// Bit s of the words: whether the set with the bitmap s is a quorum.
    let words: [UInt64]

    /// Cost: 2ⁿ calls of `isQuorum`.
    package init(members: Int, where isQuorum: (MemberSet) -> Bool) {
        self.members = members
        var words = [UInt64](repeating: 0, count: Self.words(members))
        for set in 0..<1 << members where isQuorum(MemberSet(bits: UInt16(set))) {
            words[set / 64] |= 1 << UInt64(set % 64)
        }
        self.words = words
    }
    package init(members: Int, _ rule: QuorumRule) { self.init(members: members, where: rule.holds) }
    /// Any `size` members.
    package init(members: Int, size: Int) { self.init(members: members) { $0.count >= size } }

    /// Words of a table: 2ⁿ bits.
    static func words(_ members: Int) -> Int { max(1, (1 << members) / 64) }

    package func contains(_ set: MemberSet) -> Bool { words[Int(set.bits >> 6)] >> UInt64(set.bits & 63) & 1 != 0 }

    /// The quorums that are none with any member less. Cost: n · 2ⁿ look-ups.
    package var minimal: [MemberSet] {
        (0..<1 << members).map { MemberSet(bits: UInt16($0)) }.filter { set in
            contains(set)
                && set.members.allSatisfy { member in
                    var less = set
                    less.remove(ReplicaID(member))
                    return !contains(less)
                }
        }
    }

    /// Members of the smallest quorum.
    package var leastSize: Int { minimal.reduce(members) { min($0, $1.count) } }

    /// Whether any `leastSize` members are a quorum.
    package var isCounting: Bool { self == QuorumFamily(members: members, size: leastSize) }

    /// The most that may be a quorum beside this family: every set that meets all of its quorums.
    package var meeting: QuorumFamily { QuorumFamily(members: members) { !contains($0.complement(members)) } }

    /// A minimal quorum within a quorum.
    func reduced(_ quorum: MemberSet) -> MemberSet {
        var quorum = quorum
        for member in quorum.members.reversed() {
            var less = quorum
            less.remove(ReplicaID(member))
            if contains(less) { quorum = less }
        }
        return quorum
    }
}
