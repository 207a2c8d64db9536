// Damage: batches that the disk has lost are fetched from the others and appended again; a replica that has lost what binds says
// so and observes (PROTOCOL §9).
import TriremeCore
import TriremeStorage
import TriremeTransport

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Asks without an answer after which an operator is told.
    private static var attemptsUntilNotice: UInt32 { 24 }

    /// What follows for whoever operates a replica that has lost batches. One alone waits for ever, and answers nobody.
    private var damageAdvice: String {
        settings.core.members > 1
            ? "the others are asked for them. A disk that loses data should be replaced"
            : "nobody else has them, so nothing that was decided to follow them is executed or answered any more; found a new "
                + "cluster on another disk"
    }

    /// A record was read back that is not what was written.
    mutating func foundDamaged(_ read: PendingRead) {
        counters.damagedBatches += 1
        if let cell = store.cell(read.batch.lane, read.batch.generation, read.batch.sequence),
            cell.pointee.offset == read.offset
        {
            cell.pointee.isDamaged = true
        }
        note(
            "log: lane \(read.batch.lane), generation \(read.batch.generation), sequence \(read.batch.sequence) at stream offset "
                + "\(read.offset) is damaged; \(damageAdvice)")
        guard core.snapshotCut[read.batch.lane.index] < read.batch.position else {
            // Only others had a use for it: they learn that it is not to be had here.
            return core.released(below: core.snapshotSlot + 1)
        }
        damage.add(read.batch)
        tellDamage()
    }

    /// What the log has lost, before anything is sent: its votes for such batches wait (PROTOCOL §4 ◆).
    mutating func tellStart() {
        counters.damagedBatches = UInt64(damage.count)
        _ = damage.dropCovered(by: core.snapshotCut)
        damageSnapshot = core.snapshotSlot
        if let loss = log.recovery.loss {
            note(loss)
        } else if core.mayHaveLostVows {
            note(
                "this replica is forgetful: what it promised or voted for may be lost, so it follows and serves its clients, and "
                    + "does not count, until it is replaced under a new identity through a configuration change")
        }
        guard damage.count > 0 else { return }
        note("log: \(damage.count) batches are damaged; \(damageAdvice)")
        tellDamage()
        core.suspendVotes()
    }

    mutating func tellDamage() {
        damage.tell { track, lowest in core.lost(track.lane, track.generation, from: lowest) }
    }

    /// A batch arrived that the log had lost: by name and checksum it is the same, and it is appended again. Returns false for any
    /// other batch.
    mutating func takeRepair(_ batch: BatchDescriptor, buffer: UInt32) -> Bool {
        guard let lost = damage.lost(batch) else { return false }
        guard lost == batch else {
            counters.wrongDigests += 1
            giveBack(buffer)
            return true
        }
        guard log.canCarry(settings.batchBytes) else {
            giveBack(buffer)
            return true
        }
        pool.hold(buffer, .write)
        _ = log.append(batch, frame: pool.frame(buffer), buffer: buffer)
        core.carriedBatch()
        damage.copied(batch, index: core.appended, offset: log.lastOffset)
        damage.dueAt = min(damage.dueAt, now + settings.core.timing.retryNanoseconds)
        return true
    }

    /// Each turn, while something is lost.
    mutating func mend() {
        guard damage.count > 0 || !damage.isTold else { return }
        if damage.copiesUnderWay > 0 {
            for lost in damage.takeDurable(core.durable) {
                counters.mendedBatches += 1
                guard let copy = lost.copy,
                    let cell = store.cell(lost.batch.lane, lost.batch.generation, lost.batch.sequence)
                else { continue }
                cell.pointee.offset = copy.offset
                cell.pointee.isDamaged = false
            }
        }
        if core.snapshotSlot != damageSnapshot {
            damageSnapshot = core.snapshotSlot
            if damage.dropCovered(by: core.snapshotCut) { core.released(below: core.snapshotSlot + 1) }
        }
        if !damage.isTold { tellDamage() }
        guard damage.count > 0 else {
            damage.wantsSnapshot = false
            return
        }
        let executed = core.executor.cut
        damage.wantsSnapshot = damage.contains { $0.position <= executed[$0.lane.index] }
        askForDamaged()
    }

    private mutating func askForDamaged() {
        guard settings.core.members > 1, now >= damage.dueAt, log.canCarry(settings.batchBytes) else { return }
        let share = UInt64(max(1, EngineSettings.repairBuffers / settings.core.members))
        let requests = damage.requests(share: share)
        // Four generations at a time, in turn: one that nobody answers keeps none of the others waiting.
        for i in 0..<min(4, requests.count) {
            ask(requests[(Int(damage.attempts) + i) % requests.count], attempt: damage.attempts)
        }
        let retry = settings.core.timing.retryNanoseconds + network.patienceNanoseconds
        damage.dueAt = now + retry << UInt64(min(damage.attempts, 7))
        damage.attempts += 1
        if damage.attempts == Self.attemptsUntilNotice {
            note(
                "log: \(damage.count) damaged batches are to be had from no other member that is heard; what depends on them waits "
                    + "until one comes back that has them, or a snapshot covers them. If none can, replace this replica under a new "
                    + "identity through a configuration change")
        }
    }

    // MARK: The forgetful

    /// The others remember more than this replica has: it is made durable that it observes, and told.
    mutating func takeExposure() {
        guard let exposure = core.exposure, exposure != handledExposure else { return }
        handledExposure = exposure
        note(exposure.sentence)
        if let used = exposure.usedGeneration, log.isForgetful, used <= log.generation {
            // The superblock says all of it already.
            failure = EngineFailure(exposure.sentence)
            return
        }
        log.becomeForgetful(above: exposure.usedGeneration ?? .zero)
    }
    /// The superblock says it. A start whose number was used before ends; the next one has a new number, and observes.
    mutating func forgetfulBecameDurable() {
        guard let exposure = handledExposure, exposure.usedGeneration != nil else { return }
        failure = EngineFailure(exposure.sentence)
    }

    /// Something that an operator should know; the reactor says it once.
    mutating func note(_ sentence: String) {
        // The first of many of a kind tells enough.
        if notices.count < 8 { notices.append(sentence) }
        hasNotice = true
    }
    package mutating func takeNotice() -> String? {
        let first = notices.isEmpty ? nil : notices.removeFirst()
        hasNotice = !notices.isEmpty
        return first
    }
}
