// The log on real files, through io_uring with O_DIRECT and O_DSYNC (RELIABILITY, storage rules 1 to 3).
import CTrireme
import Glibc
import Testing
import TriremeCore
import TriremeStorage

/// A directory of this test, removed at its end. On a disk: a memory file system may lack O_DIRECT.
final class TemporaryDirectory {
    let path: String
    init() {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/var/tmp"
        var template = Array("\(base)/trireme-storage-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template)!)
    }
    deinit { remove(path) }
    private func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != ".", name != ".." { remove("\(path)/\(name)") }
            }
            closedir(directory)
        }
        _ = Glibc.remove(path)
    }
}

private let shape = LogGeometry(segmentBytes: 4 << 20, segments: 4)

private func openRing(
    _ path: String, _ recovered: Recovered = Recovered(), memory: UnsafeMutableRawBufferPointer? = nil,
    patience: UInt32 = 2_000
) throws(StorageError) -> Log<RingDevice> {
    let directory = try DataDirectory(at: path, geometry: shape, patienceMilliseconds: patience)
    return try Log.open(
        RingDevice(directory), identity: owner, geometry: shape, members: 3, memory: memory,
        visit: { recovered.take($0) })
}
private func format(_ path: String) throws(StorageError) {
    try DataDirectory.create(at: path, geometry: shape)
    var device = RingDevice(try DataDirectory(at: path, geometry: shape))
    try Log.format(&device, identity: owner, geometry: shape, epoch: 1)
}

/// Starts a ring with the log's files; `base` is registered memory.
private func attach(_ log: inout Log<RingDevice>, region: UnsafeMutableRawBufferPointer) throws -> OpaquePointer {
    var ring: OpaquePointer?
    var text = [CChar](repeating: 0, count: 512)
    var options = trm_ring_default_options(64)
    try #require(trm_ring_create(&ring, &options, &text, text.count) == 0, "the ring")
    let descriptors: [Int32] = [-1] + log.device.directory.descriptors  // the network's socket comes first
    try #require(trm_ring_register_files(ring!, descriptors, UInt32(descriptors.count)) == 0)
    _ = trm_ring_register_region(ring!, region.baseAddress!, region.count, &text, text.count)
    log.device.attach(ring: ring!, firstFile: 1)
    return ring!
}
/// One turn of a reactor: submit, wait for something, hand it to the log.
private func turn(_ log: inout Log<RingDevice>, _ ring: OpaquePointer) -> [Told] {
    log.pump()
    _ = trm_ring_submit_and_wait(ring, 1, 1_000_000_000)
    var completion = trm_completion()
    while trm_ring_completions(ring, &completion, 1) == 1 {
        log.device.complete(token: completion.token, result: completion.result)
    }
    return log.told()
}

