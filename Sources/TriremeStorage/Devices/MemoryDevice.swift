// `durability: memory`: no disk. What is written is gone; the engine keeps the last records in its buffers.
import Glibc
import TriremeCore

package struct MemoryDevice: StorageDevice, ~Copyable {
    /// More than a log has under way at once: its writes, a snapshot's chunks, a superblock, its reads.
    private static let capacity = 256
    private let completions: UnsafeMutablePointer<StorageCompletion>
    private var first = 0
    private var count = 0

    package init() { completions = .allocate(capacity: Self.capacity) }
    deinit { completions.deallocate() }
    package var isDurable: Bool { false }

    private mutating func complete(_ token: UInt64, _ result: Int) {
        precondition(count < Self.capacity, "more operations under way than a log has")
        (completions + (first + count) % Self.capacity).initialize(to: StorageCompletion(token: token, result: result))
        count += 1
    }
    package mutating func write(
        _ file: StorageFile, at offset: UInt64, _ pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>, token: UInt64
    ) {
        var bytes = 0
        for piece in pieces { bytes += piece.count }
        complete(token, bytes)
    }
    /// Nothing can be read back.
    package mutating func read(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer, token: UInt64
    ) {
        complete(token, -Int(ENODATA))
    }
    package mutating func next() -> StorageCompletion? {
        guard count > 0 else { return nil }
        defer {
            first = (first + 1) % Self.capacity
            count -= 1
        }
        return completions[first]
    }
    package mutating func readNow(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int { 0 }
    package mutating func writeNow(
        _ file: StorageFile, at offset: UInt64, _ bytes: UnsafeRawBufferPointer
    ) throws(StorageError) {}
    package mutating func flushNow() throws(StorageError) {}
}
