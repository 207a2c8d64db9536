// Snapshots beside the log, and the reuse of segments that they make possible (PROTOCOL §8).
import TriremeCore

extension Log where Device: ~Copyable {
    /// Why there is no room on the disk for a snapshot of so many bytes; nil where there is.
    package func snapshotRefusal(lengthBytes: Int) -> StorageError? {
        // The file that is not named.
        let other = 1 - (snapshotDescription?.file ?? 1)
        return device.refusal(of: .snapshot(other), bytes: UInt64(Limits.pageBytes + roundedToPages(lengthBytes)))
    }
    /// From ``writeSnapshot(slot:cut:lengthBytes:memory:)`` until the superblock names it.
    package var isWritingSnapshot: Bool { snapshot.isActive }

    /// Starts to write a snapshot into the file that the superblock does not name, in chunks beside the log's writes;
    /// then the superblock names it: ``LogEvent/snapshotDurable(slot:)``. `memory` is page-aligned, whole pages, holds
    /// `lengthBytes` of snapshot, and stays untouched until then. One snapshot at a time, each of a higher slot.
    package mutating func writeSnapshot(slot: UInt64, cut: Cut, lengthBytes: Int, memory: UnsafeRawBufferPointer) {
        precondition(memory.count == roundedToPages(lengthBytes), "a snapshot's memory is not whole pages")
        precondition(Int(bitPattern: memory.baseAddress) % Limits.pageBytes == 0, "a snapshot is not page-aligned")
        precondition(!isWritingSnapshot, "two snapshots at once")
        precondition(slot > (snapshotDescription?.slot ?? 0), "a snapshot that is no newer")
        let file = snapshotDescription.map { 1 - $0.file } ?? 0
        snapshot.start(
            SnapshotDescription(file: file, slot: slot, cut: cut, lengthBytes: UInt64(lengthBytes), checksum: 0),
            memory: memory)
        pumpSnapshot()
    }

    mutating func pumpSnapshot() {
        while stream.failure == nil {
            switch snapshot.next(stream.options) {
            case .none: return
            case .chunk(let file, let offset, let chunk): writeSnapshot(chunk, file, offset)
            case .header(let file):
                SnapshotHeader.encode(snapshot.description, stream.identity, to: stream.memory.snapshotHeader)
                writeSnapshot(
                    UnsafeRawBufferPointer(start: stream.memory.snapshotHeader, count: Limits.pageBytes), file, 0)
            }
        }
    }
    private mutating func writeSnapshot(_ bytes: UnsafeRawBufferPointer, _ file: Int, _ offset: UInt64) {
        write(.snapshot(file), at: offset, bytes, LogToken(.snapshot, UInt32(bytes.count)))
    }
    mutating func snapshotWritten(_ result: Int, _ token: LogToken) {
        guard stream.failure == nil else { return }
        guard result == Int(token.number) else {
            return stream.fail(
                StorageError(.io, "snapshot: a write of \(token.number) bytes ended with \(result); it is not retried"))
        }
        guard snapshot.stepWritten() else { return pumpSnapshot() }
        let description = snapshot.description
        superblock.want { $0.snapshot = description }
        beginSuperblock()
    }

    /// Gives up the segments that lie wholly before `offset`. The caller has appended again what of them is still
    /// needed, up to and including `index`; when that is durable, the superblock's new log start is made durable, and
    /// only then may the segments be overwritten (PROTOCOL §8 ◆): ``LogEvent/released(before:)``.
    package mutating func release(before offset: UInt64, after index: LogIndex) {
        precondition(
            device.isDurable == false || snapshotDescription != nil, "segments go only under a durable snapshot")
        precondition(index <= stream.appended && offset <= stream.tail)
        let start = stream.geometry.segmentStart(offset)
        wantedRelease = (max(start, wantedRelease?.before ?? 0), max(index, wantedRelease?.after ?? 0))
        superblockIfReleased()
    }
    /// Whether a release waits for its carry-forward or for the superblock.
    package var isReleasing: Bool { wantedRelease != nil || superblock.isBusy }
    mutating func superblockIfReleased() {
        // A log starts at a record that is durable: what lies at a place not yet written is of another incarnation.
        guard let release = wantedRelease, stream.durableIndex >= release.after, stream.durableOffset > release.before
        else { return }
        wantedRelease = nil
        guard release.before > superblock.current.logStart else { return }
        superblock.want { $0.logStart = max($0.logStart, release.before) }
        beginSuperblock()
    }

    /// Reads the payload of the snapshot that the superblock names, at the start, and checks it. `memory` has room for
    /// its length rounded up to whole pages.
    package mutating func readSnapshotNow(into memory: UnsafeMutableRawBufferPointer) throws(StorageError) {
        guard let description = snapshotDescription else { return }
        try device.readSnapshot(description, identity: stream.identity, into: memory)
    }
}
