// How a kind of quorum is said: a small expression over members. It is evaluated only at load, into a QuorumFamily.

/// Which sets of members are quorums. Every rule is monotone: what contains a quorum is one.
package indirect enum QuorumRule: Hashable, Sendable {
    /// At least so many of these members.
    case atLeast(Int, of: MemberSet)
    /// At least so much weight; member i has the i-th.
    case weight(Int, of: [Int])
    /// At least so many of these rules hold.
    case some(Int, of: [QuorumRule])

    /// Any of these sets.
    package static func sets(_ sets: [MemberSet]) -> QuorumRule {
        .some(1, of: sets.map { .atLeast($0.count, of: $0) })
    }

    /// Whether `set` is a quorum. Cost: the size of the rule.
    package func holds(_ set: MemberSet) -> Bool {
        switch self {
        case .atLeast(let least, let members): set.intersection(members).count >= least
        case .weight(let least, let weights):
            weights.indices.reduce(0) { $0 + (set.contains(ReplicaID($1)) ? weights[$1] : 0) } >= least
        case .some(let least, let rules): rules.reduce(0) { $0 + ($1.holds(set) ? 1 : 0) } >= least
        }
    }

    /// Refuses what no set can satisfy, what every set satisfies, and members that are not there.
    func check(_ name: String, members n: Int) throws(QuorumError) {
        var parts = 0
        try check(name, members: n, depth: 1, parts: &parts)
    }

    private func check(_ name: String, members n: Int, depth: Int, parts: inout Int) throws(QuorumError) {
        parts += 1
        guard depth <= Limits.quorumRuleDepth, parts <= Limits.quorumRuleParts else {
            throw QuorumError(
                "quorums: \(name) is nested more than \(Limits.quorumRuleDepth) deep or has more than "
                    + "\(Limits.quorumRuleParts) parts: say it with fewer")
        }
        switch self {
        case .atLeast(let least, let members):
            guard members.isSubset(of: .first(n)) else {
                throw QuorumError("quorums: \(name) names \(members); the members are 0 to \(n - 1)")
            }
            try Self.check(name, least, "members of \(members)", members.count)
        case .weight(let least, let weights):
            guard weights.count == n else {
                throw QuorumError(
                    "quorums: \(name) has \(weights.count) weights for \(n) members; give each member one, 0 included")
            }
            for (member, weight) in weights.enumerated() where !(0...Limits.quorumWeight).contains(weight) {
                throw QuorumError(
                    "quorums: member \(member) has weight \(weight); it must lie in 0 ... \(Limits.quorumWeight)")
            }
            try Self.check(name, least, "of the weight \(weights)", weights.reduce(0, +))
        case .some(let least, let rules):
            try Self.check(name, least, "parts", rules.count)
            for rule in rules { try rule.check(name, members: n, depth: depth + 1, parts: &parts) }
        }
    }

    private static func check(_ name: String, _ least: Int, _ what: String, _ most: Int) throws(QuorumError) {
        guard most > 0 else { throw QuorumError("quorums: \(name) asks for \(least) \(what), of which there are none") }
        guard (1...most).contains(least) else {
            throw QuorumError("quorums: \(name) asks for \(least) \(what); it must lie in 1 ... \(most)")
        }
    }
}
