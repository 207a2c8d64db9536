// The real thing under the world: an engine over a simulated disk and network, made as the reactor makes one.
import TriremeCore
import TriremeRuntime
import TriremeStorage

/// One life of a replica that runs the production engine.
package final class EngineParticipant: Participant {
    private var engine: Engine<SimulatedDisk, SimulatedNetwork>

    /// Makes engines; they share nothing but the world.
    package static let maker: ParticipantFactoryMaker = { { try EngineParticipant($0) } }

    package init(_ birth: Birth) throws {
        var settings = birth.scenario.engineSettings(
            birth.replica, seed: birth.seed, isForgetful: birth.scenario.isVolatile && !birth.isFounding)
        var recovered = RecoveredState(settings)
        var log = try Self.openLog(birth, into: &recovered)
        settings.generation = log.generation
        _ = try recovered.restoreSnapshot(of: &log, into: birth.application)
        let pool = BufferPool(
            batchBytes: settings.batchBytes, own: settings.ownBuffers, receive: settings.receiveBuffers,
            reserve: EngineSettings.reserveBuffers)
        engine = Engine(
            settings: settings, recovered: recovered, log: log, network: SimulatedNetwork(birth.endpoint), pool: pool,
            application: birth.application, gateway: birth.gateway)
        engine.start()
    }

    private static func openLog(_ birth: Birth, into recovered: inout RecoveredState) throws -> Log<SimulatedDisk> {
        let identity = birth.scenario.identity(birth.replica)
        let geometry = birth.scenario.geometry
        var disk = SimulatedDisk(birth.image)
        if birth.scenario.isVolatile {
            return Log(
                volatile: disk, identity: identity,
                generation: Generation(epoch: 1, counter: UInt32(birth.incarnation)),
                members: birth.scenario.members, geometry: geometry, options: birth.scenario.logOptions)
        }
        if birth.isFounding {
            try Log<SimulatedDisk>.format(&disk, identity: identity, geometry: geometry, epoch: 1)
        }
        return try Log.open(
            disk, identity: identity, geometry: geometry, members: birth.scenario.members,
            options: birth.scenario.logOptions
        ) { (event) throws(StorageError) in try recovered.take(event) }
    }

    package var generation: Generation { engine.settings.generation }
    package func turn(now: UInt64, wallClock: UInt64) -> UInt64 { engine.turn(now: now, wallClock: wallClock) }
    package var commitIndex: UInt64 { engine.core.commitIndex }
    package func decidedEntry(_ slot: UInt64) -> Entry? { engine.core.decidedEntry(slot) }
    /// While another replica's state is on its way in, that of the last time.
    package var executedSlot: UInt64 {
        if let slot = engine.restoredSlot { lastExecuted = slot }
        return lastExecuted
    }
    private var lastExecuted: UInt64 = 0
    package var role: ParticipantRole {
        if engine.core.isForgetful { return .observer }
        switch engine.core.role {
        case .follower: return .follower
        case .candidate, .learning: return .candidate
        case .sequencer: return .sequencer
        }
    }
    package var promise: Ballot { engine.core.promise }
    package func reached(_ lane: Int) -> Position { engine.core.reached(lane) }
    package var damage: (found: Int, mended: Int) {
        (Int(engine.counters.damagedBatches), Int(engine.counters.mendedBatches))
    }
    /// For good: one that lacks a snapshot alone becomes whole by another's.
    package var fastCounts: FastCounts { engine.core.fastCounts }
    package var isForgetful: Bool { engine.core.mayHaveLostVows }
    package func memory(of member: ReplicaID, asked: Generation) -> Memory? {
        var bytes = [UInt8](repeating: 0, count: Limits.controlBodyBytes)
        return bytes.withUnsafeMutableBytes {
            var writer = WireWriter($0)
            engine.core.encodeMemory(of: member, asked: asked, into: &writer)
            return Memory.decode(writer.bytes, members: engine.settings.core.members)
        }
    }
    package func lacks(_ memory: Memory) -> Bool {
        engine.core.generation <= memory.generation || engine.core.lost(memory) != nil
    }
    package func promiseAnswer() -> [[UInt8]] {
        let ballot = engine.core.promise
        guard !ballot.isNone else { return [] }
        let parts = engine.core.promiseParts(ballot: ballot, from: 1)
        return (0..<parts).map { part in
            var bytes = [UInt8](repeating: 0, count: Limits.controlBodyBytes)
            let length = bytes.withUnsafeMutableBytes {
                var writer = WireWriter($0)
                engine.core.encodePromise(ballot: ballot, from: 1, part: part, parts: parts, into: &writer)
                return writer.bytes.count
            }
            return Array(bytes[..<length])
        }
    }
    package func isDurable(_ lane: Int, _ position: Position) -> Bool {
        position <= engine.core.snapshotCut[lane]
            || (engine.core.lanes.track(ReplicaID(lane), position.generation)?.heldDurably ?? 0) >= position.sequence
    }
    package var oldestEntry: UInt64 { engine.core.oldestEntry }
    package var isStranded: Bool { engine.core.isStranded }
    package var installs: Int { Int(engine.counters.snapshotsInstalled) }
    package var failure: String? { engine.failure?.description }
    package var keepsLog: Bool { engine.log.device.isDurable }
    package var carriedSegments: Int { Int(engine.counters.carriedSegments) }
    package func handOver(to successor: ReplicaID) { engine.step(.handOver(to: successor)) }
    package var account: String {
        let log =
            "log \(engine.log.oldestNeeded)…\(engine.log.durableOffset)…\(engine.log.endOffset), free \(engine.log.freeBytes)"
        var lanes = ""
        for lane in 0..<engine.settings.core.members {
            engine.core.lanes.forEach(ReplicaID(lane)) {
                lanes += " \(lane)/\($0.generation):\($0.appended)(of \($0.wanted))"
            }
        }
        let counters = engine.counters
        lanes +=
            "; \(engine.waitingForExecution), refused \(counters.refusedBatches), wrong digests \(counters.wrongDigests)"
        return "\(log), promise \(engine.core.promise), snapshot \(engine.core.snapshotSlot), executed slot "
            + "\(executedSlot), entries from \(oldestEntry), \(engine.maySeal ? "may" : "may not") seal, in flight "
            + "\(engine.ownInFlight), lanes\(lanes); \(engine.core.account)"
    }
}

