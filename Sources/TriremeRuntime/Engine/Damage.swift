// Batches whose record in the log is damaged while no snapshot covers them: known by name and checksum, to be had again from
// the others (PROTOCOL §9, RELIABILITY storage rule 6). Empty on a good disk; it allocates only when damage is found.
import TriremeCore

struct Damage {
    struct Track: Hashable {
        var lane: ReplicaID
        var generation: Generation
    }
    struct Lost {
        var batch: BatchDescriptor
        /// The repaired copy in the log: its index, and where it lies.
        var copy: (index: LogIndex, offset: UInt64)?
    }
    /// Per generation, by rising sequence.
    private var tracks: [Track: [Lost]] = [:]
    /// Lost and not yet durable again.
    private(set) var count = 0
    private(set) var copiesUnderWay = 0
    /// The core was told of what it then was.
    var isTold = true
    var dueAt: UInt64 = 0
    var attempts: UInt32 = 0
    /// One of them was executed here, so a new snapshot makes it dispensable.
    var wantsSnapshot = false

    private static func track(_ batch: BatchDescriptor) -> Track {
        Track(lane: batch.lane, generation: batch.generation)
    }
    private func place(_ track: Track, _ sequence: UInt64) -> (index: Int, isThere: Bool) {
        guard let all = tracks[track] else { return (0, false) }
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if all[middle].batch.sequence < sequence { low = middle + 1 } else { high = middle }
        }
        return (low, low < all.count && all[low].batch.sequence == sequence)
    }

    mutating func add(_ batch: BatchDescriptor) {
        let track = Self.track(batch)
        let (index, isThere) = place(track, batch.sequence)
        guard !isThere else { return }
        tracks[track, default: []].insert(Lost(batch: batch, copy: nil), at: index)
        count += 1
        isTold = false
        dueAt = 0
    }
    mutating func remove(_ batch: BatchDescriptor) { removeAll(in: Self.track(batch)) { $0.batch == batch } }

    /// The batch of this name, if it is lost and no copy is on its way to the disk.
    func lost(_ batch: BatchDescriptor) -> BatchDescriptor? {
        let track = Self.track(batch)
        let (index, isThere) = place(track, batch.sequence)
        guard isThere, tracks[track]![index].copy == nil else { return nil }
        return tracks[track]![index].batch
    }
    mutating func copied(_ batch: BatchDescriptor, index: LogIndex, offset: UInt64) {
        let track = Self.track(batch)
        let (place, isThere) = place(track, batch.sequence)
        precondition(isThere, "a repaired batch was not lost")
        tracks[track]![place].copy = (index, offset)
        copiesUnderWay += 1
        attempts = 0
    }

    /// Removes those whose copies are durable, and hands them out.
    mutating func takeDurable(_ durable: LogIndex) -> [Lost] {
        var taken: [Lost] = []
        for track in tracks.keys {
            removeAll(in: track) {
                guard let copy = $0.copy, copy.index <= durable else { return false }
                taken.append($0)
                return true
            }
        }
        return taken
    }
    /// Removes those that a snapshot's cut reaches or passes. Returns whether there were any.
    mutating func dropCovered(by cut: Cut) -> Bool {
        let before = count
        for track in tracks.keys {
            removeAll(in: track) { $0.batch.position <= cut[track.lane.index] }
        }
        return count < before
    }
    private mutating func removeAll(in track: Track, where isMeant: (Lost) -> Bool) {
        guard var all = tracks[track] else { return }
        let before = all.count
        all.removeAll {
            guard isMeant($0) else { return false }
            if $0.copy != nil { copiesUnderWay -= 1 }
            return true
        }
        guard all.count < before else { return }
        count -= before - all.count
        // An empty list stays until the core was told.
        tracks[track] = all
        isTold = false
    }

    /// Calls `body` with every generation that has, or had, something lost, and the lowest such sequence.
    mutating func tell(_ body: (Track, UInt64?) -> Void) {
        for (track, all) in tracks.sorted(by: Self.isBefore) {
            body(track, all.first?.batch.sequence)
            if all.isEmpty { tracks[track] = nil }
        }
        isTold = true
    }
    /// What to ask for: of each generation the first stretch without a copy, at most `share` batches.
    func requests(share: UInt64) -> [BatchRequest] {
        tracks.sorted(by: Self.isBefore).compactMap { track, all in
            guard let first = all.first(where: { $0.copy == nil })?.batch.sequence else { return nil }
            var last = first
            for lost in all where lost.batch.sequence == last + 1 && lost.copy == nil && last - first + 1 < share {
                last += 1
            }
            return BatchRequest(lane: track.lane, generation: track.generation, first: first, last: last)
        }
    }
    func contains(where isMeant: (BatchDescriptor) -> Bool) -> Bool {
        tracks.values.contains { $0.contains { isMeant($0.batch) } }
    }
    /// A dictionary's order is chance's, and a simulated run has none.
    private static func isBefore(_ a: (key: Track, value: [Lost]), _ b: (key: Track, value: [Lost])) -> Bool {
        a.key.lane != b.key.lane ? a.key.lane < b.key.lane : a.key.generation < b.key.generation
    }
}
