// The reuse of segments that a durable snapshot makes possible (PROTOCOL §8).
import TriremeCore

extension Log where Device: ~Copyable {
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
}
