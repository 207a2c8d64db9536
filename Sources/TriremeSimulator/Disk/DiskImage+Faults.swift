// What a disk does wrong while its machine runs on (RELIABILITY, storage rule 4): slow, failing, short, full.
import Glibc
import TriremeCore
import TriremeStorage

/// How one operation fails.
package enum DiskFailure: Sendable {
    /// −EIO: some of a write's sectors are there, a read gives nothing.
    case ioError
    /// A write does less than it was asked for, and says so.
    case short
}

/// What is wrong with a disk until somebody mends it.
package struct DiskTrouble: Sendable {
    /// Every operation takes so many times as long.
    package var latencyFactor: UInt64 = 1
    /// No file can grow: −ENOSPC. Log segments are preallocated and go on.
    package var isFull = false
    /// The operation that fails: the n-th from now on.
    package var failure: DiskFailure?
    package var operationsUntilFailure = 1
    package init() {}
}

extension DiskImage {
    /// Whether the operation that is due is the one that fails.
    func failsNow(isWrite: Bool) -> Bool {
        guard let failure = trouble.failure, isWrite || failure == .ioError else { return false }
        trouble.operationsUntilFailure -= 1
        guard trouble.operationsUntilFailure <= 0 else { return false }
        trouble.failure = nil
        hasFailed = true
        if !isWrite { counts.failedReads += 1 }
        return true
    }

    /// What a write reports: its length, less, or −errno.
    func outcome(of write: Operation) -> Int {
        if trouble.isFull, (1...2).contains(write.file), write.offset + write.length > files[write.file].bytes.count {
            // Of a snapshot: it is given up and tried again later, and the replica goes on.
            counts.fullWrites += 1
            return Int(-ENOSPC)
        }
        let failure = trouble.failure
        guard failsNow(isWrite: true) else { return write.length }
        failedTokens.append(write.token)
        guard failure == .short else {
            counts.failedWrites += 1
            return Int(-EIO)
        }
        counts.shortWrites += 1
        return Int(random.below(UInt64(write.length / Self.sectorBytes))) * Self.sectorBytes
    }

    /// Stores what a failed write left: a prefix of a short one, any sectors of one that ended with an error.
    func fail(_ write: Operation, _ result: Int) {
        if result >= 0 { return store(write, 0..<result) }
        guard result == Int(-EIO) else { return }
        for sector in 0..<write.length / Self.sectorBytes where random.below(2) == 0 {
            store(write, sector * Self.sectorBytes..<(sector + 1) * Self.sectorBytes)
        }
    }

    /// What was wrong is mended, and a stall is over: what was begun meanwhile, or while it was still slower, is done soon.
    package func mend() {
        trouble = DiskTrouble()
        stalledUntil = 0
        for place in operations.indices where operations[place].isActive {
            queue.schedule(
                WorldEvent(
                    .disk, at: queue.now + random.tailed(latencyNanoseconds), replica: replica.index,
                    incarnation: incarnation, index: UInt32(place)))
        }
    }

    // MARK: memory

    /// Bytes of what a batch's frame holds were just written, whole: from now on only execution and repair need them.
    func noteWritten(_ write: Operation) {
        for piece in write.pieces {
            for at in stride(from: 0, to: piece.count, by: Limits.pageBytes)
            where RecordHeader.hasMagic(piece.baseAddress! + at) {
                writtenFrames?.insert(piece.baseAddress! + at)
            }
        }
    }
    /// Whether a frame's bytes are being written, or wait for it.
    func isBeingWritten(_ frame: UnsafeRawPointer) -> Bool {
        operations.contains { operation in
            operation.isActive && operation.isWrite
                && operation.pieces.contains { $0.baseAddress! <= frame && frame < $0.baseAddress! + $0.count }
        }
    }
}
