// Asking for lost batches, and giving them again (PROTOCOL §3.4). The repair is the same bytes.
import TriremeCore
import TriremeStorage
import TriremeTransport

/// When to ask for what a lane lacks: after a short random wait, since most gaps close by themselves, then ever more rarely.
struct BatchAsk {
    private(set) var dueAt: UInt64?
    private(set) var attempts: UInt32 = 0

    mutating func start(now: UInt64, after wait: UInt64) { if dueAt == nil { dueAt = now + wait } }
    mutating func asked(now: UInt64, wait: UInt64) {
        dueAt = now + wait << UInt64(min(attempts, 7))
        attempts += 1
    }
    /// A batch came: the rest of an answer may be on its way, so the clock starts anew.
    mutating func progressed(now: UInt64) {
        dueAt = nil
        attempts = 0
    }
    mutating func stop() {
        dueAt = nil
        attempts = 0
    }
}

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Batches asked for at a time, and given for one request.
    private static var batchesPerRequest: UInt64 { 32 }
    private static var firstWaitNanoseconds: UInt64 { 400_000 }

    mutating func askForBatches() {
        for lane in 0..<settings.core.members {
            let id = ReplicaID(lane)
            var isMissing = false
            core.lanes.forEach(id) { if $0.isMissing, isNeeded(id, $0) { isMissing = true } }
            guard isMissing else {
                if asks[lane].dueAt != nil { asks[lane].stop() }
                continue
            }
            asks[lane].start(
                now: now,
                after: Self.firstWaitNanoseconds + core.randomWait(Self.firstWaitNanoseconds)
                    + network.patienceNanoseconds)
            guard let due = asks[lane].dueAt, due <= now else { continue }
            let attempt = asks[lane].attempts
            var requests: InlineArray<4, BatchRequest?> = InlineArray(repeating: nil)
            var count = 0
            core.lanes.forEach(id) { track in
                if track.isMissing, isNeeded(id, track), let request = request(id, track), count < 4 {
                    requests[count] = request
                    count += 1
                }
            }
            for i in 0..<count { if let request = requests[i] { ask(request, attempt: attempt) } }
            asks[lane].asked(now: now, wait: max(settings.core.timing.retryNanoseconds, network.patienceNanoseconds))
        }
    }

    /// The lowest generation of a lane in which something is missing that is needed.
    func oldestGap(_ lane: ReplicaID) -> Generation? {
        var oldest: Generation?
        core.lanes.forEach(lane) { track in
            guard track.isMissing, isNeeded(lane, track) else { return }
            oldest = min(oldest ?? track.generation, track.generation)
        }
        return oldest
    }

    /// A generation that execution has passed needs nothing more; what is only decided is still to be executed.
    private func isNeeded(_ lane: ReplicaID, _ track: LaneTrack) -> Bool {
        track.generation >= core.executor.cut[lane.index].generation
            && !(lane == settings.core.me && track.generation == settings.generation)
    }

    /// The first stretch that is missing: up to what came early.
    private func request(_ lane: ReplicaID, _ track: LaneTrack) -> BatchRequest? {
        let first = track.appended + 1
        var last = first
        guard !early.holds(lane, track.generation, first), admission(lane, track.generation, first) != .refused else {
            return nil
        }
        // No more than there is room for, and than all lanes' answers together find buffers for.
        let share = min(Int(Self.batchesPerRequest), max(1, EngineSettings.repairBuffers / settings.core.members))
        let isUrgent = isAwaited(lane, track.generation, first) || core.awaitsForVote(lane, track.generation, first)
        let room = max(isUrgent ? 8 : 1, waitingLimit - waiting[lane.index])
        while last < track.wanted, last - first + 1 < UInt64(min(share, room)),
            !early.holds(lane, track.generation, last + 1)
        {
            last += 1
        }
        return BatchRequest(lane: lane, generation: track.generation, first: first, last: last)
    }

    mutating func ask(_ request: BatchRequest, attempt: UInt32) {
        guard let target = holder(of: request, attempt: attempt) else { return }
        var writer = WireWriter(message)
        request.encode(into: &writer)
        counters.repairsAsked += 1
        transmit(.repair, writer.bytes, to: .one(target))
    }

    /// Who executed the slot that waits for the batch, and keeps batches that old. Else first the owner, if it lives in that
    /// generation; then whoever reports that it has received the batch. Every third time, and where nobody that is heard is one of
    /// these, anybody in turn: a status tells what its sender has, not whether it hears, nor all the generations that it holds.
    private func holder(of request: BatchRequest, attempt: UInt32) -> ReplicaID? {
        let others = settings.core.members - 1
        guard others > 0 else { return nil }
        let first = Int(attempt)
        guard attempt % 3 != 2 else { return other(first / 3) }
        let owner = request.lane
        if isAwaited(owner, request.generation, request.first) {
            for i in first..<first + others where isHeard(other(i)) {
                let status = core.status(of: other(i))
                if status.pointee.executedSlot >= cursor.slot, status.pointee.oldestEntry <= cursor.slot {
                    return other(i)
                }
            }
        }
        if attempt % 3 == 0, owner != settings.core.me, isHeard(owner),
            core.status(of: owner).pointee.number.generation == request.generation
        {
            return owner
        }
        for i in first..<first + others where isHeard(other(i)) {
            let held = core.status(of: other(i)).pointee.received[owner.index]
            if held.generation == request.generation, held.sequence >= request.first { return other(i) }
        }
        return other(first)
    }
    /// The n-th of the other members, beginning behind this one, in turn.
    private func other(_ n: Int) -> ReplicaID {
        let members = settings.core.members
        return ReplicaID((settings.core.me.index + 1 + n % (members - 1)) % members)
    }
    private func isHeard(_ member: ReplicaID) -> Bool {
        now - core.heardAt(member) <= settings.core.timing.suspicionNanoseconds
    }

    // MARK: Answering

    /// Somebody lacks batches: those still in memory go at once, others are read back first.
    mutating func serve(_ request: BatchRequest, to member: ReplicaID) {
        let last = request.first + min(request.last - request.first, Self.batchesPerRequest - 1)
        for sequence in request.first...last {
            guard let cell = store.cell(request.lane, request.generation, sequence) else { return }
            if let buffer = cell.pointee.buffer {
                // Changed bytes would be refused there, again and again, while the log has the right ones.
                guard isStillWhole(cell.pointee.batch, in: buffer) else { return }
                sendRepair(cell.pointee.batch, buffer: buffer, to: member)
            } else if !cell.pointee.isDamaged {
                guard isReadable(cell.pointee), pool.freeCount(.reserve) > 0 else { return }
                startRead(cell.pointee, for: .repair(member))
            }
        }
    }

    mutating func sendRepair(_ batch: BatchDescriptor, buffer: UInt32, to member: ReplicaID) {
        pool.holdForSend(buffer)
        counters.repairsSent += 1
        counters.repairedBytes += UInt64(batch.payloadBytes)
        network.send(batch, payload: pool.payload(buffer), to: member, token: buffer)
    }
}
