// A snapshot on its way to the file that the superblock does not name: two blocks of memory, of which one is filled while the
// other is written. Whether the bytes come from the own state machine or from another replica makes no difference here.
import CTrireme
import TriremeCore

struct SnapshotWriter: ~Copyable {
    enum Phase {
        case idle
        /// Blocks come, one after another.
        case open
        /// All blocks are filled; when they are written the header follows.
        case closing
        /// The header is being written, or the superblock that names the file.
        case naming
        /// Given up; what is under way still has to end.
        case abandoned
    }
    enum Step {
        case block(file: Int, offset: UInt64, UnsafeRawBufferPointer)
        case header(SnapshotFile)
        case none
    }
    private(set) var phase = Phase.idle
    /// Its length and checksum grow with the blocks.
    private(set) var file: SnapshotFile
    private let memory: UnsafeMutableRawPointer
    private let blockBytes: Int
    /// Bytes of content in the block that is being filled.
    private var filled = 0
    /// Blocks that are filled, whose writes began, and that are durable in a row; a block's memory follows from its number.
    private(set) var sealed: UInt64 = 0
    private(set) var begun: UInt64 = 0
    private(set) var durable: UInt64 = 0
    private var isDone: InlineArray<2, Bool> = [false, false]
    private var lastBytes = 0

    init(blockBytes: Int) {
        precondition(blockBytes % Limits.pageBytes == 0 && blockBytes >= Limits.pageBytes && blockBytes < 1 << 24)
        self.blockBytes = blockBytes
        // Pages that no snapshot has touched take no memory.
        memory = .allocate(byteCount: 2 * blockBytes, alignment: Limits.pageBytes)
        file = SnapshotFile(
            description: SnapshotDescription(file: 0, slot: 0, cut: Cut(), lengthBytes: 0, checksum: 0),
            name: SnapshotName(origin: ReplicaID(0), generation: .zero, slot: 0), blockBytes: blockBytes)
    }
    deinit { memory.deallocate() }

    var isActive: Bool { phase != .idle }

    mutating func start(file number: Int, name: SnapshotName, cut: Cut) {
        precondition(phase == .idle, "two snapshots at once")
        file = SnapshotFile(
            description: SnapshotDescription(file: number, slot: name.slot, cut: cut, lengthBytes: 0, checksum: 0),
            name: name, blockBytes: blockBytes)
        filled = 0
        sealed = 0
        begun = 0
        durable = 0
        isDone = [false, false]
        phase = .open
    }

    // MARK: filling

    private func base(_ block: UInt64) -> UnsafeMutableRawPointer { memory + Int(block & 1) * blockBytes }
    /// The memory of the block that is to be filled next, if it is free.
    var block: UnsafeMutableRawBufferPointer? {
        guard phase == .open, sealed < durable + 2 else { return nil }
        return UnsafeMutableRawBufferPointer(start: base(sealed), count: blockBytes)
    }
    /// Room for the bytes that come next.
    var room: UnsafeMutableRawBufferPointer? {
        block.map { UnsafeMutableRawBufferPointer(rebasing: $0[(SnapshotBlock.headerBytes + filled)...]) }
    }
    /// So many bytes were put into ``room``.
    mutating func fill(_ bytes: Int) {
        precondition(phase == .open && bytes <= SnapshotBlock.capacity(blockBytes) - filled)
        filled += bytes
        if filled == SnapshotBlock.capacity(blockBytes) { sealBlock() }
    }
    private mutating func sealBlock() {
        let checksum = SnapshotBlock.seal(base(sealed), file.name, number: sealed, contentBytes: filled)
        took(checksum, filled)
        filled = 0
    }
    private mutating func took(_ checksum: UInt32, _ bytes: Int) {
        file.description.checksum = SnapshotBlock.chain(file.description.checksum, checksum)
        file.description.lengthBytes += UInt64(bytes)
        lastBytes = SnapshotBlock.headerBytes + bytes
        sealed += 1
    }
    /// ``block`` holds a whole block with its header, from elsewhere; taken if it is the one that is meant and its checksum
    /// holds.
    mutating func take(contentBytes: Int, isStored: Bool) -> Bool {
        guard let block,
            let checksum = SnapshotBlock.checked(
                block.baseAddress!, file.name, number: sealed, contentBytes: contentBytes)
        else { return false }
        let used = SnapshotBlock.headerBytes + contentBytes
        (block.baseAddress! + used).initializeMemory(
            as: UInt8.self, repeating: 0, count: roundedToPages(used) - used)
        took(checksum, contentBytes)
        if isStored {
            // It lies in the file already, since an earlier start.
            precondition(begun == sealed - 1 && durable == begun)
            begun = sealed
            durable = sealed
        }
        return true
    }
    /// Nothing more comes.
    mutating func finish() {
        precondition(phase == .open)
        if filled > 0 { sealBlock() }
        phase = .closing
    }
    /// Nothing more comes, and what came is of no use. The file stays as it is; the superblock does not name it.
    mutating func abandon() {
        guard phase == .open || phase == .closing else { return }
        phase = begun > durable ? .abandoned : .idle
    }
    /// A write found no room: as ``abandon()``, up to the last moment. Returns whether it was not given up before.
    mutating func gaveUp(block: UInt32?) -> Bool {
        let wasGoingOn = phase != .abandoned
        if phase == .naming { phase = .idle }
        abandon()
        _ = written(block: block)
        return wasGoingOn
    }

    // MARK: writing

    /// What to write next beside what is under way.
    mutating func next(_ options: LogOptions) -> Step {
        guard phase == .open || phase == .closing else { return .none }
        if begun < sealed {
            guard begun - durable < UInt64(options.snapshotWritesInFlight) else { return .none }
            let isLast = begun + 1 == sealed
            let bytes = isLast ? roundedToPages(lastBytes) : blockBytes
            let step = Step.block(
                file: file.description.file, offset: file.offset(begun),
                UnsafeRawBufferPointer(start: base(begun), count: bytes))
            isDone[Int(begun & 1)] = false
            begun += 1
            return step
        }
        guard phase == .closing, durable == sealed else { return .none }
        phase = .naming
        return .header(file)
    }
    /// The write of a block is over, or that of the header (`block` nil): then true, the superblock may name the file.
    mutating func written(block: UInt32?) -> Bool {
        guard let block else { return true }
        isDone[Int(block & 1)] = true
        while durable < begun, isDone[Int(durable & 1)] {
            isDone[Int(durable & 1)] = false
            durable += 1
        }
        if phase == .abandoned, durable == begun { phase = .idle }
        return false
    }
    /// The superblock names a snapshot, durably. Returns whether it is this one.
    mutating func named(_ named: SnapshotDescription?) -> Bool {
        guard phase == .naming, named == file.description else { return false }
        phase = .idle
        return true
    }
}
