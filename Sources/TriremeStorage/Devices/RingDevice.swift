// The disk of a real replica: a data directory's files through the reactor's io_uring. Owned by the reactor's thread.
import CTrireme
import Glibc
import TriremeCore

/// Until ``attach(ring:firstFile:)`` only the waiting calls work: a log is opened first, then the reactor turns.
package struct RingDevice: StorageDevice, ~Copyable {
    /// Class of its tokens, in the top byte: the reactor hands every completion with it to ``complete(token:result:)``.
    package static let tokenClass: UInt64 = 0x02
    /// Operations that may be under way: the writes, chunks and reads that a log allows itself.
    private static let capacity = 64
    /// Pieces of one write: 1 MiB of pages.
    private static let piecesPerWrite = 257

    private struct Operation {
        var isActive = false
        /// The submission ring was full; it is tried again.
        var isDeferred = false
        var isWrite = false
        var file: UInt32 = 0
        var offset: UInt64 = 0
        var count: UInt32 = 0
        var token: UInt64 = 0
        var memory: UnsafeMutableRawPointer?
    }

    package let directory: DataDirectory
    private var ring: OpaquePointer?
    private var firstFile: UInt32 = 0
    private let operations: UnsafeMutablePointer<Operation>
    /// One array of pieces for each operation: the kernel reads it when it takes the submission.
    private let vectors: UnsafeMutablePointer<iovec>
    private let free: UnsafeMutablePointer<UInt8>
    private var freeCount = Self.capacity
    private var deferredCount = 0
    private let completions: UnsafeMutablePointer<StorageCompletion>
    private var firstCompletion = 0
    private var completionCount = 0
    /// While the log starts.
    private var readAhead: ReadAheadRing?

    package init(_ directory: consuming DataDirectory) {
        self.directory = directory
        operations = .allocate(capacity: Self.capacity)
        operations.initialize(repeating: Operation(), count: Self.capacity)
        vectors = .allocate(capacity: Self.capacity * Self.piecesPerWrite)
        free = .allocate(capacity: Self.capacity)
        for i in 0..<Self.capacity { (free + i).initialize(to: UInt8(Self.capacity - 1 - i)) }
        completions = .allocate(capacity: Self.capacity)
    }
    deinit {
        operations.deallocate()
        vectors.deallocate()
        free.deallocate()
        completions.deallocate()
    }
    package var isDurable: Bool { true }

    /// The ring that this device shares, with ``DataDirectory/descriptors`` registered from index `firstFile` on.
    package mutating func attach(ring: OpaquePointer, firstFile: UInt32) {
        self.ring = ring
        self.firstFile = firstFile
    }

    // MARK: asynchronous

    private mutating func begin(_ file: StorageFile, _ offset: UInt64, _ token: UInt64) -> Int {
        precondition(freeCount > 0, "more operations under way than a log allows itself")
        precondition(token >> 48 == 0)
        freeCount -= 1
        let slot = Int(free[freeCount])
        operations[slot] = Operation(
            isActive: true, file: firstFile + UInt32(DataDirectory.index(of: file)), offset: offset, token: token)
        return slot
    }
    package mutating func write(
        _ file: StorageFile, at offset: UInt64, _ pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>, token: UInt64
    ) {
        precondition(pieces.count <= Self.piecesPerWrite)
        let slot = begin(file, offset, token)
        let vector = vectors + slot * Self.piecesPerWrite
        for (i, piece) in pieces.enumerated() {
            (vector + i).initialize(
                to: iovec(iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress), iov_len: piece.count))
        }
        operations[slot].isWrite = true
        operations[slot].count = UInt32(pieces.count)
        submit(slot)
    }
    package mutating func read(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer, token: UInt64
    ) {
        let slot = begin(file, offset, token)
        operations[slot].memory = into.baseAddress
        operations[slot].count = UInt32(into.count)
        submit(slot)
    }
    private mutating func submit(_ slot: Int) {
        guard let ring else { preconditionFailure("no ring attached") }
        let operation = operations[slot]
        let token = Self.tokenClass << 56 | UInt64(slot) << 48 | operation.token
        let result =
            operation.isWrite
            ? trm_ring_write(
                ring, operation.file, vectors + slot * Self.piecesPerWrite, operation.count, operation.offset, false,
                token)
            : trm_ring_read(ring, operation.file, operation.memory!, operation.count, operation.offset, token)
        guard result != 0 else { return }
        if result == -EBUSY {
            operations[slot].isDeferred = true
            deferredCount += 1
        } else {
            complete(token: token, result: result)
        }
    }
    private mutating func submitDeferred() {
        let before = deferredCount
        for slot in 0..<Self.capacity where operations[slot].isActive && operations[slot].isDeferred {
            operations[slot].isDeferred = false
            deferredCount -= 1
            submit(slot)
            if deferredCount == before { return }
        }
    }

    /// A completion of the ring whose token has ``tokenClass`` in its top byte.
    package mutating func complete(token: UInt64, result: Int32) {
        let slot = Int(token >> 48 & 0xFF)
        precondition(token >> 56 == Self.tokenClass && slot < Self.capacity && operations[slot].isActive)
        (completions + (firstCompletion + completionCount) % Self.capacity).initialize(
            to: StorageCompletion(token: operations[slot].token, result: Int(result)))
        completionCount += 1
        operations[slot].isActive = false
        free[freeCount] = UInt8(slot)
        freeCount += 1
    }
    package mutating func next() -> StorageCompletion? {
        if deferredCount > 0 { submitDeferred() }
        guard completionCount > 0 else { return nil }
        defer {
            firstCompletion = (firstCompletion + 1) % Self.capacity
            completionCount -= 1
        }
        return completions[firstCompletion]
    }

    /// What stays free on the disk for others, so that its being full is never found out by a write that fails.
    private static let spareBytes: UInt64 = 16 << 20
    package func refusal(of file: StorageFile, bytes: UInt64) -> StorageError? {
        var free: UInt64 = 0
        let size = max(0, lseek(directory.descriptors[DataDirectory.index(of: file)], 0, SEEK_END))
        guard UInt64(size) < bytes, trm_free_bytes(directory.path, &free) == 0 else { return nil }
        let needed = bytes - UInt64(size) + Self.spareBytes
        guard free < needed else { return nil }
        return StorageError(
            .full,
            "data directory \(directory.path): the next snapshot needs \(needed >> 20) MiB more, \(free >> 20) MiB are free on its "
                + "disk; free some, or no command is taken any more once the log is full")
    }

    // MARK: waiting

    private func failed(_ what: String, _ file: StorageFile, _ offset: UInt64, _ result: Int) -> StorageError {
        let text = result < 0 ? "failed (\(reason(Int32(result))))" : "ended after \(result) bytes"
        return StorageError(
            .io, "\(DataDirectory.path(directory.path, file)): \(what) at byte \(offset) \(text); it is not retried")
    }
    package mutating func readNow(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        precondition(Self.isAligned(UnsafeRawBufferPointer(into)), "memory that is not whole pages")
        let descriptor = directory.descriptors[DataDirectory.index(of: file)]
        var done = 0
        while done < into.count {
            let got = Int(
                trm_file_read(descriptor, into.baseAddress! + done, into.count - done, offset + UInt64(done)))
            guard got >= 0 else { throw failed("reading", file, offset, got) }
            done += got
            // Direct reads end at whole pages, except at the end of the file.
            if got == 0 || got % Limits.pageBytes != 0 { break }
        }
        return done
    }
    package mutating func writeNow(
        _ file: StorageFile, at offset: UInt64, _ bytes: UnsafeRawBufferPointer
    ) throws(StorageError) {
        precondition(Self.isAligned(bytes), "memory that is not whole pages")
        let descriptor = directory.descriptors[DataDirectory.index(of: file)]
        // One call, never a second: what a short write left is for recovery to judge (RELIABILITY, storage rule 4).
        let written = Int(trm_file_write(descriptor, bytes.baseAddress!, bytes.count, offset))
        guard written == bytes.count else { throw failed("writing \(bytes.count) bytes", file, offset, written) }
    }
    package mutating func beginReading(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) -> StorageRead {
        precondition(Self.isAligned(UnsafeRawBufferPointer(into)), "memory that is not whole pages")
        if readAhead == nil { readAhead = ReadAheadRing(directory.descriptors) }
        let slot = readAhead?.begin(DataDirectory.index(of: file), offset, into) ?? nil
        return StorageRead(file, offset, into, slot: slot)
    }
    package mutating func endReading(_ read: StorageRead) throws(StorageError) -> Int {
        guard let slot = read.slot else { return try readNow(read.file, at: read.offset, into: read.into) }
        let got = readAhead!.end(slot)
        guard got >= 0 else { throw failed("reading", read.file, read.offset, got) }
        guard got < read.into.count, got % Limits.pageBytes == 0 else { return got }
        // A short one need not be the end of the file.
        let rest = UnsafeMutableRawBufferPointer(rebasing: read.into[got...])
        return got + (try readNow(read.file, at: read.offset + UInt64(got), into: rest))
    }
    package mutating func dropReading(_ read: StorageRead) {
        if let slot = read.slot { _ = readAhead!.end(slot) }
    }
    package mutating func endStart() { readAhead = nil }
    private static func isAligned(_ bytes: UnsafeRawBufferPointer) -> Bool {
        Int(bitPattern: bytes.baseAddress) % Limits.pageBytes == 0 && bytes.count % Limits.pageBytes == 0
    }
    /// All files at once, so that the disk empties its cache once and not for each of them.
    package mutating func flushNow() throws(StorageError) {
        if readAhead == nil { readAhead = ReadAheadRing(directory.descriptors) }
        guard let result = readAhead?.flush(directory.descriptors.count) ?? nil else { return try directory.sync() }
        guard result == 0 else { throw directory.failedSync(result) }
    }
    package mutating func flushSuperblockNow() throws(StorageError) {
        let result = trm_file_sync(directory.descriptors[DataDirectory.index(of: .superblock)])
        guard result == 0 else { throw directory.failedSync(result) }
    }
}
