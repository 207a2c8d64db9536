// What is put right, and what is asked of those who have no excuse any more.
import TriremeCore

extension World {
    func nextPhase() {
        switch phase {
        case .faults:
            // Who has lost something is told so before power is cut again: else those who remember forget it, too.
            guard queue.now >= faultsHeldUntil else { return schedulePhase(after: faultsHeldUntil - queue.now) }
            heal()
        case .settling: beginProgress()
        case .progress: judgeStandstill()
        case .done: break
        }
    }

    /// The bound has passed, and not all that was asked for is done.
    private func judgeStandstill() {
        guard !isHopeful else {
            for node in nodes { trace.note(queue.now, node.replica.index, node.participant?.account ?? "is down") }
            referee.report(
                "no progress: \(scenario.progressBoundNanoseconds / 1_000_000) ms after \(asked == .all ? "healing" : "quorum \(healed) healed") "
                    + nodes.map { "replica \($0.replica) \(standing($0))" }.joined(separator: ", "))
            return
        }
        if asked == .quorum {
            situations.hopelessQuorums += 1
            healAll()
        } else {
            situations.hopeless += 1
            endRun()
        }
    }
    private func standing(_ node: Node) -> String {
        guard let application = node.application else { return "is down" }
        return
            "has executed \(application.count) of \(ledger.items.count) batches (\(node.role), slot \(node.commitIndex)"
            + (node.wasStranded ? ", stranded)" : ")")
    }

    private func heal() {
        // Half of the runs end their faults with a loss of power everywhere: what was acknowledged is on the disks.
        if random.below(2) == 0, scenario.faults.contains(where: { $0 == .crash || $0 == .crashAll }) { crashAll() }
        // The exchange of a start that may have forgotten is not disturbed.
        if scenario.healsQuorumFirst, queue.now >= faultsHeldUntil, let quorum = drawQuorum() {
            healOnly(quorum)
        } else {
            healAll()
        }
    }

    // MARK: everybody

    /// Every link is good, every replica is up or starts; nothing new goes wrong.
    func healAll() {
        asked = .all
        healed = MemberSet.first(nodes.count)
        finalCommands.removeAll()
        trace.note(queue.now, nil, "everything is healed")
        wire.openAllLinks()
        calmLinks()
        for node in nodes { mend(node) }
        settle()
    }
    private func calmLinks() {
        wire.conditions = LinkConditions()
        wire.conditions.delayNanoseconds = scenario.links.delayNanoseconds
    }
    private func settle() {
        phase = .settling
        schedulePhase(after: scenario.settleNanoseconds)
    }
    private func mend(_ node: Node) {
        node.image.mend()
        node.image.waitingWritesUntilStop = nil
        node.diskEventsUntilCrash = nil
        node.gateway?.isOpen = false
        node.isHeldDown = false
        if node.isUp {
            node.pausedUntil = 0
            wake(node, after: 0)
        } else {
            node.startsAt = nil
            scheduleStart(node, after: random.below(10_000_000))
        }
    }

    // MARK: a quorum alone

    /// How a replica fares that is not of the quorum that heals.
    private enum Affliction: CaseIterable { case down, isolated, deaf, mute, stalled, slow, full, paused, halfHeard }

    /// A random set of replicas that can elect and decide, if that leaves somebody out: of those that have kept everything.
    private func drawQuorum() -> MemberSet? {
        let quorums = scenario.quorums
        var members = nodes.indices.filter { !isFrail(nodes[$0]) && !nodes[$0].hasLostSnapshot }
        var quorum = MemberSet()
        var isOne: Bool { quorums.isPhase1(quorum) && quorums.isClassic(quorum) }
        // As few as they happen to be, or now and then more.
        var more = random.below(4) == 0 ? Int(random.below(UInt64(nodes.count))) : 0
        while !members.isEmpty, !isOne || more > 0 {
            if isOne { more -= 1 }
            quorum.insert(ReplicaID(members.remove(at: Int(random.below(UInt64(members.count))))))
        }
        return isOne && quorum.count < nodes.count ? quorum : nil
    }

