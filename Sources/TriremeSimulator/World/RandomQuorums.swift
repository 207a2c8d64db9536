// Random safe quorum systems of every form, for 3 to 9 members: one seed in five has one.
import TriremeCore

package enum RandomQuorums {
    /// What forms there are to draw.
    package enum Form: Int, CaseIterable, Sendable { case counting, grid, groups, weighted, sets, nested }

    /// The system of a seed; `nil` for those that have one of the usual sizes.
    static func drawn(seed: UInt64) -> Quorums? {
        var random = CoreRandom(seed: seed &* 0xD6E8_FEB8 &+ 0x9_0113)
        guard random.below(5) == 0 else { return nil }
        return any(&random)
    }

    package static func any(_ random: inout CoreRandom) -> Quorums {
        let form = random.pick(Form.allCases)
        do {
            return try form == .grid ? grid(&random) : any(form, &random)
        } catch {
            preconditionFailure("a random \(form) system that is made to be safe is refused: \(error)")
        }
    }

    private static func grid(_ random: inout CoreRandom) throws(QuorumError) -> Quorums {
        let (rows, columns) = random.pick([(2, 2), (2, 3), (3, 2), (2, 4), (4, 2), (3, 3), (1, 3), (3, 1)])
        return try .grid(rows: rows, columns: columns, allowSingleCopy: true)
    }

    /// Some `Q2`; the `Q1` are all that meet them, or fewer.
    private static func any(_ form: Form, _ random: inout CoreRandom) throws(QuorumError) -> Quorums {
        let n = random.between(3, 9)
        let classic = QuorumFamily(members: n, rule(form, n, &random))
        var phase1 = classic.meeting
        if random.below(3) == 0 {
            let least = phase1.leastSize + Int(random.below(2))
            let all = phase1
            phase1 = QuorumFamily(members: n) { all.contains($0) && $0.count >= min(n, least) }
        }
        let fast = QuorumFamily(members: n, size: Quorums.smallestFast(members: n, phase1: phase1.leastSize))
        return try Quorums(phase1: phase1, classic: classic, fast: fast, allowSingleCopy: true)
    }

    private static func rule(_ form: Form, _ n: Int, _ random: inout CoreRandom) -> QuorumRule {
        switch form {
        case .counting, .grid: return .atLeast(1 + Int(random.below(UInt64(n))), of: .first(n))
        case .weighted:
            var weights = (0..<n).map { _ in Int(random.below(5)) }
            weights[Int(random.below(UInt64(n)))] += 1
            return .weight(1 + Int(random.below(UInt64(weights.reduce(0, +)))), of: weights)
        case .sets:
            return .sets((0...random.below(4)).map { _ in someSet(of: .first(n), &random) })
        case .groups, .nested:
            let groups = parts(n, &random)
            let rules = groups.map { group in
                form == .nested && random.below(3) == 0
                    ? QuorumRule.some(1 + Int(random.below(2)), of: [.sets([group]), .atLeast(1, of: group)])
                    : .atLeast(1 + Int(random.below(UInt64(group.count))), of: group)
            }
            return .some(1 + Int(random.below(UInt64(rules.count))), of: rules)
        }
    }

    /// The members in two or three groups.
    private static func parts(_ n: Int, _ random: inout CoreRandom) -> [MemberSet] {
        let count = 2 + Int(random.below(2))
        var groups = [MemberSet](repeating: MemberSet(), count: count)
        for member in 0..<n {
            let group = member < count ? member : Int(random.below(UInt64(count)))
            groups[group].insert(ReplicaID(member))
        }
        return groups
    }
    private static func someSet(of all: MemberSet, _ random: inout CoreRandom) -> MemberSet {
        var set = all.intersection(MemberSet(bits: UInt16(random.below(1 << 16))))
        if set.isEmpty { set.insert(ReplicaID(all.members[Int(random.below(UInt64(all.count)))])) }
        return set
    }
}
