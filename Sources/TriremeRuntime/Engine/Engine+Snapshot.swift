// Snapshots, and with them the recycling of log segments (PROTOCOL §8): this first kind stops execution while the state is
// copied, and is written beside the log.
import TriremeCore
import TriremeStorage
import TriremeTransport

struct Snapshots {
    static let retryNanoseconds: UInt64 = 1_000_000_000
    var isWanted = false
    var inFlight: (slot: UInt64, cut: Cut)?
    /// The log's end when the last one was taken.
    var takenAt: UInt64 = 0
    /// The snapshot before: everything above its slot lies at or after its boundary in the log. The log is kept from there, so
    /// that a replica which is one snapshot behind catches up from logs.
    var previous: (slot: UInt64, boundary: UInt64)?
    /// Its slot, once the log before its boundary was given up for want of room.
    var gaveUp: UInt64 = 0
    /// The highest slot with a record in the log.
    var highestMentioned: UInt64 = 0
    /// The end of the segment out of which everything that is not covered is being carried forward.
    var carryingBefore: UInt64?
    /// That has more to do at once.
    var hasMoreToCarry = false
    /// Bytes of the one for which the disk has no room, and when to look again.
    var refused: (bytes: Int, until: UInt64)?

    /// Notes where the log first mentions a slot: its segment stays until a snapshot covers the slot.
    mutating func note(_ slot: UInt64, at offset: UInt64, in offsets: borrowing SlotRing<UInt64>) {
        guard slot > highestMentioned else {
            offsets[slot] = min(offsets[slot], offset)
            return
        }
        for skipped in highestMentioned + 1..<slot where slot - skipped < UInt64(offsets.capacity) {
            offsets[skipped] = offset
        }
        offsets[slot] = offset
        highestMentioned = slot
    }
}

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Takes a snapshot between two slots once the log has grown enough or runs short, or an index would forget what is
    /// still needed.
    mutating func considerSnapshot() {
        carryForward()
        guard snapshots.inFlight == nil else { return }
        if !snapshots.isWanted, counters.turns % 16 == 0 || logRunsShort {
            // Execution waits for a snapshot that is wanted, so there must be something new to take.
            if core.executor.slot > core.snapshotSlot {
                snapshots.isWanted = isSnapshotDue
            } else if logRunsShort {
                makeRoom()
            }
        }
        guard snapshots.isWanted else { return }
        if let refused = snapshots.refused {
            // Execution goes on while the disk is full; the log keeps what it has.
            guard now >= refused.until else { return snapshots.isWanted = false }
            guard log.snapshotRefusal(lengthBytes: refused.bytes) == nil else {
                snapshots.refused?.until = now + Snapshots.retryNanoseconds
                return snapshots.isWanted = false
            }
            snapshots.refused = nil
        }
        guard core.executor.isBetweenSlots, !cursor.isActive else {
            // The slot may lack batches for which there is no room.
            if !log.canAppend(settings.batchBytes) { makeRoom() }
            return
        }
        takeSnapshot()
    }
    private var isSnapshotDue: Bool {
        log.endOffset - snapshots.takenAt >= settings.snapshotBytes || logRunsShort
            || core.commitIndex - core.snapshotSlot >= UInt64(settings.core.entryHistorySlots) / 2
            || store.mostGenerations(above: core.snapshotCut) > Limits.generationsBeforeSnapshot
            || store.mostUncovered(by: core.snapshotCut) >= store.capacity / 2
    }
    /// Soon nothing could be appended any more: what is only kept for others must go.
    private var logRunsShort: Bool {
        log.freeBytes < settings.snapshotBytes / 8 || !log.canAppend(settings.batchBytes)
    }
    /// There is no newer snapshot to take and the log runs short: what the last one covers goes, though others may want it; and
    /// where something that it does not cover holds a segment, that is carried forward.
    private mutating func makeRoom() {
        if !giveUpPrevious() { considerCarrying() }
    }
    private mutating func giveUpPrevious() -> Bool {
        guard let previous = snapshots.previous, previous.slot == core.snapshotSlot,
            log.segmentStart(of: previous.boundary) > log.oldestNeeded, previous.slot > snapshots.gaveUp
        else { return false }
        snapshots.gaveUp = previous.slot
        core.carryPromise(into: &effects)
        carryOut()
        core.released(below: previous.slot + 1)
        log.release(before: previous.boundary, after: core.appended)
        return true
    }

    private mutating func takeSnapshot() {
        let slot = core.executor.slot
        let cut = core.executor.cut
        snapshots.isWanted = false
        let takenBefore = snapshots.takenAt
        snapshots.takenAt = log.endOffset
        counters.snapshots += 1
        snapshots.inFlight = (slot, cut)
        guard log.device.isDurable else {
            // Nothing survives this process anyhow: its state is the snapshot.
            snapshotBecameDurable(slot)
            return
        }
        do {
            let bytes = try application.snapshot()
            if let refusal = log.snapshotRefusal(lengthBytes: bytes.count) {
                snapshots.inFlight = nil
                snapshots.takenAt = takenBefore
                snapshots.refused = (bytes.count, now + Snapshots.retryNanoseconds)
                return notice = refusal.message
            }
            log.writeSnapshot(
                slot: slot, cut: cut, lengthBytes: bytes.count,
                memory: UnsafeRawBufferPointer(start: bytes.baseAddress, count: roundedToPages(bytes.count)))
        } catch {
            failure = EngineFailure("the state machine could not write its snapshot of slot \(slot): \(error)")
        }
    }

    /// The superblock names the snapshot: the promise is carried forward, then segments before everything that is not
    /// covered may go (◆). A segment that holds an uncovered batch, vote or decision stays until room runs short (Engine+Carry).
    mutating func snapshotBecameDurable(_ slot: UInt64) {
        guard let (taken, cut) = snapshots.inFlight, taken == slot else { return }
        snapshots.inFlight = nil
        step(.snapshotDurable(slot: slot, cut: cut))
        let boundary = boundary(of: slot, cut: cut, from: snapshots.takenAt)
        if let previous = snapshots.previous {
            core.released(below: previous.slot + 1)
            log.release(before: previous.boundary, after: core.appended)
        }
        snapshots.previous = (slot, boundary)
    }

    /// Where the first record lies that the snapshot of `slot` does not cover.
    func boundary(of slot: UInt64, cut: Cut, from end: UInt64) -> UInt64 {
        var boundary = end
        if let offset = store.lowestOffset(notCoveredBy: cut) { boundary = min(boundary, offset) }
        if slot < snapshots.highestMentioned {
            for later in slot + 1...snapshots.highestMentioned { boundary = min(boundary, slotOffsets[later]) }
        }
        return boundary
    }
}
