// Which sets of members elect and decide, as a service says it (PROTOCOL §2; docs/QUORUMS.md says what each form buys).
import TriremeCore

extension Configuration {
    /// Sizes of the quorums: of phase 1, of a classic round, of a fast round.
    public struct QuorumSizes: Sendable, Equatable {
        public var phase1: Int
        public var classic: Int
        public var fast: Int

        public init(phase1: Int, classic: Int, fast: Int) {
            self.phase1 = phase1
            self.classic = classic
            self.fast = fast
        }
    }

    /// Which sets of members are quorums of one kind. What contains a quorum is one, too.
    public indirect enum QuorumRule: Sendable, Equatable {
        /// At least so many of these members.
        case atLeast(Int, of: [Int])
        /// At least so much weight; member i has the i-th weight, 0 to 1,000,000.
        case weight(Int, of: [Int])
        /// At least so many of these rules hold. Nested at most 8 deep, with at most 4,096 parts.
        case some(Int, of: [QuorumRule])

        /// Any of these sets of members.
        public static func sets(_ sets: [[Int]]) -> QuorumRule {
            .some(1, of: sets.map { .atLeast($0.count, of: $0) })
        }
    }

    /// The quorums of a cluster. ``Configuration/validate()`` refuses those that are not safe: every phase-1 quorum must meet
    /// every classic one, and what any two fast ones share. Where a form leaves the fast quorums open, they are any so many
    /// members as are safe.
    public enum QuorumSystem: Sendable, Equatable {
        /// Any so many members.
        case sizes(QuorumSizes)
        /// Members in rows, filled one after the other: a row elects, a column decides.
        case grid(rows: Int, columns: Int)
        /// `ofEach` members of every group decide; of any one group of s members, s + 1 − `ofEach` elect.
        case groups([[Int]], ofEach: Int)
        /// One weight for each member, and how much of it elects and decides.
        case weighted([Int], phase1: Int, classic: Int, fast: Int?)
        /// Any rules. Without one for phase 1, whatever meets every classic quorum elects.
        case rules(phase1: QuorumRule?, classic: QuorumRule, fast: QuorumRule?)

        public init(phase1: Int, classic: Int, fast: Int) {
            self = .sizes(QuorumSizes(phase1: phase1, classic: classic, fast: fast))
        }

        /// So many groups of one size, filled one after the other.
        public static func groups(_ count: Int, of size: Int, ofEach: Int = 1) -> QuorumSystem {
            .groups(
                (0..<max(0, count)).map { group in (0..<max(0, size)).map { group * size + $0 } }, ofEach: ofEach)
        }
    }

    /// Phase 1: a majority; a classic round: as few as meet every phase 1; a fast round: the least that is safe.
    public static func defaultQuorums(members: Int) -> QuorumSizes {
        let phase1 = members / 2 + 1
        return QuorumSizes(
            phase1: phase1, classic: members - phase1 + 1, fast: Quorums.smallestFast(members: members, phase1: phase1))
    }
}

extension Configuration.QuorumSystem: CustomStringConvertible {
    /// One line: "sizes 2, 2, 3", "a grid of 3 × 4".
    public var description: String {
        switch self {
        case .sizes(let sizes): "sizes \(sizes.phase1), \(sizes.classic), \(sizes.fast)"
        case .grid(let rows, let columns): "a grid of \(rows) × \(columns)"
        case .groups(let groups, let ofEach):
            "\(ofEach) of each group of "
                + groups.map { "{" + $0.map(String.init).joined(separator: ", ") + "}" }.joined(separator: " ")
        case .weighted(let weights, let phase1, let classic, let fast):
            "weights \(weights), of which \(phase1) elect and \(classic) decide"
                + (fast.map { " (\($0) in a fast round)" } ?? "")
        case .rules(let phase1, let classic, let fast):
            "rules: Q1 " + (phase1?.description ?? "whatever meets every Q2") + "; Q2 \(classic)"
                + (fast.map { "; QF \($0)" } ?? "")
        }
    }
}

extension Configuration.QuorumRule: CustomStringConvertible {
    public var description: String {
        switch self {
        case .atLeast(let least, let members):
            least == members.count && least > 0 ? "{\(Self.list(members))}" : "\(least) of {\(Self.list(members))}"
        case .weight(let least, let weights): "weight \(least) of \(weights)"
        case .some(let least, let rules): "\(least) of (" + rules.map(\.description).joined(separator: ", ") + ")"
        }
    }
    private static func list(_ members: [Int]) -> String { members.map(String.init).joined(separator: ", ") }
}
