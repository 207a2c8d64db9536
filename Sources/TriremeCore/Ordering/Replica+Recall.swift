// What a start asks of the others before it acts, and what exposes a disk that has lost what it reported (PROTOCOL §9 ◆).

/// The exchange of one start.
struct Recalling {
    /// Who has answered, this replica included.
    var answered = MemberSet()
    /// The highest promise in the answers. It becomes this replica's own before it acts: an answer of an earlier start to a
    /// prepare may still be under way to whoever promised it.
    var adopted = Ballot.none
    var startedAt: UInt64?
    var dueAt: UInt64 = 0
    /// What the log held when it was opened, whatever became of payloads since.
    var promise = Ballot.none
    var durable = InlineArray<16, Position>(repeating: .empty)
}

/// Why a replica stops to act as an acceptor, for its operator.
package struct Exposure: Equatable, Sendable {
    package var sentence: String
    /// Set where this start's generation is not above all earlier ones: nothing of it may be said.
    package var usedGeneration: Generation?
}

extension Replica {
    /// Whether it may cast votes; for promises and echoes see ``mayPromise``. One that becomes whole again by a snapshot adopts the
    /// promises of those who answered first.
    var mayVote: Bool { isProven && !isForgetful && recalling.adopted <= promise }
    /// Whether it may promise, stand and echo: a `Q1` has said that it remembers nothing which is lost here.
    var mayPromise: Bool { mayVote && configuration.quorums.isPhase1(recalling.answered) }

    var usedGeneration: Generation? { exposure?.usedGeneration }

    mutating func beginRecall() {
        recalling.answered.insert(me)
        recalling.promise = promise
        for lane in 0..<members { recalling.durable[lane] = lanes.durable(ReplicaID(lane)) }
    }

    /// How far the log reached in a lane when it was opened.
    package func reached(_ lane: Int) -> Position { recalling.durable[lane] }

    /// Asks those that have not answered, and acts once enough have: all, or after a while a `Q2`.
    mutating func recall(into effects: inout Effects) {
        let startedAt = recalling.startedAt ?? now
        recalling.startedAt = startedAt
        let isComplete = recalling.answered.count == members
        if !isProven, usedGeneration == nil, configuration.quorums.isClassic(recalling.answered),
            isComplete || now - startedAt >= timing.recallNanoseconds, isForgetful || adoptPromise(into: &effects)
        {
            isProven = true
            statusDue(in: 0)
        }
        if isProven, !isForgetful, recalling.adopted > promise { _ = adoptPromise(into: &effects) }
        guard !isComplete, now >= recalling.dueAt else { return }
        for member in 0..<members where !recalling.answered.contains(ReplicaID(member)) {
            effects.add(
                .immediate(
                    .recall(Recall(generation: generation, epoch: configuration.epoch)), .one(ReplicaID(member))))
        }
        recalling.dueAt = now + timing.retryNanoseconds * (isProven ? 64 : 1)
    }

    private mutating func adoptPromise(into effects: inout Effects) -> Bool {
        guard recalling.adopted > promise else { return true }
        guard logHasRoom else { return false }
        saw(recalling.adopted)
        makePromise(recalling.adopted, into: &effects)
        return true
    }

    /// Another member has started. From here on nothing of its earlier starts is taken, so the answer stays true.
    mutating func received(_ recall: Recall, from: ReplicaID, into effects: inout Effects) {
        guard recall.epoch == configuration.epoch else { return }
        peers[from.index].startedAs = max(peers[from.index].startedAs, recall.generation)
        effects.add(.immediate(.memory(of: from, asked: recall.generation), .one(from)))
    }

    package func encodeMemory(of member: ReplicaID, asked: Generation, into w: inout WireWriter) {
        let peer = peers + member.index
        var memory = peer.pointee.memory
        if peer.pointee.status.number.generation != asked {
            memory.join(peer.pointee.status, members: members)
        }
        memory.asker = member
        memory.asked = asked
        memory.epoch = configuration.epoch
        memory.generation = max(
            memory.generation, peer.pointee.status.number.generation, lanes.received(member).generation)
        // The question itself has raised it to `asked` at least, which says nothing of others.
        if peer.pointee.startedAs > asked { memory.generation = max(memory.generation, peer.pointee.startedAs) }
        memory.votes = peer.pointee.votes
        memory.sendersPromise = promiseIndex <= durable ? promise : .none
        memory.encode(into: &w, members: members)
    }

    /// What a member remembers: less than this replica has, or it has lost something.
    mutating func receivedMemory(_ body: UnsafeRawBufferPointer, from: ReplicaID) {
        guard let memory = Memory.decode(body, members: members), memory.asker == me, memory.asked == generation,
            memory.epoch == configuration.epoch, !recalling.answered.contains(from)
        else { return }
        // An equal one is a used one as long as this start has sent neither a status nor a batch.
        if memory.generation > generation || (memory.generation == generation && !isProven) {
            return expose(
                used: memory.generation,
                "replica \(from) knows generation \(memory.generation) of this replica, which now starts as \(generation): its "
                    + "data directory is an old copy; never restore one: replace this replica under a new identity through a "
                    + "configuration change")
        }
        recalling.answered.insert(from)
        recalling.adopted = max(recalling.adopted, memory.sendersPromise)
        if let lost = lost(memory) {
            expose(
                "replica \(from) remembers \(lost): the disk has lost what had been durable, so this replica only observes from "
                    + "now on; replace the disk, and this replica under a new identity through a configuration change")
        }
    }
    /// What others remember and this replica has not (PROTOCOL §9 ◆). Only what is reported when it is durable counts.
    package func lost(_ memory: Memory) -> String? {
        if memory.hasForgotten, !mayHaveLostVows {
            return
                "that an earlier start of it had lost what it reported, and only observed; its superblock does not say so"
        }
        if memory.promise > recalling.promise {
            return "that it promised \(memory.promise); its log knows of \(recalling.promise)"
        }
        // Whoever stands makes its own promise durable first, so it has lost a ballot of its own that others promised.
        if memory.sendersPromise.owner == me, memory.sendersPromise > (isProven ? promise : recalling.promise) {
            return "the ballot \(memory.sendersPromise) that it took; its log knows of \(recalling.promise)"
        }
        let vote = memory.votes
        if !vote.isEmpty, vote.last > max(snapshotSlot, commitIndex) {
            let kept = votes[vote.last]
            guard kept.slot > vote.last || (kept.slot == vote.last && kept.ballot >= vote.ballot) else {
                return "its vote for slot \(vote.last) in ballot \(vote.ballot), which its log has not"
            }
        }
        if let slot = lostMark(memory.marks) {
            return "what it voted or vowed for slot \(slot) in ballot \(memory.marks.ballot), which its log has not"
        }
        for lane in 0..<members where recalling.durable[lane] < memory.durable[lane] {
            return
                "lane \(lane) to be durable here to \(memory.durable[lane]); its log reaches to \(recalling.durable[lane])"
        }
        return nil
    }

    /// Something that was reported is lost: from now on it only observes.
    private mutating func expose(used: Generation? = nil, _ sentence: String) {
        // Who observes already learns nothing by it, unless its number was used.
        guard used == nil ? !mayHaveLostVows : usedGeneration == nil else { return }
        exposure = Exposure(sentence: sentence, usedGeneration: used)
        mayHaveLostVows = true
        if role != .follower {
            role = .follower
            sequencing.reset()
        }
        endSuspicion()
        statusDue(in: 0)
    }
}
