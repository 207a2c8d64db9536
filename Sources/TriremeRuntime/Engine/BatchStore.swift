// Where the bytes of every batch are that this replica holds: in a buffer, in its log, or both (PROTOCOL §8).
import TriremeCore

/// One batch that the log holds.
package struct StoredBatch {
    package var batch: BatchDescriptor
    /// Its place in the log's stream.
    package var offset: UInt64
    /// The buffer that still holds it.
    package var buffer: UInt32?
    /// Its record is damaged: nothing can be read there.
    package var isDamaged = false
    /// When an own batch was sealed, in nanoseconds.
    package var sealedAt: UInt64
}

/// Per lane and generation a ring of the latest batches. Older ones may still lie in the log, but nobody can name
/// their place: the engine takes a snapshot before it needs them.
struct BatchStore: ~Copyable {
    private struct Track {
        var generation = Generation.zero
        var cells: UnsafeMutablePointer<StoredBatch>?
        var first: UInt64 = 1
        var last: UInt64 = 0
        /// The last slot that executed one of its batches.
        var lastSlot: UInt64 = 0
    }
    let capacity: UInt64
    private let members: Int
    private let tracks: UnsafeMutablePointer<Track>
    /// Batches of slots up to this one may have lost their ring: nobody can have them from here.
    private let forgottenSlot: UnsafeMutablePointer<UInt64>

    /// - Parameter capacity: batches remembered per lane and generation, a power of two. A generation takes its ring when its
    ///   first batch comes, which is when a member has started: never on the hot path.
    init(members: Int, capacity: Int) {
        precondition(capacity.nonzeroBitCount == 1)
        self.capacity = UInt64(capacity)
        self.members = members
        forgottenSlot = .allocate(capacity: 1)
        forgottenSlot.initialize(to: 0)
        tracks = .allocate(capacity: members * Lanes.tracksPerLane)
        tracks.initialize(repeating: Track(), count: members * Lanes.tracksPerLane)
    }
    deinit {
        for i in 0..<members * Lanes.tracksPerLane { tracks[i].cells?.deallocate() }
        tracks.deallocate()
        forgottenSlot.deallocate()
    }
    var forgotten: UInt64 { forgottenSlot.pointee }
    func executed(_ lane: ReplicaID, _ generation: Generation, slot: UInt64) {
        find(lane, generation)?.pointee.lastSlot = slot
    }
    /// Most generations of a lane that `cut` has not passed.
    func mostGenerations(above cut: Cut) -> Int {
        var most = 0
        for lane in 0..<members {
            var count = 0
            for i in slots(ReplicaID(lane)) where tracks[i].cells != nil && tracks[i].generation >= cut[lane].generation
            {
                count += 1
            }
            most = max(most, count)
        }
        return most
    }

    private func slots(_ lane: ReplicaID) -> Range<Int> {
        lane.index * Lanes.tracksPerLane..<(lane.index + 1) * Lanes.tracksPerLane
    }
    private func find(_ lane: ReplicaID, _ generation: Generation) -> UnsafeMutablePointer<Track>? {
        for i in slots(lane) where tracks[i].cells != nil && tracks[i].generation == generation { return tracks + i }
        return nil
    }

    /// - Parameter lanes: has the batch already; generations that it holds keep their rings.
    func insert(_ stored: StoredBatch, lanes: borrowing Lanes) {
        let batch = stored.batch
        let track = find(batch.lane, batch.generation) ?? open(batch.lane, batch.generation, lanes)
        // A ring has no gaps. After a start there may be one before what was carried forward: what lies below it is covered.
        if batch.sequence != track.pointee.last + 1 { track.pointee.first = batch.sequence }
        track.pointee.cells![Int(batch.sequence & (capacity - 1))] = stored
        track.pointee.last = batch.sequence
        if track.pointee.last - track.pointee.first >= capacity {
            track.pointee.first = track.pointee.last - capacity + 1
        }
    }

