// One core alone, told exactly what arrives: for tests of single sentences.
import TriremeCore

final class Single {
    var core: Replica
    var effects = Effects()
    let members: Int
    var now: UInt64 = 1_000_000

    init(
        _ me: Int = 0, members: Int = 3, q1: Int? = nil, q2: Int? = nil, quorums given: Quorums? = nil,
        isForgetful: Bool = false, historySlots: Int = 1_024, isAnswered: Bool = true,
        ordering: Ordering = .classic, announced: Int = 0, recovering: (borrowing Recovery) -> Void = { _ in }
    ) {
        let members = given?.members ?? members
        self.members = members
        let standard = try! Quorums.standard(members: members)
        let phase1 = q1 ?? standard.phase1
        let quorums =
            try! given
            ?? Quorums(
                members: members, phase1: phase1, classic: q2 ?? standard.classic,
                fast: Quorums.smallestFast(members: members, phase1: phase1), allowSingleCopy: true)
        core = Replica(
            CoreConfiguration(
                quorums: quorums, me: ReplicaID(me), entryHistorySlots: historySlots, ordering: ordering,
                announced: announced),
            isForgetful: isForgetful, seed: 1)
        let recovery = Recovery()
        recovering(recovery)
        for step in recovery.steps {
            switch step {
            case .snapshot(let slot, let cut): core.recover(snapshotSlot: slot, cut: cut)
            case .batch(let batch): _ = core.recover(batch)
            case .item(let item): core.recover(item)
            case .lacksSnapshot: core.lackSnapshot()
            }
        }
        core.finishRecovery(generation: Generation(epoch: 1, counter: 9))
        // The others remember nothing, so that it may speak at once.
        if isAnswered { for member in 0..<members where member != me { memory(from: member) { _ in } } }
        tick()
    }
    final class Recovery {
        enum Step {
            case snapshot(UInt64, Cut)
            case batch(BatchDescriptor)
            case item(LogItem)
            case lacksSnapshot
        }
        var steps: [Step] = []
        func callAsFunction(_ step: Step) { steps.append(step) }
    }

    /// Takes the effects of what was done since.
    func take() -> [Effect] {
        defer { effects.removeAll() }
        return (0..<effects.count).map { effects[$0] }
    }
    func tick(milliseconds: UInt64 = 0) {
        now += milliseconds * 1_000_000
        core.step(.tick(now: now, wallClock: now / 1_000), into: &effects)
    }
    @discardableResult func turn(milliseconds: UInt64 = 0) -> [Effect] {
        tick(milliseconds: milliseconds)
        core.endTurn(into: &effects)
        return take()
    }
    func send(_ kind: DatagramKind, from: Int, _ body: [UInt8]) {
        body.withUnsafeBytes { core.step(.message(kind, from: ReplicaID(from), body: $0), into: &effects) }
    }
    func durable() { core.step(.durable(core.appended), into: &effects) }
    func append(_ batch: BatchDescriptor) { core.step(.appended(batch), into: &effects) }
    func propose(
        _ ballot: Ballot, slot: UInt64, first: UInt64 = 1, _ entry: Entry, from: Int? = nil, half: Half = .classic
    ) {
        send(
            .propose, from: from ?? ballot.owner.index,
            Packet.bytes {
                Propose(ballot: ballot, half: half, slot: slot, first: first, entry: entry)
                    .encode(into: &$0, members: members)
            })
    }
    func prepare(_ ballot: Ballot, from slot: UInt64 = 1) {
        send(
            .prepare, from: ballot.owner.index,
            Packet.bytes { Prepare(ballot: ballot, from: slot).encode(into: &$0) })
    }
    func status(from: Int, _ fill: (inout Status) -> Void) {
        var status = Status()
        counter += 1
        status.number = StatusNumber(Generation(epoch: 1, counter: 1), counter)
        status.epoch = 1
        fill(&status)
        send(.status, from: from, Packet.bytes { status.encode(into: &$0, members: members) })
    }
    /// A status that tells one register of a fast ballot.
    func mark(from: Int, _ ballot: Ballot, slot: UInt64, _ mark: Mark) {
        status(from: from) {
            $0.promise = ballot
            $0.marks.ballot = ballot
            $0.marks.first = slot
            $0.marks.count = 1
            $0.marks.values[0] = mark
        }
    }
    /// The owner of a fast ballot opens it to all from a slot on.
    func any(_ ballot: Ballot, from slot: UInt64 = 1) {
        status(from: ballot.owner.index) {
            $0.sequencing = ballot
            $0.firstProposed = 1
            $0.anyFrom = slot
        }
    }
    func close(_ ballot: Ballot, _ slots: ClosedRange<UInt64>) {
        send(
            .close, from: ballot.owner.index,
            Packet.bytes {
                Close(ballot: ballot, first: slots.lowerBound, last: slots.upperBound).encode(into: &$0)
            })
    }
    /// What a member remembers of this replica's earlier starts.
    func memory(from: Int, _ fill: (inout Memory) -> Void) {
        var memory = Memory()
        memory.asker = core.configuration.me
        memory.asked = core.generation
        memory.epoch = 1
        fill(&memory)
        send(.memory, from: from, Packet.bytes { memory.encode(into: &$0, members: members) })
    }
    private var counter: UInt64 = 0
    /// The parts of the answer to a prepare, decoded.
    func promise(_ ballot: Ballot, from: UInt64 = 1) -> [(PromiseHeader, [ReportedVote])] {
        let parts = core.promiseParts(ballot: ballot, from: from)
        return (0..<parts).map { part in
            let body = Packet.bytes {
                core.encodePromise(ballot: ballot, from: from, part: part, parts: parts, into: &$0)
            }
            return body.withUnsafeBytes { bytes in
                var r = WireReader(bytes)
                let header = PromiseHeader.decode(&r, members: members)!
                return (header, (0..<header.votes).map { _ in ReportedVote.decode(&r, members: members)! })
            }
        }
    }
    func sendPromise(
        _ ballot: Ballot, from member: Int, of slot: UInt64 = 1, commit: UInt64 = 0, part: UInt8 = 0, parts: UInt8 = 1,
        votes: [ReportedVote] = [], outstanding: Outstanding = Outstanding()
    ) {
        send(
            .promise, from: member,
            Packet.bytes { w in
                PromiseHeader(
                    ballot: ballot, from: slot, commitIndex: commit, part: part, parts: parts,
                    votes: UInt8(votes.count), outstanding: outstanding
                ).encode(into: &w)
                for vote in votes { vote.encode(into: &w, members: members) }
            })
    }
    /// Makes it a candidate at once, as the successor that somebody's hand-over names; returns its ballot.
    func stand(after ballot: Ballot = b(1, 1)) -> Ballot {
        status(from: ballot.owner.index) { $0.promise = ballot }
        send(
            .handOver, from: ballot.owner.index,
            Packet.bytes { HandOver(ballot: ballot, successor: core.configuration.me).encode(into: &$0) })
        return core.currentBallot
    }
}

