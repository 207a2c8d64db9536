// What is counted and checked when a run is over.
import TriremeCore
import TriremeTransport

extension World {
    /// Nothing is watched any more: the disks let go of who watched them.
    func stopWatching() { for node in nodes { node.image.changed = nil } }
    func checkHistory() {
        History.check(book, referee: referee)
        situations.searched += LinearizabilitySearch.check(book, referee: referee)
    }
    func countDisk(_ counts: DiskImage.Counts) {
        situations.tornWrites += counts.tornWrites
        situations.strayWrites += counts.strayWrites
        situations.lostWrites += counts.lostWrites
        situations.failedWrites += counts.failedWrites
        situations.failedReads += counts.failedReads
        situations.shortWrites += counts.shortWrites
        situations.fullWrites += counts.fullWrites
    }
    func countWire() {
        situations.handOvers = wire.kinds[Int(DatagramKind.handOver.rawValue)]
        situations.lost = wire.counts.lost
        situations.duplicated = wire.counts.duplicated
        situations.overflowed = wire.counts.overflowed
        situations.flippedDatagrams = wire.counts.flipped
        situations.refusedDatagrams = wire.counts.refused.reduce(0, +)
        situations.replayed = wire.counts.replayed
        situations.replayedFormer = wire.counts.replayedFormer
    }
}
