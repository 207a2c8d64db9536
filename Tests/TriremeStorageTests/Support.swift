// What the storage tests share: small logs on scripted disks, batches with known bytes, what a log told.
import CTrireme
import TriremeCore
import TriremeStorage

let owner = LogIdentity(clusterLow: 0x1122, clusterHigh: 0x3344, replica: ReplicaID(1), group: 3)
let small = LogGeometry(segmentBytes: 16 * Limits.pageBytes, segments: 4)
let page = UInt64(Limits.pageBytes)
typealias ScriptedLog = Log<ScriptedDevice>

func smallOptions(writes: Int = 2) -> LogOptions {
    var options = LogOptions()
    options.writesInFlight = writes
    options.queuedRecords = 128
    options.itemPages = 64
    options.reservedItemPages = 4
    options.reserveBytes = 0
    return options
}

/// Page-aligned memory that lives as long as the test.
final class Frames {
    private var all: [UnsafeMutableRawPointer] = []
    deinit { for frame in all { frame.deallocate() } }
    func take(_ bytes: Int = Limits.batchBytesMaximum) -> UnsafeMutableRawPointer {
        let frame = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: Limits.pageBytes)
        frame.initializeMemory(as: UInt8.self, repeating: 0xEE, count: bytes)
        all.append(frame)
        return frame
    }
    /// A batch of lane 0 whose payload follows from its sequence, in a frame of its own.
    func batch(_ sequence: UInt64, bytes: Int = 1_000, generation: Generation = Generation(epoch: 1, counter: 1)) -> (
        BatchDescriptor, UnsafeMutableRawPointer
    ) {
        let frame = take(roundedToPages(Limits.headerBytes + bytes))
        let payload = frame + Limits.headerBytes
        for i in 0..<bytes { payload.storeBytes(of: patternByte(sequence, i), toByteOffset: i, as: UInt8.self) }
        let checksum = trm_crc32c(0, payload, bytes)
        return (
            BatchDescriptor(
                lane: ReplicaID(0), generation: generation, sequence: sequence, payloadBytes: UInt32(bytes),
                payloadChecksum: checksum, count: 3, stride: 0,
                digest: BatchDescriptor.chain(sequence, checksum: checksum, payloadBytes: UInt32(bytes))), frame
        )
    }
}
func patternByte(_ sequence: UInt64, _ i: Int) -> UInt8 { UInt8(truncatingIfNeeded: Int(sequence) &* 31 &+ i &* 7) }

func promise(_ round: UInt32) -> LogItem { .promise(Ballot(epoch: 1, round: round, owner: ReplicaID(2))) }
func vote(_ slot: UInt64, round: UInt32 = 1) -> LogItem {
    var cut = Cut(epoch: 1)
    cut[0] = Position(Generation(epoch: 1, counter: 1), slot, digest: slot &* 77)
    cut[2] = Position(Generation(epoch: 1, counter: 9), 5, digest: 6)
    cut.timestamp = 1_000 + slot
    return .vote(
        slot: slot, ballot: Ballot(epoch: 1, round: round, owner: ReplicaID(2)), half: .classic, entry: Entry(cut))
}

enum Told: Equatable {
    case written(UInt32)
    case durable(LogIndex)
    case read(UInt32, Bool)
    case snapshot(UInt64)
    case snapshotRead(UInt32, Bool)
    case released(UInt64)
    case forgetful
    case failed(StorageError.Code)
}
extension Log where Device: ~Copyable {
    mutating func told() -> [Told] {
        var all: [Told] = []
        while let event = next() {
            switch event {
            case .written(let buffer): all.append(.written(buffer))
            case .durable(let index): all.append(.durable(index))
            case .read(let token, let ok): all.append(.read(token, ok))
            case .snapshotDurable(let slot): all.append(.snapshot(slot))
            case .snapshotRead(let token, let ok): all.append(.snapshotRead(token, ok))
            case .released(let before): all.append(.released(before))
            case .forgetfulDurable: all.append(.forgetful)
            case .failed(let error): all.append(.failed(error.code))
            }
        }
        return all
    }
}
extension Log where Device == ScriptedDevice {
    /// Pumps and completes until nothing is left to do.
    @discardableResult mutating func settle() -> [Told] {
        var all: [Told] = []
        repeat {
            pump()
            device.disk.completeAll()
            all += told()
            pump()
        } while !device.disk.pending.isEmpty
        return all
    }
    mutating func append(_ batch: (BatchDescriptor, UnsafeMutableRawPointer), buffer: UInt32 = 0) -> LogIndex {
        append(batch.0, frame: batch.1, buffer: buffer)
    }
}

