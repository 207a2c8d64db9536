// How fast a log is recovered, beside what its disk reads in sequence (TARGETS T12): `make bench-recovery`.
import CTrireme
import Foundation
import Trireme
import TriremeCore
import TriremeRuntime
import TriremeStorage

package struct RecoveryBench {
    package var directory: String
    package var runs = 3
    package var geometry = LogGeometry()
    private let identity = LogIdentity(clusterLow: 1, clusterHigh: 2, replica: ReplicaID(0))
    private static let batchBytes = Limits.batchBytesMaximum
    private static let commandBytes = 64

    package init(directory: String) { self.directory = directory }

    package struct Result {
        package var logBytes: UInt64 = 0
        package var records: UInt64 = 0
        /// Bytes a second, of each run.
        package var disk: [Double] = []
        package var scan: [Double] = []
    }

    /// Makes a full log of 60 KiB batches of 64-byte commands, with votes between them, then reads it in turn as a disk and as
    /// a log. Files go with `remove`.
    package func scan(_ say: (String) -> Void) throws -> Result {
        let path = directory + "/scan"
        try DataDirectory.create(at: path, geometry: geometry)
        try fill(path)
        var result = Result()
        for _ in 0..<runs {
            result.disk.append(try readDisk(path))
            let (rate, summary) = try recover(path)
            result.scan.append(rate)
            result.logBytes = summary.bytes
            result.records = summary.records
            say(
                "log of \(summary.bytes >> 20) MiB, \(Format.grouped(summary.records)) records: recovered at "
                    + "\(Format.grouped(Int(rate / 1e6))) MB/s, the disk reads \(Format.grouped(Int(result.disk.last! / 1e6))) MB/s: "
                    + Format.fixed(rate / result.disk.last!, 2))
        }
        try FileManager.default.removeItem(atPath: path)
        return result
    }

    private func settings() throws -> EngineSettings {
        let quorums = try Quorums(members: 1, phase1: 1, classic: 1, fast: 1, allowSingleCopy: true)
        return EngineSettings(core: CoreConfiguration(quorums: quorums, me: ReplicaID(0)))
    }

    private func fill(_ path: String) throws {
        var device = RingDevice(try DataDirectory(at: path, geometry: geometry))
        try Log.format(&device, identity: identity, geometry: geometry, epoch: 1)
        let buffers = 32
        let ring = try LimitRing(bytes: buffers * Self.batchBytes, files: device.directory.descriptors)
        device.attach(ring: ring.ring, firstFile: 0)
        var options = LogOptions()
        options.reserveBytes = 0
        var log = try Log.open(device, identity: identity, geometry: geometry, members: 1, options: options) {
            (_) throws(StorageError) in
        }
        let commands = (Self.batchBytes - Limits.headerBytes) / Self.commandBytes
        var load = CounterLoad(lane: 0, commandBytes: Self.commandBytes)
        var free = (0..<UInt32(buffers)).map { $0 }
        var sequence: UInt64 = 0
        var digest: UInt64 = 0
        var slot: UInt64 = 0
        var cut = Cut(epoch: 1)
        let ballot = Ballot(epoch: 1, round: 1, owner: ReplicaID(0))
        _ = log.append(.promise(ballot))
        while true {
            while log.canAppend(2 * Self.batchBytes), let buffer = free.popLast() {
                sequence += 1
                let frame = ring.memory + Int(buffer) * Self.batchBytes
                load.fill(frame + Limits.headerBytes, count: commands)
                let bytes = commands * Self.commandBytes
                let checksum = trm_crc32c(0, frame + Limits.headerBytes, bytes)
                digest = BatchDescriptor.chain(digest, checksum: checksum, payloadBytes: UInt32(bytes))
                _ = log.append(
                    BatchDescriptor(
                        lane: ReplicaID(0), generation: log.generation, sequence: sequence, payloadBytes: UInt32(bytes),
                        payloadChecksum: checksum, count: UInt32(commands), stride: UInt32(Self.commandBytes),
                        digest: digest), frame: frame, buffer: buffer)
                guard sequence % 8 == 0 else { continue }
                slot += 1
                cut[0] = Position(log.generation, sequence, digest: digest)
                cut.timestamp = 1_000_000 + slot
                _ = log.append(.vote(slot: slot, ballot: ballot, half: .classic, entry: Entry(cut)))
                if slot % 64 == 0 { _ = log.append(.decided(first: slot - 63, last: slot)) }
            }
            log.pump()
            ring.wait(milliseconds: 1_000)
            ring.completions { log.device.complete(token: $0.token, result: $0.result) }
            while let event = log.next() {
                if case .written(let buffer) = event { free.append(buffer) }
                if case .failed(let error) = event { throw error }
            }
            if !log.canAppend(2 * Self.batchBytes), log.isIdle { return }
        }
    }

    /// Everything that the segments hold, with O_DIRECT, eight reads of 1 MiB in flight: bytes a second.
    private func readDisk(_ path: String) throws -> Double {
        var device = RingDevice(try DataDirectory(at: path, geometry: geometry))
        let depth = 8
        let bytes = 1 << 20
        let ring = try LimitRing(bytes: depth * bytes, files: device.directory.descriptors)
        device.attach(ring: ring.ring, firstFile: 0)
        let perSegment = geometry.segmentBytes / bytes
        let total = perSegment * geometry.segments
        var begun = 0
        var done = 0
        func begin(_ slot: Int, on device: inout RingDevice) {
            guard begun < total else { return }
            device.read(
                .segment(begun / perSegment), at: UInt64(begun % perSegment * bytes),
                into: UnsafeMutableRawBufferPointer(start: ring.memory + slot * bytes, count: bytes),
                token: UInt64(slot))
            begun += 1
        }
        let start = trm_monotonic_nanoseconds()
        for slot in 0..<depth { begin(slot, on: &device) }
        while done < total {
            ring.wait(milliseconds: 1_000)
            ring.completions { device.complete(token: $0.token, result: $0.result) }
            while let completion = device.next() {
                guard completion.result == bytes else {
                    throw BenchError("a read of \(path) ended with \(completion.result)")
                }
                done += 1
                begin(Int(completion.token), on: &device)
            }
        }
        return Double(total * bytes) / (Double(trm_monotonic_nanoseconds() - start) / 1e9)
    }

    /// What a replica does before it runs: the scan, and its lanes, promises and votes rebuilt.
    private func recover(_ path: String) throws -> (Double, RecoverySummary) {
        let device = RingDevice(try DataDirectory(at: path, geometry: geometry))
        var recovered = RecoveredState(try settings())
        let start = trm_monotonic_nanoseconds()
        let log = try Log.open(device, identity: identity, geometry: geometry, members: 1) {
            (event) throws(StorageError) in try recovered.take(event)
        }
        let seconds = Double(trm_monotonic_nanoseconds() - start) / 1e9
        return (Double(log.recovery.bytes) / seconds, log.recovery)
    }

    /// From the call that starts a replica of the counter service to its first answer, after `commands` of 64 bytes that no
    /// snapshot covers: scan, lanes, and all of it executed again.
    package func restart(commands: Int, _ say: (String) -> Void) throws {
        let path = directory + "/replica"
        let group = try FreeGroup.choose(members: 1)
        var configuration = Configuration(
            clusterID: .random(), members: [.init(id: 0, address: "127.0.0.1")], interface: "lo", group: group)
        configuration.allowSingleCopy = true
        configuration.segments = geometry.segments
        configuration.segmentMebibytes = geometry.segmentBytes >> 20
        func start(format: Bool) throws -> ReplicaHost {
            try ReplicaHost.start(
                configuration, replica: 0, dataDirectory: path, format: format,
                machine: AnyStateMachine.make(Counter()),
                load: nil, countersPath: nil, replicasHere: 1)
        }
        var load = CounterLoad(lane: 0, commandBytes: Self.commandBytes)
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * Self.commandBytes, alignment: 64)
        defer { memory.deallocate() }
        func submit(_ count: Int, to host: ReplicaHost) throws {
            var client = try host.client(outstanding: 4_096, onReplies: nil)
            var answered = 0
            var submitted = 0
            while submitted < count {
                load.fill(memory.baseAddress!, count: 64)
                for i in 0..<min(64, count - submitted) {
                    let command = UnsafeRawBufferPointer(
                        rebasing: memory[i * Self.commandBytes..<(i + 1) * Self.commandBytes])
                    try client.submitWaiting(command, tag: 0) { _, _ in answered += 1 }
                    submitted += 1
                }
            }
            while answered < count {
                if client.poll({ _, _ in answered += 1 }) == 0 {
                    if let failure = host.failure { throw BenchError(failure) }
                    usleep(50)
                }
            }
        }
        let host = try start(format: true)
        try submit(commands, to: host)
        host.stop()
        let begin = trm_monotonic_nanoseconds()
        let again = try start(format: false)
        let running = trm_monotonic_nanoseconds()
        try submit(1, to: again)
        let ready = trm_monotonic_nanoseconds()
        again.stop()
        let bytes = Double(commands * Self.commandBytes)
        say(
            "a replica with \(Format.grouped(Int(bytes) >> 20)) MiB of commands to execute again: runs after "
                + "\(Format.duration(microseconds: Double(running - begin) / 1e3)), answers after "
                + "\(Format.duration(microseconds: Double(ready - begin) / 1e3)) "
                + "(\(Format.grouped(Int(bytes / (Double(ready - begin) / 1e9) / 1e6))) MB/s)")
        try FileManager.default.removeItem(atPath: path)
    }
}
