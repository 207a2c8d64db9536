// Starting and crashing replicas.
import TriremeCore

extension World {
    func scheduleStart(_ node: Node, after: UInt64) {
        guard !node.isUp, node.startsAt == nil, !node.isRetired else { return }
        node.startsAt = queue.now + after
        queue.schedule(WorldEvent(.start, at: queue.now + after, replica: node.replica.index))
    }

    func start(_ node: Node) {
        guard !node.isUp, node.startsAt != nil, !node.isRetired else { return }
        node.startsAt = nil
        guard !node.isHeldDown else { return }
        node.incarnation += 1
        node.image.start(incarnation: node.incarnation)
        // A quorum that heals alone was drawn among those that have theirs.
        if scenario.losesSnapshot, situations.lostSnapshots == 0, asked == .all, node.incarnation > 1,
            node.image.rotSnapshots()
        {
            situations.lostSnapshots += 1
            node.hasLostSnapshot = true
            trace.note(queue.now, node.replica.index, "has lost its snapshots")
        }
        let endpoint = Endpoint(wire: wire, replica: node.replica, incarnation: node.incarnation)
        let application = RecordingApplication(
            replica: node.replica, incarnation: node.incarnation, ledger: ledger, referee: referee,
            paddingBytes: scenario.snapshotPaddingBytes)
        let gateway = SeededGateway(
            replica: node.replica, incarnation: node.incarnation, workload: scenario.workload, book: book,
            answers: application.answers, random: random.fork(), now: node.local(queue.now))
        gateway.isOpen = phase == .faults
        node.endpoint = endpoint
        node.application = application
        node.gateway = gateway
        let birth = Birth(
            replica: node.replica, incarnation: node.incarnation, seed: random.next(), scenario: scenario,
            endpoint: endpoint,
            image: node.image, application: application, gateway: gateway, isFounding: !node.isFormatted)
        do {
            let participant = try factory(birth)
            node.isFormatted = true
            node.participant = participant
            node.image.waitingWritesUntilStop = nil
            trace.note(queue.now, node.replica.index, "starts as generation \(participant.generation)")
            if participant.keepsLog { watch(node, endpoint) }
            if isFrail(node) {
                guard judgeStart(node, participant) else { return }
            } else {
                wire.names.started(node.replica, generation: participant.generation)
                wire.witness.started(node.replica, promise: participant.promise, answer: participant.promiseAnswer())
            }
            node.commitIndex = 0
            node.executedSlot = 0
            node.role = .follower
            node.wasStranded = false
            // What a life promised binds the next one (PROTOCOL §2): its promise may be higher, never lower than was said.
            node.promise = .none
            node.wakeAt = .max
            node.pausedUntil = 0
            node.restless = 0
            observe(node, participant)
            wake(node, after: 0)
            offerLast(node)
        } catch {
            let stopped = node.image.isStopped || node.image.hasFailed
            trace.note(queue.now, node.replica.index, "does not start: \(error)")
            clear(node)
            if !stopped, isFrail(node) { return retire(node, because: "\(error)") }
            guard stopped else {
                referee.report("replica \(node.replica) refuses to start: \(error)")
                return
            }
            // The machine stopped while it was starting.
            situations.refusedStarts += 1
            node.image.crash(.power)
            scheduleStart(node, after: random.below(20_000_000))
        }
    }
    /// What a life over a real log is watched for besides.
    private func watch(_ node: Node, _ endpoint: Endpoint) {
        if ledger.images == nil {
            ledger.images = images
            for node in nodes {
                node.image.changed = { [images, replica = node.replica] in images.changed(replica, $0, $1) }
            }
        }
        if scenario.faults.contains(.memoryFlip) {
            wire.checksPayloads = true
            endpoint.watchFrames(writtenBy: node.image)
        }
    }

    /// Looks whether a life has ended itself, and whether it had to (RELIABILITY, storage rule 4).
    func ended(_ node: Node, _ participant: any Participant) {
        guard let failure = participant.failure else {
            referee.demand(
                !node.image.wasToldOfFailure,
                "replica \(node.replica) goes on after a write that failed; it must end and read back")
            return
        }
        let isExplained = node.image.hasFailed || node.image.flips > 0
        guard isExplained || isFrail(node) else {
            referee.report("replica \(node.replica) ends itself: \(failure)")
            return
        }
        if node.image.hasFailed {
            situations.endedByDisk += 1
        } else if node.image.flips > 0 {
            situations.endedByFlip += 1
        }
        trace.note(queue.now, node.replica.index, "ends itself: \(failure)")
        crash(node, .process, restartAfter: isExplained ? downTime() : 1_000_000)
    }

    /// A replica's machine loses its power and stays off until everything is healed.
    package func takeDown(_ replica: Int) {
        nodes[replica].isHeldDown = true
        crash(nodes[replica], .power, restartAfter: 0)
    }
    /// A replica's machine loses its power, and comes back soon.
    package func crashAndRestart(_ replica: Int) { crash(nodes[replica], .power, restartAfter: 1_000_000) }
    /// Batches of a replica's clients that were executed and wait for more copies.
    package func awaitingCopies(at replica: Int) -> Int { nodes[replica].application?.answers.count ?? 0 }

    func crash(_ node: Node, _ kind: DiskImage.Crash, restartAfter: UInt64) {
        guard node.isUp else { return }
        // Without disks a quorum must not end.
        if scenario.isVolatile, !isFrail(node) { return }
        situations.crashes += 1
        trace.note(queue.now, node.replica.index, "crashes (\(kind))")
        retire(node)
        clear(node)
        node.image.crash(kind)
        // Some machines stop again while they start.
        if phase == .faults, scenario.faults.contains(.crashAtWrite), random.below(3) == 0 {
            node.image.waitingWritesUntilStop = random.between(1, 12)
        }
        if !node.isHeldDown { scheduleStart(node, after: restartAfter) }
    }
    func clear(_ node: Node) {
        node.participant = nil
        node.endpoint?.close()
        node.endpoint = nil
        node.application?.answers.forget()
        node.application = nil
        node.gateway = nil
        node.wakeAt = .max
        node.ticket &+= 1
        node.diskEventsUntilCrash = nil
    }
    /// True where the disk operation that has just ended was the last before a planned crash.
    func countsDown(_ node: Node) -> Bool {
        guard let left = node.diskEventsUntilCrash else { return false }
        node.diskEventsUntilCrash = left > 1 ? left - 1 : nil
        guard left <= 1 else { return false }
        crash(node, random.below(3) == 0 ? .process : .power, restartAfter: downTime())
        return true
    }
    /// How long a replica stays down: mostly shortly, now and then for long.
    func downTime() -> UInt64 {
        switch random.below(8) {
        case 0: random.below(1_000_000)
        case 1: random.below(1_000_000_000)
        default: random.below(150_000_000)
        }
    }
}
