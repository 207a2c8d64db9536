// From an empty thread to a running replica, and its turns.
import CTrireme
import Glibc
import TriremeCore
import TriremeStorage
import TriremeTransport

/// A device whose completions come from the reactor's ring.
package protocol ReactorDevice: StorageDevice, ~Copyable {
    mutating func complete(token: UInt64, result: Int32)
}
extension RingDevice: ReactorDevice {}
extension MemoryDevice: ReactorDevice {
    /// It completes by itself; nothing comes from the ring.
    package mutating func complete(token: UInt64, result: Int32) {}
}

/// Places in the ring's registered files, and classes of tokens (top byte).
private enum Layout {
    static let networkFiles: UInt32 = 0
    static let storageFiles: UInt32 = UDPNetwork.files
    /// Superblock, two snapshots, the segments.
    static func wakerFile(_ geometry: LogGeometry) -> UInt32 { storageFiles + 3 + UInt32(geometry.segments) }
    static let wakerClass: UInt64 = 0x03
}

/// The memory of the buffers. It goes with the last of those who use it: a client may be filling a buffer when the replica ends.
private final class Region: Sendable {
    nonisolated(unsafe) private var region: trm_region
    init(_ region: trm_region) { self.region = region }
    deinit { trm_region_unmap(&region) }
    var bytes: Int { region.bytes }
    var base: UnsafeMutableRawPointer { region.base! }
}

/// io_uring and the memory that it knows.
private struct RingAndRegion: ~Copyable {
    let ring: OpaquePointer
    let region: Region
    deinit { trm_ring_destroy(ring) }
}

extension Reactor {
    /// Sets everything up, runs until told to stop, and takes everything down.
    func run() throws(RuntimeError) {
        let waker = waker
        let logBytes = Log<MemoryDevice>.memoryBytes(options.logOptions)
        let bufferBytes = BufferPool.regionBytes(
            batchBytes: options.engine.batchBytes, own: options.engine.ownBuffers,
            receive: options.engine.receiveBuffers, reserve: EngineSettings.reserveBuffers)
        let ground = try makeGround(bytes: bufferBytes + logBytes)
        let configured = ground.region.bytes
        let region = ground.region
        let base = region.base
        let pool = BufferPool(
            batchBytes: options.engine.batchBytes, own: options.engine.ownBuffers,
            receive: options.engine.receiveBuffers, reserve: EngineSettings.reserveBuffers,
            region: UnsafeMutableRawBufferPointer(start: base, count: bufferBytes),
            release: { _ in extendLifetime(region) })
        let logPages = UnsafeMutableRawBufferPointer(start: base + bufferBytes, count: logBytes)
        let neighbours = makeNeighbours(pool, waker)
        let network = try openNetwork(ground.ring, pool: pool)
        let wakerFile = Layout.wakerFile(options.geometry)
        guard trm_ring_update_file(ground.ring, wakerFile, waker.descriptor) == 0 else {
            throw RuntimeError("io_uring refused the eventfd that wakes the replica; start it again")
        }
        var settings = options.engine
        // What all others together may have under way must fit into this socket; members have equal ones (PROTOCOL §3.5).
        settings.unacknowledgedBatches = min(
            settings.unacknowledgedBatches, max(1, network.windowBatches(otherLanes: settings.core.members - 1)))
        settings.windowBatches = min(settings.windowBatches, settings.unacknowledgedBatches)
        if options.isDurable {
            var recovered = RecoveredState(settings)
            var log = try openLog(ground.ring, memory: logPages, into: &recovered)
            settings.generation = log.generation
            try restoreSnapshot(of: &log, into: neighbours.application, &recovered)
            let engine = Engine(
                settings: settings, recovered: recovered, log: log, network: network, pool: pool,
                application: neighbours.application, gateway: neighbours.gateway)
            try turn(engine, ground.ring, wakerFile: wakerFile, configuredBytes: configured, neighbours)
        } else {
            let directory = try openMemoryDirectory()
            settings.generation = directory.generation
            let log = Log(
                volatile: MemoryDevice(), identity: options.identity, generation: settings.generation,
                members: settings.core.members, geometry: options.geometry, options: options.logOptions,
                memory: logPages)
            let engine = Engine(
                settings: settings, recovered: RecoveredState(settings), log: log, network: network, pool: pool,
                application: neighbours.application, gateway: neighbours.gateway)
            try turn(engine, ground.ring, wakerFile: wakerFile, configuredBytes: configured, neighbours)
            extendLifetime(directory)
        }
    }

