// What a running replica shows of itself: the counters page, written by the reactor about a hundred times a second.
import CTrireme
import TriremeCore
import TriremeStorage
import TriremeTransport

/// Fills the counters page. The order of the names is the order of the values in ``values(engine:ring:application:)``.
struct CountersPublisher {
    private static let everyNanoseconds: UInt64 = 10_000_000
    static let names =
        [
            "commitIndex", "executedSlot", "executedCommands", "executedBatches", "ownCommands", "ownBatches",
            "ownPayloadBytes", "ownBatchesInFlight", "batchesAwaitingCopies", "stateHash", "isSequencer", "ballotRound",
            "ballotOwner",
            "isForgetful", "isProven", "damagedBatches", "mendedBatches", "isStranded", "snapshotSlot", "snapshots",
            "snapshotsInstalled", "snapshotPiecesSent",
            "snapshotBytesSent", "snapshotPiecesReceived", "snapshotPauseNanoseconds", "elections", "turns", "waits",
            "enterCalls",
            "submissions", "statusesSent", "proposalsSent", "repairsAsked", "repairsSent", "repairedBytes",
            "duplicates",
            "earlyBatches", "refusedBatches", "wrongDigests", "readBacks", "logAppendedIndex", "logDurableIndex",
            "logEndOffset", "logFreeBytes", "residentBytes", "configuredBytes", "cpuNanoseconds", "datagramsSent",
            "datagramsReceived", "bytesSent", "bytesReceived", "droppedDatagrams", "kernelDrops", "receiveBuffersEmpty",
            "sendErrors", "datagramCopiesSent", "datagramCopiesReceived", "rateAdvicesSent", "paceBytesPerSecond",
            "controlKernelDrops", "batchDeliveriesMeant", "batchDatagramsReceived", "batchesCopied",
            "batchBytesSent", "batchBytesReceived", "systemCalls", "sparedCalls", "completions", "fixedWrites",
            "plainWrites", "logWrites", "logBytesWritten", "logBatchesWritten", "timedTurns", "completionsPeak",
            "submissionsPeak", "windowSum", "logQueueSum", "isFast", "fastDecided", "fastDecidedInHalf1", "fastJoins",
            "fastCloses", "roundChanges",
        ] + Refusal.allCases.map { "dropped" + capitalized("\($0)") }
        + Stage.allCases.flatMap { ["\($0)Runs", "\($0)Work", "\($0)TimedNanoseconds"] }
    private static func capitalized(_ word: String) -> String { word.prefix(1).uppercased() + word.dropFirst() }
    private let page: CountersPage?
    private let configuredBytes: UInt64
    private var dueAt: UInt64 = 0
    private var slowAt: UInt64 = 0
    private var resident: UInt64 = 0
    /// Of the reactor's thread, beside those that the ring counts.
    private var systemCalls: UInt64 = 0

    init(_ options: ReactorOptions, configuredBytes: UInt64) {
        self.configuredBytes = configuredBytes
        var page: CountersPage?
        if let path = options.countersPath {
            do {
                page = try CountersPage(path: path, names: Self.names)
            } catch {
                options.warn(error.description)
            }
        }
        self.page = page
    }

    mutating func count(systemCalls more: UInt64) { systemCalls &+= more }

