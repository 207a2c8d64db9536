// Transcripts: commands, `----`, and what they caused, as text that a reader checks by eye.
//
// A file is a sequence of blocks separated by empty lines. Lines that start with # are comments. With
// TRIREME_REWRITE_TRANSCRIPTS set to a folder, the output is written there instead of compared.
import Foundation
import TriremeCore

struct Transcript {
    struct Block {
        var comments: [String] = []
        var commands: [String] = []
        var expected: [String] = []
    }
    var blocks: [Block] = []

    init(_ text: String) {
        var block = Block()
        var isOutput = false
        func end(_ block: Block) { if !block.commands.isEmpty || !block.comments.isEmpty { blocks.append(block) } }
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.isEmpty {
                end(block)
                block = Block()
                isOutput = false
            } else if line == "----" {
                isOutput = true
            } else if isOutput {
                block.expected.append(line)
            } else if line.hasPrefix("#") {
                block.comments.append(line)
            } else {
                block.commands.append(line)
            }
        }
        end(block)
    }

    /// The same text with the output of this run; `mismatch` names the first block that differs.
    func run() -> (text: String, mismatch: String?) {
        var runner = TranscriptRunner()
        var parts: [String] = []
        var mismatch: String?
        for block in blocks {
            var output: [String] = []
            for command in block.commands { output += runner.run(command) }
            if mismatch == nil, !block.commands.isEmpty, output != block.expected {
                mismatch =
                    "after `\(block.commands.joined(separator: "; "))`\nexpected:\n"
                    + block.expected.joined(separator: "\n") + "\ngot:\n" + output.joined(separator: "\n")
            }
            let lines = block.comments + (block.commands.isEmpty ? [] : block.commands + ["----"] + output)
            parts.append(lines.joined(separator: "\n"))
        }
        return (parts.joined(separator: "\n\n") + "\n", mismatch)
    }
}

struct TranscriptRunner {
    var cluster: Cluster?

    mutating func run(_ line: String) -> [String] {
        var words = line.split(separator: " ").map(String.init)
        let isQuiet = words.last == "quiet"
        // `quiet`: without a trace; `brief`: without statuses.
        let isBrief = words.last == "brief"
        if isQuiet || isBrief { words.removeLast() }
        var options: [String: String] = [:]
        var plain: [String] = []
        for word in words.dropFirst() {
            let pair = word.split(separator: "=", maxSplits: 1).map(String.init)
            if pair.count == 2 { options[pair[0]] = pair[1] } else { plain.append(word) }
        }
        func number(_ name: String) -> Int? { options[name].flatMap { Int($0) } }
        let which = plain.first.flatMap { Int($0) }
        if words[0] == "cluster" {
            let forgetful = Set(options["forgetful"].map { $0.split(separator: ",").compactMap { Int($0) } } ?? [])
            cluster = Cluster(
                number("n") ?? 3, q1: number("q1"), q2: number("q2"), qf: number("qf"),
                seed: UInt64(number("seed") ?? 1),
                forgetful: forgetful, orderings: [options["ordering"].flatMap(Ordering.init) ?? .classic])
            return []
        }
        guard let cluster else { return ["no cluster"] }
        cluster.traces = !isQuiet
        // from=, to=, kind=, not=: which messages; several numbers are separated by commas.
        func list(_ name: String) -> Set<Int>? {
            options[name].map { Set($0.split(separator: ",").compactMap { Int($0) }) }
        }
        let from = list("from")
        let to = list("to")
        let deaf = list("deaf") ?? []
        let mute = list("mute") ?? []
        let kind = options["kind"]
        let matches: (Packet) -> Bool = { packet in
            (from?.contains(packet.from.index) ?? true) && (to?.contains(packet.to.index) ?? true)
                && !deaf.contains(packet.to.index) && !mute.contains(packet.from.index)
                && (kind.map { $0 == "\(packet.kind)" } ?? true)
        }
        switch words[0] {
        case "batch": for _ in 0..<(number("count") ?? 1) { cluster.seal(number("lane") ?? 0) }
        case "deliver": cluster.deliver(where: matches)
        case "drop":
            let before = cluster.network.count
            cluster.network.removeAll(where: matches)
            cluster.say("dropped \(before - cluster.network.count)")
        case "durable": cluster.makeDurable(which ?? 0, upTo: plain.count > 1 ? Int(plain[1]) : nil)
        case "settle": cluster.settle(where: matches)
        case "tick": cluster.advance(milliseconds: milliseconds(plain.first))
        case "run": cluster.run(milliseconds: milliseconds(plain.first), where: matches)
        case "crash": cluster.crash(which ?? 0)
        case "restart": cluster.restart(which ?? 0, forgetful: plain.contains("forgetful"))
        case "snapshot": cluster.takeSnapshot(which ?? 0)
        case "handover":
            cluster.step(cluster.nodes[which ?? 0], .handOver(to: ReplicaID(number("to") ?? 0)))
        case "name":
            // A hand-over of the present ballot to this successor, as if its sequencer had sent it.
            let ballot = cluster.nodes[which ?? 0].core.currentBallot
            let handOver = HandOver(ballot: ballot, successor: ReplicaID(which ?? 0))
            cluster.deliver(
                Packet(
                    kind: .handOver, from: ballot.owner, to: ReplicaID(which ?? 0),
                    body: Packet.bytes { handOver.encode(into: &$0) }, text: "hands over"))
        case "status": return status(cluster)
        case "executed":
            return [cluster.history.map { "\($0.lane)/\($0.generation):\($0.sequence)" }.joined(separator: " ")]
        default: return ["unknown command \(words[0])"]
        }
        defer { cluster.trace = [] }
        return (isQuiet ? [] : cluster.trace.filter { !isBrief || !$0.contains(": status ") })
            + (cluster.violation.map { ["VIOLATION \($0)"] } ?? [])
    }

    private func milliseconds(_ word: String?) -> Int {
        word.flatMap { Int($0.hasSuffix("ms") ? String($0.dropLast(2)) : $0) } ?? 1
    }

    private func status(_ cluster: Cluster) -> [String] {
        cluster.nodes.map { node in
            guard node.isUp else { return "\(node.id): down" }
            let core = node.core.commitIndex
            return "\(node.id): \(node.core.role) ballot \(node.core.currentBallot) promise \(node.core.promise) "
                + "voted \(node.core.highestVoted) commit \(core) \(node.core.committed.text(cluster.members)) "
                + "executed \(node.executedSlot)" + (node.isDurable ? "" : " (disk behind)")
                + (node.core.isForgetful ? " forgetful" : "") + (node.core.isStranded ? " stranded" : "")
        }
    }
}