    private func makeGround(bytes: Int) throws(RuntimeError) -> RingAndRegion {
        var message = [CChar](repeating: 0, count: 512)
        var ring: OpaquePointer?
        var ringOptions = trm_ring_default_options(1_024)
        ringOptions.cq_entries = 8_192
        guard trm_ring_create(&ring, &ringOptions, &message, message.count) == 0, let ring else {
            throw RuntimeError(Self.text(message))
        }
        var region = trm_region()
        var regionOptions = trm_region_options(
            node: Int32(options.placement.node ?? -1), huge_table: false, shared: false)
        let mapped = trm_region_map(bytes, &regionOptions, &region)
        guard mapped == 0 else {
            trm_ring_destroy(ring)
            throw RuntimeError(
                "\(bytes >> 20) MiB of buffers could not be mapped (errno \(-mapped)); lower windowBatches or batchBytes"
            )
        }
        let ground = RingAndRegion(ring: ring, region: Region(region))
        _ = trm_raise_locked_memory_limit()
        if trm_ring_register_region(ring, ground.region.base, ground.region.bytes, &message, message.count) != 0 {
            // It only costs speed; said once.
            options.warn(Self.text(message))
        }
        let files = [Int32](repeating: -1, count: Int(Layout.wakerFile(options.geometry)) + 1)
        let registered = trm_ring_register_files(ring, files, UInt32(files.count))
        guard registered == 0 else {
            throw RuntimeError("io_uring cannot register \(files.count) files (errno \(-registered)); raise ulimit -n")
        }
        return ground
    }

    private func openNetwork(
        _ ring: OpaquePointer, pool: BufferPool, patience: Int = 100
    ) throws(RuntimeError) -> UDPNetwork {
        var network = options.network
        network.firstFile = Layout.networkFiles
        network.providedBuffers = pool.count
        network.reservedBuffers = EngineSettings.repairBuffers
        do {
            return try UDPNetwork(
                ring: ring, options: network, boot: trm_realtime_nanoseconds(), now: trm_monotonic_nanoseconds())
        } catch {
            guard error.code == .socket, patience > 0 else { throw RuntimeError(error.message) }
        }
        // The ring of a process that has just died keeps its sockets for a moment.
        usleep(20_000)
        return try openNetwork(ring, pool: pool, patience: patience - 1)
    }

    private func openMemoryDirectory() throws(RuntimeError) -> MemoryDirectory {
        do {
            return try MemoryDirectory(
                at: options.dataDirectory, identity: options.identity, epoch: options.engine.core.epoch,
                format: options.format)
        } catch { throw RuntimeError(error.message) }
    }

    private func openLog(
        _ ring: OpaquePointer, memory: UnsafeMutableRawBufferPointer, into recovered: inout RecoveredState
    ) throws(RuntimeError) -> Log<RingDevice> {
        do {
            if options.format { try DataDirectory.create(at: options.dataDirectory, geometry: options.geometry) }
            var device = RingDevice(try DataDirectory(at: options.dataDirectory, geometry: options.geometry))
            if options.format {
                try Log.format(
                    &device, identity: options.identity, geometry: options.geometry, epoch: options.engine.core.epoch)
            }
            for (index, descriptor) in device.directory.descriptors.enumerated()
            where trm_ring_update_file(ring, Layout.storageFiles + UInt32(index), descriptor) != 0 {
                throw RuntimeError("io_uring refused a file of \(options.dataDirectory)")
            }
            device.attach(ring: ring, firstFile: Layout.storageFiles)
            return try Log.open(
                device, identity: options.identity, geometry: options.geometry, members: options.engine.core.members,
                options: options.logOptions, memory: memory
            ) { (event) throws(StorageError) in try recovered.take(event) }
        } catch let error as StorageError {
            throw RuntimeError(error.message)
        } catch {
            throw RuntimeError("\(error)")
        }
    }

    private func restoreSnapshot(
        of log: inout Log<RingDevice>, into application: any Application, _ recovered: inout RecoveredState
    ) throws(RuntimeError) {
        do throws(StorageError) {
            guard let damage = try recovered.restoreSnapshot(of: &log, into: application) else { return }
            options.warn(
                "\(damage.message). First it is fetched from another replica: until then this one votes for nothing")
        } catch {
            throw RuntimeError(error.message)
        }
    }

    // MARK: Turns