extension Scenario {
    /// Small everything, so that what is rare at full size happens in every run.
    func engineSettings(_ replica: ReplicaID, seed: UInt64, isForgetful: Bool = false) -> EngineSettings {
        var core = CoreConfiguration(quorums: quorums, me: replica, entryHistorySlots: entryHistorySlots)
        if !orderings.isEmpty { core.ordering = orderings[replica.index] }
        if !announced.isEmpty { core.announced = announced[replica.index] }
        core.timing = timing
        var settings = EngineSettings(
            core: core, batchBytes: batchBytes, windowBatches: windowBatches,
            sealAfterNanoseconds: 300_000, retainedBatches: retainedBatches, batchIndexCapacity: batchIndexCapacity,
            snapshotBytes: geometry.totalBytes / 3, isForgetful: isForgetful, seed: seed)
        settings.catchUpLinkBytesPerSecond = catchUpLinkBytesPerSecond
        return settings
    }
    func identity(_ replica: ReplicaID) -> LogIdentity {
        LogIdentity(clusterLow: 0x5349_4D55, clusterHigh: seed, replica: replica)
    }
    var geometry: LogGeometry { LogGeometry(segmentBytes: segmentBytes, segments: segments) }
    var logOptions: LogOptions {
        var options = LogOptions()
        options.writesInFlight = writesInFlight
        options.bytesPerWrite = 65_536
        options.queuedRecords = 512
        options.itemPages = 192
        options.snapshotBlockBytes = 2 * Limits.pageBytes
        return options
    }
}