    mutating func publish<Device: StorageDevice & ~Copyable>(
        engine: borrowing Engine<Device, UDPNetwork>, ring: OpaquePointer, application: any Application, now: UInt64
    ) {
        guard let page, now >= dueAt else { return }
        dueAt = now == .max ? .max : now + Self.everyNanoseconds
        // The process's time; the clocks that the reactor reads each turn need no system call.
        systemCalls &+= 1
        if now >= slowAt {
            // A system call and a file: ten times a second is enough.
            slowAt = now == .max ? .max : now + 10 * Self.everyNanoseconds
            resident = trm_resident_bytes()
            systemCalls &+= 3
        }
        let core = engine.counters
        let statistics = trm_ring_statistics(ring)
        var index = 0
        func put(_ value: UInt64) {
            page.set(index, value)
            index += 1
        }
        put(engine.core.commitIndex)
        put(engine.core.executor.slot)
        put(core.executedCommands)
        put(core.executedBatches)
        put(core.ownCommands)
        put(core.ownBatches)
        put(core.ownPayloadBytes)
        put(engine.ownInFlight)
        put(UInt64(engine.gateway.batchesAwaitingCopies))
        put(application.stateDigest)
        put(engine.core.role == .sequencer ? 1 : 0)
        put(UInt64(engine.core.currentBallot.round))
        put(UInt64(engine.core.currentBallot.owner.rawValue))
        put(engine.core.isForgetful ? 1 : 0)
        put(engine.core.isProven ? 1 : 0)
        put(core.damagedBatches)
        put(core.mendedBatches)
        put(engine.core.isStranded ? 1 : 0)
        put(engine.core.snapshotSlot)
        put(core.snapshots)
        put(core.snapshotsInstalled)
        put(core.snapshotPiecesSent)
        put(core.snapshotBytesSent)
        put(core.snapshotPiecesReceived)
        put(application.longestSnapshotPause)
        put(core.elections)
        put(core.turns)
        put(statistics.waits)
        put(statistics.enter_calls)
        put(statistics.submitted)
        put(core.statusesSent)
        put(core.proposalsSent)
        put(core.repairsAsked)
        put(core.repairsSent)
        put(core.repairedBytes)
        put(core.duplicates)
        put(core.early)
        put(core.refusedBatches)
        put(core.wrongDigests)
        put(core.readBacks)
        put(engine.log.appendedIndex)
        put(engine.log.durableIndex)
        put(engine.log.endOffset)
        put(engine.log.freeBytes)
        put(resident)
        put(configuredBytes)
        put(trm_process_cpu_nanoseconds())
        let network = engine.network.counters
        put(network.batchDatagramsSent &+ network.controlDatagramsSent)
        put(network.batchDatagramsReceived &+ network.controlDatagramsReceived)
        put(network.batchBytesSent &+ network.controlBytesSent)
        put(network.batchBytesReceived &+ network.controlBytesReceived)
        put(network.refused)
        put(network.kernelDrops)
        put(network.receiveBuffersExhausted)
        put(network.sendErrors &+ network.controlSendsDropped &+ network.batchSendsDropped)
        // Probes are sent before anybody listens: they would look like losses.
        put(network.copiesSent)
        put(
            network.batchDatagramsReceived &+ network.controlDatagramsReceived &+ network.refused
                &- network.probesReceived)
        put(network.advicesSent)
        put(engine.network.pacer.bytesPerSecond)
        put(network.controlKernelDrops)
        put(network.batchDeliveriesMeant)
        put(network.batchDatagramsReceived)
        put(network.batchesCopied)
        put(network.batchBytesSent)
        put(network.batchBytesReceived)
        put(statistics.enter_calls &+ systemCalls)
        put(statistics.spared_calls)
        put(statistics.completed)
        put(statistics.fixed_writes)
        put(statistics.plain_writes)
        let log = engine.log.writeCounters
        put(log.writes)
        put(log.bytes)
        put(log.batches)
        let stages = engine.stages.counters
        put(stages.timedTurns)
        put(stages.completionsPeak)
        put(stages.submissionsPeak)
        put(stages.windowSum)
        put(stages.logQueueSum)
        let fast = engine.core.fastCounts
        put(engine.core.currentBallot.kind == .fast ? 1 : 0)
        put(fast.decided)
        put(fast.decidedInHalf1)
        put(fast.joins)
        put(fast.closes)
        put(fast.changes)
        for reason in Refusal.allCases { put(network[reason]) }
        for stage in Stage.allCases {
            put(stages.runs[stage.rawValue])
            put(stages.work[stage.rawValue])
            put(stages.timedNanoseconds[stage.rawValue])
        }
        precondition(index == Self.names.count, "counters and their names differ in number")
    }
}
