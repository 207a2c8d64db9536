// Steps, messages and records in words.
import TriremeCore

extension Replay {
    func title(_ step: Step) -> String {
        let replica = "replica \(step.replica)"
        switch step.choice {
        case .deliver(let number):
            let message = vocabulary.messages[Int(number)]
            return "\(replica) receives \(message.text(bounds.members)) from \(message.from)"
        case .durable:
            let node = nodes[step.replica]
            let record = node.durable < node.log.count ? node.record(node.durable).text(bounds.members) : "nothing"
            return "\(replica) has on its disk: \(record)"
        case .crash: return "\(replica) crashes and starts again"
        case .candidacy: return "\(replica) takes a ballot"
        case .batch: return "\(replica) seals a batch"
        case .note: return "\(replica) notes what is decided"
        case .patience: return "\(replica) waits for no further answers"
        case .forgetOrder: return replica
        }
    }
}

extension Entry {
    func text(_ members: Int) -> String {
        switch kind {
        case .nothing: "nothing"
        case .configuration: "a configuration"
        case .cut: "cut [\((0..<members).map { "\(cut[$0])" }.joined(separator: " "))] at \(cut.timestamp)"
        }
    }
}

extension Record {
    func text(_ members: Int) -> String {
        switch self {
        case .batch(let batch): "batch \(batch.lane)/\(batch.position)"
        case .item(.promise(let ballot)): "promise \(ballot)"
        case .item(.vote(let slot, let ballot, let half, let entry)):
            "vote \(ballot)\(half.text) slot \(slot) \(entry.text(members))"
        case .item(.outstanding(let outstanding)): outstanding.description
        case .item(.closed(let slot, let ballot)): "vow \(ballot) slot \(slot)"
        case .item(.decided(let first, let last)): "decided \(first)…\(last)"
        case .item(.decidedEntry(let slot, let entry)): "decided entry slot \(slot) \(entry.text(members))"
        }
    }
}

extension Half {
    var text: String { self == .fast ? " half 0" : "" }
}

extension Message {
    func text(_ members: Int) -> String {
        if let batch { return "batch \(batch.lane)/\(batch.position)" }
        return body.withUnsafeBytes { bytes in
            var reader = WireReader(bytes)
            switch kind {
            case .propose:
                return Propose.decode(bytes, members: members).map {
                    "propose \($0.ballot)\($0.half.text) slot \($0.slot) \($0.entry.text(members))"
                } ?? "a malformed proposal"
            case .prepare:
                return Prepare.decode(bytes, members: members).map { "prepare \($0.ballot) from slot \($0.from)" }
                    ?? "a malformed prepare"
            case .close:
                return Close.decode(bytes, members: members).map { "close \($0.ballot) slots \($0.first)…\($0.last)" }
                    ?? "a malformed close"
            case .promise: return promiseText(&reader, members)
            case .status: return Status.decode(bytes, members: members).map(statusText) ?? "a malformed status"
            case .reject:
                return Reject.decode(bytes, members: members).map { "reject \($0.ballot), promised \($0.promise)" }
                    ?? "a malformed reject"
            case .entries:
                return EntriesHeader.decode(&reader).map { "entries of \($0.count) slots from \($0.first) on" }
                    ?? "malformed entries"
            default: return "\(kind)"
            }
        }
    }

    private func promiseText(_ reader: inout WireReader, _ members: Int) -> String {
        guard let header = PromiseHeader.decode(&reader, members: members) else { return "a malformed promise" }
        var text = "promise \(header.ballot), decided to \(header.commitIndex)"
        for _ in 0..<header.votes {
            guard let vote = ReportedVote.decode(&reader, members: members) else { break }
            text += ", voted \(vote.ballot)\(vote.half.text) slot \(vote.slot) \(vote.entry.text(members))"
        }
        return text
    }
    private func statusText(_ status: Status) -> String {
        let votes =
            status.votes.isEmpty
            ? "no votes" : "votes in \(status.votes.ballot) for slots \(status.votes.first)…\(status.votes.last)"
        var marks = ""
        for i in 0..<status.marks.count where !status.marks.values[i].isNone {
            let half = status.marks.values[i].half
            marks += ", \(half == nil ? "closed" : "voted")\(half?.text ?? "") slot \(status.marks.first + UInt64(i))"
        }
        if !marks.isEmpty { marks = ", in \(status.marks.ballot)" + marks }
        let any = status.anyFrom > 0 ? ", any \(status.sequencing) from slot \(status.anyFrom)" : ""
        return "status: \(votes)\(marks)\(any), decided to \(status.commitIndex)"
    }
}
