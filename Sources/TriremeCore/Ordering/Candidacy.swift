// What a candidate has heard in phase 1 of its ballot (PROTOCOL §4, §6).

/// The promises of one ballot: each member's answer as it came, since what may be proposed depends on who voted for what.
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
    /// Per member and slot what it reported; a cell counts only if its stamp names this candidacy and the slot, so that cells that no
    /// answer filled are never touched.
    private let reported: UnsafeMutablePointer<VoteRecord>
    private let stamps: UnsafeMutablePointer<Stamp>
    private struct Stamp: Equatable {
        var slot: UInt64 = 0
        var rank: UInt64 = 0
    }
    private let window: Int
    /// Per member, which parts of its answer have come, and of which answer: an acceptor whose commit index has risen cuts
    /// its answer anew, and parts of two answers make no whole one.
    fileprivate struct Answer {
        var commitIndex: UInt64 = 0
        var parts: UInt8 = 0
        var have = InlineArray<4, UInt64>(repeating: 0)
        var count = 0
        var outstanding = Outstanding()
    }
    private var answers = InlineArray<16, Answer>(repeating: Answer())
    private let members: Int

    init(members: Int, windowSlots: Int) {
        self.members = members
        window = windowSlots
        reported = .allocate(capacity: members * window)
        stamps = .allocate(capacity: members * window)
        stamps.initialize(repeating: Stamp(), count: members * window)
    }
    deinit {
        reported.deallocate()
        stamps.deallocate()
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

    private func place(_ slot: UInt64, _ member: Int) -> Int { member * window + Int(slot % UInt64(window)) }

    /// A vote that a member reported. Where two slots share a cell, the lower lies a lap below the higher, hence below some
    /// answer's commit index, and will be learnt, not picked.
    mutating func saw(_ vote: ReportedVote, by member: ReplicaID) {
        guard vote.slot >= from, vote.ballot < ballot else { return }
        highestVoted = max(highestVoted, vote.slot)
        let cell = place(vote.slot, member.index)
        if stamps[cell].rank == ballot.rank {
            guard stamps[cell].slot <= vote.slot else { return }
            if stamps[cell].slot == vote.slot,
                (reported[cell].ballot, reported[cell].half) >= (vote.ballot, vote.half)
            {
                return
            }
        }
        stamps[cell] = Stamp(slot: vote.slot, rank: ballot.rank)
        (reported + cell).initialize(
            to: VoteRecord(slot: vote.slot, ballot: vote.ballot, half: vote.half, entry: vote.entry))
    }

    /// One datagram of an answer; complete when all its parts have come.
    mutating func answered(_ header: PromiseHeader, by member: ReplicaID) {
        commitIndex = max(commitIndex, header.commitIndex)
        if answers[member.index].commitIndex != header.commitIndex || answers[member.index].parts != header.parts {
            answers[member.index] = Answer(commitIndex: header.commitIndex, parts: header.parts)
        }
        answers[member.index].outstanding = header.outstanding
        let word = Int(header.part >> 6)
        let bit: UInt64 = 1 << UInt64(header.part & 63)
        guard answers[member.index].have[word] & bit == 0 else { return }
        answers[member.index].have[word] |= bit
        answers[member.index].count += 1
        if answers[member.index].count == Int(header.parts) { promised.insert(member) }
    }

    private func hasVote(_ slot: UInt64, _ member: Int) -> Bool {
        promised.contains(ReplicaID(member)) && stamps[place(slot, member)] == Stamp(slot: slot, rank: ballot.rank)
    }

    /// Whether the answers are enough to propose: those of a `Q1`, or, where ballots are announced, of a majority that meets all who may
    /// have decided in lower ones (PROTOCOL §14 ◆).
    func isComplete(_ configuration: CoreConfiguration) -> Bool {
        if configuration.quorums.isPhase1(promised) { return true }
        guard configuration.announced > 0 else { return false }
        var known = Outstanding()
        for member in 0..<members where promised.contains(ReplicaID(member)) {
            known.ended = max(known.ended, answers[member].outstanding.ended)
        }
        for member in 0..<members where promised.contains(ReplicaID(member)) {
            known.join(answers[member].outstanding)
        }
        return known.areMet(by: promised, configuration.quorums)
    }

    /// The highest (ballot, half) with a vote for a slot in the promise set, and who voted in it for which entry; an entry is named by
    /// a member that voted for it. Nil where nobody voted.
    private func highest(_ slot: UInt64, into count: inout VoteCount) -> (ballot: Ballot, half: Half)? {
        var best: (ballot: Ballot, half: Half)?
        for member in 0..<members where hasVote(slot, member) {
            let vote = reported[place(slot, member)]
            if best == nil || best! < (vote.ballot, vote.half) { best = (vote.ballot, vote.half) }
        }
        guard let best else { return nil }
        for member in 0..<members where hasVote(slot, member) {
            let vote = reported[place(slot, member)]
            guard (vote.ballot, vote.half) == best else { continue }
            var key = UInt64(member)
            for i in 0..<count.count where reported[place(slot, Int(count.key(i)))].entry == vote.entry {
                key = count.key(i)
            }
            count.add(ReplicaID(member), key)
        }
        return best
    }

    /// The entry to propose for a slot (PROTOCOL §6 ◆). Cost: a pass over the members.
    func pick(_ slot: UInt64, _ quorums: Quorums) -> Pick {
        var count = VoteCount()
        guard let best = highest(slot, into: &count) else { return .free }
        func entry(_ i: Int) -> Entry { reported[place(slot, Int(count.key(i)))].entry }
        // All votes in one classic half agree: one owner proposed it.
        guard best.half == .fast else { return .classic(entry(0)) }
        if let i = count.choosable(promised: promised, quorums) { return .choosable(entry(i)) }
        var join = Entry.nothing
        for i in 0..<count.count { join.join(entry(i)) }
        return .join(join)
    }

    /// The entry that the answers show to be decided already: a quorum of them voted for it in one ballot and half, durably, since an
    /// answer leaves when what came before it in the log is durable. It needs no phase 2 (Howard, revision B).
    func decided(_ slot: UInt64, _ quorums: Quorums) -> Entry? {
        var count = VoteCount()
        guard let best = highest(slot, into: &count) else { return nil }
        for i in 0..<count.count {
            let voters = count.voters(i)
            guard best.half == .fast ? quorums.isFast(voters) : quorums.isClassic(voters, in: best.ballot) else {
                continue
            }
            return reported[place(slot, Int(count.key(i)))].entry
        }
        return nil
    }
}

