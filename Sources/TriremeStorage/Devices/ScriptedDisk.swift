// A disk for tests: nothing completes unless it is told to, and a crash keeps exactly the sectors it is told to keep.
import Glibc
import TriremeCore

/// The disk itself. It outlives the logs that run on it; each of those has a ``ScriptedDevice``.
package final class ScriptedDisk {
    package static let sectorBytes = 512
    package struct Operation {
        package let file: StorageFile
        package let offset: Int
        package let token: UInt64
        /// What is to be written, copied when the write began; nil for a read.
        package let bytes: [UInt8]?
        let into: UnsafeMutableRawBufferPointer
        package var isWrite: Bool { bytes != nil }
        package var length: Int { bytes?.count ?? into.count }
        package var sectors: Int { length / ScriptedDisk.sectorBytes }
    }
    package var files: [StorageFile: [UInt8]] = [:]
    /// Operations under way, in the order in which they began.
    package private(set) var pending: [Operation] = []
    fileprivate var completions: [StorageCompletion] = []
    /// The machine stops in the middle of the waiting write after so many more; ``sectorsAtStop`` of that one are kept.
    package var waitingWritesLeft: Int?
    package var sectorsAtStop = 0
    /// Bytes by which files may still grow before the disk is full; nil for a disk that never is.
    package var room: Int?
    package private(set) var hasStopped = false
    /// Waiting calls in order, for tests of that order.
    package private(set) var journal: [String] = []

    /// Preallocates as a formatted data directory does.
    package init(geometry: LogGeometry) {
        files[.superblock] = [UInt8](repeating: 0, count: 4 * Limits.pageBytes)
        for i in 0..<geometry.segments { files[.segment(i)] = [UInt8](repeating: 0, count: geometry.segmentBytes) }
    }
    /// An equal disk that goes its own way from here on, with nothing under way.
    package init(copyOf other: ScriptedDisk) { files = other.files }

    /// Completes the i-th operation under way: the write is there, the read has its bytes. With another `result` only so
    /// many bytes are done, or none for −errno.
    package func complete(_ i: Int, result: Int? = nil) {
        let operation = pending.remove(at: i)
        var result = result ?? operation.length
        if let bytes = operation.bytes {
            if let room {
                let growth = max(0, operation.offset + bytes.count - (files[operation.file]?.count ?? 0))
                if growth > room { result = -Int(ENOSPC) } else { self.room = room - growth }
            }
            if result > 0 { put(bytes[..<result], operation.file, operation.offset) }
        } else if result > 0 {
            result = get(operation.file, operation.offset, operation.into)
        }
        completions.append(StorageCompletion(token: operation.token, result: result))
    }
    package func completeAll() { while !pending.isEmpty { complete(0) } }

    /// The disk as it is after a loss of power now: of each write under way those 512-byte sectors are kept that `keeps`
    /// names, by the write's place in ``pending`` and the sector's place in the write. This disk goes on unharmed.
    package func afterCrash(
        keeping keeps: (_ operation: Int, _ sector: Int) -> Bool = { _, _ in false }
    ) -> ScriptedDisk {
        let copy = ScriptedDisk(copyOf: self)
        for (i, operation) in pending.enumerated() {
            guard let bytes = operation.bytes else { continue }
            for sector in 0..<operation.sectors where keeps(i, sector) {
                let at = sector * Self.sectorBytes
                copy.put(bytes[at..<at + Self.sectorBytes], operation.file, operation.offset + at)
            }
        }
        return copy
    }

    /// Changes bytes as rot does.
    package func flip(_ file: StorageFile, at offset: Int, count: Int = 1) {
        for i in offset..<offset + count { files[file]![i] ^= 0xA5 }
    }

    fileprivate func put(_ bytes: ArraySlice<UInt8>, _ file: StorageFile, _ offset: Int) {
        var content = files.removeValue(forKey: file) ?? []
        if content.count < offset + bytes.count {
            content.append(contentsOf: repeatElement(0, count: offset + bytes.count - content.count))
        }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        files[file] = content
    }
    fileprivate func get(_ file: StorageFile, _ offset: Int, _ into: UnsafeMutableRawBufferPointer) -> Int {
        guard let content = files[file] else { return 0 }
        let count = max(0, min(into.count, content.count - offset))
        if count > 0 {
            content.withUnsafeBytes {
                into.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + count]))
            }
        }
        return count
    }
    fileprivate func begin(_ operation: Operation) {
        precondition(operation.offset % Limits.pageBytes == 0 && operation.length % Limits.pageBytes == 0)
        for other in pending where other.isWrite && operation.isWrite && other.file == operation.file {
            precondition(
                other.offset + other.length <= operation.offset || operation.offset + operation.length <= other.offset,
                "two writes under way overlap: which of them stays is chance")
        }
        pending.append(operation)
    }
    fileprivate func writeWaiting(_ file: StorageFile, _ offset: Int, _ bytes: [UInt8]) throws(StorageError) {
        try checkRunning()
        journal.append("write \(file) \(offset)")
        guard let left = waitingWritesLeft else { return put(bytes[...], file, offset) }
        guard left == 0 else {
            waitingWritesLeft = left - 1
            return put(bytes[...], file, offset)
        }
        put(bytes[..<min(bytes.count, sectorsAtStop * Self.sectorBytes)], file, offset)
        hasStopped = true
        try checkRunning()
    }
    fileprivate func checkRunning() throws(StorageError) {
        if hasStopped { throw StorageError(.io, "the machine stopped") }
    }
    fileprivate func noteRead(_ file: StorageFile, _ offset: Int) throws(StorageError) {
        try checkRunning()
        journal.append("read \(file) \(offset)")
    }
    fileprivate func flush() throws(StorageError) {
        try checkRunning()
        journal.append("flush")
    }
    fileprivate func takeCompletion() -> StorageCompletion? { completions.isEmpty ? nil : completions.removeFirst() }
}

