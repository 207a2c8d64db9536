// Paths as words, and back: `batch@0 candidacy@1 durable@1 3>0`, where 3 is the fourth message that was sent.
import TriremeCore

extension Choice {
    fileprivate static let named: [(String, Choice)] = [
        ("durable", .durable), ("crash", .crash), ("candidacy", .candidacy), ("batch", .batch), ("note", .note),
        ("patience", .patience),
    ]
}

extension Replay {
    /// Explains the path of an exploration that has the same numbers.
    static func explain(_ bounds: Bounds, _ vocabulary: Vocabulary, _ sentence: String, _ path: [Step])
        -> Exploration.Violation
    {
        let replay = Replay(bounds, vocabulary)
        for step in path {
            do {
                try replay.take(step)
            } catch {
                preconditionFailure("an exploration and its replay differ: \(error)")
            }
        }
        precondition(
            replay.finding == sentence, "an exploration finds: \(sentence); its replay: \(replay.finding ?? "nothing")")
        return Exploration.Violation(
            sentence: sentence, steps: replay.lines, replay: replay.words)
    }

    func word(_ step: Step) -> String {
        if case .deliver(let message) = step.choice {
            let place = underWay.firstIndex(of: message).map { "\($0)" } ?? "?"
            return "\(place)>\(step.replica)"
        }
        return "\(Choice.named.first { $0.1 == step.choice }?.0 ?? "?")@\(step.replica)"
    }

    func step(_ word: String) throws(ReplayError) -> Step {
        func replica(_ text: Substring) throws(ReplayError) -> Int {
            guard let replica = Int(text), nodes.indices.contains(replica) else {
                throw ReplayError(description: "\(word) names no replica; they are 0 to \(nodes.count - 1)")
            }
            return replica
        }
        if let mark = word.firstIndex(of: "@") {
            let name = word[..<mark]
            guard let choice = Choice.named.first(where: { $0.0 == name })?.1 else {
                throw ReplayError(
                    description:
                        "\(word) is no step; there are \(Choice.named.map(\.0).joined(separator: ", ")), and N>R for a message"
                )
            }
            return Step(try replica(word[word.index(after: mark)...]), choice)
        }
        guard let mark = word.firstIndex(of: ">") else {
            throw ReplayError(description: "\(word) is no step; steps look like durable@1, or 3>0 for a message")
        }
        let target = try replica(word[word.index(after: mark)...])
        guard let place = Int(word[..<mark]), underWay.indices.contains(place) else {
            throw ReplayError(description: "\(word) names no message; \(underWay.count) were sent before it")
        }
        let message = underWay[place]
        guard vocabulary.messages[Int(message)].to.contains(ReplicaID(target)) else {
            throw ReplayError(description: "\(word): that message was not sent to replica \(target)")
        }
        return Step(target, .deliver(message))
    }

    /// Follows a path until its end, or until something is wrong.
    package func follow(_ path: String) throws(ReplayError) {
        for word in path.split(separator: " ") where finding == nil { try take(step(String(word))) }
    }
}
