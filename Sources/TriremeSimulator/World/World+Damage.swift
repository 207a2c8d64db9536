// Damage to the disks of the frail replicas, and what must follow: mended, refused, or the replica that forgot observes
// (PROTOCOL §9 ◆).
import TriremeCore

extension World {
    func isFrail(_ node: Node) -> Bool { scenario.frail.contains(node.replica) }

    /// One fault of storage, now and then.
    func damageSomething() {
        guard !scenario.damage.isEmpty, random.below(2) == 0 else { return }
        let frail = nodes.filter { isFrail($0) && !$0.isRetired }
        guard !frail.isEmpty else { return }
        let node = random.pick(frail)
        switch random.pick(scenario.damage) {
        case .rot:
            situations.rots += 1
            let hit = node.image.rot()
            trace.note(queue.now, node.replica.index, "rot hits \(hit)")
        case .misdirection:
            guard node.isUp else { return }
            node.image.misdirects = true
        case .forgetting:
            guard node.isUp else { return }
            crash(node, .process, restartAfter: random.below(40_000_000))
            let count = random.below(3) == 0 ? node.image.undo.count / 2 : Int(random.below(60))
            trace.note(queue.now, node.replica.index, "its disk forgets \(count) writes")
            situations.forgotten += 1
            node.image.forget(count)
        }
    }

    /// A replica has started and said nothing yet. What it told before must be in what it found, or somebody must remember it: a
    /// loss that nobody who lives remembers is beyond what can be found out, and beyond this model. Returns whether it may live.
    func judgeStart(_ node: Node, _ participant: any Participant) -> Bool {
        let me = node.replica
        let isUsed = !wire.names.isNew(participant.generation, of: me)
        // What it lost once is lost, though its disk may have forgotten that it knew.
        let hasLost =
            wire.witness.hasTold(me, more: participant.promise, participant.promiseAnswer(), participant.reached)
            || wire.witness.mustObserve(me)
        if isUsed || (hasLost && !participant.isForgetful) {
            let isRemembered = nodes.contains {
                // Whoever is about to end may not get to say it.
                guard $0 !== node, !$0.image.hasFailed, $0.image.flips == 0,
                    let memory = $0.participant?.memory(of: me, asked: participant.generation)
                else {
                    return false
                }
                return isUsed ? memory.generation >= participant.generation : participant.lacks(memory)
            }
            guard isRemembered else {
                retire(node, because: "nobody remembers what it has lost")
                return false
            }
            situations.exposures += 1
            trace.note(queue.now, me.index, "has lost what others remember")
            wire.witness.observes(me)
            holdFaults(for: 12 * scenario.timing.suspicionNanoseconds)
        } else if participant.isForgetful {
            situations.forgetful += 1
            wire.witness.observes(me)
        } else {
            wire.witness.started(me, promise: participant.promise, answer: participant.promiseAnswer())
        }
        if !isUsed { wire.names.started(me, generation: participant.generation) }
        return true
    }
    /// The exchange of a start is not disturbed: whoever remembers is heard before others are enough.
    private func holdFaults(for time: UInt64) {
        faultsHeldUntil = queue.now + time
        wire.openAllLinks()
        wire.conditions = LinkConditions()
        for node in nodes {
            node.pausedUntil = min(node.pausedUntil, queue.now)
            node.diskEventsUntilCrash = nil
            node.image.mend()
            wake(node, after: 0)
        }
    }

    /// It is down for good: its operator replaces it.
    func retire(_ node: Node, because sentence: String) {
        trace.note(queue.now, node.replica.index, "is given up: \(sentence)")
        situations.retired += 1
        node.isRetired = true
        if node.isUp { retire(node) }
        clear(node)
        node.image.endLife()
    }
}

extension Scenario {
    /// Whether the others can elect and decide without these, and these alone decide nothing.
    func mayLose(_ lost: MemberSet) -> Bool {
        var kept = MemberSet()
        for member in 0..<members where !lost.contains(ReplicaID(member)) { kept.insert(ReplicaID(member)) }
        return quorums.isPhase1(kept) && quorums.isClassic(kept) && !quorums.isClassic(lost)
    }
    var mayLoseAnyOne: Bool {
        (0..<members).allSatisfy {
            var one = MemberSet()
            one.insert(ReplicaID($0))
            return mayLose(one)
        }
    }

    /// Bad disks, and a snapshot that cannot be read any more.
    mutating func drawLosses() {
        drawDamage()
        // The others can elect and decide without that one, and have kept everything.
        losesSnapshot =
            frail.bits == 0 && mayLoseAnyOne && seed % 3 == 0
    }

    /// One seed in four has a few replicas whose disks are bad, or that have none: as many as may be lost and the rest still
    /// elect, decide and hold a copy of everything.
    mutating func drawDamage() {
        var random = CoreRandom(seed: seed &* 0xD1B5_4A32_D192_ED03 &+ 0xDA3A)
        guard random.below(4) == 0 else { return }
        for _ in 0..<4 * members {
            var more = frail
            more.insert(ReplicaID(Int(random.below(UInt64(members)))))
            if mayLose(more) { frail = more }
        }
        guard frail.bits != 0 else { return }
        if random.below(6) == 0 {
            isVolatile = true
            retainedBatches = 64 * members
        } else {
            damage = DamageFault.allCases.filter { _ in random.below(3) != 0 }
            if damage.isEmpty { damage = [.rot] }
        }
        if !faults.contains(.crash) { faults.append(.crash) }
    }
}