extension Entry {
    /// Takes up what another entry orders: a cut joins, nothing adds nothing.
    mutating func join(_ other: Entry) {
        guard other.kind == .cut else { return }
        if kind == .cut { cut.join(other.cut) } else { self = other }
    }
}

extension Candidacy {
    /// Without a candidacy or a reign nothing of it is read any more; in a reign only what is still to be proposed again.
    mutating func walk(_ w: inout StateWalk, _ role: Role) {
        if w.isReading {
            begin(.none, from: 1, now: StateWalk.now)
            for cell in 0..<members * window { stamps[cell] = Stamp() }
        }
        guard role != .follower else { return }
        w.visit(&ballot)
        w.visit(&from)
        w.leaveOut(time: &startedAt)
        w.visit(&highestVoted)
        w.visit(&promised)
        for cell in 0..<members * window {
            var isOfThis = stamps[cell].rank == ballot.rank
            w.visit(&isOfThis)
            guard isOfThis else { continue }
            if w.isReading { (reported + cell).initialize(to: VoteRecord()) }
            w.visit(&stamps[cell].slot)
            stamps[cell].rank = ballot.rank
            reported[cell].slot = stamps[cell].slot
            w.visit(&reported[cell].ballot)
            w.visit(&reported[cell].half)
            w.visit(&reported[cell].entry)
        }
        guard role != .sequencer else { return }
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
        outstanding.walk(&w)
    }
}