/// A ``ScriptedDisk`` as one log sees it.
package struct ScriptedDevice: StorageDevice, ~Copyable {
    package let disk: ScriptedDisk
    package init(_ disk: ScriptedDisk) { self.disk = disk }
    package var isDurable: Bool { true }

    package mutating func write(
        _ file: StorageFile, at offset: UInt64, _ pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>, token: UInt64
    ) {
        var bytes: [UInt8] = []
        for piece in pieces { bytes.append(contentsOf: piece) }
        disk.begin(
            ScriptedDisk.Operation(
                file: file, offset: Int(offset), token: token, bytes: bytes,
                into: UnsafeMutableRawBufferPointer(start: nil, count: 0)))
    }
    package mutating func read(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer, token: UInt64
    ) {
        disk.begin(ScriptedDisk.Operation(file: file, offset: Int(offset), token: token, bytes: nil, into: into))
    }
    package func refusal(of file: StorageFile, bytes: UInt64) -> StorageError? {
        let needed = Int(bytes) - (disk.files[file]?.count ?? 0)
        guard let room = disk.room, needed > room else { return nil }
        return StorageError(.full, "the next snapshot needs \(needed) bytes more, \(room) are free")
    }
    package mutating func next() -> StorageCompletion? { disk.takeCompletion() }
    package mutating func readNow(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        try disk.noteRead(file, Int(offset))
        return disk.get(file, Int(offset), into)
    }
    /// What was begun is not there before its end: until then its memory holds what no record holds.
    package mutating func beginReading(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) -> StorageRead {
        into.initializeMemory(as: UInt8.self, repeating: 0xDD)
        return StorageRead(file, offset, into)
    }
    package mutating func writeNow(
        _ file: StorageFile, at offset: UInt64, _ bytes: UnsafeRawBufferPointer
    ) throws(StorageError) {
        try disk.writeWaiting(file, Int(offset), Array(bytes))
    }
    package mutating func flushNow() throws(StorageError) { try disk.flush() }
}
