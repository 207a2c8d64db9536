// Where every exploration begins: all replicas have started once and have heard from each other that nothing is remembered.
import TriremeCore

enum Founding {
    /// Nodes as they are then. What they told each other meanwhile is lost.
    static func nodes(_ bounds: Bounds, _ vocabulary: Vocabulary) -> [Node] {
        let nodes = (0..<bounds.members).map { Node(ReplicaID($0), bounds, vocabulary) }
        var messages: [MessageID] = []
        for node in nodes {
            node.finishTurn(node.whatIsTold)
            messages += node.sent
        }
        while !messages.isEmpty {
            var answers: [MessageID] = []
            for message in messages {
                for node in nodes where vocabulary.messages[Int(message)].to.contains(node.id) {
                    let before = Array(node.save())
                    node.take(.deliver(message))
                    if !before.elementsEqual(node.save()) { answers += node.sent }
                }
            }
            messages = answers
        }
        for node in nodes {
            while node.durable < node.log.count { node.take(.durable) }
            precondition(node.core.isProven && node.finding == nil, "a founding that finds no end")
        }
        return nodes
    }
}
