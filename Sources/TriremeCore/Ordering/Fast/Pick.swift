// Which entry may be proposed for a slot, given what a promise set holds (PROTOCOL §6).

/// The votes of one ballot and half for one slot, by entry: what section 6 is applied to.
struct VoteCount: ~Copyable {
    private(set) var count = 0
    private var voters = InlineArray<16, MemberSet>(repeating: MemberSet())
    private var keys = InlineArray<16, UInt64>(repeating: 0)

    /// Counts a member's vote for the entry that `key` stands for.
    mutating func add(_ member: ReplicaID, _ key: UInt64) {
        for i in 0..<count where keys[i] == key { return voters[i].insert(member) }
        keys[count] = key
        voters[count].insert(member)
        count += 1
    }
    func key(_ i: Int) -> UInt64 { keys[i] }
    func voters(_ i: Int) -> MemberSet { voters[i] }

    /// The vote that may have been, or may still be, decided in a fast half, if one can: its voters in the promise set hold that set's part of some `QF`.
    /// By the rule of PROTOCOL §2 on two `QF` there is at most one ◆.
    func choosable(promised: MemberSet, _ quorums: Quorums) -> Int? {
        let others = promised.complement(quorums.members)
        for i in 0..<count where quorums.isFast(MemberSet(bits: voters[i].intersection(promised).bits | others.bits)) {
            return i
        }
        return nil
    }
}

/// What section 6 says of one slot.
package enum Pick: Equatable, Sendable {
    /// Nobody voted: propose nothing, or any cut.
    case free
    /// The entry of the highest classic half.
    case classic(Entry)
    /// The one entry of the highest fast half that may be decided ◆.
    case choosable(Entry)
    /// None may be decided: the join of the cuts voted for.
    case join(Entry)

    package var entry: Entry {
        switch self {
        case .free: .nothing
        case .classic(let entry), .choosable(let entry), .join(let entry): entry
        }
    }
}
