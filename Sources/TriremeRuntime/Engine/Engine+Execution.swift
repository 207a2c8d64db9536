// Execution in the order of the cuts (PROTOCOL §5), from the buffers where the batches still are, or read back from the log.
import TriremeCore
import TriremeStorage
import TriremeTransport

/// The batches being executed.
struct ExecutionCursor {
    var lane = ReplicaID(0)
    var generation = Generation.zero
    var next: UInt64 = 1
    var last: UInt64 = 0
    var slot: UInt64 = 0
    var timestamp: UInt64 = 0
    /// Whether a step is under way.
    var isActive = false
    /// The batch that execution was last found to wait for.
    var lacking: UInt64 = 0
}

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Batches executed in one turn at most, so that receiving and voting go on meanwhile.
    private static var batchesPerTurn: Int { 64 }

    mutating func execute() {
        guard !executionWaits else { return }
        var budget = Self.batchesPerTurn
        while budget > 0 {
            if cursor.isActive {
                guard cursor.next <= cursor.last else {
                    cursor.isActive = false
                    continue
                }
                guard executeNext() else { return }
                budget -= 1
                continue
            }
            // A snapshot that is due is taken between two slots.
            if snapshots.isWanted, core.executor.isBetweenSlots { return }
            switch core.nextExecution() {
            case .batches(let slot, let lane, let generation, let first, let last, let timestamp):
                cursor = ExecutionCursor(
                    lane: lane, generation: generation, next: first, last: last, slot: slot, timestamp: timestamp,
                    isActive: true)
            case .endOfSlot:
                dropAbandoned()
                continue
            case nil: return
            }
        }
    }

    /// What execution waits for, and how many received batches of each lane wait for it: for traces.
    package var waitingForExecution: String {
        let waits = (0..<settings.core.members).map { "\(waiting[$0])" }.joined(separator: " ")
        return
            (cursor.isActive
            ? "at slot \(cursor.slot) \(cursor.lane)/\(cursor.generation):\(cursor.next)…\(cursor.last), " : "")
            + "waiting \(waits), \(network.wantsBuffers ? "wants buffers" : "has buffers")"
    }

    /// Executes the batch at the cursor, if it is at hand.
    private mutating func executeNext() -> Bool {
        guard let cell = store.cell(cursor.lane, cursor.generation, cursor.next) else {
            if cursor.lacking != cursor.next {
                // It may have been refused while others were waited for: it is asked for anew, soon.
                cursor.lacking = cursor.next
                asks[cursor.lane.index].stop()
            }
            core.noteNeeded(cursor.lane, cursor.generation, through: cursor.last)
            core.considerStranded(slot: cursor.slot)
            return false
        }
        guard let buffer = cell.pointee.buffer else {
            // Only others have it, if anybody has.
            if cell.pointee.isDamaged { core.considerStranded(slot: cursor.slot) }
            readAhead()
            return false
        }
        guard isStillWhole(cell.pointee.batch, in: buffer) else { return false }
        let isOwn = cursor.lane == settings.core.me && cursor.generation == settings.generation
        application.apply(
            cell.pointee.batch, payload: pool.payload(buffer), slot: cursor.slot, timestamp: cursor.timestamp,
            isOwn: isOwn)
        counters.executedBatches += 1
        if cursor.next == cursor.last { store.executed(cursor.lane, cursor.generation, slot: cursor.slot) }
        counters.executedCommands += UInt64(cell.pointee.batch.count)
        if isOwn { own.executed = cursor.next }
        executed(cell, buffer)
        cursor.next += 1
        return true
    }

    /// Where a lane's generation rose, what was received of lower ones is executed nowhere: their buffers come back.
    private mutating func dropAbandoned() {
        for lane in 0..<settings.core.members {
            let generation = core.executor.cut[lane].generation
            guard executedGenerations[lane] < generation else { continue }
            executedGenerations[lane] = generation
            while let cell = store.firstCell(
                ReplicaID(lane), below: generation, { pool.holds($0).contains(.execution) }),
                let buffer = cell.pointee.buffer
            {
                if pool.kind(buffer) == .receive { waiting[lane] -= 1 }
                cell.pointee.buffer = nil
                drop(buffer, .execution)
            }
        }
    }

    /// A batch was executed: its buffer is retained for repair for a while, the oldest retained one goes.
    private mutating func executed(_ cell: UnsafeMutablePointer<StoredBatch>, _ buffer: UInt32) {
        let kind = pool.kind(buffer)
        if kind == .receive { waiting[cell.pointee.batch.lane.index] -= 1 }
        guard kind != .reserve else {
            cell.pointee.buffer = nil
            drop(buffer, .execution)
            return
        }
        pool.hold(buffer, .repair)
        drop(buffer, .execution)
        if let oldest = retained.push(buffer, kind, holding: cell.pointee.batch, of: cursor.slot) {
            letGo(oldest)
        }
    }

    /// Reads the batches that come next back from the log, after a restart and for a replica that catches up: in the order of
    /// execution, over as many slots as are decided, up to the first one that is not to be had here.
    private mutating func readAhead() {
        guard readAhead(cursor.lane, cursor.generation, cursor.next, cursor.last) else { return }
        var ahead = core.executor
        while let step = core.lookAhead(&ahead) {
            guard case .batches(_, let lane, let generation, let first, let last, _) = step else { continue }
            guard readAhead(lane, generation, first, last) else { return }
        }
    }
    /// Returns whether all of these are here or on their way.
    private mutating func readAhead(
        _ lane: ReplicaID, _ generation: Generation, _ first: UInt64, _ last: UInt64
    ) -> Bool {
        for sequence in first...last {
            guard let cell = store.cell(lane, generation, sequence) else { return false }
            if cell.pointee.buffer != nil || reads.isReading(offset: cell.pointee.offset) { continue }
            // What execution waits for comes before what it will want later, and that leaves room for carrying (Engine+Carry).
            let isNext = lane == cursor.lane && generation == cursor.generation && sequence == cursor.next
            let kept = isNext ? EngineSettings.reserveBuffers / 4 : EngineSettings.reserveBuffers / 2 + 1
            guard isReadable(cell.pointee), pool.freeCount(.reserve) > kept, log.canRead else { return false }
            startRead(cell.pointee, for: .execution)
        }
        return true
    }

    /// Whether the log gives a batch back: its write is over, and its segment is not given up.
    func isReadable(_ stored: StoredBatch) -> Bool {
        log.device.isDurable && !stored.isDamaged && stored.offset < log.durableOffset
            && stored.offset >= log.oldestNeeded
    }

    mutating func startRead(_ stored: StoredBatch, for purpose: PendingRead.Purpose) {
        guard log.canRead, let buffer = pool.take(.reserve) else { return }
        pool.hold(buffer, .filling)
        counters.readBacks += 1
        reads.add(PendingRead(buffer: buffer, batch: stored.batch, offset: stored.offset, purpose: purpose))
        log.read(
            recordAt: stored.offset, bytes: roundedToPages(Limits.headerBytes + Int(stored.batch.payloadBytes)),
            into: pool.frame(buffer), token: buffer)
    }

    /// A record was read back; it must be what the index says, or the log is damaged.
    mutating func readBack(_ buffer: UInt32, ok: Bool) {
        guard let read = reads.remove(buffer: buffer) else { preconditionFailure("a read ended that never began") }
        guard read.offset >= log.oldestNeeded else {
            // Its segment was recycled meanwhile: others no longer get this batch from here.
            drop(buffer, .filling)
            return
        }
        guard ok else {
            failure = EngineFailure(
                "the log record of lane \(read.batch.lane), generation \(read.batch.generation), sequence "
                    + "\(read.batch.sequence) at stream offset \(read.offset) can no longer be read; the disk is failing: "
                    + "replace it and this replica")
            return
        }
        guard log.verify(pool.frame(buffer), offset: read.offset) == read.batch else {
            foundDamaged(read)
            drop(buffer, .filling)
            return
        }
        switch read.purpose {
        case .execution:
            // A snapshot may have been installed meanwhile that covers it.
            if core.executor.cut[read.batch.lane.index] < read.batch.position,
                let cell = store.cell(read.batch.lane, read.batch.generation, read.batch.sequence),
                cell.pointee.buffer == nil
            {
                cell.pointee.buffer = buffer
                pool.hold(buffer, .execution)
            }
        case .repair(let member): sendRepair(read.batch, buffer: buffer, to: member)
        case .carry: carry(read.batch, from: buffer)
        }
        drop(buffer, .filling)
    }
}
