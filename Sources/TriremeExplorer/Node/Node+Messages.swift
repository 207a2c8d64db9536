// What leaves a replica: the bodies are those of the wire.
import TriremeCore

extension Node {
    private var others: MemberSet { others(than: id) }
    private func others(than member: ReplicaID) -> MemberSet {
        var others = MemberSet.first(bounds.members)
        others.remove(member)
        return others
    }
    private func targets(_ destination: Destination) -> MemberSet {
        if case .one(let member) = destination { return MemberSet([member.index]) }
        return others
    }
    private func send(_ message: Message) {
        let number = vocabulary.number(message)
        if !sent.contains(number) { sent.append(number) }
    }
    private func send(_ kind: DatagramKind, to: MemberSet, _ fill: (inout WireWriter) -> Void) {
        send(vocabulary.message(kind, from: id, to: to, fill))
    }

    func send(_ batch: BatchDescriptor) {
        var message = vocabulary.message(.batch, from: id, to: others) {
            $0.put(batch.lane.rawValue)
            $0.put(batch.generation.rawValue)
            $0.put(batch.sequence)
            $0.put(batch.digest)
        }
        message.batch = batch
        send(message)
    }

    func send(_ free: FreeMessage, to destination: Destination) {
        let to = targets(destination)
        let members = bounds.members
        switch free {
        case .propose(let proposal):
            checkProposal(proposal, isOwn: proposal.ballot.owner == id)
            // Whoever passes one on sends the same bytes, and nobody minds whose they are: it is the owner's message still.
            let owner = proposal.half == .fast ? id : proposal.ballot.owner
            let isBack = to.contains(owner)
            let from = isBack ? ReplicaID(others(than: owner).members[0]) : owner
            var message = vocabulary.message(.propose, from: from, to: isBack ? to : others(than: owner)) {
                proposal.encode(into: &$0, members: members)
            }
            message.proposal = Proposed(
                ballot: proposal.ballot, half: proposal.half, slot: proposal.slot,
                entry: vocabulary.number(proposal.entry))
            send(message)
        case .close(let close): send(.close, to: to) { close.encode(into: &$0) }
        case .reject(let reject): send(.reject, to: to) { reject.encode(into: &$0) }
        // It asks one after another, by chance: each may be the one.
        case .entryRequest(let request): send(.entryRequest, to: others) { request.encode(into: &$0) }
        case .entries(let first, let count):
            // Nor does it matter who gives what is decided.
            let giver = others(than: ReplicaID(to.members[0])).members[0]
            send(
                vocabulary.message(.entries, from: ReplicaID(giver), to: to) {
                    core.encodeEntries(first: first, count: count, into: &$0)
                })
        case .handOver(let handOver): send(.handOver, to: to) { handOver.encode(into: &$0) }
        case .recall(let recall): send(.recall, to: to) { recall.encode(into: &$0) }
        case .memory(let member, let asked):
            send(.memory, to: to) { core.encodeMemory(of: member, asked: asked, into: &$0) }
        }
    }

    func send(_ binding: BindingMessage, to destination: Destination) {
        switch binding {
        case .prepare(let prepare):
            guard !core.isForgetful else { return }
            checkReported(prepare.ballot, in: "prepare")
            send(.prepare, to: targets(destination)) { prepare.encode(into: &$0) }
        case .promise(let ballot, let from):
            let parts = core.promiseParts(ballot: ballot, from: from)
            if parts > 0 { checkReported(ballot, in: "promise") }
            for part in 0..<parts {
                send(.promise, to: targets(destination)) {
                    core.encodePromise(ballot: ballot, from: from, part: part, parts: parts, into: &$0)
                }
            }
        }
    }

    /// A status of votes and of what is decided. What is left out decides nothing: ballots also come with prepares and proposals,
    /// and no rule by which anything is voted for, decided or proposed reads positions or echoes.
    func sendStatus(ifMoreThan told: Told) {
        guard core.isStatusDue else { return }
        let status = core.takeStatusByProgress()
        checkStatus(status)
        let tells =
            !status.votes.isEmpty || status.commitIndex > 0 || status.marks.count > 0 || status.anyFrom > 0
        guard told != whatIsTold, tells else { return }
        var said = Status()
        (said.number, said.epoch, said.flags) = (status.number, status.epoch, status.flags)
        (said.votes, said.commitIndex, said.oldestEntry) = (status.votes, status.commitIndex, status.oldestEntry)
        (said.marks, said.anyFrom) = (status.marks, status.anyFrom)
        if status.anyFrom > 0 { (said.sequencing, said.firstProposed) = (status.sequencing, status.firstProposed) }
        let members = bounds.members
        var message = vocabulary.message(.status, from: id, to: others) { said.encode(into: &$0, members: members) }
        message.status = said.number
        send(message)
    }
}
