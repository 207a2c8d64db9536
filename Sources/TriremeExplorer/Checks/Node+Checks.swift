// What one replica must keep to by itself, judged by its log alone, not by what the core says of itself.
import TriremeCore

extension Node {
    func find(_ sentence: String) { if finding == nil { finding = "replica \(id) \(sentence)" } }

    /// The highest ballot that a durable record vows: no restart may fall below it.
    var durablePromise: Ballot { durableRecords.reduce(.none) { max($0, $1.vow) } }
    private var appendedPromise: Ballot { log.reduce(.none) { max($0, vocabulary.records[Int($1)].vow) } }

    /// §4: no vote and no promise below an earlier promise; a vote implies possession.
    func checkAppend(_ record: Record) {
        guard case .item(let item) = record else { return }
        switch item {
        case .promise(let ballot):
            if ballot < appendedPromise { find("promises \(ballot) after it promised \(appendedPromise)") }
        case .vote(let slot, let ballot, let half, let entry):
            if ballot < appendedPromise {
                find("votes for slot \(slot) in ballot \(ballot) after it promised \(appendedPromise)")
            }
            if half == .fast, isClosed(slot, ballot) {
                find("votes in half 0 of slot \(slot) in ballot \(ballot), which it has closed or voted in before")
            }
            checkPossession(slot, entry)
        case .closed(let slot, let ballot):
            if ballot < appendedPromise {
                find("vows for slot \(slot) in ballot \(ballot) after it promised \(appendedPromise)")
            }
        case .decided, .decidedEntry, .outstanding: break
        }
    }

    /// §7: whether half 0 of a slot is over here, by a vow or by a vote in either half.
    private func isClosed(_ slot: UInt64, _ ballot: Ballot) -> Bool {
        log.contains {
            switch vocabulary.records[Int($0)] {
            case .item(.closed(slot, ballot)): true
            case .item(.vote(slot, ballot, _, _)): true
            default: false
            }
        }
    }

    /// Every batch under the cut lies ahead in the log, except of generations that lower slots have passed for good.
    private func checkPossession(_ slot: UInt64, _ entry: Entry) {
        guard entry.kind == .cut else { return }
        for lane in 0..<bounds.members {
            let position = entry.cut[lane]
            guard !position.isEmpty, !isPassed(position.generation, lane, below: slot) else { continue }
            for sequence in 1...position.sequence where !holds(ReplicaID(lane), position.generation, sequence) {
                find(
                    "votes for slot \(slot), which covers batch \(lane)/\(position.generation):\(sequence), and does not "
                        + "hold that")
            }
        }
    }
    private func isPassed(_ generation: Generation, _ lane: Int, below slot: UInt64) -> Bool {
        for lower in 1..<max(slot, 1) {
            if let entry = core.decidedEntry(lower), entry.kind == .cut, generation < entry.cut[lane].generation {
                return true
            }
        }
        return false
    }
    private func holds(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Bool {
        log.contains {
            guard case .batch(let batch) = vocabulary.records[Int($0)] else { return false }
            return batch.lane == lane && batch.generation == generation && batch.sequence == sequence
        }
    }

    /// §2: what is reported of promises is durable.
    func checkReported(_ ballot: Ballot, in message: String) {
        if durablePromise < ballot { find("sends a \(message) of \(ballot) before that is durable") }
    }
    /// §2, §4: a status reports durable promises and votes.
    func checkStatus(_ status: Status) {
        checkReported(status.promise, in: "status with the promise")
        for i in 0..<status.marks.count { check(status.marks.values[i], status.marks.first + UInt64(i), status) }
        guard !status.votes.isEmpty else { return }
        for slot in status.votes.first...status.votes.last where !hasVote(slot, status.votes.ballot) {
            find("reports a vote for slot \(slot) in ballot \(status.votes.ballot) that is not durable")
        }
    }
    /// §7: a mark tells a durable vote or vow.
    private func check(_ mark: Mark, _ slot: UInt64, _ status: Status) {
        guard !mark.isNone else { return }
        let ballot = status.marks.ballot
        let isDurable = durableRecords.contains {
            switch $0 {
            case .item(.vote(slot, ballot, let half, let entry)): mark == .vote(half, for: entry)
            case .item(.closed(slot, ballot)): mark.isClosed
            default: false
            }
        }
        if !isDurable { find("tells of slot \(slot) in ballot \(ballot) what is not durable") }
    }
    private func hasVote(_ slot: UInt64, _ ballot: Ballot) -> Bool {
        durableRecords.contains {
            guard case .item(.vote(let voted, let votedIn, _, _)) = $0 else { return false }
            return voted == slot && votedIn == ballot
        }
    }

    /// §4: only the owner of a ballot proposes in it, and only once its own promise is durable.
    func checkProposal(_ proposal: Propose, isOwn: Bool) {
        if isOwn { checkReported(proposal.ballot, in: "proposal") }
    }

    /// §2: a promise binds beyond a restart.
    func checkRestart(_ promised: Ballot) {
        if core.promise < promised { find("starts with promise \(core.promise) after it promised \(promised)") }
    }

    /// Nothing is lost or damaged here, so that whatever ends the core is the protocol's fault.
    func checkCore() {
        if let fatal = core.fatal { find("ends itself: \(fatal)") }
        if core.isForgetful { find("takes itself for a forgetful one: \(core.exposure?.sentence ?? "no reason")") }
        for slot in 0..<core.commitIndex where core.decidedEntry(slot + 1) == nil {
            find("has slot \(core.commitIndex) decided and does not know the entry of slot \(slot + 1)")
        }
    }
}

extension Record {
    /// The ballot below which a record takes no part any more.
    var vow: Ballot {
        switch self {
        case .item(.promise(let ballot)), .item(.vote(_, let ballot, _, _)), .item(.closed(_, let ballot)): ballot
        case .item(.decided), .item(.decidedEntry), .item(.outstanding), .batch: .none
        }
    }
}
