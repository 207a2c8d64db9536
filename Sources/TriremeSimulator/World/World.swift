// One run: virtual time, the replicas, and what happens to them. A pure function of the scenario and its seed.
import TriremeCore

package struct RunResult: Sendable {
    package var seed: UInt64
    package var events = 0
    package var virtualNanoseconds: UInt64 = 0
    package var traceHash: UInt64 = 0
    package var situations = Situations()
    package var violation: Violation?
}

package final class World {
    enum Phase { case faults, settling, progress, done }
    /// Who is asked for progress at present: a quorum that healed first, then everybody.
    enum Asked { case quorum, all }
    let scenario: Scenario
    let queue = EventQueue()
    let referee: Referee
    let trace: Trace
    let wire: Wire
    package let book = CommandBook()
    let ledger: Ledger
    let entries: DecidedEntries
    let nodes: [Node]
    let factory: ParticipantFactory
    var random: CoreRandom
    var situations = Situations()
    var phase = Phase.faults
    private var phaseTicket: UInt32 = 0
    var asked = Asked.all
    /// Those of whom progress is asked.
    var healed = MemberSet()
    let images: DurableImages
    var events = 0
    var faultsHeldUntil: UInt64 = 0
    /// Commands that must be executed everywhere before the run may end.
    var finalCommands: [(by: Node, commands: Range<Int>)] = []

    package init(_ scenario: Scenario, trace: Trace = Trace(), factory: @escaping ParticipantFactory) {
        self.scenario = scenario
        self.trace = trace
        self.factory = factory
        random = CoreRandom(seed: scenario.seed)
        referee = Referee(seed: scenario.seed, queue: queue)
        ledger = Ledger(
            referee: referee, commands: book,
            timestampStepMicroseconds: scenario.timing.timestampStepMicroseconds)
        entries = DecidedEntries(referee: referee)
        book.clock = queue
        wire = Wire(
            queue: queue, members: scenario.members, batchBytes: scenario.batchBytes, random: random.fork(),
            referee: referee)
        wire.conditions = scenario.links
        wire.witness.frail = scenario.frail
        let printed = trace.isPrinting ? trace : nil
        wire.trace = printed
        var nodes: [Node] = []
        for i in 0..<scenario.members {
            let image = DiskImage(
                replica: ReplicaID(i), queue: queue, random: random.fork(), referee: referee,
                segments: scenario.segments,
                segmentBytes: scenario.segmentBytes)
            image.latencyNanoseconds = scenario.diskLatencyNanoseconds
            image.isFrail = !scenario.damage.isEmpty && scenario.frail.contains(ReplicaID(i))
            image.isVolatile = scenario.isVolatile
            image.trace = printed
            nodes.append(
                Node(
                    ReplicaID(i), image: image, clockRate: scenario.clockRates[i],
                    clockStart: 1_000_000_000 + random.below(1_000_000_000), wallOffset: scenario.wallClockOffsets[i]))
        }
        self.nodes = nodes
        images = DurableImages(
            referee: referee, quorums: scenario.quorums, frail: scenario.frail, images: nodes.map(\.image))
        if scenario.faults.contains(.replay) { wire.archive = Archive() }
        referee.replay = scenario.replay ?? (scenario.mix == .standard ? nil : "--mix \(scenario.mix)")
    }
    /// What watches the disks holds them, and they it; and clients that still wait hold what would answer them.
    deinit {
        for node in nodes {
            clear(node)
            node.image.changed = nil
        }
    }
    package var now: UInt64 { queue.now }

    /// Runs to the end, or to the first violation.
    package func run() -> RunResult {
        begin()
        while step() {}
        return result()
    }

    /// Schedules what starts the run. Then ``step()``, then ``result()``.
    package func begin() {
        trace.note(0, nil, scenario.summary)
        for node in nodes { scheduleStart(node, after: random.below(5_000_000)) }
        if !scenario.faults.isEmpty {
            queue.schedule(
                WorldEvent(.fault, at: random.between(5_000_000, 5_000_000 + scenario.faultIntervalNanoseconds)))
        }
        schedulePhase(after: scenario.healAtNanoseconds)
    }
    /// What ends the present phase, unless something else does before.
    func schedulePhase(after: UInt64) {
        phaseTicket += 1
        queue.schedule(WorldEvent(.phase, at: queue.now + after, index: phaseTicket))
    }
    /// Takes the next event. False at the end.
    package func step() -> Bool {
        guard referee.violation == nil, phase != .done, let event = queue.pop() else { return false }
        events += 1
        trace.fold(event)
        take(event)
        if events > scenario.maximumEvents { referee.report("the run does not end: \(events) events") }
        if phase == .progress { checkProgress() }
        return true
    }
    /// Steps until virtual time has reached `time`, or the run is over.
    package func run(until time: UInt64) {
        queue.schedule(WorldEvent(.nothing, at: time))
        while queue.now < time, step() {}
    }

    /// A disk completes nothing for a while.
    package func stallDisk(of replica: Int, for nanoseconds: UInt64) {
        nodes[replica].image.stalledUntil = queue.now + nanoseconds
    }

    private func take(_ event: WorldEvent) {
        let node = nodes[Int(event.replica)]
        switch event.kind {
        case .turn:
            guard node.ticket == event.index else { return }
            node.wakeAt = .max
            turn(node)
        case .delivery:
            if wire.arrive(event.index, at: node.endpoint) { wake(node, after: turnDelay()) }
        case .sent:
            if wire.departed(event.index, endpoint: node.endpoint) { wake(node, after: turnDelay()) }
        case .disk:
            guard node.image.finish(event.index, incarnation: Int(event.incarnation)) else { return }
            guard !countsDown(node) else { return }
            wake(node, after: turnDelay())
        case .fault: nextFault()
        case .start: start(node)
        case .nothing: break
        case .phase: if event.index == phaseTicket { nextPhase() }
        }
    }
    /// A reactor takes what has arrived a little later, so that a turn may find several things.
    private func turnDelay() -> UInt64 { 500 + random.below(8_000) }

    /// Makes `node` run at the latest `after` nanoseconds from now.
    func wake(_ node: Node, after: UInt64) {
        guard node.isUp else { return }
        let time = max(queue.now + after, node.pausedUntil)
        guard time < node.wakeAt else { return }
        node.wakeAt = time
        node.ticket &+= 1
        queue.schedule(WorldEvent(.turn, at: time, replica: node.replica.index, index: node.ticket))
    }

    private func turn(_ node: Node) {
        guard let participant = node.participant else { return }
        guard node.pausedUntil <= queue.now else {
            wake(node, after: 0)
            return
        }
        let due = participant.turn(now: node.local(queue.now), wallClock: node.wall(queue.now))
        observe(node, participant)
        guard node.isUp else { return }
        node.restless = due <= node.local(queue.now) ? node.restless + 1 : 0
        referee.demand(
            node.restless < Self.restlessTurns,
            "replica \(node.replica) wanted to run again at once after each of \(node.restless) turns: it spins")
        if due < .max {
            let time = node.world(due)
            // A replica that wants to run at once still leaves time to others.
            if time < .max { wake(node, after: time > queue.now + 200 ? time - queue.now : 200) }
        }
    }

    /// No backlog that is worked off turn by turn takes so many.
    static let restlessTurns = 10_000

    /// The checkers look at a replica that has just run.
    func observe(_ node: Node, _ participant: any Participant) {
        let commit = participant.commitIndex
        if commit > node.commitIndex {
            for slot in node.commitIndex + 1...commit {
                guard let entry = participant.decidedEntry(slot) else { continue }
                if entries.decided(entry, slot: slot, by: node.replica), participant.keepsLog, scenario.members > 1 {
                    wire.witness.checkDecided(slot, entry, by: node.replica, quorums: scenario.quorums) {
                        // A bad disk may have lost it since.
                        isFrail(node) || node.image.holdsVote(slot, $0, $1)
                    }
                }
            }
            trace.note(queue.now, node.replica.index, "decided through slot \(commit)")
            node.commitIndex = commit
        }
        referee.demand(
            commit >= node.commitIndex,
            "replica \(node.replica) lowers its commit index from \(node.commitIndex) to \(commit)")
        wire.witness.checkPossession(
            of: node.replica, passed: { entries.cut($0 - 1) }, isDurable: { participant.isDurable($0, $1) })
        let executed = participant.executedSlot
        if executed != node.executedSlot, let application = node.application {
            referee.demand(
                executed <= commit, "replica \(node.replica) executes slot \(executed) above its commit index \(commit)"
            )
            node.executedSlot = executed
            ledger.observe(slot: executed, count: application.count, digest: application.stateDigest, by: node.replica)
        }
        if participant.role != node.role {
            node.role = participant.role
            if node.role == .sequencer { situations.elections += 1 }
            trace.note(queue.now, node.replica.index, "is \(node.role) (promise \(participant.promise))")
        }
        if participant.promise != node.promise {
            referee.demand(
                node.promise < participant.promise,
                "replica \(node.replica) goes back from promise \(node.promise) to \(participant.promise)")
            node.promise = participant.promise
            trace.note(queue.now, node.replica.index, "promises \(node.promise)")
        }
        if participant.isForgetful, !isFrail(node) {
            referee.report("replica \(node.replica) takes itself for forgetful, and its disk has kept everything")
        }
        if participant.isStranded != node.wasStranded {
            node.wasStranded = participant.isStranded
            if node.wasStranded { situations.stranded += 1 }
            trace.note(queue.now, node.replica.index, node.wasStranded ? "is stranded" : "is stranded no more")
        }
        ended(node, participant)
    }

    /// Checks everything that is known only at the end, and counts.
    package func result() -> RunResult {
        if referee.violation == nil { checkHistory() }
        for node in nodes {
            retire(node)
            countDisk(node.image.counts)
        }
        stopWatching()
        situations.repairs = wire.counts.repairs
        countWire()
        situations.catchUps = wire.kinds[Int(DatagramKind.entries.rawValue)]
        situations.batches = ledger.items.count
        situations.executed = book.executedCount
        situations.acknowledged = book.acknowledgedCount
        situations.slots = Int(entries.highest)
        trace.fold(ledger.chain)
        if let violation = referee.violation { trace.note(queue.now, nil, violation.sentence) }
        return RunResult(
            seed: scenario.seed, events: events, virtualNanoseconds: queue.now, traceHash: trace.hash,
            situations: situations,
            violation: referee.violation)
    }
    /// Counts what a life leaves behind.
    func retire(_ node: Node) {
        situations.snapshots += node.application?.snapshots ?? 0
        situations.heldAnswers += node.application?.answers.held ?? 0
        situations.restores += node.application?.restores ?? 0
        situations.carriedSegments += node.participant?.carriedSegments ?? 0
        situations.installs += node.participant?.installs ?? 0
        if let counts = node.participant?.fastCounts { situations.fast.add(counts) }
        guard let damage = node.participant?.damage else { return }
        situations.damagedBatches += damage.found
        situations.mendedBatches += damage.mended
    }
}
