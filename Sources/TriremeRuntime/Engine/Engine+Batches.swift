// Lanes: sealing own batches, taking others', windows (PROTOCOL §3; ARCHITECTURE, principles 5 and 6).
import CTrireme
import TriremeCore
import TriremeStorage
import TriremeTransport

/// This replica's own lane in its present generation.
struct OwnLane {
    var sealed: UInt64 = 0
    var executed: UInt64 = 0
    var digest: UInt64 = 0
    var inFlight: UInt64 { sealed - executed }
}

/// How far a member that holds the window up has released this lane, and since when it has been no further.
struct Standstill {
    var at: UInt64 = 0
    var since: UInt64?
}

/// What becomes of a lane's next batch.
enum Admission: Equatable {
    /// It is logged, and its buffer kept until it is executed.
    case buffered
    /// It is logged, and read back when it is executed.
    case logged
    case refused
}

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Own batches per turn: few, so that receiving keeps pace with sending.
    private static var sealsPerTurn: Int { 2 }

    /// Seals what the gateway has. A partial batch goes out at once when none of one's own is in flight; otherwise when it is
    /// full or has waited for its bound (Nagle's rule by completion).
    mutating func seal() {
        noteStandstills()
        sealIsBlocked = false
        hasMoreToSeal = false
        for _ in 0..<Self.sealsPerTurn {
            guard maySeal else { return }
            let waited = gateway.pendingSince.map { now - min(now, $0) >= settings.sealAfterNanoseconds } ?? false
            guard let submission = gateway.poll(now: now, mustSeal: own.inFlight == 0 || waited, pool: pool) else {
                sealIsBlocked = waited
                return
            }
            seal(submission)
        }
        hasMoreToSeal = maySeal
    }

    package var maySeal: Bool {
        core.isProven && !network.isBackedUp && windowIsOpen && log.canAppend(settings.batchBytes) && laneIsOpen
    }

    /// Whether the lane takes one more own batch: after many restarts older generations are decided first
    /// (`Limits.generationsPerLane`), and the undecided part of all generations is bounded (PROTOCOL §3.5): to what every
    /// replica has buffers and log for.
    private var laneIsOpen: Bool {
        let me = settings.core.me
        let committed = core.committed[me.index]
        return core.lanes.undecided(me, committed: committed) < undecidedBatches
            && isNameable(me, settings.generation, own.sealed + 1)
            && core.lanes.arriving(me, settings.generation, own.sealed + 1, committed: committed) == .next
    }
    private var undecidedBatches: UInt64 {
        let share =
            log.device.isDurable ? log.usableBytes / UInt64(2 * settings.core.members * settings.batchBytes) : .max
        return max(1, min(UInt64(settings.unacknowledgedBatches), share))
    }

    private mutating func seal(_ submission: Submission) {
        let payload = pool.payload(submission.buffer)
        let bytes = UnsafeRawBufferPointer(start: payload, count: submission.payloadBytes)
        let checksum = trm_crc32c(0, payload, submission.payloadBytes)
        own.sealed += 1
        own.digest = BatchDescriptor.chain(own.digest, checksum: checksum, payloadBytes: UInt32(bytes.count))
        let batch = BatchDescriptor(
            lane: settings.core.me, generation: settings.generation, sequence: own.sealed,
            payloadBytes: UInt32(bytes.count), payloadChecksum: checksum, count: UInt32(submission.count),
            stride: UInt32(submission.stride), digest: own.digest)
        core.sentSequence = own.sealed
        counters.ownBatches += 1
        counters.ownCommands += UInt64(submission.count)
        counters.ownPayloadBytes += UInt64(bytes.count)
        if settings.core.members > 1 {
            pool.holdForSend(submission.buffer)
            network.multicast(batch, payload: payload, token: submission.buffer)
        }
        append(batch, buffer: submission.buffer)
        _ = pool.drop(submission.buffer, .filling)
    }

    /// Appends a batch to the log, from the buffer that it lies in.
    ///
    /// - Parameter keeping: whether it stays in the buffer until it is executed; else it is read back from the log.
    private mutating func append(_ batch: BatchDescriptor, buffer: UInt32, keeping: Bool = true) {
        pool.hold(buffer, keeping ? [.write, .execution] : .write)
        if keeping, pool.kind(buffer) == .receive { waiting[batch.lane.index] += 1 }
        _ = log.append(batch, frame: pool.frame(buffer), buffer: buffer)
        let offset = log.lastOffset
        step(.appended(batch))
        store.insert(
            StoredBatch(batch: batch, offset: offset, buffer: keeping ? buffer : nil, sealedAt: now), lanes: core.lanes)
        if store.forgotten >= core.oldestEntry { core.released(below: store.forgotten + 1) }
    }

    /// A verified batch arrived, its buffer belongs to the engine.
    mutating func receive(_ batch: BatchDescriptor, buffer: UInt32, frame: UnsafeMutableRawPointer) {
        if damage.count > 0, takeRepair(batch, buffer: buffer) { return }
        let mine = batch.lane == settings.core.me && batch.generation == settings.generation
        let verdict =
            mine
            ? .duplicate
            : core.lanes.arriving(
                batch.lane, batch.generation, batch.sequence, committed: core.committed[batch.lane.index])
        switch verdict {
        case .next:
            let admission = admission(batch.lane, batch.generation, batch.sequence)
            guard admission != .refused else { return refuse(buffer) }
            guard accept(batch, buffer: buffer, admission) else { return }
            takeEarly(batch.lane, batch.generation, from: batch.sequence + 1)
        case .refused: refuse(buffer)
        case .duplicate:
            counters.duplicates += 1
            giveBack(buffer)
        case .early: keepEarly(batch, buffer: buffer)
        }
    }

    private mutating func refuse(_ buffer: UInt32) {
        counters.refusedBatches += 1
        giveBack(buffer)
    }

    /// Whether the store can remember where the batch lies until a durable snapshot covers it.
    private func isNameable(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Bool {
        let covered = core.snapshotCut[lane.index]
        return sequence - (covered.generation == generation ? min(covered.sequence, sequence) : 0) <= store.capacity
    }

    /// Whether a lane's next batch may take a buffer and room in the log now. One that execution waits for may even where
    /// others may not: only by executing it anything becomes free. While the network's reserve is low a lane keeps one batch
    /// at most: repair comes through the reserve, and a backlog of one lane would take what another one's has to come through.
    /// One that the next vote waits for goes to the log all the same, but keeps no buffer: nothing is decided without it.
    func admission(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Admission {
        guard isNameable(lane, generation, sequence) else { return .refused }
        if isAwaited(lane, generation, sequence) {
            return log.canAppendAwaited(settings.batchBytes) ? .buffered : .refused
        }
        if waiting[lane.index] < waitingLimit, log.canAppend(settings.batchBytes) { return .buffered }
        // Where the log has no room for votes either, what is left is for what execution waits for.
        return core.awaitsForVote(lane, generation, sequence) && log.device.isDurable && log.canAppendItems
            && log.canAppendAwaited(settings.batchBytes) ? .logged : .refused
    }
    var waitingLimit: Int { network.wantsBuffers ? 1 : settings.laneShare }
    func isAwaited(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Bool {
        cursor.isActive && cursor.lane == lane && cursor.generation == generation && cursor.next <= sequence
            && sequence <= min(cursor.last, cursor.next + 7)
    }

    /// A buffer that nobody holds goes back to where it came from.
    mutating func giveBack(_ buffer: UInt32) { drop(buffer, []) }

    /// Takes the next batch of its generation, if its digest continues the chain. Returns false if it was refused.
    private mutating func accept(_ batch: BatchDescriptor, buffer: UInt32, _ admission: Admission) -> Bool {
        let before =
            core.lanes.track(batch.lane, batch.generation).flatMap {
                $0.appended == 0 ? 0 : core.lanes.position(batch.lane, batch.generation, $0.appended)?.digest
            } ?? 0
        guard
            batch.digest
                == BatchDescriptor.chain(before, checksum: batch.payloadChecksum, payloadBytes: batch.payloadBytes)
        else {
            counters.wrongDigests += 1
            giveBack(buffer)
            return false
        }
        // Only the oldest gap counts: what the owner sends in a later generation is no answer, and would put off the next question.
        if asks[batch.lane.index].dueAt != nil, batch.generation == oldestGap(batch.lane) {
            asks[batch.lane.index].progressed(now: now)
        }
        append(batch, buffer: buffer, keeping: admission == .buffered)
        return true
    }

    private mutating func keepEarly(_ batch: BatchDescriptor, buffer: UInt32) {
        let cell = early.cell(batch.lane, batch.sequence)
        if cell.pointee.isFull {
            // The one that is needed sooner stays.
            let kept = cell.pointee.batch
            if kept.generation == batch.generation, kept.sequence <= batch.sequence {
                counters.duplicates += 1
                giveBack(buffer)
                return
            }
            giveBack(cell.pointee.buffer)
        }
        counters.early += 1
        cell.pointee = EarlyBatches.Cell(batch: batch, buffer: buffer, isFull: true)
        core.noteWanted(batch.lane, batch.generation, batch.sequence)
    }

    /// Those that waited for the batch before `first` follow it, as far as there is room.
    private mutating func takeEarly(_ lane: ReplicaID, _ generation: Generation, from first: UInt64) {
        var sequence = first
        while early.holds(lane, generation, sequence) {
            let admission = admission(lane, generation, sequence)
            guard admission != .refused else {
                earlyWaits = true
                return
            }
            let cell = early.cell(lane, sequence)
            cell.pointee.isFull = false
            guard accept(cell.pointee.batch, buffer: cell.pointee.buffer, admission) else { return }
            sequence += 1
        }
    }

    /// Batches that came early found no room when their turn came: nobody is asked for them, so they are tried again.
    mutating func takeWaiting() {
        guard earlyWaits else { return }
        earlyWaits = false
        for lane in 0..<settings.core.members {
            let id = ReplicaID(lane)
            var next: InlineArray<32, (Generation, UInt64)?> = InlineArray(repeating: nil)
            var count = 0
            core.lanes.forEach(id) {
                if early.holds(id, $0.generation, $0.appended + 1) {
                    next[count] = ($0.generation, $0.appended + 1)
                    count += 1
                }
            }
            for i in 0..<count { if let (generation, sequence) = next[i] { takeEarly(id, generation, from: sequence) } }
        }
    }

    // MARK: Windows

    /// Whether one more own batch may be sealed: own execution within a window, and every other replica that keeps up within
    /// `stragglerFactor` windows (PROTOCOL §3.5).
    private var windowIsOpen: Bool {
        guard own.inFlight < UInt64(settings.windowBatches) else { return false }
        let limit = UInt64(settings.unacknowledgedBatches)
        let members = settings.core.members
        var within = MemberSet()
        within.insert(settings.core.me)
        var behind = MemberSet()
        for member in 0..<members where member != settings.core.me.index {
            let id = ReplicaID(member)
            let lag = own.sealed - min(own.sealed, releasedByOther(id))
            if lag < limit { within.insert(id) } else { behind.insert(id) }
        }
        if behind.bits == 0 { return true }
        // Whoever has fallen behind and is not catching up is a straggler and does not count, unless without it no Q2 is left.
        guard settings.core.quorums.isClassic(within) else { return false }
        for member in 0..<members where behind.contains(ReplicaID(member)) {
            let id = ReplicaID(member)
            // Nobody who kept up can be further behind than this: whoever is has restarted, or was a straggler before.
            let isFar = own.sealed - min(own.sealed, releasedByOther(id)) > limit + UInt64(settings.windowBatches)
            guard isFar || isStraggler(id) else { return false }
        }
        return true
    }

    /// How far a member has executed this lane and has it on its disk: then its buffers are free again.
    private func releasedByOther(_ member: ReplicaID) -> UInt64 {
        let status = core.status(of: member)
        let durable = status.pointee.durable[settings.core.me.index]
        guard durable.generation == settings.generation,
            status.pointee.received[settings.core.me.index].generation == settings.generation
        else { return 0 }
        return min(status.pointee.released[settings.core.me.index], durable.sequence)
    }

    /// Notes since when each member that holds the window up has got no further: a disk that stands still is heard, and follows
    /// what is decided, and releases nothing.
    private mutating func noteStandstills() {
        let limit = UInt64(settings.unacknowledgedBatches)
        for member in 0..<settings.core.members where member != settings.core.me.index {
            let released = releasedByOther(ReplicaID(member))
            if own.sealed - min(own.sealed, released) < limit {
                standstills[member] = Standstill(at: released, since: nil)
            } else if standstills[member].since == nil || standstills[member].at != released {
                standstills[member] = Standstill(at: released, since: now)
            }
        }
    }
    private func standsStill(_ member: ReplicaID) -> Bool {
        guard let since = standstills[member.index].since else { return false }
        return now - since > Self.patience * settings.core.timing.suspicionNanoseconds
    }

    /// Silent for a while, without any progress for longer, or further behind in the order than a voting window: it catches up by
    /// itself. Without a disk there is little to catch up from, so that the others are more patient: whoever is left behind there
    /// is lost for good.
    private func isStraggler(_ member: ReplicaID) -> Bool {
        if standsStill(member) { return true }
        let status = core.status(of: member)
        if status.pointee.flags.contains(.observes) || status.pointee.flags.contains(.stranded) { return true }
        let silence = now - core.heardAt(member)
        guard log.device.isDurable else {
            return silence > Self.patience * settings.core.timing.suspicionNanoseconds
        }
        return silence > settings.core.timing.suspicionNanoseconds
            || status.pointee.commitIndex + UInt64(Limits.votesAheadSlots) < core.commitIndex
    }
    /// Suspicion timeouts: 0.2 s.
    private static var patience: UInt64 { 4 }
}
