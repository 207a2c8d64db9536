// What a restart tells the engine, in stream order, before ``Engine/start()`` (PROTOCOL §9).
import TriremeCore
import TriremeStorage
import TriremeTransport

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// The snapshot that the superblock names; its state was given to the application.
    package mutating func recover(snapshotSlot slot: UInt64, cut: Cut) {
        core.recover(snapshotSlot: slot, cut: cut)
        snapshots.highestMentioned = slot
    }

    /// A batch that the log holds at `offset`. One that the snapshot covers is of use to others.
    package mutating func recover(_ batch: BatchDescriptor, offset: UInt64) {
        if let known = store.cell(batch.lane, batch.generation, batch.sequence), known.pointee.batch == batch { return }
        _ = core.recover(batch)
        store.insert(StoredBatch(batch: batch, offset: offset, buffer: nil, sealedAt: 0))
    }

    package mutating func recover(_ item: LogItem, offset: UInt64) {
        switch item {
        case .vote(let slot, _, _, _) where slot > core.snapshotSlot,
            .decidedEntry(let slot, _) where slot > core.snapshotSlot:
            noteOffset(of: slot, offset)
        default: break
        }
        core.recover(item)
    }
}
