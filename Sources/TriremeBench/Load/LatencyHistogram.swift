// Latencies in a replica's shared page: counted by the thread that executes, read by the process that reports.
import CTrireme

/// Where a latency is counted: 64 buckets of equal width for each doubling, so a bucket's middle is within 0.8 % of all in it.
package enum LatencyBuckets {
    private static let bits = 6
    private static let perDoubling = 1 << bits
    /// Latencies are cut at 2^40 ns, eighteen minutes.
    private static let exponents = 40
    package static let count = (exponents - bits + 1) * perDoubling

    @inline(__always)
    package static func index(nanoseconds: UInt64) -> Int {
        let value = min(nanoseconds, 1 << exponents - 1)
        guard value >= UInt64(perDoubling) else { return Int(truncatingIfNeeded: value) }
        let shift = 63 - value.leadingZeroBitCount - bits
        return shift &* perDoubling &+ Int(truncatingIfNeeded: value >> UInt64(shift))
    }

    /// The middle of a bucket, in nanoseconds.
    package static func nanoseconds(index: Int) -> Double {
        guard index >= perDoubling else { return Double(index) }
        let shift = index / perDoubling - 1
        let low = UInt64(index - shift * perDoubling) << UInt64(shift)
        return Double(low) + Double(UInt64(1) << UInt64(shift)) / 2
    }
}

/// The writing side, over ``LatencyBuckets/count`` words of shared memory. One thread writes.
package struct LatencyRecorder {
    private let words: UnsafeMutablePointer<UInt64>

    package init(_ words: UnsafeMutablePointer<UInt64>) { self.words = words }

    @inline(__always)
    package func record(nanoseconds: UInt64, count: UInt64) {
        let word = words + LatencyBuckets.index(nanoseconds: nanoseconds)
        trm_store_relaxed_u64(word, word.pointee &+ count)
    }
}

/// What was counted up to a moment; differences and sums of such.
package struct LatencyCounts: Sendable, Equatable {
    private var counts: [UInt64]

    package init() { counts = Array(repeating: 0, count: LatencyBuckets.count) }
    package init(reading words: UnsafePointer<UInt64>) {
        counts = (0..<LatencyBuckets.count).map { trm_load_relaxed_u64(words + $0) }
    }

    package static func + (a: LatencyCounts, b: LatencyCounts) -> LatencyCounts {
        var sum = a
        for index in 0..<sum.counts.count { sum.counts[index] &+= b.counts[index] }
        return sum
    }
    package static func - (a: LatencyCounts, b: LatencyCounts) -> LatencyCounts {
        var difference = a
        for index in 0..<difference.counts.count { difference.counts[index] &-= b.counts[index] }
        return difference
    }

    package var total: UInt64 { counts.reduce(0, &+) }

    /// The latency that `fraction` of all commands did not exceed, in microseconds; 0 when there were none.
    package func microseconds(at fraction: Double) -> Double {
        let total = total
        guard total > 0 else { return 0 }
        let rank = max(1, UInt64((fraction * Double(total)).rounded(.up)))
        var seen: UInt64 = 0
        for index in 0..<counts.count {
            seen += counts[index]
            if seen >= rank { return LatencyBuckets.nanoseconds(index: index) / 1_000 }
        }
        return maximumMicroseconds
    }

    package var maximumMicroseconds: Double {
        counts.lastIndex { $0 > 0 }.map { LatencyBuckets.nanoseconds(index: $0) / 1_000 } ?? 0
    }
}
