// The core of one replica: an event in, effects out (ARCHITECTURE, principle 1). Owned by the reactor thread, or by the
// simulator; deterministic, without I/O, clocks or allocation after start.

/// What is known of another member.
struct Peer {
    var status = Status()
    /// Its votes as facts: unions of the runs that it reported under one ballot (PROTOCOL §3.3).
    var votes = VoteRun.none
    var heardAt: UInt64 = 0
    /// When it last told of a later status of this replica than before: it hears this one.
    var hearsAt: UInt64 = 0
    /// When it last echoed a status that this replica sent since it began to suspect, if it did.
    var echoedSuspicionAt: UInt64?
    /// What it reported as durable in generations before that of its last status, and the highest generation that it asked as
    /// (PROTOCOL §9): a later start that has less is forgetful.
    var memory = Memory()
    var startedAs = Generation.zero
}

/// A vote of this replica.
struct VoteRecord {
    var slot: UInt64 = 0
    var ballot = Ballot.none
    var half = Half.classic
    var entry = Entry.nothing
    var index: LogIndex = 0
}

/// The proposal of the highest ballot that was seen for a slot. During recovery, a decided entry (ballot none).
struct ProposalRecord {
    var slot: UInt64 = 0
    var ballot = Ballot.none
    var entry = Entry.nothing
}

package enum Role: UInt8, Sendable {
    case follower
    /// Waits for promises from a `Q1`; `from` as in its prepare.
    case candidate
    /// Has a `Q1`; learns what that showed to be decided before it proposes.
    case learning
    case sequencer
}

