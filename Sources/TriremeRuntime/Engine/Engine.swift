// What surrounds the core in a turn: the log writer, the gate for *after durable*, batching, windows, repair, execution
// (ARCHITECTURE, principle 1). The reactor and the simulator both run it, over real and simulated devices.
import TriremeCore
import TriremeStorage
import TriremeTransport

package struct Engine<Device: StorageDevice & ~Copyable, Wire: Network & ~Copyable>: ~Copyable {
    package let settings: EngineSettings
    package var core: Replica
    package var log: Log<Device>
    package var network: Wire
    package let pool: BufferPool
    let application: any Application
    package let gateway: any Gateway
    package internal(set) var counters = EngineCounters()
    package var stages = StageMeter()
    /// Slots that the meter has seen decided: most become so while messages are received.
    private var countedSlots: UInt64 = 0
    /// Set once; a failed engine does nothing any more.
    package internal(set) var failure: EngineFailure?

    var effects = Effects()
    var gate = Gate()
    let message: UnsafeMutableRawBufferPointer
    var now: UInt64 = 0

    // Lanes (Engine+Batches.swift).
    let store: BatchStore
    let early: EarlyBatches
    var earlyWaits = false
    var own = OwnLane()
    var standstills: InlineArray<16, Standstill> = InlineArray(repeating: Standstill())
    /// The gateway had something that was due and could not give it (its buffers wait for the disk): completions change that,
    /// not the clock.
    var sealIsBlocked = false
    /// A turn's share of batches was sealed and the window is still open: the next turn follows at once.
    var hasMoreToSeal = false
    /// Per lane, received batches that wait for execution in a buffer.
    var waiting = InlineArray<16, Int>(repeating: 0)
    var retained: Retained

    // Execution (Engine+Execution.swift).
    /// Per lane, the generation that was executed last.
    var executedGenerations = InlineArray<16, Generation>(repeating: .zero)
    var cursor = ExecutionCursor()

    // Repair (Engine+Repair.swift).
    var asks: InlineArray<16, BatchAsk> = InlineArray(repeating: BatchAsk())
    var reads: PendingReads

    // Damage (Engine+Damage.swift).
    var damage: Damage
    /// The snapshot that the damage was last held against.
    var damageSnapshot: UInt64 = 0
    var handledExposure: Exposure?
    var notices: [String] = []
    package internal(set) var hasNotice = false

    /// When the log is vouched for, if it stays idle.
    private var vouchDueAt: UInt64?

    // Snapshots (Engine+Snapshot.swift).
    var snapshots: Snapshots
    var fetch: SnapshotFetch
    var serving: SnapshotServing
    let slotOffsets: SlotRing<UInt64>

    /// Makes an engine over an opened log, from what the log held. Nothing is sent before ``start()``.
    package init(
        settings: EngineSettings, recovered: consuming RecoveredState, log: consuming Log<Device>,
        network: consuming Wire, pool: BufferPool, application: any Application, gateway: any Gateway
    ) {
        self.settings = settings
        core = recovered.core
        // The log remembers it, whatever the caller says (PROTOCOL §9 ◆).
        if log.isForgetful { core.becomeForgetful() }
        fetch = SnapshotFetch(blockBytes: log.snapshotBlockBytes)
        serving = SnapshotServing(blockBytes: log.snapshotBlockBytes)
        self.log = log
        self.network = network
        self.pool = pool
        self.application = application
        self.gateway = gateway
        message = .allocate(byteCount: Limits.controlBodyBytes, alignment: 16)
        store = recovered.store
        slotOffsets = recovered.slotOffsets
        snapshots = recovered.snapshots
        damage = recovered.damage
        early = EarlyBatches(members: settings.core.members)
        retained = Retained(own: settings.retainedOwn, received: settings.retainedReceived)
        reads = PendingReads()
    }
    deinit { message.deallocate() }

    /// Opens for business: from here on things are sent. Everything recovered must be durable.
    package mutating func start() {
        core.finishRecovery(generation: settings.generation)
        tellStart()
        countedSlots = core.commitIndex
        if core.snapshotSlot > 0 {
            let boundary = boundary(of: core.snapshotSlot, cut: core.snapshotCut, from: log.endOffset)
            snapshots.previous = (core.snapshotSlot, boundary)
            snapshots.takenAt = boundary
        }
        while let buffer = pool.take(.receive) { provide(buffer) }
    }

    /// Own batches sealed and not executed yet.
    package var ownInFlight: UInt64 { own.inFlight }

    /// Takes everything that has arrived, lets the core act on it, carries that out. Never waits.
    ///
    /// - Parameters:
    ///   - now: nanoseconds of a monotonic clock. - wallClock: microseconds since 1970, for the sequencer's timestamps.
    /// - Returns: when the engine wants its next turn at the latest, in nanoseconds.
    package mutating func turn(now: UInt64, wallClock: UInt64) -> UInt64 {
        guard failure == nil else { return .max }
        self.now = now
        counters.turns += 1
        core.logHasRoom = log.canAppendItems
        step(.tick(now: now, wallClock: wallClock))
        stages.end(.tick, work: 0)
        var arrivals = 0
        while let arrival = network.next() {
            take(arrival)
            arrivals += 1
            if network.wantsBuffers { relieve() }
        }
        stages.end(.receive, work: arrivals)
        var events = 0
        while let event = log.next() {
            take(event)
            events += 1
        }
        stages.end(.complete, work: events)
        let sealed = counters.ownBatches
        takeWaiting()
        seal()
        stages.end(.seal, work: Int(counters.ownBatches - sealed))
        order()
        executeInStage()
        considerSnapshot()
        catchUp()
        serveSnapshot()
        askForBatches()
        mend()
        takeExposure()
        sendStatus()
        vouch()
        stages.end(.order, work: 0)
        let writes = log.writeCounters.writes
        log.pump()
        stages.end(.log, work: Int(log.writeCounters.writes - writes))
        finishWhatIsDone()
        if gateway.batchesAwaitingCopies > 0 { gateway.copied(core.copyReach()) }
        gateway.turnEnded()
        stages.occupancy(window: own.inFlight, logQueue: log.recordsQueued)
        if let fatal = core.fatal { failure = EngineFailure(fatal) }
        return nextDue()
    }

    /// A log that fell idle gets an empty record, so that no rot in its last records passes for a torn end (PROTOCOL §1).
    private mutating func vouch() {
        guard log.wantsVouching else {
            vouchDueAt = nil
            return
        }
        let due = vouchDueAt ?? now + settings.vouchAfterNanoseconds
        vouchDueAt = due
        if due <= now, log.canCarry(Limits.pageBytes) { log.vouch() }
    }

    /// What the device completed at once (memory does) is reported in the same turn.
    private mutating func finishWhatIsDone() {
        var events = 0
        while let event = log.next() {
            take(event)
            events += 1
        }
        guard events > 0 else { return }
        stages.end(.complete, work: events)
        order()
        executeInStage()
        sendStatus()
        stages.end(.order, work: 0)
        let writes = log.writeCounters.writes
        log.pump()
        stages.end(.log, work: Int(log.writeCounters.writes - writes))
    }

    private mutating func order() {
        core.endTurn(into: &effects)
        carryOut()
        stages.end(.order, work: Int(core.commitIndex - countedSlots))
        countedSlots = core.commitIndex
    }

    private mutating func executeInStage() {
        let executed = counters.executedBatches
        execute()
        stages.end(.execute, work: Int(counters.executedBatches - executed))
    }

    private func nextDue() -> UInt64 {
        guard !hasMoreToSeal, !snapshots.hasMoreToCarry else { return now }
        var due = min(core.nextDue, gateway.nextDue(now: now))
        if let since = gateway.pendingSince, maySeal, !sealIsBlocked {
            due = min(due, since + settings.sealAfterNanoseconds)
        }
        if let vouchDueAt { due = min(due, max(vouchDueAt, now + settings.vouchAfterNanoseconds / 16)) }
        for lane in 0..<settings.core.members { due = min(due, asks[lane].dueAt ?? .max) }
        if damage.count > 0 { due = min(due, max(damage.dueAt, now + settings.core.timing.retryNanoseconds / 2)) }
        return min(due, snapshotDue)
    }

    // MARK: The core's effects

    package mutating func step(_ event: Event) {
        core.step(event, into: &effects)
        carryOut()
    }

    mutating func carryOut() {
        for i in 0..<effects.count {
            switch effects[i] {
            case .append(let item): append(item)
            case .immediate(let message, let destination): send(message, to: destination)
            case .afterDurable(let index, let message, let destination):
                gate.hold(message, to: destination, until: index)
            }
        }
        effects.removeAll()
        openGate()
    }

    private mutating func append(_ item: LogItem) {
        let index = log.append(item)
        precondition(index <= core.appended, "the log and the core count differently")
        switch item {
        case .vote(let slot, _, _, _), .decidedEntry(let slot, _), .closed(let slot, _):
            snapshots.note(slot, at: log.lastOffset, in: slotOffsets)
        case .promise, .decided, .outstanding: break
        }
    }

    /// Lets messages go whose records are durable.
    private mutating func openGate() {
        while let (message, destination) = gate.release(durable: core.durable) { send(message, to: destination) }
    }

    private mutating func send(_ free: FreeMessage, to destination: Destination) {
        let members = settings.core.members
        var writer = WireWriter(message)
        let kind: DatagramKind
        switch free {
        case .propose(let proposal):
            proposal.encode(into: &writer, members: members)
            kind = .propose
            counters.proposalsSent += 1
        case .reject(let reject):
            reject.encode(into: &writer)
            kind = .reject
        case .close(let close):
            close.encode(into: &writer)
            kind = .close
        case .entryRequest(let request):
            request.encode(into: &writer)
            kind = .entryRequest
        case .entries(let first, let count):
            core.encodeEntries(first: first, count: count, into: &writer)
            kind = .entries
        case .handOver(let handOver):
            handOver.encode(into: &writer)
            kind = .handOver
        case .recall(let recall):
            recall.encode(into: &writer)
            kind = .recall
        case .memory(let member, let asked):
            core.encodeMemory(of: member, asked: asked, into: &writer)
            kind = .memory
        }
        transmit(kind, writer.bytes, to: destination)
    }

    private mutating func send(_ binding: BindingMessage, to destination: Destination) {
        switch binding {
        case .prepare(let prepare):
            // It may have become forgetful while its promise was on the way to the disk (PROTOCOL §9 ◆).
            guard !core.isForgetful else { return }
            var writer = WireWriter(message)
            prepare.encode(into: &writer)
            counters.elections += 1
            transmit(.prepare, writer.bytes, to: destination)
        case .promise(let ballot, let from):
            let parts = core.promiseParts(ballot: ballot, from: from)
            for part in 0..<parts {
                var writer = WireWriter(message)
                core.encodePromise(ballot: ballot, from: from, part: part, parts: parts, into: &writer)
                transmit(.promise, writer.bytes, to: destination)
            }
        }
    }

    mutating func transmit(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, to destination: Destination) {
        switch destination {
        case .all: if settings.core.members > 1 { network.multicast(kind, body) }
        case .one(let member): network.send(kind, body, to: member)
        }
    }

    private mutating func sendStatus() {
        guard core.isStatusDue else { return }
        let status = core.takeStatus()
        var writer = WireWriter(message)
        status.encode(into: &writer, members: settings.core.members)
        counters.statusesSent += 1
        transmit(.status, writer.bytes, to: .all)
    }

    // MARK: What arrives

    private mutating func take(_ arrival: Arrival) {
        switch arrival {
        case .control(.repair, let from, let body):
            if let request = BatchRequest.decode(body, members: settings.core.members) { serve(request, to: from) }
        case .control(.snapshotRequest, let from, let body), .control(.snapshotOffer, let from, let body),
            .control(.snapshotPull, let from, let body):
            takeSnapshotMessage(arrival, from: from, body)
        case .control(let kind, let from, let body): step(.message(kind, from: from, body: body))
        case .batch(let batch, let from, let buffer, let frame):
            if batch.lane.index == Limits.snapshotLane {
                receive(SnapshotPiece(batch), bytes: Int(batch.payloadBytes), frame: frame, from: from)
                giveBack(buffer)
            } else {
                receive(batch, buffer: buffer, frame: frame)
            }
        case .sent(let token):
            if token >= SnapshotServing.firstToken {
                serving.sent(token)
            } else if pool.sent(token) {
                reclaimed(token)
            }
        }
    }

    private mutating func take(_ event: LogEvent) {
        switch event {
        case .written(let buffer): drop(buffer, .write)
        case .durable(let index): step(.durable(index))
        case .read(let buffer, let ok): readBack(buffer, ok: ok)
        case .snapshotDurable(let slot): snapshotBecameDurable(slot)
        case .snapshotRead(let token, let ok): snapshotBlockRead(token, ok: ok)
        case .forgetfulDurable: forgetfulBecameDurable()
        case .snapshotRefused(let refusal): snapshotRefused(refusal)
        case .released: break
        case .failed(let error): failure = EngineFailure(error.message)
        }
    }

    // MARK: Buffers

    mutating func drop(_ buffer: UInt32, _ hold: Hold) { if pool.drop(buffer, hold) { reclaimed(buffer) } }

    /// A buffer became free: those to receive into go back to the network at once.
    mutating func reclaimed(_ buffer: UInt32) {
        if pool.kind(buffer) == .receive, let again = pool.take(.receive) { provide(again) }
    }
    /// Gives the network buffers that are only kept: executed batches first, then those that came early, which can be asked for
    /// again. So whatever is missing always finds room, and a replica that fell behind gets on.
    private mutating func relieve() {
        while network.wantsBuffers {
            if let oldest = retained.pop(.receive) {
                letGo(oldest)
            } else if let buffer = early.takeLatest() {
                giveBack(buffer)
            } else {
                return
            }
        }
    }
    /// A retained batch is no longer to be had from memory.
    mutating func letGo(_ item: Retained.Item) {
        if let cell = store.cell(item.batch.lane, item.batch.generation, item.batch.sequence),
            cell.pointee.buffer == item.buffer
        {
            cell.pointee.buffer = nil
        }
        // Without a disk that was the only copy here: whoever lacks it learns that it is not to be had from this replica.
        if !log.device.isDurable { core.released(below: item.slot + 1) }
        drop(item.buffer, .repair)
    }
    mutating func provide(_ buffer: UInt32) { network.provide(buffer: buffer, at: pool.frame(buffer)) }
}