    /// A new generation takes a free ring, or that of the lowest generation that the core holds no more.
    private func open(
        _ lane: ReplicaID, _ generation: Generation, _ lanes: borrowing Lanes
    ) -> UnsafeMutablePointer<Track> {
        var victim: Int?
        for i in slots(lane) {
            if tracks[i].cells == nil {
                victim = i
                break
            }
            if lanes.track(lane, tracks[i].generation) == nil,
                victim == nil || tracks[i].generation < tracks[victim!].generation
            {
                victim = i
            }
        }
        let track = tracks + victim!
        if track.pointee.cells == nil {
            // Cells are read only from `first` to `last`; the others take no memory.
            track.pointee.cells = .allocate(capacity: Int(capacity))
        }
        track.pointee.generation = generation
        track.pointee.first = 1
        track.pointee.last = 0
        forgottenSlot.pointee = max(forgottenSlot.pointee, track.pointee.lastSlot)
        track.pointee.lastSlot = 0
        return track
    }

    /// Whether a batch can be remembered at no other's cost: behind the last one of its generation, or in a free ring.
    func hasPlace(_ batch: BatchDescriptor) -> Bool {
        guard let track = find(batch.lane, batch.generation) else {
            return slots(batch.lane).contains { tracks[$0].cells == nil }
        }
        return track.pointee.last == 0 || batch.sequence == track.pointee.last + 1
    }

    /// The batch, if its place is known.
    func cell(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> UnsafeMutablePointer<StoredBatch>? {
        guard let track = find(lane, generation), sequence >= track.pointee.first, sequence <= track.pointee.last else {
            return nil
        }
        return track.pointee.cells! + Int(sequence & (capacity - 1))
    }

    /// The lowest stream offset of a batch that `cut` does not cover, if there is one.
    func lowestOffset(notCoveredBy cut: Cut) -> UInt64? {
        var lowest: UInt64?
        forEach(notCoveredBy: cut) { cell in
            lowest = min(lowest ?? cell.pointee.offset, cell.pointee.offset)
            return true
        }
        return lowest
    }
    /// Calls `body` with every batch that `cut` does not cover, until it returns false.
    func forEach(notCoveredBy cut: Cut, _ body: (UnsafeMutablePointer<StoredBatch>) -> Bool) {
        for lane in 0..<members {
            for i in slots(ReplicaID(lane)) where tracks[i].cells != nil && tracks[i].last > 0 {
                let track = tracks[i]
                guard track.generation >= cut[lane].generation else { continue }
                let next = track.generation == cut[lane].generation ? cut[lane].sequence + 1 : track.first
                var sequence = max(next, track.first)
                while sequence <= track.last {
                    guard body(track.cells! + Int(sequence & (capacity - 1))) else { return }
                    sequence += 1
                }
            }
        }
    }

    /// A batch of the lane's generations below `generation` that lies in a buffer of which `isMeant` is true.
    func firstCell(
        _ lane: ReplicaID, below generation: Generation, _ isMeant: (UInt32) -> Bool
    ) -> UnsafeMutablePointer<StoredBatch>? {
        for i in slots(lane) where tracks[i].cells != nil && tracks[i].generation < generation {
            let track = tracks[i]
            guard track.first <= track.last else { continue }
            for sequence in track.first...track.last {
                let cell = track.cells! + Int(sequence & (capacity - 1))
                if let buffer = cell.pointee.buffer, isMeant(buffer) { return cell }
            }
        }
        return nil
    }

    /// Calls `body` with every batch that `cut` covers or has passed and that lies in a buffer.
    func forEachBuffered(coveredBy cut: Cut, _ body: (UnsafeMutablePointer<StoredBatch>) -> Void) {
        for lane in 0..<members {
            for i in slots(ReplicaID(lane)) where tracks[i].cells != nil && tracks[i].generation <= cut[lane].generation
            {
                let track = tracks[i]
                let last = track.generation < cut[lane].generation ? track.last : min(track.last, cut[lane].sequence)
                guard track.first <= last else { continue }
                for sequence in track.first...last {
                    let cell = track.cells! + Int(sequence & (capacity - 1))
                    if cell.pointee.buffer != nil { body(cell) }
                }
            }
        }
    }

    /// Most batches of any generation above what `cut` covers: how close the rings are to forgetting what is needed.
    func mostUncovered(by cut: Cut) -> UInt64 {
        var most: UInt64 = 0
        for lane in 0..<members {
            for i in slots(ReplicaID(lane)) where tracks[i].cells != nil {
                let covered = tracks[i].generation == cut[lane].generation ? cut[lane].sequence : 0
                if tracks[i].last > covered, tracks[i].generation >= cut[lane].generation {
                    most = max(most, tracks[i].last - covered)
                }
            }
        }
        return most
    }
}
