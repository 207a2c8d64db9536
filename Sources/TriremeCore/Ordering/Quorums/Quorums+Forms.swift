// The forms of quorums that have names.

extension Quorums {
    /// Members in rows, filled one after the other: a row is a `Q1`, a column a `Q2`; every row meets every column.
    package static func grid(rows: Int, columns: Int, allowSingleCopy: Bool = false) throws(QuorumError) -> Quorums {
        try checkShape("a grid of \(rows) × \(columns)", rows, columns)
        let inRows = (0..<rows).map { row in MemberSet((0..<columns).map { row * columns + $0 }) }
        let inColumns = (0..<columns).map { column in MemberSet((0..<rows).map { $0 * columns + column }) }
        return try Quorums(
            members: rows * columns, phase1: .sets(inRows), classic: .sets(inColumns),
            allowSingleCopy: allowSingleCopy)
    }

    /// `ofEach` members of every group are a `Q2`; of any one group, as many as leave fewer than that are a `Q1`: with
    /// `ofEach` = 1 a whole group.
    package static func groups(_ groups: [MemberSet], ofEach: Int = 1, allowSingleCopy: Bool = false)
        throws(QuorumError) -> Quorums
    {
        let n = groups.reduce(0) { $0 + $1.count }
        guard n <= Limits.members, MemberSet(groups.flatMap(\.members)) == .first(n) else {
            throw QuorumError(
                "quorums: the groups \(groups.map(\.description).joined(separator: " ")) must hold each of up to "
                    + "\(Limits.members) members, from 0 on, once")
        }
        let smallest = groups.map(\.count).min() ?? 0
        guard (1...max(1, smallest)).contains(ofEach), smallest > 0 else {
            throw QuorumError(
                "quorums: \(ofEach) of each group, of which the smallest has \(smallest); 1 to \(max(1, smallest)) are "
                    + "possible, and no group may be empty")
        }
        return try Quorums(
            members: n, phase1: .some(1, of: groups.map { .atLeast($0.count - ofEach + 1, of: $0) }),
            classic: .some(groups.count, of: groups.map { .atLeast(ofEach, of: $0) }), allowSingleCopy: allowSingleCopy)
    }

    /// So many groups of one size, filled one after the other.
    package static func groups(of size: Int, count: Int) throws(QuorumError) -> [MemberSet] {
        try checkShape("\(count) groups of \(size)", count, size)
        return (0..<count).map { group in MemberSet(group * size..<(group + 1) * size) }
    }

    private static func checkShape(_ what: String, _ a: Int, _ b: Int) throws(QuorumError) {
        guard a > 0, b > 0, a <= Limits.members, b <= Limits.members, a * b <= Limits.members else {
            throw QuorumError(
                "quorums: \(what); both are at least 1, and together there are at most \(Limits.members) members")
        }
    }
}
