// Whether what is written down of a replica is all of it: replicas that live through a path stay equal to those that are taken back
// from bytes at every step.
import TriremeCore

/// Random walks, each step taken twice.
package struct Comparison {
    private let turns: Turns
    private let bounds: Bounds

    package init(_ bounds: Bounds) {
        self.bounds = bounds
        turns = Turns(bounds)
    }

    /// Walks on until nothing is open or `length` steps are taken. Returns what differs first, if anything does, and how many steps
    /// were taken.
    package func walk(seed: UInt64, length: Int) -> (difference: String?, steps: Int) {
        let live = Replay(bounds, turns.vocabulary)
        var states = turns.founding
        var random = CoreRandom(seed: seed)
        for taken in 0..<length {
            let steps = open(states, live)
            guard !steps.isEmpty else { return (nil, taken) }
            let step = steps[Int(random.below(UInt64(steps.count)))]
            let before = live.nodes.map { $0.core.account }
            do { try live.take(step) } catch { return ("\(error)", taken) }
            if let finding = live.finding { return (finding, taken) }
            follow(step, live, &states)
            for (replica, node) in live.nodes.enumerated()
            where !node.save().elementsEqual(turns.states[states[replica]]) {
                return (
                    "after \(live.words) replica \(replica) is \(node.core.account), and from bytes it differs; before: "
                        + before[replica], taken
                )
            }
        }
        return (nil, length)
    }

    /// What leads anywhere, in the states from bytes.
    private func open(_ states: [UInt32], _ live: Replay) -> [Step] {
        var steps: [Step] = []
        for replica in states.indices {
            func consider(_ choice: Choice) {
                if turns.turn(replica, states[replica], choice) != nil { steps.append(Step(replica, choice)) }
            }
            for message in live.underWay
            where turns.vocabulary.messages[Int(message)].to.contains(ReplicaID(replica)) {
                consider(.deliver(message))
            }
            for choice in [Choice.durable, .note, .patience] { consider(choice) }
            if live.left.batches > 0 { consider(.batch) }
            if live.left.candidacies > 0 { consider(.candidacy) }
            if live.left.crashes > 0 { consider(.crash) }
        }
        return steps
    }

    /// The same choices, in the same order, as the live replicas took.
    private func follow(_ step: Step, _ live: Replay, _ states: inout [UInt32]) {
        for (replica, choice) in live.taken {
            if let turn = turns.turn(replica, states[replica], choice) { states[replica] = turn.state }
        }
    }
}
