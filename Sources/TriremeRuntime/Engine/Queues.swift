// Small bounded containers of the engine: taken once, never grown.
import TriremeCore

/// Executed batches that are kept for others, oldest first; own ones and received ones apart, since their buffers are.
struct Retained: ~Copyable {
    struct Item {
        var buffer: UInt32
        var batch: BatchDescriptor
        /// It was executed in.
        var slot: UInt64
    }
    private let base: UnsafeMutablePointer<Item>
    private let capacities: InlineArray<2, Int>
    private var heads: InlineArray<2, Int> = [0, 0]
    private var counts: InlineArray<2, Int> = [0, 0]

    init(own: Int, received: Int) {
        capacities = [own, received]
        base = .allocate(capacity: max(1, own + received))
    }
    deinit { base.deallocate() }

    /// Adds a buffer; returns the one that must go for it.
    mutating func push(
        _ buffer: UInt32, _ kind: BufferClass, holding batch: BatchDescriptor, of slot: UInt64
    ) -> Item? {
        let k = kind == .own ? 0 : 1
        let item = Item(buffer: buffer, batch: batch, slot: slot)
        guard capacities[k] > 0 else { return item }
        let start = k == 0 ? 0 : capacities[0]
        if counts[k] < capacities[k] {
            (base + start + (heads[k] + counts[k]) % capacities[k]).initialize(to: item)
            counts[k] += 1
            return nil
        }
        let oldest = base[start + heads[k]]
        base[start + heads[k]] = item
        heads[k] = (heads[k] + 1) % capacities[k]
        return oldest
    }

    /// The oldest one of a class, given up.
    mutating func pop(_ kind: BufferClass) -> Item? {
        let k = kind == .own ? 0 : 1
        guard counts[k] > 0 else { return nil }
        defer {
            heads[k] = (heads[k] + 1) % capacities[k]
            counts[k] -= 1
        }
        return base[(k == 0 ? 0 : capacities[0]) + heads[k]]
    }
}

/// A record that is being read back.
struct PendingRead {
    enum Purpose {
        case execution
        case repair(ReplicaID)
        case carry
    }
    var buffer: UInt32
    var batch: BatchDescriptor
    var offset: UInt64
    var purpose: Purpose
}

/// The reads under way: at most as many as there are reserve buffers, so a look through all is cheap.
struct PendingReads: ~Copyable {
    private let base: UnsafeMutablePointer<PendingRead>
    private(set) var count = 0
    init() { base = .allocate(capacity: EngineSettings.reserveBuffers) }
    deinit { base.deallocate() }

    mutating func add(_ read: PendingRead) {
        precondition(count < EngineSettings.reserveBuffers)
        (base + count).initialize(to: read)
        count += 1
    }
    /// Whether the record at this offset is being read to be executed, or to be carried forward.
    func isReading(offset: UInt64, toCarry: Bool = false) -> Bool {
        for i in 0..<count where base[i].offset == offset {
            switch base[i].purpose {
            case .execution: if !toCarry { return true }
            case .carry: if toCarry { return true }
            case .repair: break
            }
        }
        return false
    }
    mutating func remove(buffer: UInt32) -> PendingRead? {
        for i in 0..<count where base[i].buffer == buffer {
            defer {
                count -= 1
                base[i] = base[count]
            }
            return base[i]
        }
        return nil
    }
}

/// Batches that came before one that they follow, by lane and sequence.
struct EarlyBatches: ~Copyable {
    struct Cell {
        var batch: BatchDescriptor
        var buffer: UInt32
        var isFull: Bool
    }
    private let cells: UnsafeMutablePointer<Cell>
    private static var perLane: Int { EngineSettings.earlyBatches }
    private let count: Int

    init(members: Int) {
        count = members * Self.perLane
        cells = .allocate(capacity: count)
        let none = BatchDescriptor(
            lane: ReplicaID(0), generation: .zero, sequence: 0, payloadBytes: 0, payloadChecksum: 0, count: 0,
            stride: 0, digest: 0)
        cells.initialize(repeating: Cell(batch: none, buffer: 0, isFull: false), count: count)
    }
    deinit { cells.deallocate() }

    func cell(_ lane: ReplicaID, _ sequence: UInt64) -> UnsafeMutablePointer<Cell> {
        cells + (lane.index * Self.perLane + Int(sequence % UInt64(Self.perLane)))
    }
    /// Gives up the batch that is needed last: of the highest sequence.
    func takeLatest() -> UInt32? {
        var latest: UnsafeMutablePointer<Cell>?
        for i in 0..<count where cells[i].isFull {
            if latest == nil || cells[i].batch.sequence > latest!.pointee.batch.sequence { latest = cells + i }
        }
        latest?.pointee.isFull = false
        return latest?.pointee.buffer
    }
    /// Gives up a batch that `cut` covers or has passed, if one waits.
    func takeCovered(by cut: Cut) -> UInt32? {
        for i in 0..<count where cells[i].isFull && cells[i].batch.position <= cut[cells[i].batch.lane.index] {
            cells[i].isFull = false
            return cells[i].buffer
        }
        return nil
    }
    /// Whether this very batch waits here.
    func holds(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Bool {
        let cell = cell(lane, sequence).pointee
        return cell.isFull && cell.batch.generation == generation && cell.batch.sequence == sequence
    }
}
