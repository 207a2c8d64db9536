// The adversary: what goes wrong, and when it is put right.
import TriremeCore

extension World {
    func nextFault() {
        guard phase == .faults else { return }
        let next = queue.now + random.tailed(scenario.faultIntervalNanoseconds)
        queue.schedule(WorldEvent(.fault, at: next))
        guard queue.now >= faultsHeldUntil else { return }
        damageSomething()
        // Every third time things get better for a while instead.
        if random.below(3) == 0 {
            wire.openAllLinks()
            wire.conditions = scenario.links
            trace.note(queue.now, nil, "links are as usual")
            return
        }
        let fault = random.pick(scenario.faults)
        let node = nodes[Int(random.below(UInt64(nodes.count)))]
        trace.note(queue.now, nil, "fault: \(fault) (\(node.replica))")
        carryOut(fault, node)
    }

    func carryOut(_ fault: Fault, _ node: Node) {
        let kind: DiskImage.Crash = random.below(3) == 0 ? .process : .power
        switch fault {
        case .loss:
            wire.conditions.lossPerMillion = UInt32(random.between(10_000, 500_000))
            wire.conditions.duplicatePerMillion = UInt32(random.below(300_000))
        case .delay:
            wire.conditions.delayNanoseconds = random.between(50_000, 3_000_000)
            wire.conditions.spikePerMillion = UInt32(random.below(200_000))
            wire.conditions.spikeNanoseconds = random.pick([5_000_000, 100_000_000, 1_000_000_000])
        case .partition: partition()
        case .oneWay:
            situations.partitions += 1
            for from in nodes.indices {
                for to in nodes.indices where from != to {
                    wire.setLink(from: from, to: to, open: random.below(3) != 0)
                }
            }
        case .isolation:
            situations.partitions += 1
            let way = random.below(3)
            for other in nodes.indices where other != node.replica.index {
                if way != 1 { wire.setLink(from: other, to: node.replica.index, open: false) }
                if way != 2 { wire.setLink(from: node.replica.index, to: other, open: false) }
            }
        case .pause: node.pausedUntil = queue.now + random.below(400_000_000)
        case .crash: crash(node, kind, restartAfter: downTime())
        case .crashSequencer:
            crash(nodes.first { $0.role == .sequencer && $0.isUp } ?? node, kind, restartAfter: downTime())
        case .crashAll: crashAll()
        case .crashAtWrite: node.diskEventsUntilCrash = random.between(1, 40)
        case .diskStall: node.image.stalledUntil = queue.now + random.below(300_000_000)
        }
    }
    private func partition() {
        situations.partitions += 1
        let side = nodes.map { _ in random.below(2) == 0 }
        for from in nodes.indices {
            for to in nodes.indices where from != to { wire.setLink(from: from, to: to, open: side[from] == side[to]) }
        }
    }
    /// The power of the whole room goes.
    func crashAll() {
        situations.crashesOfAll += 1
        for node in nodes { crash(node, .power, restartAfter: random.below(60_000_000)) }
    }

    func nextPhase() {
        switch phase {
        case .faults: heal()
        case .settling: beginProgress()
        case .progress:
            guard isHopeful else {
                situations.hopeless += 1
                phase = .done
                return
            }
            for node in nodes { trace.note(queue.now, node.replica.index, node.participant?.account ?? "is down") }
            referee.report(
                "no progress: \(scenario.progressBoundNanoseconds / 1_000_000) ms after healing "
                    + nodes.map { "replica \($0.replica) \(standing($0))" }.joined(separator: ", "))
        case .done: break
        }
    }
    private func standing(_ node: Node) -> String {
        guard let application = node.application else { return "is down" }
        return
            "has executed \(application.count) of \(ledger.items.count) batches (\(node.role), slot \(node.commitIndex)"
            + (node.wasStranded ? ", stranded)" : ")")
    }

    /// Every link is good, every replica is up or starts; nothing new goes wrong.
    private func heal() {
        // Half of the runs end their faults with a loss of power everywhere: what was acknowledged is on the disks.
        if random.below(2) == 0, scenario.faults.contains(where: { $0 == .crash || $0 == .crashAll }) { crashAll() }
        phase = .settling
        trace.note(queue.now, nil, "everything is healed")
        wire.openAllLinks()
        wire.conditions = LinkConditions()
        wire.conditions.delayNanoseconds = scenario.links.delayNanoseconds
        for node in nodes {
            node.image.stalledUntil = 0
            node.image.waitingWritesUntilStop = nil
            node.diskEventsUntilCrash = nil
            node.gateway?.isOpen = false
            if node.isUp {
                node.pausedUntil = 0
                wake(node, after: 0)
            } else {
                node.startsAt = nil
                scheduleStart(node, after: random.below(10_000_000))
            }
        }
        queue.schedule(WorldEvent(.phase, at: queue.now + scenario.settleNanoseconds))
    }
    private func beginProgress() {
        phase = .progress
        for node in nodes where !isExcused(node) {
            guard let gateway = node.gateway else { continue }
            let range = gateway.offer(scenario.finalCommands, now: node.local(queue.now))
            trace.note(queue.now, node.replica.index, "is offered the last commands \(range)")
            finalCommands.append((node, range))
            wake(node, after: 0)
        }
        queue.schedule(WorldEvent(.phase, at: queue.now + scenario.progressBoundNanoseconds))
    }
    /// A replica that was given up owes nothing; nor does one that is stranded where nobody has a disk, and so no snapshot to give.
    private func isExcused(_ node: Node) -> Bool { node.isRetired || (scenario.isVolatile && node.wasStranded) }
    /// Whether those that have kept everything can elect and decide: nothing else is asked of them.
    private var isHopeful: Bool {
        var able = MemberSet()
        for node in nodes where !isExcused(node) && node.participant?.isForgetful != true { able.insert(node.replica) }
        return scenario.quorums.isPhase1(able) && scenario.quorums.isClassic(able)
    }
    /// Ends the run when everything that was asked for is executed everywhere.
    func checkProgress() {
        while let (node, range) = finalCommands.last {
            guard !isExcused(node) else {
                finalCommands.removeLast()
                continue
            }
            guard book.commands[range.upperBound - 1].isExecuted, range.allSatisfy({ book.commands[$0].isExecuted })
            else {
                return
            }
            finalCommands.removeLast()
        }
        for node in nodes where !isExcused(node) {
            guard let application = node.application, application.count == ledger.items.count else { return }
        }
        if let lost = book.firstLost { referee.report("command \(lost) was acknowledged and is not in the order") }
        phase = .done
    }
}
