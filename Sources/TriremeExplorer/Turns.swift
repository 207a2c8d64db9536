// The turns of replicas, each worked out once: from a state and a choice to the next state and what was sent.
import TriremeCore

/// What came of a choice.
struct Turn {
    /// ``Choice/plainCode``.
    var choice: UInt32
    /// The state afterwards.
    var state: UInt32
    /// The set of messages sent, as a number of ``Turns/sets``.
    var sent: UInt32
    /// A number of ``Turns/findings``, or -1.
    var finding: Int32
    /// Whether what it takes for decided has changed, or a proposal was sent: then the whole is judged.
    var matters: Bool
}

/// Runs the production core, once for each pair of a state and a choice that occurs. How replicas interleave is then a matter of
/// numbers.
final class Turns {
    private let nodes: [Node]
    let vocabulary: Vocabulary
    /// The states of replicas, as ``Node/save()`` writes them.
    let states = ByteStore()
    /// Of every replica at the beginning.
    private(set) var founding: [UInt32] = []
    private(set) var findings: [String] = []
    private let hasCrashes: Bool

    private var known = PairTable()
    private var turns: [Turn] = []
    var count: Int { turns.count }
    /// The state that each node holds at present, if that is known.
    private var held: [UInt32?]

    init(_ bounds: Bounds) {
        vocabulary = Vocabulary(members: bounds.members)
        nodes = Founding.nodes(bounds, vocabulary)
        held = Array(repeating: nil, count: bounds.members)
        hasCrashes = bounds.crashes > 0
        _ = sets.insert([])
        for node in nodes { founding.append(number(node)) }
    }

    // MARK: States

    private var factsOfStates: [UInt32] = []
    private var distinctFacts: [Facts] = []
    private var factNumbers: [Facts: UInt32] = [:]

    func facts(of state: UInt32) -> Facts { distinctFacts[Int(factsOfStates[Int(state)])] }

    private func number(_ node: Node) -> UInt32 {
        let (state, isNew) = states.insert(node.save())
        guard isNew else { return state }
        let facts = node.facts
        if factNumbers[facts] == nil {
            factNumbers[facts] = UInt32(distinctFacts.count)
            distinctFacts.append(facts)
        }
        factsOfStates.append(factNumbers[facts]!)
        return state
    }

    // MARK: Turns

    /// Known to lead nowhere.
    private static let nothing: UInt32 = 1

    /// What comes of a choice in a state of this replica; nil where nothing does.
    func turn(_ replica: Int, _ state: UInt32, _ choice: Choice) -> Turn? {
        let number = known[state, choice.plainCode]
        if number == Self.nothing { return nil }
        if number != 0 { return turns[Int(number) - 2] }
        let turn = workOut(nodes[replica], state, choice)
        if let turn { turns.append(turn) }
        known[state, choice.plainCode] = turn == nil ? Self.nothing : UInt32(turns.count + 1)
        return turn
    }

    private func workOut(_ node: Node, _ state: UInt32, _ choice: Choice) -> Turn? {
        let replica = node.id.index
        if held[replica] != state { node.load(states[state]) }
        held[replica] = state
        guard node.allows(choice) else { return nil }
        node.take(choice)
        let after = number(node)
        held[replica] = after
        guard after != state || !node.sent.isEmpty || node.finding != nil else { return nil }
        var turn = Turn(
            choice: choice.plainCode, state: after, sent: set(node.sent.sorted()), finding: -1, matters: false)
        turn.matters =
            facts(of: after).decided != facts(of: state).decided
            || node.sent.contains { vocabulary.messages[Int($0)].proposal != nil }
        if let finding = node.finding {
            turn.finding = Int32(findings.count)
            findings.append(finding)
        }
        return turn
    }

    private var lists = PairTable()
    private var ends: [Int] = []
    /// All lists of ``open(_:_:_:)``, one after another.
    private(set) var opened: [Turn] = []

    /// Where in ``opened`` the turns lie that are open to a replica in a state, with the messages of a set under way, and cost
    /// nothing of the bounds.
    func open(_ replica: Int, _ state: UInt32, _ underWay: UInt32) -> Range<Int> {
        var number = Int(lists[state, underWay])
        if number == 0 {
            for message in messages(of: underWay)
            where vocabulary.messages[Int(message)].to.contains(ReplicaID(replica)) {
                if let turn = turn(replica, state, .deliver(message)) { opened.append(turn) }
            }
            for choice in hasCrashes ? [Choice.durable, .note, .patience] : [] {
                if let turn = turn(replica, state, choice) { opened.append(turn) }
            }
            ends.append(opened.count)
            number = ends.count
            lists[state, underWay] = UInt32(number)
        }
        return (number == 1 ? 0 : ends[number - 2])..<ends[number - 1]
    }

    // MARK: Sets of messages

    /// As ascending message numbers.
    let sets = ByteStore()

    func set(_ messages: [MessageID]) -> UInt32 { messages.withUnsafeBufferPointer { sets.insert(words: $0).number } }
    func messages(of set: UInt32) -> [MessageID] { sets.words(set) }

    private var unions = PairTable()
    /// Both sets together.
    func union(_ a: UInt32, _ b: UInt32) -> UInt32 {
        if a == b || b == 0 { return a }
        let number = unions[a, b]
        if number != 0 { return number - 1 }
        let result = set(Set(messages(of: a)).union(messages(of: b)).sorted())
        unions[a, b] = result + 1
        return result
    }

    private var questions: [Bool] = []
    /// Whether some message of a set is heard at once.
    func hasQuestion(_ set: UInt32) -> Bool {
        while questions.count < sets.count {
            let messages = messages(of: UInt32(questions.count))
            questions.append(messages.contains { vocabulary.messages[Int($0)].isHeardAtOnce })
        }
        return questions[Int(set)]
    }
}
