// Snapshots, and with them the recycling of log segments (PROTOCOL §8): begun between two slots, written in pieces beside the log
// while execution goes on.
import TriremeCore
import TriremeStorage
import TriremeTransport

struct Snapshots {
    static let retryNanoseconds: UInt64 = 1_000_000_000
    var isWanted = false
    var inFlight: (slot: UInt64, cut: Cut)?
    /// The state machine has more of it to give.
    var isTaking = false
    var schedule = SnapshotSchedule()
    /// When the next block may be filled, so that the log's writes have the disk; blocks seen begun and durable, and since when
    /// the last one is under way.
    var resumeAt: UInt64 = 0
    var blocks: (taken: UInt64, durable: UInt64) = (0, 0)
    var blockSince: UInt64 = 0
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
    /// That when the one before was taken, in case there is no room on the disk for this one.
    var takenBefore: UInt64 = 0
    /// Bytes for which the disk had no room, and when to look again.
    var refused: (bytes: UInt64, until: UInt64)?
    /// The operator knows that; until one is durable.
    var isRefusalTold = false

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
        if snapshots.isTaking { continueSnapshot() }
        guard snapshots.inFlight == nil, !log.isWritingSnapshot, !fetch.isActive else { return }
        if !snapshots.isWanted, counters.turns % 16 == 0 || logRunsShort {
            // Execution waits for a snapshot that is wanted, so there must be something new to take.
            if core.executor.slot > core.snapshotSlot {
                snapshots.isWanted = isSnapshotDue
            } else if logRunsShort {
                makeRoom()
            }
        }
        guard snapshots.isWanted else { return }
        guard hasRoomForSnapshot() else {
            snapshots.isWanted = false
            return
        }
        guard core.executor.isBetweenSlots, !cursor.isActive else {
            // The slot may lack batches for which there is no room.
            if !log.canAppend(settings.batchBytes) { makeRoom() }
            return
        }
        takeSnapshot()
    }
    private var isSnapshotDue: Bool {
        if logRunsShort || damage.wantsSnapshot { return true }
        // The next one takes the place of the former: while somebody fetches that, it waits as long as it may.
        let isServing = isServingFormer
        let eighths: UInt64 = isServing ? 6 : 4
        return log.endOffset - snapshots.takenAt >= settings.snapshotBytes && !isServing
            || core.commitIndex - core.snapshotSlot >= UInt64(settings.core.entryHistorySlots) / 8 * eighths
            || store.mostGenerations(above: core.snapshotCut) > Limits.generationsBeforeSnapshot
            || store.mostUncovered(by: core.snapshotCut) >= store.capacity / 8 * eighths
    }
    /// Soon nothing could be appended any more: what is only kept for others must go.
    var logRunsShort: Bool {
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
        snapshots.takenBefore = snapshots.takenAt
        snapshots.takenAt = log.endOffset
        snapshots.inFlight = (slot, cut)
        guard log.device.isDurable else {
            // Nothing survives this process anyhow: its state is the snapshot.
            snapshotBecameDurable(slot)
            return
        }
        do {
            try application.beginSnapshot()
        } catch {
            return snapshotFailed(error)
        }
        log.beginSnapshot(
            name: SnapshotName(origin: settings.core.me, generation: settings.generation, slot: slot), cut: cut)
        snapshots.isTaking = true
        snapshots.resumeAt = now
        snapshots.blocks = (0, 0)
        snapshots.schedule = SnapshotSchedule(
            now: now, room: roomLeft, formerBytes: log.snapshotDescription?.lengthBytes ?? 0)
        continueSnapshot()
    }
    /// How large it will be is not known before it is whole: at least as large as the one before, and an eighth more. Execution goes
    /// on while the disk is full, and the log keeps what it has.
    private mutating func hasRoomForSnapshot() -> Bool {
        guard log.device.isDurable else { return true }
        guard now >= snapshots.refused?.until ?? 0 else { return false }
        let former = log.snapshotDescription?.lengthBytes ?? 0
        let bytes = max(snapshots.refused?.bytes ?? 0, former + former / 8)
        guard let refusal = log.snapshotRefusal(lengthBytes: bytes) else {
            snapshots.refused = nil
            return true
        }
        refuse(bytes, refusal)
        return false
    }
    /// Told once.
    mutating func refuse(_ bytes: UInt64, _ refusal: StorageError) {
        snapshots.refused = (bytes, now + Snapshots.retryNanoseconds)
        if !snapshots.isRefusalTold { note(refusal.message) }
        snapshots.isRefusalTold = true
    }
    /// The disk was full before it was whole. It named nothing yet, so the state of a moment ago is not missed; a later one follows.
    mutating func snapshotRefused(_ refusal: StorageError) {
        let reached = log.writtenSnapshot.description.lengthBytes
        refuse(reached + reached / 8, refusal)
        guard snapshots.inFlight != nil else { return fetchRefused() }
        snapshots.inFlight = nil
        snapshots.takenAt = snapshots.takenBefore
        if snapshots.isTaking { application.endSnapshot() }
        snapshots.isTaking = false
    }
    private mutating func snapshotFailed(_ error: any Error) {
        failure = EngineFailure(
            "the state machine could not write its snapshot of slot \(snapshots.inFlight?.slot ?? 0): \(error)")
    }

    /// What execution may have set aside before the snapshot pauses no more, and before execution waits for it.
    private static var hurryBacklogBytes: Int { 8 << 20 }
    static var backlogBytesMaximum: Int { 64 << 20 }

    /// What only a durable snapshot gives back, as far as it is free.
    private var roomLeft: SnapshotRoom {
        let capacity = UInt64(store.capacity)
        let slots = UInt64(settings.core.entryHistorySlots)
        return SnapshotRoom(
            bytes: log.freeBytes, batches: capacity - min(capacity, store.mostUncovered(by: core.snapshotCut)),
            slots: slots - min(slots, core.commitIndex - core.snapshotSlot))
    }
    private var snapshotIsUrgent: Bool { application.snapshotBacklogBytes > Self.hurryBacklogBytes }
    /// When the next piece may be taken, as far as a block is free.
    var nextPieceAt: UInt64 {
        if snapshotIsUrgent { return now }
        let isHurried = snapshots.schedule.isHurried(roomLeft)
        return max(now, snapshots.resumeAt, isHurried ? now : snapshots.schedule.nextAt)
    }

    /// Goes on with a snapshot: as much as its schedule has for this turn, where a block is free and the disk has had its pause.
    private mutating func continueSnapshot() {
        noteBlocks()
        let isUrgent = snapshotIsUrgent
        let left = roomLeft
        snapshots.schedule.note(left)
        guard now >= snapshots.resumeAt || isUrgent || snapshots.schedule.isHurried(left) else { return }
        var bytesLeft = Int(snapshots.schedule.turnBytes(now: now, left, isUrgent: isUrgent))
        while bytesLeft > 0, let room = log.snapshotRoom {
            let piece = UnsafeMutableRawBufferPointer(rebasing: room[..<min(bytesLeft, room.count)])
            let (bytes, isFinished): (Int, Bool)
            do {
                (bytes, isFinished) = try application.continueSnapshot(into: piece)
            } catch {
                return snapshotFailed(error)
            }
            log.fillSnapshot(bytes)
            snapshots.schedule.took(bytes)
            bytesLeft -= bytes
            if isFinished {
                application.endSnapshot()
                snapshots.isTaking = false
                return log.finishSnapshot()
            }
            noteBlocks()
            guard bytes > 0, now >= snapshots.resumeAt else { return }
        }
    }
    /// Each block makes a pause for the log: three times as long as the disk took for it; while the log is half full as long; none
    /// where it runs short, or has grown faster than the schedule reckoned with.
    private mutating func noteBlocks() {
        let blocks = log.snapshotBlocks
        if blocks.durable > snapshots.blocks.durable {
            let took = now - min(now, snapshots.blockSince)
            let free = log.freeBytes
            let isHurried = snapshots.schedule.isHurried(roomLeft) || free <= log.usableBytes / 4
            snapshots.resumeAt = now + (isHurried ? 0 : took * (free > log.usableBytes / 2 ? 3 : 1))
        }
        if blocks.taken > snapshots.blocks.taken || blocks.durable > snapshots.blocks.durable {
            snapshots.blockSince = now
        }
        snapshots.blocks = blocks
    }

    /// The superblock names the snapshot: the promise is carried forward, then segments before everything that is not
    /// covered may go (◆). A segment that holds an uncovered batch, vote or decision stays until room runs short (Engine+Carry).
    mutating func snapshotBecameDurable(_ slot: UInt64) {
        snapshots.isRefusalTold = false
        guard let (taken, cut) = snapshots.inFlight, taken == slot else {
            if fetch.phase == .naming, fetch.file.name.slot == slot { install() }
            return
        }
        snapshots.inFlight = nil
        counters.snapshots += 1
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
