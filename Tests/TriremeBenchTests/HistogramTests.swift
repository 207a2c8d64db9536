// What was counted in shared words is what HdrHistogram would have counted itself.
import Histogram
import Testing
import TriremeBench

@Suite struct HistogramTests {
    private let values: [UInt64] = {
        var random = SystemRandomNumberGenerator()
        return (0..<20_000).map { _ in
            let bits = Int.random(in: 1...39, using: &random)
            return UInt64.random(in: 0..<(1 << UInt64(bits)), using: &random)
        }
    }()

    private func counted(_ values: [UInt64]) -> LatencyCounts {
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: LatencyBuckets.count)
        words.initialize(repeating: 0, count: LatencyBuckets.count)
        defer { words.deallocate() }
        let recorder = LatencyRecorder(words)
        for value in values { recorder.record(nanoseconds: value, count: 1) }
        return LatencyCounts(reading: words)
    }

    @Test func everyPercentileIsTheOneThatHdrHistogramGives() {
        var reference = Histogram<UInt64>(
            lowestDiscernibleValue: 1, highestTrackableValue: LatencyBuckets.highestNanoseconds,
            numberOfSignificantValueDigits: .two)
        for value in values { reference.record(value) }
        let percentiles = counted(values).percentiles
        #expect(percentiles.histogram.totalCount == reference.totalCount)
        for percentile in [0.0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100] {
            let expected = reference.valueAtPercentile(percentile)
            let found = percentiles.histogram.valueAtPercentile(percentile)
            // A bucket's values count as equal.
            #expect(reference.valuesAreEquivalent(found, expected), "\(percentile): \(found) for \(expected)")
        }
        #expect(percentiles.histogram.max == reference.max)
    }

    @Test func aBucketHoldsWhatHdrHistogramCallsEquivalent() {
        let reference = Histogram<UInt64>(
            highestTrackableValue: LatencyBuckets.highestNanoseconds, numberOfSignificantValueDigits: .two)
        for value in values {
            let index = LatencyBuckets.index(nanoseconds: value)
            #expect(LatencyBuckets.nanoseconds(index: index) == reference.highestEquivalentForValue(value))
        }
    }

    /// The lines that plotters read: value in microseconds, percentile, count so far, 1/(1-percentile).
    @Test func theTextIsHdrHistogramsPercentileDistribution() throws {
        let text = counted([100_000, 100_000, 100_000, 1_000_000]).percentiles.hgrm
        let lines = text.split(separator: "\n").map(String.init)
        #expect(
            lines[0].split(separator: " ").map(String.init) == [
                "Value", "Percentile", "TotalCount", "1/(1-Percentile)",
            ])
        var last = 0.0
        var rows = 0
        for line in lines.dropFirst() where !line.hasPrefix("#") {
            let fields = line.split(separator: " ").compactMap { Double($0) }
            #expect(fields.count == (fields[1] == 1 ? 3 : 4))
            #expect(fields[1] >= last && fields[2] >= 1 && fields[2] <= 4)
            #expect(abs(fields[0] - (fields[1] <= 0.75 ? 100 : 1_000)) < 8)
            last = fields[1]
            rows += 1
        }
        #expect(rows > 4 && last == 1)
        #expect(lines.contains { $0.hasPrefix("#[Mean") } && lines.contains { $0.contains("Total count") })
    }
}
