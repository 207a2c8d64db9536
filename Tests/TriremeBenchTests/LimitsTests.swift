// What binds, how it is said, and that the machine's figures are measured: how large they are is never asserted.
import Foundation
import Testing
import TriremeBench

@Suite struct LimitsTests {
    private func limits(_ shares: [(String, Double)], isOpenLoop: Bool = false) -> BenchLimits {
        BenchLimits(
            shares.map { BenchLimit(key: $0.0 + "Key", name: $0.0, unit: "GB/s", machine: 10, used: 10 * $0.1) },
            isOpenLoop: isOpenLoop)
    }

    @Test func theHighestShareBinds() {
        let found = limits([("processors", 0.93), ("multicast", 0.4), ("disk", 0.94)])
        #expect(found.binds?.name == "disk" && found.verdict.contains("disk binds: 94 %"))
        #expect(limits([("processors", 0.9)]).verdict.contains("processors bind: 90 %"))
    }

    @Test func nothingBindsWhereThereIsRoomEverywhere() {
        let closed = limits([("processors", 0.5), ("disk", 0.2)])
        #expect(
            closed.binds == nil && closed.verdict.contains("--window")
                && closed.verdict.contains("processors with 50 %"))
        #expect(limits([("disk", 0.2)], isOpenLoop: true).verdict.contains("asks for no more"))
    }

    @Test func theReportCarriesBothFigures() throws {
        let found = BenchLimits(
            [
                BenchLimit(key: "multicastGigabytesPerSecond", name: "multicast", unit: "GB/s", machine: 4, used: 1),
                BenchLimit(
                    key: "wakeUpMicroseconds", usedKey: "sleepsPerSecond", name: "wake-up", unit: "µs", machine: 5,
                    used: 20_000, share: 0.05),
            ], isOpenLoop: false)
        var report = BenchReport(result: BenchResult(options: BenchOptions()))
        report.limits = found
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(report.json.text.utf8)) as? [String: Any])
        let limits = try #require(json["limits"] as? [String: Any])
        #expect(limits["multicastGigabytesPerSecond"] as? Double == 4 && limits["wakeUpMicroseconds"] as? Double == 5)
        let used = try #require(limits["used"] as? [String: Double])
        #expect(used == ["multicastGigabytesPerSecond": 1, "sleepsPerSecond": 20_000])
        #expect((limits["share"] as? [String: Double])?["wakeUpMicroseconds"] == 0.05)
        #expect(limits["binds"] is NSNull)
        #expect(report.json.text.contains("sweep") == false)
    }
}
