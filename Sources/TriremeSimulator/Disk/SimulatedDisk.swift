// A disk as one engine's log sees it: one life of a `DiskImage`.
import Glibc
import TriremeCore
import TriremeStorage

package struct SimulatedDisk: StorageDevice, ~Copyable {
    let image: DiskImage
    package init(_ image: DiskImage) { self.image = image }
    package var isDurable: Bool { !image.isVolatile }

    package mutating func write(
        _ file: StorageFile, at offset: UInt64, _ pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>, token: UInt64
    ) {
        guard isDurable else { return image.completeAtOnce(token, pieces.reduce(0) { $0 + $1.count }) }
        image.beginWrite(DiskImage.index(file), Int(offset), pieces, token: token)
    }
    package mutating func read(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer, token: UInt64
    ) {
        guard isDurable else { return image.completeAtOnce(token, -Int(ENODATA)) }
        image.begin(
            DiskImage.Operation(
                isActive: true, file: DiskImage.index(file), offset: Int(offset), length: into.count, token: token,
                into: into))
    }
    package mutating func next() -> StorageCompletion? { image.nextCompletion() }

    package mutating func readNow(
        _ file: StorageFile, at offset: UInt64, into: UnsafeMutableRawBufferPointer
    ) throws(StorageError) -> Int {
        try alive()
        if image.failsNow(isWrite: false) { throw StorageError(.io, "reading failed (EIO); it is not retried") }
        return image.load(DiskImage.index(file), Int(offset), into)
    }
    package mutating func writeNow(
        _ file: StorageFile, at offset: UInt64, _ bytes: UnsafeRawBufferPointer
    ) throws(StorageError) {
        try alive()
        if image.stopsNow() {
            // Some of its sectors made it.
            for at in stride(from: 0, to: bytes.count, by: DiskImage.sectorBytes) where image.random.below(2) == 0 {
                let end = min(at + DiskImage.sectorBytes, bytes.count)
                image.settle(DiskImage.index(file), Int(offset) + at..<Int(offset) + end)
                image.put(Array(bytes[at..<end]), DiskImage.index(file), Int(offset) + at)
            }
            image.counts.tornWrites += 1
            image.changed?(DiskImage.index(file), Int(offset)..<Int(offset) + bytes.count)
            try alive()
        }
        if image.failsNow(isWrite: true) {
            image.counts.failedWrites += 1
            throw StorageError(.io, "writing failed (EIO); it is not retried")
        }
        image.settle(DiskImage.index(file), Int(offset)..<Int(offset) + bytes.count)
        image.remember(DiskImage.index(file), Int(offset)..<Int(offset) + bytes.count)
        image.put(Array(bytes), DiskImage.index(file), Int(offset))
        image.changed?(DiskImage.index(file), Int(offset)..<Int(offset) + bytes.count)
    }
    package mutating func flushNow() throws(StorageError) {
        try alive()
        image.flush()
    }
    private func alive() throws(StorageError) {
        if image.isStopped { throw StorageError(.io, "the machine stopped") }
    }
}
