// One run: virtual time, the replicas, and what happens to them. A pure function of the scenario and its seed.
import TriremeCore

/// How often the run met what it is there to meet.
package struct Situations: Sendable {
    package var elections = 0
    package var crashes = 0
    package var crashesOfAll = 0
    package var refusedStarts = 0
    package var tornWrites = 0
    package var repairs = 0
    package var snapshots = 0
    package var restores = 0
    package var catchUps = 0
    package var stranded = 0
    /// Runs after which no quorum was left that had kept everything: agreement is all that was asked of them.
    package var hopeless = 0
    /// Snapshots that were fetched from others and taken over.
    package var installs = 0
    /// Replicas whose snapshots had become unreadable.
    package var lostSnapshots = 0
    package var partitions = 0
    package var batches = 0
    package var executed = 0
    package var acknowledged = 0
    package var slots = 0
    /// Of bad disks: sectors that rotted, writes that went astray, crashes that forgot; starts that knew it, starts to which others
    /// told it, replicas given up; batches found damaged, and mended.
    package var rots = 0
    package var strayWrites = 0
    package var forgotten = 0
    package var forgetful = 0
    package var exposures = 0
    package var retired = 0
    package var damagedBatches = 0
    package var mendedBatches = 0
    package init() {}
}

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
    let scenario: Scenario
    let queue = EventQueue()
    let referee: Referee
    let trace: Trace
    let wire: Wire
    let book = CommandBook()
    let ledger: Ledger
    let entries: DecidedEntries
    let nodes: [Node]
    let factory: ParticipantFactory
    var random: CoreRandom
    var situations = Situations()
    var phase = Phase.faults
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
    }
    package var now: UInt64 { queue.now }

    /// Runs to the end, or to the first violation.
    package func run() -> RunResult {
        trace.note(0, nil, scenario.summary)
        for node in nodes { scheduleStart(node, after: random.below(5_000_000)) }
        if !scenario.faults.isEmpty {
            queue.schedule(
                WorldEvent(.fault, at: random.between(5_000_000, 5_000_000 + scenario.faultIntervalNanoseconds)))
        }
        queue.schedule(WorldEvent(.phase, at: scenario.healAtNanoseconds))
        while referee.violation == nil, phase != .done, let event = queue.pop() {
            events += 1
            trace.fold(event)
            take(event)
            if events > scenario.maximumEvents {
                referee.report("the run does not end: \(events) events")
            }
            if phase == .progress { checkProgress() }
        }
        return result()
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
        case .phase: nextPhase()
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
                if let entry = participant.decidedEntry(slot) { entries.decided(entry, slot: slot, by: node.replica) }
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
        if let failure = participant.failure { ended(node, failure) }
    }

    private func result() -> RunResult {
        for node in nodes {
            retire(node)
            situations.tornWrites += node.image.counts.tornWrites
            situations.strayWrites += node.image.counts.strayWrites
        }
        situations.repairs = wire.counts.repairs
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
        situations.restores += node.application?.restores ?? 0
        situations.installs += node.participant?.installs ?? 0
        guard let damage = node.participant?.damage else { return }
        situations.damagedBatches += damage.found
        situations.mendedBatches += damage.mended
    }
}