@Suite("Storage rules 1 to 3: real files")
struct RingDeviceTests {
    @Test("a log on real files, through laps, a snapshot, and starts")
    func realFiles() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/replica"
        try format(path)
        let options = LogOptions()
        let pool = 64
        let bytes = pool * Limits.batchBytesMaximum + ScriptedLog.memoryBytes(options)
        let region = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: Limits.pageBytes)
        defer { region.deallocate() }
        let own = UnsafeMutableRawBufferPointer(rebasing: region[(pool * Limits.batchBytesMaximum)...])
        var expected: [Content] = []
        var offsets: [UInt64] = []
        do {
            var log = try openRing(path, memory: own)
            let ring = try attach(&log, region: region)
            defer { trm_ring_destroy(ring) }
            var free = Array(0..<UInt32(pool))
            var sequence: UInt64 = 0
            var last: LogIndex = 0
            let state = UnsafeMutableRawBufferPointer.allocate(byteCount: 3 << 20, alignment: Limits.pageBytes)
            defer { state.deallocate() }
            for i in 0..<state.count { state[i] = patternByte(5, i) }
            var releases = 0
            var feed: SnapshotFeed?
            while sequence < 600 {
                while let buffer = free.popLast(), log.canAppend(Limits.batchBytesMaximum) {
                    sequence += 1
                    let frame = region.baseAddress! + Int(buffer) * Limits.batchBytesMaximum
                    let length = Int(sequence * 7_919 % 60_000) + 1
                    for i in 0..<length {
                        frame.storeBytes(of: patternByte(sequence, i), toByteOffset: 128 + i, as: UInt8.self)
                    }
                    let batch = BatchDescriptor(
                        lane: ReplicaID(0), generation: log.generation, sequence: sequence,
                        payloadBytes: UInt32(length),
                        payloadChecksum: trm_crc32c(0, frame + 128, length), count: 1, stride: 0, digest: sequence)
                    _ = log.append(batch, frame: frame, buffer: buffer)
                    offsets.append(log.lastOffset)
                    last = log.append(vote(sequence))
                    expected += [.batch(sequence), .item(vote(sequence))]
                }
                for one in turn(&log, ring) {
                    switch one {
                    case .written(let buffer): free.append(buffer)
                    case .snapshot:
                        // Everything older than a segment is in the snapshot; the promise goes round.
                        last = log.append(promise(9))
                        expected.append(.item(promise(9)))
                        log.release(before: log.durableOffset - min(log.durableOffset, 3 << 20), after: last)
                    case .released: releases += 1
                    case .durable: break
                    default: Issue.record("\(one)")
                    }
                }
                if log.freeBytes < 2 << 20, !log.isWritingSnapshot, log.snapshotDescription?.slot != sequence {
                    feed = log.writeSnapshot(
                        slot: sequence, UnsafeRawBufferPointer(rebasing: state[..<(state.count - 5)]))
                }
                feed?.feed(&log)
            }
            while log.durableIndex < last || log.isWritingSnapshot {
                _ = turn(&log, ring)
                feed?.feed(&log)
            }
            #expect(releases >= 3)
            // Read one back.
            let frame = UnsafeMutableRawPointer.allocate(byteCount: 61_440, alignment: Limits.pageBytes)
            defer { frame.deallocate() }
            let bytes = roundedToPages(Int(sequence * 7_919 % 60_000) + 1 + 128)
            log.read(recordAt: offsets.last!, bytes: bytes, into: frame, token: 5)
            let read = turn(&log, ring)
            #expect(read == [.read(5, true)])
            #expect(log.verify(frame, offset: offsets.last!)?.sequence == sequence)
            let features = trm_ring_features(ring)
            let counters = trm_ring_statistics(ring)
            if features & UInt32(TRM_RING_REGION) != 0, features & UInt32(TRM_RING_WRITEV_FIXED) != 0 {
                #expect(counters.fixed_writes > counters.plain_writes)
            }
        }
        let recovered = Recovered()
        var again = try openRing(path, recovered)
        guard case .snapshot = recovered.content.first else {
            Issue.record("no snapshot")
            return
        }
        let tail = Array(recovered.content.dropFirst())
        #expect(tail == Array(expected.suffix(tail.count)))
        #expect(recovered.wrongPayloads == 0)
        #expect(tail.count > 50)
        #expect(recovered.offsets == Array(offsets.suffix(recovered.offsets.count)))
        let state = try again.snapshotBytes()
        #expect(state[1_000_000] == patternByte(5, 1_000_000))
    }

    @Test(
        "two processes cannot open one directory; a wrong shape, a lost or a used directory is refused in one sentence")
    func refusals() throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/replica"
        func refusal(_ body: () throws(StorageError) -> Void) -> StorageError? {
            do { try body() } catch { return error }
            return nil
        }
        #expect(refusal { () throws(StorageError) in _ = try openRing(path) }?.code == .unformatted)
        try format(path)
        #expect(refusal { () throws(StorageError) in try format(path) }?.code == .alreadyFormatted)
        do {
            let log = try openRing(path)
            let second = refusal { () throws(StorageError) in _ = try openRing(path, patience: 20) }
            #expect(second?.code == .locked)
            #expect(second?.message.contains("another process") == true)
            _ = log.generation
        }
        let other = LogGeometry(segmentBytes: 8 << 20, segments: 3)
        let unequal = refusal { () throws(StorageError) in _ = try DataDirectory(at: path, geometry: other) }
        #expect(unequal?.code == .unsupported)
        #expect(unequal?.message.contains("log.segmentMebibytes") == true)
        #expect(unlink("\(path)/log/00000001.segment") == 0)
        #expect(
            refusal { () throws(StorageError) in _ = try openRing(path) }?.message.contains("00000001.segment") == true)
        // What a format that did not finish leaves is neither a log nor empty.
        let half = "\(directory.path)/half"
        mkdir(half, 0o700)
        #expect(refusal { () throws(StorageError) in try format(half) } == nil)
        #expect(unlink("\(half)/superblock") == 0)
        #expect(refusal { () throws(StorageError) in _ = try openRing(half) }?.code == .unformatted)
        #expect(refusal { () throws(StorageError) in try format(half) }?.code == .alreadyFormatted)
        let huge = LogGeometry(segmentBytes: 1 << 40, segments: 1_000)
        let full = refusal { () throws(StorageError) in
            try DataDirectory.create(at: "\(directory.path)/huge", geometry: huge)
        }
        #expect(full?.code == .full)
    }
}
