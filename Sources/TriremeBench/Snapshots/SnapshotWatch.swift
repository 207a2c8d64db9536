// What a replica does while it takes a snapshot, apart from what it does otherwise. Written by the thread that executes.
import CTrireme

/// Latencies, and gaps between two executed batches, in two columns: without a snapshot, and while one is taken and for a moment
/// after it, so that what its end costs is charged to it.
package final class SnapshotWatch: @unchecked Sendable {
    package enum Column: Int, Sendable { case quiet, during }
    private enum Word: Int {
        case isMeasuring, snapshots, takenNanoseconds, setAsideBytes, longestBegin, longestPiece, longestEnd
        case longestApplyQuiet, longestApplyDuring
    }
    private static let afterNanoseconds: UInt64 = 100_000_000
    private static let firstHistogram = 16
    /// Latencies and gaps of both columns; one more for what is not measured.
    private static let histograms = 5

    private let words: UnsafeMutablePointer<UInt64>
    @exclusivity(unchecked) private var column = Column.quiet
    @exclusivity(unchecked) private var begunAt: UInt64 = 0
    @exclusivity(unchecked) private var endedAt: UInt64 = 0
    @exclusivity(unchecked) private var lastAt: UInt64 = 0

    package init() {
        let count = Self.firstHistogram + Self.histograms * LatencyBuckets.count
        words = .allocate(capacity: count)
        words.initialize(repeating: 0, count: count)
    }
    deinit { words.deallocate() }

    private subscript(word: Word) -> UInt64 {
        get { trm_load_relaxed_u64(words + word.rawValue) }
        set { trm_store_relaxed_u64(words + word.rawValue, newValue) }
    }
    private func raise(_ word: Word, to value: UInt64) { if value > self[word] { self[word] = value } }
    private func histogram(_ number: Int) -> UnsafeMutablePointer<UInt64> {
        words + Self.firstHistogram + number * LatencyBuckets.count
    }

    // MARK: The thread that executes

    /// Where the latencies of the batch that was just executed belong.
    package var recorder: LatencyRecorder {
        LatencyRecorder(histogram(isMeasuring ? column.rawValue : 4))
    }
    func applied(processor: UInt64, setAsideBytes: Int) {
        guard isMeasuring else {
            lastAt = 0
            return
        }
        let now = trm_monotonic_nanoseconds()
        raise(column == .quiet ? .longestApplyQuiet : .longestApplyDuring, to: processor)
        raise(.setAsideBytes, to: UInt64(setAsideBytes))
        if lastAt != 0 { LatencyRecorder(histogram(2 + column.rawValue)).record(nanoseconds: now &- lastAt, count: 1) }
        lastAt = now
        if column == .during, begunAt == 0, now > endedAt &+ Self.afterNanoseconds { column = .quiet }
    }
    func begins() {
        column = .during
        begunAt = trm_monotonic_nanoseconds()
    }
    func hasBegun(processor: UInt64) { if isMeasuring { raise(.longestBegin, to: processor) } }
    func gavePiece(processor: UInt64) { if isMeasuring { raise(.longestPiece, to: processor) } }
    func hasEnded(processor: UInt64) {
        endedAt = trm_monotonic_nanoseconds()
        guard begunAt != 0 else { return }
        if isMeasuring {
            raise(.longestEnd, to: processor)
            self[.takenNanoseconds] &+= endedAt &- begunAt
            self[.snapshots] &+= 1
        }
        begunAt = 0
    }

    // MARK: Any thread

    package var isMeasuring: Bool {
        get { self[.isMeasuring] != 0 }
        set { self[.isMeasuring] = newValue ? 1 : 0 }
    }
    /// Snapshots that ended while it measured, and how long they took together.
    package var snapshots: UInt64 { self[.snapshots] }
    package var takenNanoseconds: UInt64 { self[.takenNanoseconds] }
    /// Most bytes that were set aside for a snapshot at once.
    package var setAsideBytes: UInt64 { self[.setAsideBytes] }
    /// Longest calls of the state machine, in the thread's processor time: what others on the machine took is not in it.
    package var longestBegin: UInt64 { self[.longestBegin] }
    package var longestPiece: UInt64 { self[.longestPiece] }
    package var longestEnd: UInt64 { self[.longestEnd] }
    package func longestApply(_ column: Column) -> UInt64 {
        self[column == .quiet ? .longestApplyQuiet : .longestApplyDuring]
    }
    /// Both columns together, since the start.
    package var allLatencies: LatencyCounts {
        LatencyCounts(reading: histogram(0)) + LatencyCounts(reading: histogram(1))
    }
    package var allGaps: LatencyCounts { LatencyCounts(reading: histogram(2)) + LatencyCounts(reading: histogram(3)) }
    package func latencies(_ column: Column) -> LatencyPercentiles {
        LatencyCounts(reading: histogram(column.rawValue)).percentiles
    }
    package func gaps(_ column: Column) -> LatencyPercentiles {
        LatencyCounts(reading: histogram(2 + column.rawValue)).percentiles
    }
}
