import Testing
import TriremeBench

@Suite struct LatencyHistogramTests {
    @Test func aBucketsValueIsWithinOnePercentOfAllInIt() {
        var value: UInt64 = 1
        while value < 1 << 39 {
            for probe in [value, value + value / 3, value * 2 - 1] {
                let value = Double(LatencyBuckets.nanoseconds(index: LatencyBuckets.index(nanoseconds: probe)))
                #expect(value >= Double(probe) && value - Double(probe) <= max(1, Double(probe) * 0.01))
            }
            value *= 2
        }
    }

    @Test func bucketsRiseWithTheValueAndEndWithinBounds() {
        var last = -1
        for value in (0..<4_096).map({ UInt64($0) }) {
            let index = LatencyBuckets.index(nanoseconds: value)
            #expect(index == last || index == last + 1)
            last = index
        }
        #expect(LatencyBuckets.index(nanoseconds: .max) == LatencyBuckets.count - 1)
    }

    private func counts(_ values: [(nanoseconds: UInt64, count: UInt64)]) -> LatencyCounts {
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: LatencyBuckets.count)
        words.initialize(repeating: 0, count: LatencyBuckets.count)
        defer { words.deallocate() }
        let recorder = LatencyRecorder(words)
        for (nanoseconds, count) in values { recorder.record(nanoseconds: nanoseconds, count: count) }
        return LatencyCounts(reading: words)
    }

    @Test func percentilesWeighByCommands() {
        let all = counts([(100_000, 90), (1_000_000, 9), (5_000_000, 1)])
        #expect(all.total == 100)
        #expect(abs(all.microseconds(at: 0.5) - 100) < 1)
        #expect(abs(all.microseconds(at: 0.9) - 100) < 1)
        #expect(abs(all.microseconds(at: 0.99) - 1_000) < 10)
        #expect(abs(all.microseconds(at: 1) - 5_000) < 50)
        #expect(abs(all.percentiles.maximumMicroseconds - 5_000) < 50)
    }

    @Test func sumsAndDifferencesAreThoseOfTheCommands() {
        let early = counts([(50_000, 10)])
        let late = counts([(50_000, 10), (80_000, 5)])
        #expect((late - early).total == 5)
        #expect(abs((late - early).microseconds(at: 0.5) - 80) < 1)
        #expect((early + late).total == 25)
        #expect(LatencyCounts().microseconds(at: 0.99) == 0)
    }
}