/// A fast ballot.
func f(_ round: UInt32, _ owner: Int) -> Ballot {
    Ballot(epoch: 1, round: round, owner: ReplicaID(owner), kind: .fast)
}
func b(_ round: UInt32, _ owner: Int, epoch: UInt32 = 1) -> Ballot {
    Ballot(epoch: epoch, round: round, owner: ReplicaID(owner))
}
let g1 = Generation(epoch: 1, counter: 1)
let g2 = Generation(epoch: 1, counter: 2)

/// The k-th batch of a lane in a generation, its digest chained over payloads that follow from the name.
func batch(_ lane: Int, _ generation: Generation, _ sequence: UInt64, salt: UInt32 = 0) -> BatchDescriptor {
    var digest: UInt64 = 0
    for k in 1...sequence { digest = BatchDescriptor.chain(digest, checksum: UInt32(k) &+ salt, payloadBytes: 64) }
    return BatchDescriptor(
        lane: ReplicaID(lane), generation: generation, sequence: sequence, payloadBytes: 64,
        payloadChecksum: UInt32(sequence) &+ salt, count: 1, stride: 64, digest: digest)
}
/// A cut of the batches named, in lane order; nil for an empty lane.
func cut(_ batches: BatchDescriptor?..., timestamp: UInt64 = 1) -> Entry {
    var cut = Cut(epoch: 1)
    cut.timestamp = timestamp
    for batch in batches { if let batch { cut[batch.lane.index] = batch.position } }
    return Entry(cut)
}
extension [Effect] {
    var items: [LogItem] { compactMap { if case .append(let item) = $0 { item } else { nil } } }
    var votes: [UInt64] { items.compactMap { if case .vote(let slot, _, _, _) = $0 { slot } else { nil } } }
    var proposals: [Propose] {
        compactMap { if case .immediate(.propose(let p), _) = $0 { p } else { nil } }
    }
    var prepares: [LogIndex] {
        compactMap { if case .afterDurable(let index, .prepare, _) = $0 { index } else { nil } }
    }
    var closes: [Close] {
        compactMap { if case .immediate(.close(let close), .all) = $0 { close } else { nil } }
    }
    var requests: [EntryRequest] {
        compactMap { if case .immediate(.entryRequest(let request), _) = $0 { request } else { nil } }
    }
}
func batch(_ lane: Int, _ sequence: UInt64, salt: UInt32 = 0) -> BatchDescriptor {
    batch(lane, g1, sequence, salt: salt)
}
