// One path, by replicas that live through it: no state is written down or taken back, as an exploration does it.
import TriremeCore

/// A path that cannot be followed; one sentence.
package struct ReplayError: Error, CustomStringConvertible {
    package let description: String
}

/// Replicas that take one step after another. What is heard at once in an exploration is heard at once here.
package final class Replay {
    let bounds: Bounds
    let vocabulary: Vocabulary
    let nodes: [Node]
    private let judge: Judge
    private var ledgers = Ledgers()
    private(set) var left: Left
    /// What is under way, in the order in which it was first sent: its place here is what the words of a path name.
    private(set) var underWay: [MessageID] = []
    private var asked: [MessageID] = []
    /// The turns that the last step consisted of, answers included.
    private(set) var taken: [(replica: Int, choice: Choice)] = []
    /// The path so far, in words.
    private(set) var words = ""
    /// The first thing that is wrong, if anything is.
    package private(set) var finding: String?
    /// What happened, one step a line.
    package private(set) var lines: [String] = []

    package convenience init(_ bounds: Bounds) { self.init(bounds, Vocabulary(members: bounds.members)) }

    /// With the numbers of an exploration.
    init(_ bounds: Bounds, _ vocabulary: Vocabulary) {
        self.bounds = bounds
        self.vocabulary = vocabulary
        nodes = Founding.nodes(bounds, vocabulary)
        judge = Judge(quorums: bounds.quorums)
        left = Left(candidacies: bounds.candidacies, crashes: bounds.crashes, batches: bounds.batches, ledger: 0)
    }

    func take(_ step: Step) throws(ReplayError) {
        let node = nodes[step.replica]
        try pay(step)
        guard node.allows(step.choice) else {
            throw ReplayError(description: "replica \(step.replica) cannot do this now: \(word(step))")
        }
        let title = title(step)
        let before = underWay.compactMap { vocabulary.messages[Int($0)].proposal }
        let decided = node.core.commitIndex
        let role = node.core.role
        words += (words.isEmpty ? "" : " ") + word(step)
        taken = []
        take(step.choice, node)
        finding = finding ?? node.finding
        var line = title
        for record in node.appended { line += "; logs \(vocabulary.records[Int(record)].text(bounds.members))" }
        if node.core.role != role { line += "; is \(node.core.role)" }
        if node.core.commitIndex > decided {
            for slot in decided + 1...node.core.commitIndex {
                line += "; slot \(slot) is decided: \(node.core.decidedEntry(slot)?.text(bounds.members) ?? "unknown")"
            }
        }
        let first = underWay.count
        asked = []
        send(node.sent)
        if step.choice == .crash, left.crashes == 0 { for node in nodes { answer(node, .forgetOrder) } }
        for place in first..<underWay.count {
            let message = vocabulary.messages[Int(underWay[place])]
            line += "; sends #\(place) to \(message.to): \(message.text(bounds.members))"
        }
        lines.append(line)
        let facts = nodes.map(\.facts)
        finding =
            finding ?? judge.judge(underWay.compactMap { vocabulary.messages[Int($0)].proposal }, before, facts)
            ?? judge.judgeDecided(facts, &ledgers, &left.ledger)
    }

    private func take(_ choice: Choice, _ node: Node) {
        node.take(choice)
        taken.append((node.id.index, choice))
    }

    /// A turn that belongs to another one's step.
    private func answer(_ node: Node, _ choice: Choice) {
        take(choice, node)
        finding = finding ?? node.finding
        send(node.sent)
    }

    private func pay(_ step: Step) throws(ReplayError) {
        func spend(_ path: WritableKeyPath<Left, Int>, _ what: String) throws(ReplayError) {
            guard left[keyPath: path] > 0 else {
                throw ReplayError(description: "the path has more \(what) than its bounds allow")
            }
            left[keyPath: path] -= 1
        }
        switch step.choice {
        case .candidacy: try spend(\.candidacies, "candidacies")
        case .crash: try spend(\.crashes, "crashes")
        case .batch: try spend(\.batches, "batches")
        case .deliver, .durable, .note, .patience, .forgetOrder: break
        }
    }

    private func send(_ messages: [MessageID]) {
        // In the order of their numbers, as a set has them.
        for number in messages.sorted() {
            let message = vocabulary.messages[Int(number)]
            guard message.isHeardAtOnce else {
                if !underWay.contains(number) { underWay.append(number) }
                continue
            }
            if asked.contains(number) { continue }
            asked.append(number)
            for node in nodes where message.to.contains(node.id) {
                answer(node, .deliver(number))
            }
        }
    }
}
