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
            // A new life may know only of votes in an earlier ballot: those in the last one are covered by its snapshot.
            before.votedIn <= status.votes.ballot || before.number.generation < status.number.generation,
            "replica \(from) reports votes in ballot \(status.votes.ballot) after votes in \(before.votedIn)")
        referee.demand(
            status.votes.last <= status.highestVoted,
            "replica \(from) reports a vote for slot \(status.votes.last) above its highest, \(status.highestVoted)")
        checkPossession(status, from: from)
        told[from.index].votedIn = status.votes.ballot
        told[from.index].votedLast = status.votes.last
    }

    /// A vote implies possession (PROTOCOL §4 ◆): whoever reports one reports durable what its cut covers, too.
    private func checkPossession(_ status: Status, from: ReplicaID) {
        let before = told[from.index]
        let isSameRun = before.votedIn == status.votes.ballot && before.number.generation == status.number.generation
        let first = isSameRun ? max(status.votes.first, before.votedLast + 1) : status.votes.first
        guard first <= status.votes.last else { return }
        for slot in first...status.votes.last {
            guard let entry = proposals[Proposal(slot: slot, ballot: status.votes.ballot, half: .classic)],
                entry.kind == .cut
            else { continue }
            for lane in 0..<members where status.durable[lane] < entry.cut[lane] {
                referee.report(
                    "replica \(from) reports a vote for slot \(slot), which covers lane \(lane) to \(entry.cut[lane]), and "
                        + "holds it to \(status.durable[lane])")
            }
        }
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
