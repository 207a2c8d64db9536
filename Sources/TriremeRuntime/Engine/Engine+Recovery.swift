// What a restart tells the engine, in stream order, before it exists (PROTOCOL §9).
import TriremeCore
import TriremeStorage
import TriremeTransport

private struct BatchName: Hashable {
    var lane: ReplicaID
    var generation: Generation
    var sequence: UInt64
    init(_ batch: BatchDescriptor) {
        lane = batch.lane
        generation = batch.generation
        sequence = batch.sequence
    }
}

/// The engine's memory of what its log holds, filled while the log is opened.
package struct RecoveredState: ~Copyable {
    var core: Replica
    let store: BatchStore
    let slotOffsets: SlotRing<UInt64>
    var snapshots = Snapshots()
    /// A place at or before the next item's record.
    private var lastOffset: UInt64 = 0
    /// Batches whose predecessors were carried forward, which come later in the stream.
    private var ahead: [BatchName: StoredBatch] = [:]

    package init(_ settings: EngineSettings) {
        core = Replica(settings.core, isForgetful: settings.isForgetful, seed: settings.seed)
        store = BatchStore(members: settings.core.members, capacity: settings.batchIndexCapacity)
        slotOffsets = SlotRing(capacity: settings.core.entryHistorySlots, repeating: 0)
    }

    package mutating func take(_ event: RecoveryEvent) throws(StorageError) {
        switch event {
        case .snapshot(let snapshot):
            core.recover(snapshotSlot: snapshot.slot, cut: snapshot.cut)
            snapshots.highestMentioned = snapshot.slot
        case .batch(let batch, let offset, _): take(batch, offset)
        case .item(let item): take(item)
        case .damagedBatch(let batch, let offset):
            throw StorageError(
                .damaged,
                "log: the payload of lane \(batch.lane), generation \(batch.generation), sequence \(batch.sequence) at stream "
                    + "offset \(offset) is damaged though it had been durable; it cannot be repaired in place yet: replace this "
                    + "replica under a new identity")
        }
    }

    /// Puts the state of the snapshot that the superblock names into the application. One that cannot be read, while the log is
    /// whole, is fetched from another replica later (PROTOCOL §9); where there is none it is a refusal.
    ///
    /// - Returns: what is wrong with the snapshot, if anything is.
    package mutating func restoreSnapshot<Device: StorageDevice & ~Copyable>(
        of log: inout Log<Device>, into application: any Application
    ) throws(StorageError) -> StorageError? {
        guard let snapshot = log.snapshotDescription else { return nil }
        func taken(_ body: () throws -> Void) throws(StorageError) {
            do {
                try body()
            } catch {
                throw StorageError(
                    .unsupported, "the snapshot of slot \(snapshot.slot) could not be restored: \(error)")
            }
        }
        do throws(StorageError) {
            try taken { try application.beginRestore() }
            try log.readSnapshotNow { (piece, isLast) throws(StorageError) in
                try taken { try application.restore(piece, isLast: isLast) }
            }
            return nil
        } catch {
            guard error.code == .damaged, core.configuration.members > 1 else { throw error }
            core.lackSnapshot()
            return error
        }
    }

    /// A batch that the log holds. One that the snapshot covers is still of use to others.
    private mutating func take(_ batch: BatchDescriptor, _ offset: UInt64) {
        lastOffset = offset
        let stored = StoredBatch(batch: batch, offset: offset, buffer: nil, sealedAt: 0)
        if let known = store.cell(batch.lane, batch.generation, batch.sequence), known.pointee.batch == batch {
            known.pointee.offset = offset
            return
        }
        guard !core.isAhead(batch) else {
            ahead[BatchName(batch)] = stored
            return
        }
        // One that the core has passed is still of use to others, as long as no other needs its ring.
        guard core.recover(batch) || store.hasPlace(batch) else { return }
        store.insert(stored, lanes: core.lanes)
        var name = BatchName(batch)
        name.sequence += 1
        while let next = ahead.removeValue(forKey: name), core.recover(next.batch) {
            store.insert(next, lanes: core.lanes)
            name.sequence += 1
        }
    }

    private mutating func take(_ item: LogItem) {
        switch item {
        case .vote(let slot, _, _, _) where slot > core.snapshotSlot,
            .decidedEntry(let slot, _) where slot > core.snapshotSlot:
            snapshots.note(slot, at: lastOffset, in: slotOffsets)
        default: break
        }
        core.recover(item)
    }
}