    private func turn<Device: ReactorDevice & ~Copyable>(
        _ engine: consuming Engine<Device, UDPNetwork>, _ ring: OpaquePointer, wakerFile: UInt32,
        configuredBytes: Int, _ neighbours: Neighbours
    ) throws(RuntimeError) {
        let capacity = 256
        let completions = UnsafeMutablePointer<trm_completion>.allocate(capacity: capacity)
        defer { completions.deallocate() }
        var pages = CountersPublisher(options, configuredBytes: UInt64(configuredBytes))
        engine.start()
        _ = trm_ring_poll_multishot(ring, wakerFile, UInt32(POLLIN), Layout.wakerClass << 56)
        announceRunning()
        var spinUntil: UInt64 = 0
        var dropsDue: UInt64 = 0
        while !isStopping {
            let now = trm_monotonic_nanoseconds()
            engine.stages.begin(turn: engine.counters.turns, now: now)
            engine.network.tick(now: now)
            if now >= dropsDue {
                engine.network.refreshKernelDrops()
                pages.count(systemCalls: UDPNetwork.refreshCalls)
                dropsDue = now + 100_000_000
            }
            if let successor = takeHandOver() { engine.step(.handOver(to: successor)) }
            let due = min(
                engine.turn(now: now, wallClock: trm_realtime_nanoseconds() / 1_000), engine.network.deadline)
            if let failure = engine.failure { throw RuntimeError(failure.description) }
            if engine.hasNotice, let notice = engine.takeNotice() { options.warn(notice) }
            pages.publish(engine: engine, ring: ring, application: neighbours.application, now: now)
            engine.stages.note(submissions: trm_ring_pending(ring))
            engine.stages.end(.tick, work: 0)
            // With a closed window commands wait for a completion, not for the processor.
            try rest(ring, now: now, until: due, spinUntil: &spinUntil, maySeal: engine.maySeal, neighbours)
            var count = capacity
            var completed = 0
            while count == capacity {
                count = Int(trm_ring_completions(ring, completions, UInt32(capacity)))
                for i in 0..<count {
                    let completion = completions[i]
                    if TransportToken.isOurs(completion.token) {
                        engine.network.complete(completion)
                    } else if completion.token >> 56 == Layout.wakerClass {
                        _ = trm_event_drain(waker.descriptor)
                        pages.count(systemCalls: 1)
                        if !completion.more {
                            _ = trm_ring_poll_multishot(ring, wakerFile, UInt32(POLLIN), Layout.wakerClass << 56)
                        }
                    } else {
                        engine.log.device.complete(token: completion.token, result: completion.result)
                    }
                }
                if count > 0 { spinUntil = 0 }
                completed += count
            }
            engine.stages.note(completions: completed)
            engine.stages.end(.kernel, work: completed)
        }
        pages.publish(engine: engine, ring: ring, application: neighbours.application, now: .max)
    }

    /// Submits, and sleeps until something comes or `due`, as the idle strategy says.
    private func rest(
        _ ring: OpaquePointer, now: UInt64, until due: UInt64, spinUntil: inout UInt64, maySeal: Bool,
        _ neighbours: Neighbours
    ) throws(RuntimeError) {
        var wait: UInt64 = due > now ? due - now : 0
        switch options.placement.idle {
        case .block: break
        case .spin: wait = 0
        case .adaptive(let spin):
            if spinUntil == 0 { spinUntil = now + spin }
            if now < spinUntil { wait = 0 }
        }
        guard wait > 0 else { return try checkEntered(trm_ring_submit_and_wait(ring, 0, 0)) }
        waker.announceSleep()
        let entered: Int32
        if (maySeal && neighbours.gateway.hasWork) || isStopping {
            entered = trm_ring_submit_and_wait(ring, 0, 0)
        } else {
            // A second at most, so that a missed deadline can never become a stand-still.
            entered = trm_ring_submit_and_wait(ring, 1, Int64(min(wait, 1_000_000_000)))
        }
        waker.awake()
        try checkEntered(entered)
    }
    /// The kernel may want memory for a moment (EAGAIN) or its completions taken first (EBUSY); nothing else passes by itself.
    private func checkEntered(_ result: Int32) throws(RuntimeError) {
        guard result < 0, result != -EAGAIN, result != -EBUSY else { return }
        throw RuntimeError(
            "io_uring_enter failed (\(String(cString: strerror(-result)))); the replica ends, start it again")
    }

    static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