package struct Replica: ~Copyable {
    private let pinned = Pinned()
    package let configuration: CoreConfiguration
    /// Of this start; durable before ``finishRecovery(generation:)``, above all earlier ones (PROTOCOL §2 ◆).
    package internal(set) var generation = Generation.zero
    var members: Int { configuration.members }
    var me: ReplicaID { configuration.me }
    var timing: Timing { configuration.timing }

    /// Whether the log has room for votes, promises and notes; the engine sets it. An acceptor may always wait (PROTOCOL §12).
    package var logHasRoom = true

    // Time and chance.
    package internal(set) var now: UInt64 = 0
    var wallClock: UInt64 = 0
    var random: CoreRandom

    // The log: how much was appended, how much is durable.
    package internal(set) var appended: LogIndex = 0
    package internal(set) var durable: LogIndex = 0

    package internal(set) var lanes: Lanes
    let peers: UnsafeMutablePointer<Peer>
    /// Where a status is read that has just arrived.
    private let arrived: UnsafeMutablePointer<Status>

    // Acceptor (Ordering/Replica+Acceptor.swift).
    package internal(set) var promise = Ballot.none
    var promiseIndex: LogIndex = 0
    /// Of ballots below the promise (Ordering/Announced).
    package internal(set) var outstanding = Outstanding()
    let votes: SlotRing<VoteRecord>
    let proposals: SlotRing<ProposalRecord>
    let vows: SlotRing<Vow>
    /// The ballot voted in, the next slot to vote for in it, and the unbroken run of votes so far.
    var votingBallot = Ballot.none
    var nextVote: UInt64 = 1
    var runFirst: UInt64 = 1
    var runDurable: UInt64 = 0
    /// The last slot of a run that a status of this start told.
    var runTold: UInt64 = 0
    package internal(set) var highestVoted: UInt64 = 0
    package internal(set) var waitedForData: UInt32 = 0
    var waitingSlot: UInt64 = 0
    /// A forgetful replica promises, votes, vows and echoes nothing (PROTOCOL §9 ◆).
    package var isForgetful: Bool { mayHaveLostVows || lacksSnapshot }
    /// A promise, a vote or a vow may be lost: it is forgetful until it is replaced, whatever snapshot it installs.
    package internal(set) var mayHaveLostVows: Bool
    /// Whether enough of the others have said that they remember nothing which is lost here, so that this start may speak
    /// (Ordering/Replica+Recall.swift).
    package internal(set) var isProven = false
    var recalling = Recalling()
    package internal(set) var exposure: Exposure?

    // Learner (Ordering/Replica+Learner.swift).
    package internal(set) var commitIndex: UInt64 = 0
    /// `C(commitIndex)` without the timestamp's step bound: what is decided, not what was executed.
    package internal(set) var committed = Cut()
    let history: EntryHistory
    package internal(set) var oldestEntry: UInt64 = 1
    var lastCommitAt: UInt64 = 0
    /// Slots up to here are noted in the log as decided.
    package internal(set) var noted: UInt64 = 0
    var notedAt: UInt64 = 0
    /// The last of these notes.
    var notedIndex: LogIndex = 0
    var fetch = Retry()
    /// Set while nobody has the entries that this replica lacks any more (PROTOCOL §8).
    package var isStranded: Bool { lacksEntries || lackedSlot > executor.slot || lacksSnapshot }
    var lacksEntries = false
    /// The decided slot whose batches nobody gives any more, until it is executed.
    package internal(set) var lackedSlot: UInt64 = 0
    var entryWait = VainWait()
    var batchWait = VainWait()

    // Snapshot.
    package internal(set) var snapshotSlot: UInt64 = 0
    package internal(set) var snapshotCut = Cut()
    /// The snapshot that the superblock names cannot be read (PROTOCOL §9): until another one is installed this replica acts as a
    /// forgetful one, and executes nothing.
    package internal(set) var lacksSnapshot = false

    // Election and sequencing (Ordering/Replica+Election.swift, Replica+Sequencer.swift).
    package internal(set) var role = Role.follower
    /// The highest ballot seen, whoever owns it.
    package internal(set) var currentBallot = Ballot.none
    var heardSequencerAt: UInt64 = 0
    /// First and last slot that the owner of `currentBallot` is known to have proposed; the first is unknown at first.
    var proposedFirst: UInt64 = .max
    var proposedLast: UInt64 = 0
    /// From this slot on nothing is decided in a ballot below `currentBallot`, where that is announced; 0: unknown.
    var openFrom: UInt64 = 0
    var suspectedAt: UInt64?
    var suspicionNumber = StatusNumber.none
    var electionWait: UInt64 = 0
    /// When a status last asked for echoes.
    var echoAskedAt: UInt64 = 0
    var failures: UInt32 = 0
    var pendingSince: UInt64?
    var candidacy: Candidacy
    var sequencing = Sequencing()

    // Fast rounds (Ordering/Fast).
    var fast = FastRound()
    let fastProposals: FastProposals
    let waitingSlots: SlotRing<WaitingSlot>
    /// No slot above is proposed: where the explorer's smaller rings end.
    let lastSlot: UInt64
    package internal(set) var fastCounts = FastCounts()
    var kindChoice = KindChoice()
    /// Up to where it has counted what was decided.
    var counted = Cut()
    var sample = DecisionSample()

    // Execution.
    package internal(set) var executor: Executor

    // Status (Replica+Status.swift).
    var statusCounter: UInt64 = 0
    package internal(set) var statusDueAt: UInt64 = 0
    var lastStatusAt: UInt64 = 0
    /// The highest sequence sent on this replica's own lane; the engine sets it.
    package var sentSequence: UInt64 = 0

    /// A finding that ends the replica: two contents under one name, or a decided entry that differs.
    package internal(set) var fatal: String?

    /// A core that has read nothing yet: what the log holds comes through `recover`, then ``finishRecovery(generation:)``.
    ///
    /// - Parameters:
    ///   - isForgetful: whether a promise, a vote or a vow may be lost (PROTOCOL §9 ◆).
    ///   - seed: of the random waits.
    ///   - windowSlots: room for votes and proposals, a power of two. The explorer, which knows how many slots there will be, takes
    ///     less than what a replica needs.
    package init(
        _ configuration: CoreConfiguration, isForgetful: Bool = false, seed: UInt64,
        windowSlots: Int = Limits.votingWindowSlots
    ) {
        self.configuration = configuration
        mayHaveLostVows = isForgetful
        random = CoreRandom(seed: seed)
        lanes = Lanes(members: configuration.members)
        peers = .allocate(capacity: configuration.members)
        peers.initialize(repeating: Peer(), count: configuration.members)
        arrived = .allocate(capacity: 1)
        arrived.initialize(to: Status())
        votes = SlotRing(capacity: windowSlots, repeating: VoteRecord())
        proposals = SlotRing(capacity: windowSlots, repeating: ProposalRecord())
        vows = SlotRing(capacity: windowSlots, repeating: Vow())
        let fastSlots = min(windowSlots, Limits.fastWindowSlots)
        fastProposals = FastProposals(members: configuration.members, windowSlots: fastSlots)
        waitingSlots = SlotRing(capacity: fastSlots, repeating: WaitingSlot())
        lastSlot = windowSlots < Limits.votingWindowSlots ? UInt64(windowSlots) - 1 : Limits.slotMaximum
        history = EntryHistory(slots: configuration.entryHistorySlots, members: configuration.members)
        candidacy = Candidacy(members: configuration.members, windowSlots: windowSlots)
        executor = Executor(
            members: configuration.members, timestampStep: configuration.timing.timestampStepMicroseconds)
    }
    deinit {
        peers.deallocate()
        arrived.deallocate()
    }

    /// Takes one event and adds what has to be done to `effects`, in order.
    package mutating func step(_ event: Event, into effects: inout Effects) {
        switch event {
        case .tick(let now, let wallClock):
            self.now = max(self.now, now)
            self.wallClock = wallClock
            tick(into: &effects)
        case .appended(let batch):
            appended += 1
            lanes.append(batch, index: appended, committed: committed[batch.lane.index])
            beginSample(batch)
            statusDue(in: timing.coalesceNanoseconds)
        case .message(let kind, let from, let body):
            receive(kind, from: from, body, into: &effects)
        case .durable(let index):
            advanceDurable(index)
            decide()
        case .snapshotDurable(let slot, let cut):
            tookSnapshot(slot: slot, cut: cut, into: &effects)
        case .snapshotInstalled(let slot, let cut):
            installed(slot: slot, cut: cut, into: &effects)
        case .handOver(let successor):
            sequencing.successor = role == .sequencer && successor != me ? successor : nil
        }
    }

    /// What a turn does after its events were taken: vote, decide, propose. Kept apart from ``step(_:into:)`` so that one
    /// turn's batches are covered by one cut and one page of votes.
    package mutating func endTurn(into effects: inout Effects) {
        propose(into: &effects)
        proposeFast(into: &effects)
        vote(into: &effects)
        voteFast(into: &effects)
        resolve(into: &effects)
        if lanes.hasLost { advanceRun() }
        decide()
        noteDecided(into: &effects)
        endOutstanding()
        ask(into: &effects)
    }

    mutating func append(_ item: LogItem, into effects: inout Effects) -> LogIndex {
        effects.add(.append(item))
        appended += 1
        return appended
    }

    private mutating func receive(
        _ kind: DatagramKind, from: ReplicaID, _ body: UnsafeRawBufferPointer, into effects: inout Effects
    ) {
        guard from.index < members, from != me else { return }
        switch kind {
        case .status:
            if Status.decode(body, members: members, into: arrived) { received(UnsafePointer(arrived), from: from) }
        case .propose: if let proposal = Propose.decode(body, members: members) { received(proposal, from: from) }
        case .prepare:
            if let prepare = Prepare.decode(body, members: members) { received(prepare, from: from, into: &effects) }
        case .promise: receivedPromise(body, from: from)
        case .close:
            if let close = Close.decode(body, members: members) { received(close, from: from, into: &effects) }
        case .reject: if let reject = Reject.decode(body, members: members) { saw(reject.promise) }
        case .entryRequest:
            if let request = EntryRequest.decode(body) { received(request, from: from, into: &effects) }
        case .entries: receivedEntries(body)
        case .handOver:
            if let handOver = HandOver.decode(body, members: members) { received(handOver, into: &effects) }
        case .recall:
            if let recall = Recall.decode(body) { received(recall, from: from, into: &effects) }
        case .memory: receivedMemory(body, from: from)
        case .batch, .fragment, .probe, .probeReply, .rateAdvice, .repair, .snapshotRequest, .snapshotOffer,
            .snapshotPull:
            break
        }
    }

    private mutating func advanceDurable(_ index: LogIndex) {
        precondition(index <= appended, "the log claims to hold what was never appended")
        guard index > durable else { return }
        durable = index
        if lanes.advanceDurable(index) { statusDue(in: timing.coalesceNanoseconds) }
        advanceRun()
        advanceMarks()
    }

    private mutating func tookSnapshot(slot: UInt64, cut: Cut, into effects: inout Effects) {
        precondition(slot <= commitIndex, "a snapshot of a slot that is not known to be decided")
        guard slot > snapshotSlot else { return }
        snapshotSlot = slot
        snapshotCut = cut
        for lane in 0..<members { lanes.rebase(ReplicaID(lane), to: cut[lane], committed: committed[lane]) }
        // The segments that hold the promise may go now: it is carried forward first (PROTOCOL §8 ◆).
        carryPromise(into: &effects)
    }
    /// Appends the promise again, so that its earlier record may go. It binds since its first record; this one is a copy, and
    /// what waits for the first does not wait for the copy.
    package mutating func carryPromise(into effects: inout Effects) {
        guard !promise.isNone else { return }
        _ = append(.promise(promise), into: &effects)
        _ = append(.outstanding(outstanding), into: &effects)
    }
    /// Appends again what is to survive of a slot above the snapshot, so that its earlier records may go (PROTOCOL §8 ◆): its
    /// entry if the log had noted it as decided, else this replica's vote and vow. Whoever starts from a decided entry needs no vote for it.
    package mutating func carry(slot: UInt64, into effects: inout Effects) {
        guard slot > snapshotSlot else { return }
        if slot <= noted {
            guard let entry = history.entry(slot) else { preconditionFailure("a slot above the snapshot is forgotten") }
            _ = append(.decidedEntry(slot: slot, entry: entry), into: &effects)
            _ = append(.decided(first: slot, last: slot), into: &effects)
            return
        }
        if votes[slot].slot == slot {
            let vote = votes[slot]
            _ = append(.vote(slot: slot, ballot: vote.ballot, half: vote.half, entry: vote.entry), into: &effects)
        }
        if vows[slot].slot == slot { _ = append(.closed(slot: slot, ballot: vows[slot].ballot), into: &effects) }
    }
    /// The engine appended a batch again. This replica holds it since its first record.
    package mutating func carriedBatch() { appended += 1 }
}
