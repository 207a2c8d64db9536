// What must be true of all replicas together (PROTOCOL §4, §12).
import TriremeCore

/// The entries ever decided, slot by slot, as lists of their numbers; each list has a number, the empty one 0.
struct Ledgers {
    private(set) var lists: [[UInt16]] = [[]]

    subscript(_ number: Int) -> [UInt16] { lists[number] }
    mutating func number(_ list: [UInt16]) -> Int {
        if let known = lists.firstIndex(of: list) { return known }
        lists.append(list)
        return lists.count - 1
    }
}

struct Judge {
    let quorums: Quorums

    /// Judges what is new among all proposals beside those that were there before.
    func judge(_ all: [Proposed], _ before: [Proposed], _ facts: [Facts]) -> String? {
        var proposals = before
        for proposal in all where !proposals.contains(proposal) {
            for other in proposals {
                if let sentence = judge(proposal, beside: other, facts) { return sentence }
            }
            proposals.append(proposal)
        }
        return nil
    }

    /// §12: in every state, if an entry is proposed for a slot, no other can be decided, or have been decided, in a lower ballot:
    /// those who voted for the other one, and those who have not durably promised a higher ballot and may still vote, are together
    /// no `Q2`, in half 0 no `QF`. So a decided entry is the only one that higher ballots, and half 1 after half 0, propose.
    private func judge(_ proposal: Proposed, beside other: Proposed, _ facts: [Facts]) -> String? {
        guard proposal.slot == other.slot, proposal.entry != other.entry else { return nil }
        if proposal.ballot == other.ballot, proposal.half == other.half {
            // In half 0 everybody may propose; each acceptor votes for one at most.
            if proposal.half == .fast { return nil }
            return "slot \(proposal.slot) is proposed twice in ballot \(proposal.ballot), with different entries"
        }
        let isFirst = (proposal.ballot, proposal.half) < (other.ballot, other.half)
        let (lower, higher) = isFirst ? (proposal, other) : (other, proposal)
        var may = MemberSet()
        for (member, facts) in facts.enumerated() where mayVote(facts, lower) { may.insert(ReplicaID(member)) }
        guard lower.half == .fast ? quorums.isFast(may) : quorums.isClassic(may, in: lower.ballot) else { return nil }
        return
            "ballot \(higher.ballot) proposes an entry for slot \(lower.slot) in half \(higher.half.rawValue), and \(may) may decide another "
            + "one in half \(lower.half.rawValue) of ballot \(lower.ballot)"
    }
    private func mayVote(_ facts: Facts, _ lower: Proposed) -> Bool {
        if facts.votes.contains(
            DurableVote(slot: lower.slot, ballot: lower.ballot, half: lower.half, entry: lower.entry))
        {
            return true
        }
        guard facts.promise <= lower.ballot else { return false }
        // Half 0 is over where there is a vow, or a vote in either half (PROTOCOL §7 ◆).
        return lower.half == .classic
            || !facts.vows.contains(DurableVow(slot: lower.slot, ballot: lower.ballot))
                && !facts.votes.contains { $0.slot == lower.slot && $0.ballot == lower.ballot }
    }

    /// Judges what replicas take for decided, and enters it into the ledger.
    func judgeDecided(_ facts: [Facts], _ ledgers: inout Ledgers, _ number: inout Int) -> String? {
        var ledger = ledgers[number]
        for (replica, own) in facts.enumerated() {
            for (place, entry) in own.decided.enumerated() {
                if place < ledger.count {
                    if ledger[place] != entry { return "slot \(place + 1) is decided twice, with different entries" }
                    continue
                }
                guard isDecided(UInt64(place + 1), entry, facts) else {
                    return
                        "replica \(replica) takes slot \(place + 1) for decided, and no Q2 has durable votes for that entry "
                        + "in one ballot"
                }
                ledger.append(entry)
            }
        }
        number = ledgers.number(ledger)
        return nil
    }

    /// §4, §7: what somebody takes for decided has a `Q2` of durable votes for it in one ballot, or a `QF` in a half 0.
    private func isDecided(_ slot: UInt64, _ entry: UInt16, _ facts: [Facts]) -> Bool {
        var ballots: Set<Ballot> = []
        for facts in facts { for vote in facts.votes where vote.slot == slot { ballots.insert(vote.ballot) } }
        return ballots.contains { ballot in
            func voters(_ half: Half) -> MemberSet {
                let wanted = DurableVote(slot: slot, ballot: ballot, half: half, entry: entry)
                var voters = MemberSet()
                for (member, facts) in facts.enumerated() where facts.votes.contains(wanted) {
                    voters.insert(ReplicaID(member))
                }
                return voters
            }
            return quorums.isClassic(voters(.classic), in: ballot) || quorums.isFast(voters(.fast))
        }
    }
}
