// Updates of the superblock while the reactor runs: one at a time, two copies and then the other two, each pair one
// durable write (O_DSYNC is the flush, RELIABILITY storage rule 2).
import TriremeCore

struct SuperblockWriter: ~Copyable {
    /// What all four copies say.
    private(set) var current: Superblock
    /// What is wanted and not yet under way.
    private var wanted: Superblock
    private var isWanted = false
    private var underWay: Superblock
    /// 0: nothing under way; 1: the first pair; 2: the second.
    private var phase: UInt32 = 0
    static let pairBytes = 2 * Limits.pageBytes

    init(_ current: Superblock) {
        self.current = current
        wanted = current
        underWay = current
    }
    var isBusy: Bool { phase != 0 || isWanted }

    mutating func want(_ change: (inout Superblock) -> Void) {
        change(&wanted)
        isWanted = true
    }

    /// Begins the next update if one is wanted and none is under way. Returns the offset of the pair to write.
    mutating func begin(durableMark: UInt64, memory: UnsafeMutableRawPointer) -> UInt64? {
        guard phase == 0, isWanted else { return nil }
        isWanted = false
        wanted.sequence = current.sequence + 1
        wanted.durableMark = durableMark
        underWay = wanted
        underWay.encode(to: memory)
        (memory + Limits.pageBytes).copyMemory(from: memory, byteCount: Limits.pageBytes)
        phase = 1
        return 0
    }
    /// A pair is durable. Returns the offset of the second pair, or nil when all four copies are written.
    mutating func pairWritten() -> UInt64? {
        precondition(phase != 0)
        if phase == 1 {
            phase = 2
            return UInt64(Self.pairBytes)
        }
        phase = 0
        current = underWay
        return nil
    }
}
