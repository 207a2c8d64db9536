// The tables that a running core looks into: plain memory, so that a copy of `Quorums` counts no references.

/// Three tables of 2ⁿ bits, of `Q1`, `Q2` and `QF`: 12 KiB at n = 15. Never freed: a configuration is loaded once for each
/// epoch, and copies of it lie wherever the process needs them.
package struct QuorumTables: @unchecked Sendable {
    package let words: UnsafePointer<UInt64>
    /// Words of one table.
    package let stride: Int

    init(_ families: [QuorumFamily]) {
        stride = families[0].words.count
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: families.count * stride)
        for (place, family) in families.enumerated() {
            (words + place * stride).initialize(from: family.words, count: stride)
        }
        self.words = UnsafePointer(words)
    }

    /// One load. `set` holds members of the configuration only, so that it lies within the table; others are refused.
    @inlinable package func contains(_ set: MemberSet, table: Int) -> Bool {
        let word = Int(set.bits >> 6)
        precondition(word < stride, "a set names a member that is not in the configuration")
        return words[table &* stride &+ word] >> UInt64(set.bits & 63) & 1 != 0
    }

    func equals(_ other: QuorumTables) -> Bool {
        stride == other.stride && (0..<3 * stride).allSatisfy { words[$0] == other.words[$0] }
    }
}
