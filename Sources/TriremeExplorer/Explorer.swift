// All interleavings of a small configuration of the production core, breadth first (docs/TESTING.md).
import TriremeCore

/// A state of the whole is the replicas' states, the set of messages ever sent, what was ever decided, and what is left of the
/// bounds. Messages are never taken away: that one is lost is that it never arrives, and it may arrive twice, and late.
package final class Explorer {
    let bounds: Bounds
    let turns: Turns
    let judge: Judge
    private let states: WordStore
    /// Per state, that from which it was reached first, and by which ``Step``.
    private var parents: [UInt32] = []
    private var codes: [UInt32] = []
    private var ledgers = Ledgers()
    private var result = Exploration()
    private var finding: (sentence: String, from: UInt32, step: Step)?

    /// The words of a state: the replicas' states, the messages' set, then ``Left``.
    private let members: Int
    private let here: UnsafeMutablePointer<UInt32>
    private let next: UnsafeMutablePointer<UInt32>

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        turns = Turns(bounds)
        judge = Judge(quorums: bounds.quorums)
        members = bounds.members
        states = WordStore(width: members + 2)
        here = .allocate(capacity: members + 2)
        next = .allocate(capacity: members + 2)
    }
    deinit {
        here.deallocate()
        next.deallocate()
    }

    /// Explores until every state was seen, one is wrong, or there are more than `limit`.
    ///
    /// - Parameter progress: is told, now and then, how far it has come.
    package func run(limit: Int = .max, progress: (Exploration) -> Void = { _ in }) -> Exploration {
        let clock = ContinuousClock()
        let start = clock.now
        begin()
        var state: UInt32 = 0
        var levelEnd = states.count
        while Int(state) < states.count, finding == nil, states.count <= limit {
            if Int(state) == levelEnd {
                result.depth += 1
                levelEnd = states.count
            }
            here.update(from: states[state], count: members + 2)
            expand(state)
            state += 1
            if state & 0xF_FFFF == 0 {
                count(clock.now - start)
                progress(result)
            }
        }
        result.isComplete = finding == nil && Int(state) == states.count
        if let finding {
            result.violation = Replay.explain(
                bounds, turns.vocabulary, finding.sentence, path(to: finding.from) + [finding.step])
        }
        count(clock.now - start)
        return result
    }

    private func begin() {
        for member in 0..<members { next[member] = turns.founding[member] }
        next[members] = 0
        next[members + 1] =
            Left(candidacies: bounds.candidacies, crashes: bounds.crashes, batches: bounds.batches, ledger: 0).word
        add(from: .max, code: 0)
    }

    private func count(_ elapsed: Duration) {
        let parts = elapsed.components
        result.seconds = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
        result.states = states.count
        result.replicaStates = turns.states.count
        result.turns = turns.count
        result.decisions = ledgers.lists.count - 1
    }

    private func add(from parent: UInt32, code: UInt32) {
        guard states.insert(next) else { return }
        parents.append(parent)
        codes.append(code)
    }

    // MARK: From a state to the next ones

    private func expand(_ state: UInt32) {
        let left = Left(here[members + 1])
        for replica in 0..<members {
            let open = turns.open(replica, here[replica], here[members])
            for place in open {
                let turn = turns.opened[place]
                go(state, replica, turn, left)
                if finding != nil { return }
            }
            if left.batches > 0 { spend(state, replica, .batch, left) { $0.batches -= 1 } }
            if left.candidacies > 0 { spend(state, replica, .candidacy, left) { $0.candidacies -= 1 } }
            if left.crashes > 0 { spend(state, replica, .crash, left) { $0.crashes -= 1 } }
        }
    }

    /// Takes a choice that is bounded.
    private func spend(_ state: UInt32, _ replica: Int, _ choice: Choice, _ left: Left, _ pay: (inout Left) -> Void) {
        guard finding == nil, let turn = turns.turn(replica, here[replica], choice) else { return }
        var left = left
        pay(&left)
        go(state, replica, turn, left)
    }

    private func go(_ state: UInt32, _ replica: Int, _ turn: Turn, _ left: Left) {
        result.steps += 1
        next.update(from: here, count: members + 2)
        next[replica] = turn.state
        var left = left
        asked.removeAll(keepingCapacity: true)
        answers = (false, -1)
        send(turn.sent)
        if turn.choice == Choice.crash.plainCode, left.crashes == 0 { forgetOrder() }
        let found = turn.finding >= 0 ? turn.finding : answers.finding
        if found >= 0 {
            finding = (turns.findings[Int(found)], state, Step(replica, Choice(plainCode: turn.choice)))
        } else if turn.matters || answers.matter, let sentence = judge(&left) {
            finding = (sentence, state, Step(replica, Choice(plainCode: turn.choice)))
        }
        next[members + 1] = left.word
        add(from: state, code: Choice(plainCode: turn.choice).code(at: replica))
    }

    private var asked: [UInt32] = []
    private var answers: (matter: Bool, finding: Int32) = (false, -1)

    /// What is sent is under way from now on; but for questions, and what a start is told, which are heard at once.
    private func send(_ sent: UInt32) {
        guard turns.hasQuestion(sent) else {
            next[members] = turns.union(next[members], sent)
            return
        }
        var underWay: [UInt32] = []
        for number in turns.messages(of: sent) {
            let message = turns.vocabulary.messages[Int(number)]
            guard message.isHeardAtOnce else {
                underWay.append(number)
                continue
            }
            // Two may ask each other: once each is enough.
            if asked.contains(number) { continue }
            asked.append(number)
            for member in 0..<members where message.to.contains(ReplicaID(member)) {
                answer(member, .deliver(number))
            }
        }
        next[members] = turns.union(next[members], turns.set(underWay))
    }

    /// A turn that belongs to another one's step.
    private func answer(_ member: Int, _ choice: Choice) {
        guard let turn = turns.turn(member, next[member], choice) else { return }
        next[member] = turn.state
        answers.matter = answers.matter || turn.matters
        if answers.finding < 0 { answers.finding = turn.finding }
        send(turn.sent)
    }

    /// After the last crash the order in which things became durable is of no account, and what is not durable yet becomes so: what
    /// waited for it leaves.
    private func forgetOrder() {
        for member in 0..<members { answer(member, .forgetOrder) }
    }

    // MARK: Whether the whole is as it must be

    private func judge(_ left: inout Left) -> String? {
        func proposals(_ set: UInt32) -> [Proposed] {
            turns.messages(of: set).compactMap { turns.vocabulary.messages[Int($0)].proposal }
        }
        let facts = (0..<members).map { turns.facts(of: next[$0]) }
        return judge.judge(proposals(next[members]), proposals(here[members]), facts)
            ?? judge.judgeDecided(facts, &ledgers, &left.ledger)
    }

    private func path(to state: UInt32) -> [Step] {
        var steps: [Step] = []
        var state = state
        while parents[Int(state)] != .max {
            steps.append(Step(code: codes[Int(state)]))
            state = parents[Int(state)]
        }
        return steps.reversed()
    }
}

/// What is left of the bounds, and what was ever decided: one word of a state.
struct Left {
    var candidacies: Int
    var crashes: Int
    var batches: Int
    /// A number of ``Ledgers``.
    var ledger: Int

    init(candidacies: Int, crashes: Int, batches: Int, ledger: Int) {
        (self.candidacies, self.crashes, self.batches, self.ledger) = (candidacies, crashes, batches, ledger)
    }
    var word: UInt32 { UInt32(candidacies | crashes << 3 | batches << 6 | ledger << 9) }
    init(_ word: UInt32) {
        self.init(
            candidacies: Int(word & 7), crashes: Int(word >> 3 & 7), batches: Int(word >> 6 & 7), ledger: Int(word >> 9)
        )
    }
}
