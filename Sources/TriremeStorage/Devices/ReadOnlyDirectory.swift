// A data directory under inspection: opened for reading only, without its lock, beside a replica that may be running. Tools only.
import CTrireme
import Glibc
import TriremeCore

/// Identity and geometry come out of the superblock; no configuration is needed. It can write nothing.
package struct ReadOnlyDirectory: StorageDevice, ~Copyable {
    package let path: String
    /// Superblock and snapshots, then the segments; −1 for a file that is absent.
    private var descriptors: [Int32] = []
    private var sizes: [UInt64] = []
    private var readAhead: ReadAheadRing?

    /// Opens superblock and snapshot files. The segments follow when the superblock has told how many they are.
    package init(at path: String) throws(StorageError) {
        self.path = path
        guard access("\(path)/superblock", F_OK) == 0 else {
            throw StorageError(
                .unformatted,
                "\(path): no superblock, so this is not a replica's data directory (that of a cluster holds one for each replica: "
                    + "\(path)/0)")
        }
        try add(.superblock, isNeeded: true)
        for i in 0...1 { try add(.snapshot(i), isNeeded: false) }
    }
    deinit { for descriptor in descriptors where descriptor >= 0 { close(descriptor) } }
    package var isDurable: Bool { true }

    /// Opens the segments; one that is absent reads as if it ended at once.
    package mutating func openSegments(_ geometry: LogGeometry) throws(StorageError) {
        for i in 0..<geometry.segments { try add(.segment(i), isNeeded: false) }
    }
    private mutating func add(_ file: StorageFile, isNeeded: Bool) throws(StorageError) {
        let name = DataDirectory.path(path, file)
        guard isNeeded || access(name, F_OK) == 0 else {
            descriptors.append(-1)
            sizes.append(0)
            return
        }
        var size: UInt64 = 0
        var descriptor: Int32 = -1
        let text = sentence { descriptor = trm_inspect_open(name, &size, $0, $1) }
        guard descriptor >= 0 else { throw StorageError(.io, text) }
        descriptors.append(descriptor)
        sizes.append(size)
    }

    /// Whether a process has the directory's lock now.
    package var isInUse: Bool { trm_lock_is_held("\(path)/lock") }
    package func size(of file: StorageFile) -> UInt64 { sizes[DataDirectory.index(of: file)] }
    package func isPresent(_ file: StorageFile) -> Bool { descriptors[DataDirectory.index(of: file)] >= 0 }

    package mutating func readNow(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        let descriptor = descriptors[DataDirectory.index(of: file)]
        guard descriptor >= 0 else { return 0 }
        var done = 0
        while done < into.count {
            let got = trm_file_read(descriptor, into.baseAddress! + done, into.count - done, offset + UInt64(done))
            guard got >= 0 else { throw failed(file, offset, got) }
            done += Int(got)
            if got == 0 || got % Int64(Limits.pageBytes) != 0 { break }
        }
        return done
    }
    package mutating func beginReading(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) -> StorageRead {
        if readAhead == nil { readAhead = ReadAheadRing(descriptors) }
        let slot = readAhead?.begin(DataDirectory.index(of: file), offset, into) ?? nil
        return StorageRead(file, offset, into, slot: slot)
    }
    package mutating func endReading(_ read: StorageRead) throws(StorageError) -> Int {
        guard let slot = read.slot else { return try readNow(read.file, at: read.offset, into: read.into) }
        let got = readAhead!.end(slot)
        guard got >= 0 else {
            guard isPresent(read.file) else { return 0 }
            throw failed(read.file, read.offset, Int64(got))
        }
        guard got < read.into.count, got % Limits.pageBytes == 0 else { return got }
        let rest = UnsafeMutableRawBufferPointer(rebasing: read.into[got...])
        return got + (try readNow(read.file, at: read.offset + UInt64(got), into: rest))
    }
    package mutating func dropReading(_ read: StorageRead) {
        if let slot = read.slot { _ = readAhead!.end(slot) }
    }
    package mutating func endStart() { readAhead = nil }
    private func failed(_ file: StorageFile, _ offset: UInt64, _ result: Int64) -> StorageError {
        StorageError(
            .io, "\(DataDirectory.path(path, file)): reading at byte \(offset) failed (\(reason(Int32(result))))")
    }

    // MARK: what a reader never does

    package mutating func write(
        _ file: StorageFile, at offset: UInt64, _ pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>, token: UInt64
    ) { preconditionFailure("a directory that is only read") }
    package mutating func read(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer, token: UInt64
    ) { preconditionFailure("an inspection waits for its reads") }
    package mutating func next() -> StorageCompletion? { nil }
    package mutating func writeNow(
        _ file: StorageFile, at offset: UInt64, _ bytes: UnsafeRawBufferPointer
    ) throws(StorageError) { throw StorageError(.io, "\(path): opened for reading only") }
    package mutating func flushNow() throws(StorageError) {}
}
