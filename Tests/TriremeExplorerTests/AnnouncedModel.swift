// A model of announced quorums by themselves (PROTOCOL §14): one slot, ballots that name who decides in them, every interleaving.

/// The rules as parts that can be left out, to see what each is for.
struct AnnouncedRules {
    /// Any two sets of answers meet.
    var majority = true
    /// An answer tells of all ballots promised before, not of the last alone.
    var joined = true
    /// Lower ballots are forgotten only by who has noted durably what may have been decided in them.
    var noted = true
    /// Only those whom a ballot names decide in it.
    var named = true
    /// An answer's lower ballots are met whatever others say of them, unless another has seen the end of all of them.
    var endsAllOnly = true
}

/// What one acceptor holds, and what it answered. Small enough to be a word each.
private struct Acceptor: Hashable {
    var promise: UInt8 = 0
    var vote: UInt8 = 0
    /// Ballots voted in, a bit each: a vote stays a fact.
    var voted: UInt8 = 0
    var before: UInt8 = 0
    var top: UInt8 = 0
    var ended: UInt8 = 0
    var hasNoted = false
}
private struct Reign: Hashable {
    var isOpen = false
    /// The ballot whose value it proposes; 0 where the slot is known to be decided.
    var value: UInt8 = 0
    /// Whether lower ballots may have decided the slot.
    var mayBeDecided = false
}

struct AnnouncedModel {
    let members: Int
    /// Size of a phase-2 quorum.
    let classic: Int
    /// Who may decide in each ballot, as a bitmap; ballots count from 1.
    let named: [UInt8]
    var rules = AnnouncedRules()

    private struct State: Hashable {
        var acceptors: [Acceptor]
        /// Per ballot and acceptor, as it was when it promised; ``Acceptor/promise`` is then the ballot.
        var answers: [Acceptor]
        var reigns: [Reign]
    }
    private func isQuorum(_ set: UInt8) -> Bool { set.nonzeroBitCount >= classic }

    /// The ballots whose values are decided in a state.
    private func decided(_ state: State) -> Set<UInt8> {
        var values = Set<UInt8>()
        for ballot in 1...named.count where state.reigns[ballot].value > 0 {
            var voters: UInt8 = 0
            for a in 0..<members where state.acceptors[a].voted >> ballot & 1 != 0 { voters |= 1 << a }
            if rules.named { voters &= named[ballot - 1] }
            if isQuorum(voters) { values.insert(state.reigns[ballot].value) }
        }
        return values
    }

    /// Whether a ballot may begin with these answers.
    private func suffices(_ set: UInt8, _ answers: ArraySlice<Acceptor>) -> Bool {
        guard !rules.majority || set.nonzeroBitCount * 2 > members else { return false }
        let heard = answers.enumerated().filter { set >> $0.offset & 1 != 0 }.map(\.element)
        let ended = heard.map(\.ended).max() ?? 0
        var mask: UInt8 = 0
        for answer in heard where !rules.endsAllOnly ? answer.ended >= ended : answer.top >= ended {
            mask |= answer.before
        }
        return !isQuorum(mask & ~set)
    }

    private func next(_ state: State, _ visit: (State) -> Void) {
        let values = decided(state)
        for a in 0..<members {
            let acceptor = state.acceptors[a]
            for ballot in UInt8(1)...UInt8(named.count) {
                let reign = state.reigns[Int(ballot)]
                if ballot > acceptor.promise, !reign.isOpen {
                    var to = state
                    raise(&to.acceptors[a], ballot)
                    to.answers[place(ballot, a)] = to.acceptors[a]
                    visit(to)
                }
                if reign.isOpen, reign.value > 0, ballot >= acceptor.promise, acceptor.voted >> ballot & 1 == 0 {
                    var to = state
                    if ballot > acceptor.promise { raise(&to.acceptors[a], ballot) }
                    to.acceptors[a].vote = ballot
                    to.acceptors[a].voted |= 1 << ballot
                    visit(to)
                }
                if reign.isOpen, acceptor.promise == ballot, acceptor.ended != ballot,
                    !reign.mayBeDecided || acceptor.hasNoted || !rules.noted
                {
                    var to = state
                    to.acceptors[a].before = 0
                    to.acceptors[a].top = 0
                    to.acceptors[a].ended = ballot
                    visit(to)
                }
            }
            if !values.isEmpty, !acceptor.hasNoted {
                var to = state
                to.acceptors[a].hasNoted = true
                visit(to)
            }
        }
        for ballot in UInt8(1)...UInt8(named.count) where !state.reigns[Int(ballot)].isOpen {
            let answers = state.answers[place(ballot, 0)..<place(ballot, members)]
            var all: UInt8 = 0
            for a in 0..<members where state.answers[place(ballot, a)].promise == ballot { all |= 1 << a }
            var set = all
            while set > 0 {
                if suffices(set, answers) { visit(begin(ballot, set, state)) }
                set = (set - 1) & all
            }
        }
    }
    private func place(_ ballot: UInt8, _ acceptor: Int) -> Int { Int(ballot - 1) * members + acceptor }

    private func raise(_ acceptor: inout Acceptor, _ ballot: UInt8) {
        if acceptor.promise > 0 {
            let own = named[Int(acceptor.promise) - 1]
            acceptor.before = rules.joined ? acceptor.before | own : own
            acceptor.top = acceptor.promise
        }
        acceptor.promise = ballot
    }
    private func begin(_ ballot: UInt8, _ set: UInt8, _ state: State) -> State {
        var to = state
        let heard = (0..<members).filter { set >> $0 & 1 != 0 }.map { state.answers[place(ballot, $0)] }
        let vote = heard.map(\.vote).max() ?? 0
        let isKnown = heard.contains(where: \.hasNoted)
        to.reigns[Int(ballot)] = Reign(
            isOpen: true, value: isKnown ? 0 : vote > 0 ? state.reigns[Int(vote)].value : ballot,
            mayBeDecided: isKnown || vote > 0)
        // Nobody looks at its answers any more.
        for a in 0..<members { to.answers[place(ballot, a)] = Acceptor() }
        return to
    }

    /// Sees every state, or stops at one with two decisions.
    func explore() -> (states: Int, holds: Bool, decisions: Int) {
        let first = State(
            acceptors: Array(repeating: Acceptor(), count: members),
            answers: Array(repeating: Acceptor(), count: members * named.count),
            reigns: Array(repeating: Reign(), count: named.count + 1))
        var seen: Set<State> = [first]
        var open = [first]
        var decisions = 0
        while let state = open.popLast() {
            let values = decided(state)
            if values.count > 1 { return (seen.count, false, decisions) }
            if !values.isEmpty { decisions += 1 }
            next(state) { if seen.insert($0).inserted { open.append($0) } }
        }
        return (seen.count, true, decisions)
    }
}
