// Carrying forward (PROTOCOL §8 ◆): where the log runs short and its oldest segment holds little that is still needed, that is
// appended again, durably, and the segment goes. Without it one batch that waits for others would hold the whole log.
import TriremeCore
import TriremeStorage
import TriremeTransport

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Batches and slots carried in one turn at most, so that receiving and voting go on meanwhile.
    private static var batchesPerTurn: Int { 16 }
    private static var slotsPerTurn: Int { 128 }
    /// Bytes of a slot's records, about: its entry at fifteen lanes.
    private static var bytesPerSlot: UInt64 { 512 }

    /// Begins with the oldest segment, if going once round gains at least a segment.
    mutating func considerCarrying() {
        guard snapshots.carryingBefore == nil, log.device.isDurable, core.snapshotSlot > 0 else { return }
        let segment = UInt64(log.geometry.segmentBytes)
        let end = log.oldestNeeded + segment
        guard end + segment <= log.durableOffset else { return }
        var needed =
            (snapshots.highestMentioned - min(snapshots.highestMentioned, core.snapshotSlot)) * Self.bytesPerSlot
        store.forEach(notCoveredBy: core.snapshotCut) {
            needed += UInt64(roundedToPages(Limits.headerBytes + Int($0.pointee.batch.payloadBytes)))
            return true
        }
        guard needed + 2 * segment <= log.endOffset - log.oldestNeeded else { return }
        snapshots.carryingBefore = end
        counters.carriedSegments += 1
    }

    /// Goes on with it, as far as there is room: batches first, then what votes and notes say of slots, then the promise.
    mutating func carryForward() {
        snapshots.hasMoreToCarry = false
        guard let end = snapshots.carryingBefore else { return }
        guard log.oldestNeeded < end else {
            snapshots.carryingBefore = nil
            return
        }
        guard !log.isReleasing, carryBatches(before: end), carrySlots(before: end), log.canCarry(Limits.pageBytes)
        else {
            return
        }
        core.carryPromise(into: &effects)
        carryOut()
        core.released(below: core.snapshotSlot + 1)
        if let previous = snapshots.previous { snapshots.previous = (previous.slot, max(previous.boundary, end)) }
        log.release(before: end, after: core.appended)
    }

    /// Returns whether nothing is left.
    private mutating func carryBatches(before end: UInt64) -> Bool {
        var found = InlineArray<16, UnsafeMutablePointer<StoredBatch>?>(repeating: nil)
        var count = 0
        store.forEach(notCoveredBy: core.snapshotCut) {
            guard $0.pointee.offset < end else { return true }
            found[count] = $0
            count += 1
            return count < Self.batchesPerTurn
        }
        for i in 0..<count {
            guard let cell = found[i], log.canCarry(settings.batchBytes) else { break }
            if let buffer = cell.pointee.buffer {
                carry(cell.pointee.batch, from: buffer)
                snapshots.hasMoreToCarry = true
            } else if !cell.pointee.isDamaged, !reads.isReading(offset: cell.pointee.offset, toCarry: true),
                pool.freeCount(.reserve) > EngineSettings.reserveBuffers / 2
            {
                startRead(cell.pointee, for: .carry)
            }
        }
        return count == 0
    }

    /// Appends a batch again, from the buffer that holds it. What was read back meanwhile may be covered, or carried, by now.
    mutating func carry(_ batch: BatchDescriptor, from buffer: UInt32) {
        guard let end = snapshots.carryingBefore, let cell = store.cell(batch.lane, batch.generation, batch.sequence),
            cell.pointee.offset < end, log.canCarry(settings.batchBytes), isStillWhole(batch, in: buffer)
        else { return }
        pool.hold(buffer, .write)
        _ = log.append(batch, frame: pool.frame(buffer), buffer: buffer)
        core.carriedBatch()
        cell.pointee.offset = log.lastOffset
        counters.carriedBatches += 1
    }

    /// Returns whether nothing is left.
    private mutating func carrySlots(before end: UInt64) -> Bool {
        guard core.snapshotSlot < snapshots.highestMentioned else { return true }
        var count = 0
        for slot in core.snapshotSlot + 1...snapshots.highestMentioned where slotOffsets[slot] < end {
            guard count < Self.slotsPerTurn, log.canCarry(Limits.pageBytes) else {
                snapshots.hasMoreToCarry = count > 0
                return false
            }
            // Its records lie where they are appended now, if there are any.
            slotOffsets[slot] = .max
            core.carry(slot: slot, into: &effects)
            carryOut()
            count += 1
        }
        return true
    }
}
