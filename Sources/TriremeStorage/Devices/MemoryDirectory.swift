// The data directory of `durability: memory`: no log, but who it belongs to and how often it was started. Start only.
import CTrireme
import Glibc
import TriremeCore

/// Keeps the little that must outlive a replica without a disk: that its identity was founded, so that a second founding is
/// refused (PROTOCOL §9 ◆), and the number of its last start, so that no generation is used twice (§2 ◆). As long as it lives
/// no other process can open the same one.
package struct MemoryDirectory: ~Copyable {
    /// Of this start; durable.
    package let generation: Generation
    private let lock: Int32

    /// Opens the directory, or makes it where `format` says that this identity is new; raises the number of the start.
    package init(
        at path: String, identity: LogIdentity, epoch: UInt32, format: Bool, patienceMilliseconds: UInt32 = 2_000
    ) throws(StorageError) {
        if format { try DataDirectory.requireNew(path) }
        let file = "\(path)/memory"
        guard format || access(file, F_OK) == 0 else {
            throw StorageError(
                .unformatted,
                "data directory \(path): not that of a replica in memory; for a new identity start once with --format")
        }
        let lock = try DataDirectory.takeLock(path, patienceMilliseconds)
        do throws(StorageError) {
            let start = format ? 1 : try Self.read(file, identity) + 1
            try Self.write(Self.owner(identity) + " \(start)\n", to: file, in: path)
            generation = Generation(epoch: epoch, counter: start)
        } catch {
            close(lock)
            throw error
        }
        self.lock = lock
    }
    deinit { close(lock) }

    private static func owner(_ i: LogIdentity) -> String {
        "trireme-memory/1 \(String(i.clusterHigh, radix: 16)):\(String(i.clusterLow, radix: 16)) \(i.replica) \(i.group)"
    }
    private static func read(_ path: String, _ identity: LogIdentity) throws(StorageError) -> UInt32 {
        var bytes = [UInt8](repeating: 0, count: 512)
        let file = open(path, O_RDONLY)
        guard file >= 0 else { throw StorageError(.io, "\(path): cannot be read (\(reason(-errno)))") }
        defer { close(file) }
        let count = Glibc.read(file, &bytes, bytes.count)
        let text = String(decoding: bytes[..<max(0, count)], as: UTF8.self)
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
        guard words.count == 5, let start = UInt32(words[4]), start < .max else {
            throw StorageError(
                .damaged, "\(path): not what a replica in memory leaves; give this identity up and replace it")
        }
        guard words[..<4].joined(separator: " ") == owner(identity) else {
            throw StorageError(
                .foreign, "\(path): it is of \(words[..<4].joined(separator: " ")), wanted is \(owner(identity))")
        }
        return start
    }
    /// Beside it first, then in its place: a crash leaves the old one or the new one.
    private static func write(_ text: String, to path: String, in directory: String) throws(StorageError) {
        let new = path + ".new"
        let file = open(new, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw StorageError(.io, "\(new): cannot be made (\(reason(-errno)))") }
        let bytes = Array(text.utf8)
        let isWritten = Glibc.write(file, bytes, bytes.count) == bytes.count && trm_file_sync(file) == 0
        close(file)
        guard isWritten, rename(new, path) == 0, trm_directory_sync(directory) == 0 else {
            throw StorageError(.io, "\(path): cannot be written durably (\(reason(-errno)))")
        }
    }
}
