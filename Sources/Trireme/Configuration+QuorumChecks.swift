// From the quorums that a configuration names to those that the core evaluates.
import TriremeCore

extension Configuration.QuorumSystem {
    /// Members that the form itself speaks of; `nil` where that is open.
    package var namedMembers: Int? {
        switch self {
        case .sizes, .rules: nil
        case .grid(let rows, let columns):
            rows.multipliedReportingOverflow(by: columns).overflow ? nil : rows * columns
        case .groups(let groups, _): groups.reduce(0) { $0 + $1.count }
        case .weighted(let weights, _, _, _): weights.count
        }
    }

    /// Checks them exactly.
    /// - Throws: one sentence; with the sets that do not meet, where that is the reason.
    package func quorums(members: Int, allowSingleCopy: Bool) throws(QuorumError) -> Quorums {
        if let namedMembers, namedMembers != members {
            throw QuorumError(
                "quorums: \(self) has \(namedMembers) members, and the cluster has \(members): change one of them")
        }
        switch self {
        case .sizes(let sizes):
            return try Quorums(
                members: members, phase1: sizes.phase1, classic: sizes.classic, fast: sizes.fast,
                allowSingleCopy: allowSingleCopy)
        case .grid(let rows, let columns):
            return try .grid(rows: rows, columns: columns, allowSingleCopy: allowSingleCopy)
        case .groups(let groups, let ofEach):
            var sets: [MemberSet] = []
            for group in groups { sets.append(try Self.set(group, members)) }
            return try .groups(sets, ofEach: ofEach, allowSingleCopy: allowSingleCopy)
        case .weighted(let weights, let phase1, let classic, let fast):
            return try Quorums(
                members: members, phase1: .weight(phase1, of: weights), classic: .weight(classic, of: weights),
                fast: fast.map { .weight($0, of: weights) }, allowSingleCopy: allowSingleCopy)
        case .rules(let phase1, let classic, let fast):
            return try Quorums(
                members: members, phase1: try Self.rule(phase1, members), classic: try Self.rule(classic, members, 1),
                fast: try Self.rule(fast, members), allowSingleCopy: allowSingleCopy)
        }
    }

    private static func rule(_ rule: Configuration.QuorumRule?, _ members: Int) throws(QuorumError) -> QuorumRule? {
        guard let rule else { return nil }
        return try Self.rule(rule, members, 1)
    }

    private static func rule(_ rule: Configuration.QuorumRule, _ members: Int, _ depth: Int) throws(QuorumError)
        -> QuorumRule
    {
        guard depth <= Limits.quorumRuleDepth else {
            throw QuorumError("quorums: rules are nested more than \(Limits.quorumRuleDepth) deep: say it with fewer")
        }
        switch rule {
        case .atLeast(let least, let of): return .atLeast(least, of: try set(of, members))
        case .weight(let least, let weights): return .weight(least, of: weights)
        case .some(let least, let rules):
            var parts: [QuorumRule] = []
            for part in rules { parts.append(try Self.rule(part, members, depth + 1)) }
            return .some(least, of: parts)
        }
    }

    private static func set(_ list: [Int], _ members: Int) throws(QuorumError) -> MemberSet {
        var set = MemberSet()
        for member in list {
            guard (0..<min(members, Limits.members)).contains(member) else {
                throw QuorumError("quorums: \(list) names member \(member); the members are 0 to \(members - 1)")
            }
            guard !set.contains(ReplicaID(member)) else {
                throw QuorumError("quorums: \(list) names member \(member) twice: take one out")
            }
            set.insert(ReplicaID(member))
        }
        return set
    }
}
