// What a replica's state adds to what is true of the whole: what it can never take back, and what it holds for decided.
import TriremeCore

/// A durable vote.
struct DurableVote: Hashable {
    var slot: UInt64
    var ballot: Ballot
    var half: Half
    var entry: UInt16
}

/// A durable vow not to vote in half 0.
struct DurableVow: Hashable {
    var slot: UInt64
    var ballot: Ballot
}

struct Facts: Hashable {
    /// Vowed durably, by a promise or a vote.
    var promise: Ballot
    var votes: Set<DurableVote>
    var vows: Set<DurableVow>
    /// The entries of the slots 1, 2, 3 … as this replica takes them for decided.
    var decided: [UInt16]
}

extension Node {
    var facts: Facts {
        var votes: Set<DurableVote> = []
        for case .item(.vote(let slot, let ballot, let half, let entry)) in durableRecords {
            votes.insert(DurableVote(slot: slot, ballot: ballot, half: half, entry: vocabulary.number(entry)))
        }
        var vows: Set<DurableVow> = []
        for case .item(.closed(let slot, let ballot)) in durableRecords {
            vows.insert(DurableVow(slot: slot, ballot: ballot))
        }
        let decided = (0..<core.commitIndex).map { core.decidedEntry($0 + 1).map { vocabulary.number($0) } ?? 0 }
        return Facts(promise: durablePromise, votes: votes, vows: vows, decided: decided)
    }
}
