// What the measuring process and one replica process say to each other: one page of shared memory, each word with one writer.
import CTrireme
import Glibc

/// What the measuring process wants of the replicas.
package enum BenchPhase: UInt64, Sendable {
    case wait = 0
    /// Commands flow, nothing is measured yet.
    case warmUp = 1
    case measure = 2
    /// No new commands; those under way are finished.
    case drain = 3
    case stop = 4
}

/// The page. The process that measures makes it and maps it too.
package final class BenchPage: @unchecked Sendable {
    private let words: UnsafeMutablePointer<UInt64>
    private static let histogramWord = 64
    private static let bytes = (histogramWord + LatencyBuckets.count) * 8

    /// - Parameter path: best in /dev/shm: pages of a file on a disk are written back now and then, and whoever touches one just
    ///   then waits for the disk.
    package init(path: String) throws(BenchError) {
        var error: Int32 = 0
        guard let page = trm_shared_page_map(path, Self.bytes, true, &error) else {
            throw BenchError("the page \(path) cannot be mapped (\(String(cString: strerror(-error))))")
        }
        words = page.assumingMemoryBound(to: UInt64.self)
    }
    deinit { trm_shared_page_unmap(words, Self.bytes) }

    private subscript(word: Int) -> UInt64 {
        get { trm_load_acquire_u64(words + word) }
        set { trm_store_release_u64(words + word, newValue) }
    }

    // MARK: Written by the process that measures

    package var phase: BenchPhase {
        get { BenchPhase(rawValue: self[0]) ?? .stop }
        set { self[0] = newValue.rawValue }
    }
    /// When the load begins, on the monotonic clock; the same in all pages.
    package var startNanoseconds: UInt64 {
        get { self[1] }
        set { self[1] = newValue }
    }

    /// Commands a second of this lane in an open loop; 0: as many as possible. Read when ``load`` changes.
    package var commandsPerSecond: Double {
        get { Double(bitPattern: self[2]) }
        set { self[2] = newValue.bitPattern }
    }
    /// Number of the load that runs; a new one begins with the phase ``BenchPhase/warmUp`` after it has changed.
    package var load: UInt64 {
        get { self[3] }
        set { self[3] = newValue }
    }

    // MARK: Written by the replica, a cache line further on

    package var isReady: Bool {
        get { self[16] != 0 }
        set { self[16] = newValue ? 1 : 0 }
    }
    /// Own commands that were answered, since the start.
    package var answered: UInt64 {
        get { self[17] }
        set { self[17] = newValue }
    }
    /// The load whose commands have all been answered, plus one; 0 at first.
    package var drained: UInt64 {
        get { self[18] }
        set { self[18] = newValue }
    }
    /// Nothing of its own is under way any more.
    package var isDrained: Bool { drained == load &+ 1 }
    /// When a batch, of whatever lane, was last executed here.
    package var progressNanoseconds: UInt64 {
        get { self[24] }
        set { self[24] = newValue }
    }
    /// Longest time between two such moments since the measurement began.
    package var longestGapNanoseconds: UInt64 {
        get { self[25] }
        set { self[25] = newValue }
    }

    /// Heap allocations of the replica's process since its start; `UInt64.max`: they are not counted.
    package var allocations: UInt64 {
        get { self[32] }
        set { self[32] = newValue }
    }

    package var latencies: LatencyRecorder { LatencyRecorder(words + Self.histogramWord) }
    package var latencyCounts: LatencyCounts { LatencyCounts(reading: words + Self.histogramWord) }
}

/// Why a measurement cannot be made, in one sentence.
package struct BenchError: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