    private func healOnly(_ quorum: MemberSet) {
        asked = .quorum
        healed = quorum
        trace.note(queue.now, nil, "quorum \(quorum) is healed")
        wire.openAllLinks()
        calmLinks()
        for node in nodes {
            if quorum.contains(node.replica) { mend(node) } else { afflict(node, random.pick(Affliction.allCases)) }
        }
        settle()
    }
    private func afflict(_ node: Node, _ affliction: Affliction) {
        trace.note(queue.now, node.replica.index, "is left \(affliction)")
        node.gateway?.isOpen = false
        node.image.stalledUntil = 0
        let i = node.replica.index
        switch affliction {
        case .down:
            node.isHeldDown = true
            crash(node, .power, restartAfter: 0)
        case .isolated, .deaf, .mute:
            for other in nodes.indices where other != i {
                if affliction != .mute { wire.setLink(from: other, to: i, open: false) }
                if affliction != .deaf { wire.setLink(from: i, to: other, open: false) }
            }
        case .halfHeard:
            for other in nodes.indices where other != i {
                wire.setLink(from: other, to: i, open: random.below(2) == 0)
                wire.setLink(from: i, to: other, open: random.below(2) == 0)
            }
        case .stalled: node.image.stalledUntil = .max / 4
        case .slow: node.image.trouble.latencyFactor = 1_000
        case .full: node.image.trouble.isFull = true
        case .paused: node.pausedUntil = .max / 4
        }
    }

    // MARK: progress

    private func beginProgress() {
        phase = .progress
        for node in nodes where !isExcused(node) { offerLast(node) }
        schedulePhase(after: scenario.progressBoundNanoseconds)
    }
    /// What is asked of a replica in the end; of one that is down, when it has started. What an earlier life was offered may have
    /// gone with it (a flip of memory is found only when the batch is executed): it is offered anew.
    func offerLast(_ node: Node) {
        guard phase == .progress, healed.contains(node.replica), let gateway = node.gateway else { return }
        finalCommands.removeAll { $0.by === node }
        let range = gateway.offer(scenario.finalCommands, now: node.local(queue.now))
        trace.note(queue.now, node.replica.index, "is offered the last commands \(range)")
        finalCommands.append((node, range))
        wake(node, after: 0)
    }
    /// A replica that was given up owes nothing; nor does one that is stranded where nobody has a disk, and so no snapshot to give.
    private func isExcused(_ node: Node) -> Bool { node.isRetired || (scenario.isVolatile && node.wasStranded) }
    /// Whether those that are healed and have kept everything can elect and decide: nothing else is asked of them.
    private var isHopeful: Bool {
        var able = MemberSet()
        for node in nodes
        where healed.contains(node.replica) && !isExcused(node) && node.participant?.isForgetful != true {
            able.insert(node.replica)
        }
        return scenario.quorums.isPhase1(able) && scenario.quorums.isClassic(able)
    }
    /// Goes on when everything that was asked for is executed by all that were asked.
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
        for node in nodes where healed.contains(node.replica) && !isExcused(node) {
            guard let application = node.application, application.count == ledger.items.count else { return }
        }
        // Nobody lacks a disk: whoever waits for more copies gets them.
        if asked == .all, scenario.frail.bits == 0, nodes.contains(where: { $0.application?.answers.count != 0 }) {
            return
        }
        guard asked == .all else {
            // Where all are excused nothing was shown.
            if isHopeful { situations.quorumsAlone += 1 } else { situations.hopelessQuorums += 1 }
            return healAll()
        }
        endRun()
    }

    private func endRun() {
        if let lost = book.firstLost { referee.report("command \(lost) was acknowledged and is not in the order") }
        for node in nodes where !node.isRetired && isExcused(node) { situations.strandedWithoutDisks += 1 }
        phase = .done
    }
}
