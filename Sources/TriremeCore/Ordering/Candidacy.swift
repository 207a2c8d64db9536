// What a candidate has heard in phase 1 of its ballot (PROTOCOL §4, §6).

/// The promises of one ballot. All votes are classic so far, so per slot the vote of the highest (ballot, half) is the
/// pick: section 6 reduces to it.
struct Candidacy: ~Copyable {
    private(set) var ballot = Ballot.none
    private(set) var from: UInt64 = 1
    private(set) var startedAt: UInt64 = 0
    /// Members whose whole answer has arrived.
    private(set) var promised = MemberSet()
    /// The highest commit index in the answers: up to there entries are learnt, not picked (◆).
    private(set) var commitIndex: UInt64 = 0
    /// The highest slot with a vote in the answers.
    private(set) var highestVoted: UInt64 = 0
    private let picks: SlotRing<VoteRecord>
    /// Per member, which parts of its answer have come, and of which answer: an acceptor whose commit index has risen cuts
    /// its answer anew, and parts of two answers make no whole one.
    fileprivate struct Answer {
        var commitIndex: UInt64 = 0
        var parts: UInt8 = 0
        var have = InlineArray<4, UInt64>(repeating: 0)
        var count = 0
    }
    private var answers = InlineArray<16, Answer>(repeating: Answer())
    private let members: Int

    init(members: Int, windowSlots: Int) {
        self.members = members
        picks = SlotRing(capacity: windowSlots * 2, repeating: VoteRecord())
    }

    mutating func begin(_ ballot: Ballot, from: UInt64, now: UInt64) {
        self.ballot = ballot
        self.from = from
        startedAt = now
        promised = MemberSet()
        commitIndex = 0
        highestVoted = 0
        answers = InlineArray(repeating: Answer())
    }

    /// A vote that some acceptor of the promise set reported.
    mutating func saw(_ vote: ReportedVote) {
        guard vote.slot >= from, vote.ballot < ballot else { return }
        highestVoted = max(highestVoted, vote.slot)
        let cell = picks[vote.slot]
        // A cell of an earlier candidacy is told by its ballot's rank. Where two slots of this one share a cell, the
        // lower lies a lap below a vote, hence below some answer's commit index, and will be learnt, not picked.
        if cell.index == ballot.rank {
            guard cell.slot <= vote.slot else { return }
            if cell.slot == vote.slot, (cell.ballot, cell.half) >= (vote.ballot, vote.half) { return }
        }
        picks[vote.slot] = VoteRecord(
            slot: vote.slot, ballot: vote.ballot, half: vote.half, entry: vote.entry, index: ballot.rank)
    }

    /// One datagram of an answer; complete when all its parts have come.
    mutating func answered(_ header: PromiseHeader, by member: ReplicaID) {
        commitIndex = max(commitIndex, header.commitIndex)
        if answers[member.index].commitIndex != header.commitIndex || answers[member.index].parts != header.parts {
            answers[member.index] = Answer(commitIndex: header.commitIndex, parts: header.parts)
        }
        let word = Int(header.part >> 6)
        let bit: UInt64 = 1 << UInt64(header.part & 63)
        guard answers[member.index].have[word] & bit == 0 else { return }
        answers[member.index].have[word] |= bit
        answers[member.index].count += 1
        if answers[member.index].count == Int(header.parts) { promised.insert(member) }
    }

    /// The entry to propose for a slot: that of the highest vote; nothing, where nobody voted (PROTOCOL §6 ◆).
    func pick(_ slot: UInt64) -> Entry {
        let cell = picks[slot]
        return cell.slot == slot && cell.index == ballot.rank ? cell.entry : .nothing
    }
}

extension Candidacy {
    /// Without a candidacy or a reign nothing of it is read any more; in a reign only what is still to be proposed again.
    mutating func walk(_ w: inout StateWalk, _ role: Role) {
        if w.isReading {
            begin(.none, from: 1, now: StateWalk.now)
            for place in 0..<UInt64(picks.capacity) { picks[place].index = 0 }
        }
        guard role != .follower else { return }
        w.visit(&ballot)
        w.visit(&from)
        w.leaveOut(time: &startedAt)
        w.visit(&highestVoted)
        for place in 0..<UInt64(picks.capacity) {
            var isOfThis = picks[place].index == ballot.rank
            w.visit(&isOfThis)
            guard isOfThis else { continue }
            w.visit(&picks[place].slot)
            w.visit(&picks[place].ballot)
            w.visit(&picks[place].half)
            w.visit(&picks[place].entry)
            if w.isReading { picks[place].index = ballot.rank }
        }
        guard role != .sequencer else { return }
        w.visit(&promised)
        w.visit(&commitIndex)
        for member in 0..<members { answers[member].walk(&w) }
    }
}

extension Candidacy.Answer {
    fileprivate mutating func walk(_ w: inout StateWalk) {
        w.visit(&commitIndex)
        w.visit(&parts)
        for word in 0..<4 { w.visit(&have[word]) }
        w.visit(&count)
    }
}
