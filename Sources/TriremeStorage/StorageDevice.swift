// What the log needs of a disk. Three kinds exist: io_uring, memory, and the simulator's.
import TriremeCore

/// A file of a replica's data directory.
package enum StorageFile: Hashable, Sendable {
    /// Four copies of 4,096 bytes.
    case superblock
    /// A preallocated log segment, by its place 0 ..< configured number (not by the stream's segment number).
    case segment(Int)
    /// One of two snapshot files that take turns; it grows as it is written.
    case snapshot(Int)
}

/// The end of an asynchronous operation: bytes done, or −errno.
package struct StorageCompletion: Sendable {
    package var token: UInt64
    package var result: Int
    package init(token: UInt64, result: Int) {
        self.token = token
        self.result = result
    }
}

/// A disk under one replica. Offsets and lengths of all operations are multiples of 4,096, memory is page-aligned. Tokens
/// use their lower 48 bits; the rest is the device's own. A write is durable when its completion reports its full length (RELIABILITY, storage rule 2).
/// Writes in flight may complete in any order, and a crash may leave any subset of their sectors.
package protocol StorageDevice: ~Copyable {
    /// Whether what is written survives the process. `false` for `durability: memory`.
    var isDurable: Bool { get }
    /// Starts a durable write of `pieces` one after another at `offset`. The pieces stay untouched until the completion;
    /// the array of pieces itself is copied.
    mutating func write(
        _ file: StorageFile, at offset: UInt64, _ pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>, token: UInt64)
    /// Starts a read of `into.count` bytes.
    mutating func read(_ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer, token: UInt64)
    /// Why a snapshot file cannot grow to so many bytes, in one sentence; nil where it can. One system call.
    func refusal(of file: StorageFile, bytes: UInt64) -> StorageError?
    /// The next completion that has arrived, if any. Never waits.
    mutating func next() -> StorageCompletion?

    // Start only: these wait. Never called once the reactor turns.
    /// Reads up to `into.count` bytes; the result is less only at the end of the file.
    mutating func readNow(_ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer)
        throws(StorageError) -> Int
    /// Begins to read ahead of a scan. `into` stays untouched until exactly one of ``endReading(_:)`` and ``dropReading(_:)``.
    mutating func beginReading(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) -> StorageRead
    /// Waits for it; what ``readNow(_:at:into:)`` would have returned.
    mutating func endReading(_ read: StorageRead) throws(StorageError) -> Int
    /// Waits until `into` is free again, whatever came of it.
    mutating func dropReading(_ read: StorageRead)
    /// Nothing is read ahead any more: gives back what that needed.
    mutating func endStart()
    /// Writes and makes durable.
    mutating func writeNow(_ file: StorageFile, at offset: UInt64, _ bytes: UnsafeRawBufferPointer) throws(StorageError)
    /// Makes durable what a dead process may have left in flight, before it is believed (PROTOCOL §9 ◆).
    mutating func flushNow() throws(StorageError)
    /// The same for the superblock alone, between its pairs of copies.
    mutating func flushSuperblockNow() throws(StorageError)
}

/// A read that was begun ahead of a scan.
package struct StorageRead {
    package var file: StorageFile
    package var offset: UInt64
    package var into: UnsafeMutableRawBufferPointer
    /// The device's own; nil where nothing is under way yet.
    package var slot: Int?
    package init(_ file: StorageFile, _ offset: UInt64, _ into: UnsafeMutableRawBufferPointer, slot: Int? = nil) {
        self.file = file
        self.offset = offset
        self.into = into
        self.slot = slot
    }
}

/// Devices that do not read ahead read when they are asked for the end: the same bytes, and no surprise in a simulation.
extension StorageDevice where Self: ~Copyable {
    package func refusal(of file: StorageFile, bytes: UInt64) -> StorageError? { nil }
    package mutating func beginReading(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) -> StorageRead { StorageRead(file, offset, into) }
    package mutating func endReading(_ read: StorageRead) throws(StorageError) -> Int {
        try readNow(read.file, at: read.offset, into: read.into)
    }
    package mutating func dropReading(_ read: StorageRead) {}
    package mutating func endStart() {}
    package mutating func flushSuperblockNow() throws(StorageError) { try flushNow() }
}

/// A storage failure in one sentence: what, found, needed, how to mend it.
package struct StorageError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        case io, full, damaged, foreign, unformatted, alreadyFormatted, locked, unsupported, tooFewSuperblocks
    }
    package var code: Code
    package var message: String
    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
    package var description: String { message }
}
