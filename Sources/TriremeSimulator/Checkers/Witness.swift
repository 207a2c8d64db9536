// What was said cannot be unsaid: promises, votes and proposals as they leave a replica, held against all that it said
// before, in this life or an earlier one (PROTOCOL §2 ◆, §4).
import TriremeCore

package final class Witness {
    private struct Proposal: Hashable {
        var slot: UInt64
        var ballot: Ballot
        var half: Half
        /// In half 0, where several entries may be proposed, the votes' hash of this one; else none.
        var mark = Mark.none
    }
    /// Where a vote was cast; ordered as votes are kept.
    private struct Place: Comparable {
        var ballot: Ballot
        var half = Half.classic
        static var none: Self { Self(ballot: .none) }
        static func < (a: Self, b: Self) -> Bool {
            a.ballot != b.ballot ? a.ballot < b.ballot : a.half < b.half
        }
        var text: String { "\(ballot)\(half == .fast ? " half 0" : "")" }
    }
    private struct Told {
        var number = StatusNumber.none
        var promise = Ballot.none
        var votedIn = Ballot.none
        /// The last slot that it reported a vote for in `votedIn`.
        var votedLast: UInt64 = 0
        var durable = InlineArray<16, Position>(repeating: .empty)
        /// Per slot, the highest ballot and half in which it reported a vote.
        var votes: [UInt64: Place] = [:]
        /// Per slot, the fast ballot and the mark that it reported last.
        var marks: [UInt64: (ballot: Ballot, mark: Mark)] = [:]
        /// The votes in the parts of an answer to a prepare that were heard so far.
        var answer: [UInt64: Place] = [:]
        /// Votes for cuts that it reported since it was last asked what it holds.
        var newVotes: [(slot: UInt64, cut: Cut)] = []
        /// Its last whole answer: the ballot, the first slot that it speaks of, and the votes in it.
        var closed: (ballot: Ballot, first: UInt64, votes: [UInt64: Place]) = (.none, 1, [:])
        /// It has forgotten what it said, and must not act as an acceptor any more (PROTOCOL §9 ◆).
        var observes = false
    }
    private let referee: Referee
    private let members: Int
    @exclusivity(unchecked) private var told: [Told]
    /// Their disks may lose batches that they reported.
    package var frail = MemberSet()
    private struct Proposed {
        var entry: Entry
        /// Who reported a durable vote for it.
        var voters = MemberSet()
    }
    @exclusivity(unchecked) private var proposals: [Proposal: Proposed] = [:]
    /// Per slot, the ballots in which something was proposed for it.
    @exclusivity(unchecked) private var ballots: [UInt64: [Ballot]] = [:]

    package init(referee: Referee, members: Int) {
        self.referee = referee
        self.members = members
        told = [Told](repeating: Told(), count: members)
    }

    package func sent(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, from: ReplicaID) {
        if told[from.index].observes { checkObserver(kind, body, from) }
        switch kind {
        case .status: if let status = Status.decode(body, members: members) { heard(status, from: from) }
        case .propose: if let proposal = Propose.decode(body, members: members) { heard(proposal, from: from) }
        case .close:
            if let close = Close.decode(body, members: members) {
                referee.demand(
                    close.ballot.owner == from, "replica \(from) closes slots in \(close.ballot), which is not its own")
            }
        case .promise: heardPromise(body, from: from)
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

    /// What `replica` said is not in what its disk holds: from now on it may only observe.
    package func observes(_ replica: ReplicaID) {
        let number = told[replica.index].number
        told[replica.index] = Told()
        told[replica.index].number = number
        told[replica.index].observes = true
    }
    package func mustObserve(_ replica: ReplicaID) -> Bool { told[replica.index].observes }
    private func checkObserver(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, _ from: ReplicaID) {
        let status = kind == .status ? Status.decode(body, members: members) : nil
        let echoes = status.map { status in (0..<members).contains { status.echoes[$0] != .none } } ?? false
        referee.demand(
            kind != .promise && kind != .prepare && status?.votes.isEmpty != false && !echoes
                && status?.marks.count ?? 0 == 0,
            "replica \(from) has forgotten what it said, and \(status == nil ? "takes part in a ballot" : "votes or echoes")"
        )
    }
    /// Whether `replica` told something durable that is not in what it starts with now.
    package func hasTold(
        _ replica: ReplicaID, more promise: Ballot, _ answer: [[UInt8]], _ reached: (Int) -> Position
    ) -> Bool {
        let before = told[replica.index]
        if promise < before.promise { return true }
        for lane in 0..<members where reached(lane) < before.durable[lane] {
            return true
        }
        var votes: [UInt64: Place] = [:]
        var known: UInt64 = 1
        for part in answer {
            part.withUnsafeBytes { bytes in
                var reader = WireReader(bytes)
                guard let header = PromiseHeader.decode(&reader, members: members) else { return }
                known = header.commitIndex + 1
                for _ in 0..<header.votes {
                    guard let vote = ReportedVote.decode(&reader, members: members) else { return }
                    votes[vote.slot] = Place(ballot: vote.ballot, half: vote.half)
                }
            }
        }
        return before.votes.contains { slot, place in slot >= known && (votes[slot] ?? .none) < place }
    }
    private func promises(_ ballot: Ballot, _ replica: ReplicaID) {
        let before = told[replica.index].promise
        referee.demand(
            before <= ballot, "replica \(replica) takes part in ballot \(ballot) after it promised \(before)")
        told[replica.index].promise = max(before, ballot)
    }
    /// Takes one part of an answer to a prepare; all parts leave in one turn, in order.
    private func heardPromise(_ body: UnsafeRawBufferPointer, from: ReplicaID) {
        var reader = WireReader(body)
        guard let header = PromiseHeader.decode(&reader, members: members) else { return }
        promises(header.ballot, from)
        if header.part == 0 { told[from.index].answer.removeAll(keepingCapacity: true) }
        for _ in 0..<header.votes {
            guard let vote = ReportedVote.decode(&reader, members: members) else { break }
            told[from.index].answer[vote.slot] = Place(ballot: vote.ballot, half: vote.half)
            // What an answer reports is durable, and may decide (PROTOCOL §6).
            var name = Proposal(slot: vote.slot, ballot: vote.ballot, half: vote.half)
            if vote.half == .fast { name.mark = .vote(.fast, for: vote.entry) }
            if proposals[name]?.entry == vote.entry { proposals[name]?.voters.insert(from) }
        }
        if header.part + 1 == header.parts { checkAnswer(header, from: from) }
    }
    /// All votes above the commit index are in a promise, whatever crashed or was recycled meanwhile (PROTOCOL §4 ◆, §8 ◆).
    private func checkAnswer(_ header: PromiseHeader, from: ReplicaID) {
        let known = max(header.commitIndex + 1, header.from)
        for (slot, place) in told[from.index].votes where slot >= known {
            let answered = told[from.index].answer[slot] ?? .none
            referee.demand(
                place <= answered,
                "replica \(from) reported a vote for slot \(slot) in ballot \(place.text), and knows of "
                    + "\(answered == .none ? "none" : "one in \(answered.text)") any more")
        }
        told[from.index].closed = (header.ballot, known, told[from.index].answer)
    }
    /// A promise ends all lower ballots: whoever has answered votes in none of them any more (PROTOCOL §4 ◆).
    private func checkClosed(_ slot: UInt64, _ place: Place, from: ReplicaID) {
        let closed = told[from.index].closed
        guard place.ballot < closed.ballot, slot >= closed.first else { return }
        referee.demand(
            closed.votes[slot].map { place <= $0 } ?? false,
            "replica \(from) reports a vote for slot \(slot) in ballot \(place.text), which was not in its promise of "
                + "\(closed.ballot)")
    }
    /// A new life begins: what earlier ones said must be in what it found on its disk.
    package func started(_ replica: ReplicaID, promise: Ballot, answer: [[UInt8]]) {
        referee.demand(
            told[replica.index].promise <= promise,
            "replica \(replica) starts with promise \(promise) after it promised \(told[replica.index].promise)")
        for part in answer { part.withUnsafeBytes { heardPromise($0, from: replica) } }
    }

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
                before.durable[lane] <= status.durable[lane] || frail.contains(from),
                "replica \(from) reports lane \(lane) durable to \(status.durable[lane]) after \(before.durable[lane])")
        }
        told[from.index].durable = status.durable
        noteMarks(status.marks, from: from)
        guard !status.votes.isEmpty else { return }
        referee.demand(
            // A new life may know only of votes in an earlier ballot: those in the last one are covered by its snapshot.
            before.votedIn <= status.votes.ballot || before.number.generation < status.number.generation,
            "replica \(from) reports votes in ballot \(status.votes.ballot) after votes in \(before.votedIn)")
        referee.demand(
            status.votes.last <= status.highestVoted,
            "replica \(from) reports a vote for slot \(status.votes.last) above its highest, \(status.highestVoted)")
        noteVotes(status, from: from)
        told[from.index].votedIn = status.votes.ballot
        told[from.index].votedLast = status.votes.last
    }

    /// A vote once reported stays, and implies possession: ``checkPossession(of:passed:isDurable:)``.
    private func noteVotes(_ status: Status, from: ReplicaID) {
        let before = told[from.index]
        let isSameRun = before.votedIn == status.votes.ballot && before.number.generation == status.number.generation
        let first = isSameRun ? max(status.votes.first, before.votedLast + 1) : status.votes.first
        guard first <= status.votes.last else { return }
        for slot in first...status.votes.last {
            let place = Place(ballot: status.votes.ballot)
            checkClosed(slot, place, from: from)
            told[from.index].votes[slot] = max(told[from.index].votes[slot] ?? .none, place)
            let name = Proposal(slot: slot, ballot: status.votes.ballot, half: .classic)
            proposals[name]?.voters.insert(from)
            guard let entry = proposals[name]?.entry, entry.kind == .cut else { continue }
            told[from.index].newVotes.append((slot, entry.cut))
        }
    }

    /// A vote implies possession (PROTOCOL §4 ◆): whoever has reported one has durable what its cut covers, judged within each
    /// generation. What the decided slots below it have passed has no effect at its slot, and is not asked for.
    ///
    /// - Parameters:
    ///   - passed: `C(slot − 1)`, as far as it is known.
    ///   - isDurable: whether the replica's disk holds a lane up to a position, or a durable snapshot of its reaches it.
    package func checkPossession(
        of replica: ReplicaID, passed: (UInt64) -> Cut, isDurable: (Int, Position) -> Bool
    ) {
        for (slot, cut) in told[replica.index].newVotes {
            let passed = passed(slot)
            for lane in 0..<members where !cut[lane].isEmpty && cut[lane].generation >= passed[lane].generation {
                referee.demand(
                    isDurable(lane, cut[lane]),
                    "replica \(replica) reports a vote for slot \(slot), which covers lane \(lane) to \(cut[lane]), and does "
                        + "not hold that")
            }
        }
        told[replica.index].newVotes.removeAll(keepingCapacity: true)
    }

    /// Votes and vows of a fast round (PROTOCOL §7 ◆): a register is written once, half 0 is over where a vow or a vote in half 1 was
    /// told, and nobody votes for what was never proposed.
    private func noteMarks(_ marks: VoteMarks, from: ReplicaID) {
        for i in 0..<marks.count where !marks.values[i].isNone {
            let slot = marks.first + UInt64(i)
            let mark = marks.values[i]
            if let before = told[from.index].marks[slot] {
                if before.ballot == marks.ballot, before.mark == mark { continue }
                referee.demand(
                    before.ballot <= marks.ballot,
                    "replica \(from) tells of slot \(slot) in ballot \(marks.ballot) after it told of \(before.ballot)")
                referee.demand(
                    before.ballot < marks.ballot || mark.half == .classic,
                    "replica \(from) takes back what it told of half 0 of slot \(slot) in ballot \(marks.ballot)")
            }
            told[from.index].marks[slot] = (marks.ballot, mark)
            guard let half = mark.half else { continue }
            let place = Place(ballot: marks.ballot, half: half)
            checkClosed(slot, place, from: from)
            told[from.index].votes[slot] = max(told[from.index].votes[slot] ?? .none, place)
            var name = Proposal(slot: slot, ballot: marks.ballot, half: half)
            if half == .fast { name.mark = mark }
            guard let proposed = proposals[name], mark.isFor(proposed.entry) else {
                referee.report(
                    "replica \(from) votes in ballot \(place.text) for an entry of slot \(slot) that nobody proposed")
                continue
            }
            proposals[name]?.voters.insert(from)
            if proposed.entry.kind == .cut { told[from.index].newVotes.append((slot, proposed.entry.cut)) }
        }
    }

    private func heard(_ proposal: Propose, from: ReplicaID) {
        var name = Proposal(slot: proposal.slot, ballot: proposal.ballot, half: proposal.half)
        if proposal.half == .fast { name.mark = .vote(.fast, for: proposal.entry) }
        if let known = proposals[name] {
            referee.demand(
                known.entry == proposal.entry,
                "replica \(from) proposes \(DecidedEntries.describe(proposal.entry)) for slot \(proposal.slot) in ballot "
                    + "\(proposal.ballot), where \(DecidedEntries.describe(known.entry)) was proposed before")
            return
        }
        referee.demand(
            proposal.ballot.owner == from || proposal.half == .fast,
            "replica \(from) proposes in ballot \(proposal.ballot), whose owner never proposed slot \(proposal.slot)")
        proposals[name] = Proposed(entry: proposal.entry)
        ballots[proposal.slot, default: []].append(proposal.ballot)
    }

    /// A slot is held decided for the first time: a `Q2` has reported durable votes for its entry in one ballot and half
    /// (PROTOCOL §4 ◆). The replica that decides counts its own vote when it is durable, reported or not.
    ///
    /// - Parameter hasVote: whether the replica's disk holds its own vote for the slot in a ballot and half.
    package func checkDecided(
        _ slot: UInt64, _ entry: Entry, by replica: ReplicaID, quorums: Quorums, hasVote: (Ballot, Half) -> Bool
    ) {
        var best = MemberSet()
        for ballot in ballots[slot] ?? [] {
            for half in [Half.classic, .fast] {
                var name = Proposal(slot: slot, ballot: ballot, half: half)
                if half == .fast { name.mark = .vote(.fast, for: entry) }
                guard let proposed = proposals[name], proposed.entry == entry else { continue }
                func isQuorum(_ set: MemberSet) -> Bool {
                    half == .fast ? quorums.isFast(set) : quorums.isClassic(set, in: ballot)
                }
                var voters = proposed.voters
                if isQuorum(voters) { return }
                if hasVote(ballot, half) { voters.insert(replica) }
                if isQuorum(voters) { return }
                if voters.count >= best.count { best = voters }
            }
        }
        referee.report(
            "replica \(replica) holds \(DecidedEntries.describe(entry)) decided in slot \(slot), for which in no ballot more than "
                + "\(best) reported a durable vote; a Q2 has \(quorums.classic)")
    }
}
