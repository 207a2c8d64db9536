// Ballots and halves (PROTOCOL §2).

/// A numbered attempt at ordering, owned by one member; ordered by epoch, round, owner. (0, 0, 0) is below all others
/// and is nobody's.
package struct Ballot: Hashable, Comparable, Sendable, CustomStringConvertible {
    package enum Kind: UInt8, Sendable {
        case classic = 0
        case fast = 1
    }
    package var epoch: UInt32
    package var round: UInt32
    package var owner: ReplicaID
    package var kind: Kind
    /// Who decides in it, where its owner has announced that (PROTOCOL §14): a `Q2` among these, and no other. Empty: any `Q2`. Only a
    /// classic ballot announces.
    package var announced: MemberSet

    @inlinable package init(
        epoch: UInt32, round: UInt32, owner: ReplicaID, kind: Kind = .classic, announced: MemberSet = MemberSet()
    ) {
        self.epoch = epoch
        self.round = round
        self.owner = owner
        self.kind = kind
        self.announced = announced
    }
    /// Most bytes of a ballot in messages and records; without announced members two less.
    package static var byteCount: Int { 12 }
    /// Bytes of this one.
    package var byteCount: Int { announced.isEmpty ? 10 : 12 }
    @inlinable package static var none: Self { Self(epoch: 0, round: 0, owner: ReplicaID(0)) }
    @inlinable package var isNone: Bool { round == 0 }
    /// Epoch and round in one word: the order without the owner.
    @inlinable package var rank: UInt64 { UInt64(epoch) << 32 | UInt64(round) }
    @inlinable package static func < (a: Self, b: Self) -> Bool {
        a.rank != b.rank ? a.rank < b.rank : a.owner < b.owner
    }
    package var description: String {
        guard !isNone else { return "none" }
        return "\(round).\(owner)\(kind == .fast ? "f" : "")\(announced.isEmpty ? "" : " of \(announced)")"
    }
}

/// The two halves of a round: 0 is fast, 1 is classic; a classic round has only half 1.
package enum Half: UInt8, Comparable, Sendable {
    case fast = 0
    case classic = 1
    @inlinable package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
