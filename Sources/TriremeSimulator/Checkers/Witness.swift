// What was said cannot be unsaid: promises, votes and proposals as they leave a replica, held against all that it said
// before, in this life or an earlier one (PROTOCOL §2 ◆, §4).
import TriremeCore

package final class Witness {
    private struct Proposal: Hashable {
        var slot: UInt64
        var ballot: Ballot
        var half: Half
    }
    private struct Told {
        var number = StatusNumber.none
        var promise = Ballot.none
        var votedIn = Ballot.none
        /// The last slot that it reported a vote for in `votedIn`.
        var votedLast: UInt64 = 0
        var durable = InlineArray<16, Position>(repeating: .empty)
    }
    private let referee: Referee
    private let members: Int
    private var told: [Told]
    private var proposals: [Proposal: Entry] = [:]

    package init(referee: Referee, members: Int) {
        self.referee = referee
        self.members = members
        told = [Told](repeating: Told(), count: members)
    }

    package func sent(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, from: ReplicaID) {
        switch kind {
        case .status: if let status = Status.decode(body, members: members) { heard(status, from: from) }
        case .propose: if let proposal = Propose.decode(body, members: members) { heard(proposal, from: from) }
        case .promise:
            var reader = WireReader(body)
            if let header = PromiseHeader.decode(&reader, members: members) { heard(header, from: from) }
        case .prepare:
            if let prepare = Prepare.decode(body, members: members) {
                referee.demand(
                    prepare.ballot.owner == from,
                    "replica \(from) prepares ballot \(prepare.ballot), which is not its own")
                promises(prepare.ballot, from)
            }
        default: break
        }
    }

    private func promises(_ ballot: Ballot, _ replica: ReplicaID) {
        let before = told[replica.index].promise
        referee.demand(
            before <= ballot, "replica \(replica) takes part in ballot \(ballot) after it promised \(before)")
        told[replica.index].promise = max(before, ballot)
    }
    private func heard(_ header: PromiseHeader, from: ReplicaID) { promises(header.ballot, from) }

    private func heard(_ status: Status, from: ReplicaID) {
        let before = told[from.index]
        referee.demand(
            before.number < status.number, "replica \(from) sends status \(status.number) after \(before.number)")
        told[from.index].number = status.number
        if !status.promise.isNone {
            referee.demand(
                before.promise <= status.promise,
                "replica \(from) reports promise \(status.promise) after it reported \(before.promise)")
            told[from.index].promise = max(before.promise, status.promise)
        }
        for lane in 0..<members {
            referee.demand(
                before.durable[lane] <= status.durable[lane],
                "replica \(from) reports lane \(lane) durable to \(status.durable[lane]) after \(before.durable[lane])")
        }
        told[from.index].durable = status.durable
        guard !status.votes.isEmpty else { return }
        referee.demand(
            before.votedIn <= status.votes.ballot,
            "replica \(from) reports votes in ballot \(status.votes.ballot) after votes in \(before.votedIn)")
        referee.demand(
            status.votes.last <= status.highestVoted,
            "replica \(from) reports a vote for slot \(status.votes.last) above its highest, \(status.highestVoted)")
        told[from.index].votedIn = status.votes.ballot
        told[from.index].votedLast = status.votes.last
    }

    private func heard(_ proposal: Propose, from: ReplicaID) {
        let name = Proposal(slot: proposal.slot, ballot: proposal.ballot, half: proposal.half)
        if let known = proposals[name] {
            referee.demand(
                known == proposal.entry,
                "replica \(from) proposes \(DecidedEntries.describe(proposal.entry)) for slot \(proposal.slot) in ballot "
                    + "\(proposal.ballot), where \(DecidedEntries.describe(known)) was proposed before")
            return
        }
        referee.demand(
            proposal.ballot.owner == from || proposal.half == .fast,
            "replica \(from) proposes in ballot \(proposal.ballot), whose owner never proposed slot \(proposal.slot)")
        proposals[name] = proposal.entry
    }
}
