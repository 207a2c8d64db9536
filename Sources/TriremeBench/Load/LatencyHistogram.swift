// Latencies in a replica's shared page: counted by the thread that executes, read by the process that reports.
//
// The buckets are HdrHistogram's for two significant digits, so what was counted becomes one of its histograms by copying
// counts. HdrHistogram itself does not record here: its counts are an array of one process, and these words belong to two.
import CTrireme
import Histogram

/// Where a latency is counted: one bucket for each nanosecond up to 256, then 128 of equal width for each doubling, so a
/// bucket is at most 0.8 % wide.
package enum LatencyBuckets {
    private static let bits = 7
    private static let perDoubling = 1 << bits
    /// Latencies are cut at 2^40 ns, eighteen minutes.
    private static let exponents = 40
    package static let count = (exponents - bits + 1) * perDoubling
    package static let highestNanoseconds: UInt64 = 1 << exponents - 1

    @inline(__always)
    package static func index(nanoseconds: UInt64) -> Int {
        let value = min(nanoseconds, highestNanoseconds)
        guard value >= UInt64(perDoubling) else { return Int(truncatingIfNeeded: value) }
        let shift = 63 - value.leadingZeroBitCount - bits
        return shift &* perDoubling &+ Int(truncatingIfNeeded: value >> UInt64(shift))
    }

    /// The highest value that is counted in a bucket, in nanoseconds: what HdrHistogram reports for it.
    package static func nanoseconds(index: Int) -> UInt64 {
        guard index >= perDoubling else { return UInt64(index) }
        let shift = index / perDoubling - 1
        return (UInt64(index - shift * perDoubling) + 1) << UInt64(shift) - 1
    }
}

/// The writing side, over ``LatencyBuckets/count`` words of shared memory. One thread writes; 1 to 2 ns a call.
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

    /// The same as a histogram of nanoseconds.
    package var histogram: Histogram<UInt64> {
        var histogram = Histogram<UInt64>(
            lowestDiscernibleValue: 1, highestTrackableValue: LatencyBuckets.highestNanoseconds,
            numberOfSignificantValueDigits: .two)
        for index in counts.indices where counts[index] > 0 {
            histogram.record(LatencyBuckets.nanoseconds(index: index), count: counts[index])
        }
        return histogram
    }

    package var percentiles: LatencyPercentiles { LatencyPercentiles(histogram) }
    /// The latency that `fraction` of all commands did not exceed, in microseconds; 0 when there were none.
    package func microseconds(at fraction: Double) -> Double { percentiles.microseconds(at: fraction) }
}

/// Percentiles of a finished measurement, by HdrHistogram.
package struct LatencyPercentiles: Sendable {
    package let histogram: Histogram<UInt64>

    package init(_ histogram: Histogram<UInt64>) { self.histogram = histogram }

    /// The latency that `fraction` of all commands did not exceed, in microseconds; 0 when there were none.
    package func microseconds(at fraction: Double) -> Double {
        guard histogram.totalCount > 0 else { return 0 }
        return Double(histogram.valueAtPercentile(fraction * 100)) / 1_000
    }
    package var maximumMicroseconds: Double { Double(histogram.max) / 1_000 }

    /// The usual ones, by the names that reports give them.
    package var json: JSON {
        .members([
            "p50": .number(microseconds(at: 0.5)), "p90": .number(microseconds(at: 0.9)),
            "p99": .number(microseconds(at: 0.99)), "p999": .number(microseconds(at: 0.999)),
            "p9999": .number(microseconds(at: 0.9999)), "max": .number(maximumMicroseconds),
        ])
    }

    /// The percentile distribution as HdrHistogram's tools print and plot it (`.hgrm`); values are microseconds.
    package var hgrm: String {
        var text = ""
        histogram.outputPercentileDistribution(to: &text, outputValueUnitScalingRatio: 1_000)
        return text
    }
}
