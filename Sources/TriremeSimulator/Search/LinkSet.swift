// Who hears whom, and what a cluster may do, must do or cannot do over it.
import TriremeCore

/// Which of the n(n − 1) directed links are open.
package struct LinkSet: Equatable, Sendable, CustomStringConvertible {
    package let members: Int
    private var open: [Bool]

    package init(members: Int, open: (_ from: Int, _ to: Int) -> Bool) {
        self.members = members
        self.open = (0..<members * members).map { $0 / members == $0 % members || open($0 / members, $0 % members) }
    }
    /// The set of number 0 ..< 2^(n(n − 1)): one bit for each link.
    package init(members: Int, number: UInt64) {
        self.init(members: members) { from, to in
            number >> UInt64(from * (members - 1) + (to < from ? to : to - 1)) & 1 != 0
        }
    }
    package func isOpen(_ from: Int, _ to: Int) -> Bool { open[from * members + to] }
    package var description: String {
        var links: [String] = []
        for from in 0..<members {
            for to in 0..<members where from != to && isOpen(from, to) { links.append("\(from)→\(to)") }
        }
        return links.isEmpty ? "no link" : links.joined(separator: " ")
    }

    /// What a cluster may do over it.
    package enum Verdict: Hashable, Sendable {
        /// Some Q1 and Q2 are connected both ways: it must go on. The largest such set.
        case must(MemberSet)
        /// Nobody can hear a Q2: nothing can be decided any more.
        case cannot
        /// In between: it may go on, and need not.
        case may
    }
    package func verdict(_ quorums: Quorums) -> Verdict {
        var best = MemberSet()
        for bits in UInt16(1)..<UInt16(1) << UInt16(members) {
            let set = MemberSet(bits: bits)
            guard quorums.isPhase1(set), quorums.isClassic(set), set.count > best.count, isConnected(set) else {
                continue
            }
            best = set
        }
        if best.bits != 0 { return .must(best) }
        let hearsQuorum = (0..<members).contains { listener in
            quorums.isClassic(MemberSet((0..<members).filter { isOpen($0, listener) }))
        }
        return hearsQuorum ? .may : .cannot
    }
    private func isConnected(_ set: MemberSet) -> Bool {
        for a in 0..<members where set.contains(ReplicaID(a)) {
            for b in 0..<members where set.contains(ReplicaID(b)) && !isOpen(a, b) { return false }
        }
        return true
    }
}