/// The bytes of a snapshot on their way into a log, as far as its blocks have room.
struct SnapshotFeed {
    let bytes: UnsafeRawBufferPointer
    var given = 0
    var isOver = false

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
    mutating func feed<Device: StorageDevice & ~Copyable>(_ log: inout Log<Device>) {
        while !isOver {
            guard given < bytes.count else {
                log.finishSnapshot()
                isOver = true
                return
            }
            guard let room = log.snapshotRoom else { return }
            let count = min(room.count, bytes.count - given)
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[given..<given + count]))
            log.fillSnapshot(count)
            given += count
        }
    }
}
extension Log where Device: ~Copyable {
    /// Begins a snapshot whose bytes follow.
    mutating func writeSnapshot(
        slot: UInt64, cut: Cut = Cut(), _ bytes: UnsafeRawBufferPointer
    ) -> SnapshotFeed {
        beginSnapshot(
            name: SnapshotName(origin: identity.replica, generation: generation, slot: slot), cut: cut)
        var feed = SnapshotFeed(bytes)
        feed.feed(&self)
        return feed
    }
    /// A snapshot that fits into one block.
    mutating func writeSmallSnapshot(slot: UInt64, cut: Cut = Cut(), _ bytes: UnsafeRawBufferPointer) {
        let feed = writeSnapshot(slot: slot, cut: cut, bytes)
        precondition(feed.isOver)
    }
    /// The bytes of the snapshot that the superblock names.
    mutating func snapshotBytes() throws(StorageError) -> [UInt8] {
        var all: [UInt8] = []
        try readSnapshotNow { piece, _ in all.append(contentsOf: piece) }
        return all
    }
}

/// Something that a log holds, in stream order.
enum Content: Equatable {
    case snapshot(UInt64)
    case batch(UInt64)
    case damaged(UInt64)
    case item(LogItem)
}
final class Recovered {
    var content: [Content] = []
    var offsets: [UInt64] = []
    /// Batches whose payload was not what was appended.
    var wrongPayloads = 0
    func take(_ event: RecoveryEvent) {
        switch event {
        case .snapshot(let snapshot): content.append(.snapshot(snapshot.slot))
        case .batch(let batch, let offset, let payload):
            content.append(.batch(batch.sequence))
            offsets.append(offset)
            if !payload.enumerated().allSatisfy({ $0.element == patternByte(batch.sequence, $0.offset) }) {
                wrongPayloads += 1
            }
        case .damagedBatch(let batch, let offset):
            content.append(.damaged(batch.sequence))
            offsets.append(offset)
        case .item(let item): content.append(.item(item))
        }
    }
}

func formatted(_ geometry: LogGeometry = small, _ identity: LogIdentity = owner) throws(StorageError) -> ScriptedDisk {
    let disk = ScriptedDisk(geometry: geometry)
    var device = ScriptedDevice(disk)
    try ScriptedLog.format(&device, identity: identity, geometry: geometry, epoch: 1)
    return disk
}
func open(
    _ disk: ScriptedDisk, _ recovered: Recovered = Recovered(), options: LogOptions = smallOptions(),
    geometry: LogGeometry = small, identity: LogIdentity = owner
) throws(StorageError) -> ScriptedLog {
    try ScriptedLog.open(
        ScriptedDevice(disk), identity: identity, geometry: geometry, members: 3, options: options,
        visit: { recovered.take($0) })
}
/// What a fresh start finds, without leaving a trace on the disk.
func found(
    _ disk: ScriptedDisk, geometry: LogGeometry = small, identity: LogIdentity = owner
) -> (content: [Content], refusal: StorageError?) {
    let recovered = Recovered()
    do {
        let log = try open(ScriptedDisk(copyOf: disk), recovered, geometry: geometry, identity: identity)
        _ = log.generation
        if recovered.wrongPayloads > 0 { return (recovered.content, StorageError(.damaged, "wrong payload")) }
        // What may have cost a promise or a vote is no refusal: the log says so, and for ever.
        guard let loss = log.recovery.loss else { return (recovered.content, nil) }
        return (recovered.content, log.isForgetful ? StorageError(.damaged, loss) : StorageError(.io, "not forgetful"))
    } catch {
        return (recovered.content, error)
    }
}
