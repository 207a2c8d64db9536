// Sets of members as bitmaps: what every quorum is judged on.

/// A set of members as a bitmap: bit i stands for member i.
package struct MemberSet: Hashable, Sendable, CustomStringConvertible {
    package var bits: UInt16
    @inlinable package init(bits: UInt16 = 0) { self.bits = bits }
    package init(_ members: some Sequence<Int>) {
        self.init()
        for member in members { insert(ReplicaID(member)) }
    }
    @inlinable package static func first(_ n: Int) -> Self { Self(bits: UInt16((1 << n) - 1)) }
    @inlinable package var count: Int { bits.nonzeroBitCount }
    @inlinable package var isEmpty: Bool { bits == 0 }
    @inlinable package func contains(_ id: ReplicaID) -> Bool { bits >> id.rawValue & 1 != 0 }
    @inlinable package mutating func insert(_ id: ReplicaID) { bits |= 1 << id.rawValue }
    @inlinable package mutating func remove(_ id: ReplicaID) { bits &= ~(1 << id.rawValue) }
    @inlinable package func intersection(_ other: Self) -> Self { Self(bits: bits & other.bits) }
    @inlinable package func isSubset(of other: Self) -> Bool { bits & ~other.bits == 0 }
    /// The other members of `n`.
    @inlinable package func complement(_ n: Int) -> Self { Self(bits: ~bits & Self.first(n).bits) }
    /// Those in the set, in rising order.
    package var members: [Int] { (0..<16).filter { bits >> $0 & 1 != 0 } }
    package var description: String { "{" + members.map(String.init).joined(separator: ", ") + "}" }
}
