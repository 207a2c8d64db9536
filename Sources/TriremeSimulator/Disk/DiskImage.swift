// One replica's disk. It outlives the crashes of its replica; what it keeps through them is chance's business.
import Glibc
import TriremeCore
import TriremeStorage

/// The bytes of one file.
struct FileContent {
    var bytes: [UInt8] = []
    mutating func grow(to size: Int) {
        if size > bytes.count { bytes.append(contentsOf: repeatElement(0, count: size - bytes.count)) }
    }
}

package final class DiskImage {
    struct Operation {
        var isWrite = false
        var isActive = false
        var file = 0
        var offset = 0
        var length = 0
        var token: UInt64 = 0
        /// What was to be written, copied when the write began.
        var copy: UnsafeMutableRawPointer? = nil
        var pieces: [UnsafeRawBufferPointer] = []
        var into = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
    /// A sector that can be read but may still be lost, or the other way round, until somebody flushes.
    struct UnsettledSector {
        var file: Int
        var offset: Int
        /// What would be there otherwise.
        var other: [UInt8]
        /// Whether `other` is what a flush makes true.
        var otherWinsAtFlush: Bool
    }
    package struct Counts: Sendable {
        package var writes = 0
        package var reads = 0
        package var bytesWritten = 0
        package var tornWrites = 0
        package var lostWrites = 0
        package var strayWrites = 0
        package var failedWrites = 0
        package var failedReads = 0
        package var fullWrites = 0
        package var shortWrites = 0
        package init() {}
    }
    package static let sectorBytes = 512
    package let replica: ReplicaID
    let queue: EventQueue
    var random: CoreRandom
    package var counts = Counts()
    /// Typical time of one write; reads take half.
    package var latencyNanoseconds: UInt64 = 50_000
    /// What goes wrong with it at present (DiskImage+Faults.swift).
    package var trouble = DiskTrouble()
    /// Writes of this life that failed, and whether the life was told of one.
    package internal(set) var hasFailed = false
    var failedTokens: [UInt64] = []
    package private(set) var wasToldOfFailure = false
    /// Told what became of the bytes of a file, for whoever keeps count of what is on the disks.
    package var changed: ((_ file: Int, _ range: Range<Int>) -> Void)?
    /// Ranges that writes of a dead process left unsettled.
    var unsettledRanges: [(file: Int, range: Range<Int>)] = []
    /// Frames whose last write is over, while memory is to flip.
    var writtenFrames: Set<UnsafeRawPointer>?
    /// Bytes of memory that were flipped during this life.
    package var flips = 0
    /// Nothing completes before this moment.
    package var stalledUntil: UInt64 = 0
    /// The machine stops during the n-th waiting write from now on.
    package var waitingWritesUntilStop: Int? = nil
    package private(set) var isStopped = false
    let referee: Referee
    package var trace: Trace?
    /// A bad disk: what it wrote may be taken back, and the next write may go astray (DiskImage+Damage.swift).
    var isFrail = false
    var undo: [Undo] = []
    var misdirects = false
    /// No disk at all: `durability: memory`.
    var isVolatile = false
    var files: [FileContent]
    @exclusivity(unchecked) var operations: [Operation] = []
    @exclusivity(unchecked) private var freeOperations: [UInt32] = []
    @exclusivity(unchecked) private(set) var completions: [StorageCompletion] = []
    @exclusivity(unchecked) private var taken = 0
    var unsettled: [UnsettledSector] = []
    /// The life that the device serves at present; notes to a former one are dropped.
    package private(set) var incarnation = 0

    package init(
        replica: ReplicaID, queue: EventQueue, random: CoreRandom, referee: Referee, segments: Int, segmentBytes: Int
    ) {
        self.replica = replica
        self.queue = queue
        self.random = random
        self.referee = referee
        files = [FileContent](repeating: FileContent(), count: 3 + segments)
        files[0].grow(to: 4 * Limits.pageBytes)
        for i in 0..<segments { files[3 + i].grow(to: segmentBytes) }
    }
    deinit { for operation in operations { operation.copy?.deallocate() } }

    static func index(_ file: StorageFile) -> Int {
        switch file {
        case .superblock: 0
        case .snapshot(let i): 1 + i
        case .segment(let i): 3 + i
        }
    }
    /// Operations under way.
    package var inFlight: Int { operations.count - freeOperations.count }

    func demand(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { referee.report("replica \(replica): \(sentence())") }
    }

    // MARK: asynchronous

    func begin(_ operation: Operation) {
        demand(!isStopped, "an operation on a disk that has stopped")
        demand(
            operation.offset % Limits.pageBytes == 0 && operation.length % Limits.pageBytes == 0
                && operation.length > 0,
            "\(operation.length) bytes at \(operation.offset) are not whole pages")
        let place: UInt32
        if let free = freeOperations.popLast() {
            place = free
            operations[Int(place)] = operation
        } else {
            place = UInt32(operations.count)
            operations.append(operation)
        }
        var time = latencyNanoseconds * trouble.latencyFactor / (operation.isWrite ? 1 : 2)
        time = random.tailed(time) + UInt64(operation.length) / 2
        queue.schedule(
            WorldEvent(
                .disk, at: max(queue.now, stalledUntil) + time, replica: replica.index, incarnation: incarnation,
                index: place))
    }
    func beginWrite(_ file: Int, _ offset: Int, _ pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>, token: UInt64) {
        var operation = Operation(isWrite: true, isActive: true, file: file, offset: offset, token: token)
        for piece in pieces {
            demand(Int(bitPattern: piece.baseAddress) % Limits.pageBytes == 0, "a piece that is not page-aligned")
            operation.length += piece.count
        }
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(operation.length, 1), alignment: 64)
        var at = 0
        for piece in pieces where piece.count > 0 {
            (copy + at).copyMemory(from: piece.baseAddress!, byteCount: piece.count)
            at += piece.count
        }
        operation.copy = copy
        operation.pieces = Array(pieces)
        demand(
            !wasToldOfFailure, "a write after one that failed: it must end and read back (RELIABILITY, storage rule 4)")
        demand(file < files.count, "a write to a file that there is not")
        if file == 0 || file > 2 {
            demand(offset + operation.length <= files[file].bytes.count, "a write past the end of file \(file)")
        }
        for other in operations where other.isActive && other.isWrite && other.file == file {
            demand(
                other.offset + other.length <= offset || offset + operation.length <= other.offset,
                "two writes in flight overlap at \(offset) of file \(file); which one stays is chance")
        }
        counts.writes += 1
        counts.bytesWritten += operation.length
        trace?.note(queue.now, replica.index, "write \(operation.length) bytes at \(offset) of file \(file)")
        begin(operation)
    }

    /// An operation is due. False where the life that began it is over.
    package func finish(_ place: UInt32, incarnation: Int) -> Bool {
        guard incarnation == self.incarnation, operations[Int(place)].isActive else { return false }
        if stalledUntil > queue.now {
            queue.schedule(
                WorldEvent(
                    .disk, at: stalledUntil + random.below(latencyNanoseconds), replica: replica.index,
                    incarnation: incarnation, index: place))
            return false
        }
        let operation = operations[Int(place)]
        var result = operation.length
        if operation.isWrite {
            var at = 0
            for piece in operation.pieces where piece.count > 0 {
                demand(
                    flips > 0 || memcmp(piece.baseAddress!, operation.copy! + at, piece.count) == 0,
                    "memory was touched while it was being written to \(operation.offset) of file \(operation.file)")
                at += piece.count
            }
            result = outcome(of: operation)
            if result != operation.length {
                fail(operation, result)
            } else if misdirects {
                storeElsewhere(operation)
            } else {
                store(operation, 0..<operation.length)
            }
            changed?(operation.file, operation.offset..<operation.offset + operation.length)
            if writtenFrames != nil { noteWritten(operation) }
            operation.copy!.deallocate()
        } else {
            counts.reads += 1
            result = load(operation.file, operation.offset, operation.into)
            if failsNow(isWrite: false) { result = Int(-EIO) }
        }
        operations[Int(place)] = Operation()
        freeOperations.append(place)
        completions.append(StorageCompletion(token: operation.token, result: result))
        trace?.note(
            queue.now, replica.index,
            "\(operation.isWrite ? "written" : "read") \(result) bytes at \(operation.offset) of file \(operation.file)"
        )
        return true
    }
    /// Without a disk everything is done at once, and nothing can be read back.
    func completeAtOnce(_ token: UInt64, _ result: Int) {
        completions.append(StorageCompletion(token: token, result: result))
    }
    func nextCompletion() -> StorageCompletion? {
        guard taken < completions.count else { return nil }
        if hasFailed, failedTokens.contains(completions[taken].token) { wasToldOfFailure = true }
        defer {
            taken += 1
            if taken == completions.count {
                completions.removeAll(keepingCapacity: true)
                taken = 0
            }
        }
        return completions[taken]
    }

    // MARK: content

    func store(_ operation: Operation, _ range: Range<Int>) {
        settle(operation.file, operation.offset + range.lowerBound..<operation.offset + range.upperBound)
        files[operation.file].grow(to: operation.offset + range.upperBound)
        remember(operation.file, operation.offset + range.lowerBound..<operation.offset + range.upperBound)
        files[operation.file].bytes.withUnsafeMutableBytes {
            ($0.baseAddress! + operation.offset + range.lowerBound).copyMemory(
                from: operation.copy! + range.lowerBound, byteCount: range.count)
        }
    }
    /// What is overwritten can come back no more.
    func settle(_ file: Int, _ range: Range<Int>) {
        guard !unsettled.isEmpty else { return }
        unsettled.removeAll {
            $0.file == file && $0.offset < range.upperBound && range.lowerBound < $0.offset + $0.other.count
        }
    }
    func load(_ file: Int, _ offset: Int, _ into: UnsafeMutableRawBufferPointer) -> Int {
        let count = max(0, min(into.count, files[file].bytes.count - offset))
        guard count > 0 else { return 0 }
        files[file].bytes.withUnsafeBytes {
            into.baseAddress!.copyMemory(from: $0.baseAddress! + offset, byteCount: count)
        }
        return count
    }

    /// Ends the present life: what was in flight is gone from the list, and completions that nobody took with it.
    func endLife() {
        for i in operations.indices where operations[i].isActive {
            operations[i].copy?.deallocate()
            operations[i] = Operation()
            freeOperations.append(UInt32(i))
        }
        completions.removeAll(keepingCapacity: true)
        taken = 0
        isStopped = true
    }
    /// A new life begins.
    package func start(incarnation: Int) {
        self.incarnation = incarnation
        isStopped = false
        hasFailed = false
        wasToldOfFailure = false
        failedTokens.removeAll(keepingCapacity: true)
        flips = 0
        writtenFrames?.removeAll(keepingCapacity: true)
    }
    /// Counts a waiting write; true where the machine stops in the middle of it.
    func stopsNow() -> Bool {
        guard let left = waitingWritesUntilStop else { return false }
        waitingWritesUntilStop = left > 1 ? left - 1 : nil
        if left <= 1 { isStopped = true }
        return left <= 1
    }
}
