import Foundation
import Testing
import Trireme
import TriremeBench

@Suite struct ReportTests {
    @Test func numbersForPeople() {
        #expect(Format.grouped(0) == "0")
        #expect(Format.grouped(999) == "999")
        #expect(Format.grouped(11_204_512) == "11,204,512")
        #expect(Format.fixed(2.806, 2) == "2.81")
        #expect(Format.fixed(0.05, 1) == "0.1")
        #expect(Format.fixed(12, 0) == "12")
        #expect(Format.fixed(3.007, 2) == "3.01")
        #expect(Format.fixed(-1.5, 1) == "-1.5")
        #expect(Format.duration(microseconds: 87.04) == "87.0 µs")
        #expect(Format.duration(microseconds: 2_810) == "2.81 ms")
        #expect(Format.duration(microseconds: 2_500_000) == "2.50 s")
        #expect(Format.hex(255) == "00000000000000ff")
    }

    @Test func columnsAreAligned() {
        #expect(Format.table([["a", "bb"], ["ccc", "d"]]) == ["  a  bb", "ccc   d"])
    }

    @Test func jsonIsJson() throws {
        let json = JSON.members([
            "text": "a \"quoted\" \\ line\n\u{1}", "list": .array([.integer(1), .number(2.5), .bool(true), .null]),
            "nested": .array([.members(["x": .integer(1)])]), "empty": .object([]), "none": .number(.infinity),
        ])
        let parsed = try JSONSerialization.jsonObject(with: Data(json.text.utf8)) as? [String: Any]
        #expect(parsed?["text"] as? String == "a \"quoted\" \\ line\n\u{1}")
        #expect((parsed?["list"] as? [Any])?.count == 4)
        #expect(((parsed?["nested"] as? [Any])?.first as? [String: Int])?["x"] == 1)
        #expect(parsed?["none"] is NSNull)
    }

    @Test func linkRatesAreReadAsTcWritesThem() {
        #expect(LinkRate("1gbit")?.bitsPerSecond == 1e9)
        #expect(LinkRate("100Mbit")?.bitsPerSecond == 1e8)
        #expect(LinkRate("2.5gbit")?.bitsPerSecond == 2.5e9)
        for wrong in ["", "fast", "gbit", "-1gbit", "0mbit", "1gb", "infgbit"] {
            #expect(LinkRate(wrong) == nil, "\(wrong)")
        }
    }

    @Test func theLimitOfLinksFollowsFromWhoSends() throws {
        let link = LinkRate(bitsPerSecond: 1e9)
        #expect(NetworkFigures.limit(link, origins: 3, replicas: 3) == 1.5e9)
        #expect(NetworkFigures.limit(link, origins: 7, replicas: 7) == 7e9 / 6)
        #expect(NetworkFigures.limit(link, origins: 1, replicas: 3) == 1e9)
        var result = BenchResult(options: BenchOptions())
        #expect(!result.json.text.contains("\"network\""))
        result.network = NetworkFigures(
            link: link, origins: 3, replicas: 3, orderedBitsPerSecond: 1.2e9, datagramsExpected: 2_000,
            datagramsReceived: 1_999)
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(result.json.text.utf8)) as? [String: Any])
        let network = try #require(report["network"] as? [String: Any])
        #expect(network["linkGigabitsPerSecond"] as? Double == 1)
        #expect(network["orderedGigabitsPerSecond"] as? Double == 1.2)
        #expect(network["limitGigabitsPerSecond"] as? Double == 1.5)
        #expect(network["ratio"] as? Double == 0.8)
        #expect(network["lossPercent"] as? Double == 0.05)
        #expect((report["counters"] as? [String: Any])?["datagramsLost"] as? Int == 1)
    }

    /// The keys that the contract of `trireme bench` promises.
    @Test func theReportHasTheKeysOfTheContract() throws {
        var result = BenchResult(options: BenchOptions())
        result.replicas = [BenchResult.Replica()]
        let text = result.json.text
        let report = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(report["schema"] as? String == "trireme-bench/1")
        func keys(_ name: String) -> Set<String> { Set((report[name] as? [String: Any])?.keys.map { $0 } ?? []) }
        #expect(keys("configuration").isSuperset(of: ["replicas", "durability", "commandBytes", "batchBytes"]))
        #expect(keys("throughput").isSuperset(of: ["commandsPerSecond", "megabytesPerSecond"]))
        #expect(keys("latencyMicroseconds").isSuperset(of: ["p50", "p90", "p99", "p999", "max"]))
        #expect(
            keys("counters").isSuperset(of: [
                "datagramsLost", "repairedBytes", "syscallsPerThousandCommands", "allocationsPerThousandCommands",
                "longestGapMilliseconds",
            ]))
        let replica = try #require((report["replicas"] as? [[String: Any]])?.first)
        #expect(
            Set(replica.keys).isSuperset(of: [
                "id", "commandsPerSecond", "cpuSeconds", "residentMebibytes", "configuredMebibytes", "commitIndex",
                "stateHash",
            ]))
        #expect(report["agreement"] as? Bool == false)
        let counters = try #require(report["counters"] as? [String: Any])
        #expect(counters["allocationsPerThousandCommands"] is NSNull, "not counted is not none")
    }

    @Test func eachReplicaHasTheLatenciesOfItsOwnClients() throws {
        let words = UnsafeMutablePointer<UInt64>.allocate(capacity: LatencyBuckets.count)
        defer { words.deallocate() }
        words.initialize(repeating: 0, count: LatencyBuckets.count)
        LatencyRecorder(words).record(nanoseconds: 10_000_000, count: 98)
        LatencyRecorder(words).record(nanoseconds: 25_000_000, count: 2)
        var result = BenchResult(options: BenchOptions())
        result.replicas = [BenchResult.Replica(), BenchResult.Replica()]
        result.replicas[1].percentiles = LatencyCounts(reading: words).percentiles
        result.replicas[1].isSequencer = true
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(result.json.text.utf8)) as? [String: Any])
        let replicas = try #require(report["replicas"] as? [[String: Any]])
        let found = try replicas.map { try #require($0["latencyMicroseconds"] as? [String: Double]) }
        #expect(found[0]["p50"] == 0, "no clients, no latencies")
        // A bucket is 0.8 % wide.
        #expect(abs((found[1]["p50"] ?? 0) - 10_000) < 100)
        #expect(abs((found[1]["p99"] ?? 0) - 25_000) < 250)
        #expect(replicas.map { $0["isSequencer"] as? Bool } == [false, true])
        let cells = result.lines.prefix(3).map { $0.split(separator: " ").map(String.init) }
        #expect(cells[0][2] == "p50" && cells[1][2] == "-")
        #expect(cells[2].first == "0*" && cells[2][3] == "ms" && abs((Double(cells[2][2]) ?? 0) - 10) < 0.1)
    }

    @Test func costsAreForAThousandCommands() throws {
        var result = BenchResult(options: BenchOptions())
        result.commands = 2_000_000
        result.counters = Counted([("systemCalls", 5_000)])
        result.replicas = [BenchResult.Replica(), BenchResult.Replica(), BenchResult.Replica()]
        #expect(result.systemCallsPerThousandCommands == 2.5)
        for place in 0..<2 { result.replicas[place].allocations = 40 }
        #expect(result.allocationsPerThousandCommands == nil, "one replica does not count")
        result.replicas[2].wasKilled = true
        #expect(result.allocationsPerThousandCommands == 0.04)
    }

    @Test func aFileThatCannotBeWrittenIsRefusedBeforeTheRun() {
        let directory = FileManager.default.temporaryDirectory.path
        #expect(OutputFile.refusal("-", "--json") == nil)
        #expect(OutputFile.refusal(directory + "/new.json", "--json") == nil)
        #expect(OutputFile.refusal("relative.json", "--json") == nil)
        #expect(OutputFile.refusal(directory, "--report")?.description.contains("--report is \(directory)") == true)
        #expect(OutputFile.refusal(directory + "/none/here.html", "--hgrm")?.description.contains("none/here") == true)
    }

    @Test func optionsThatCannotWorkAreRefusedWithTheValueFound() {
        func refusal(_ change: (inout BenchOptions) -> Void) -> String {
            var options = BenchOptions()
            change(&options)
            do {
                try options.validate(.counter)
                return ""
            } catch {
                return error.description
            }
        }
        #expect(refusal { _ in } == "")
        #expect(refusal { $0.commandBytes = 16 }.contains("16"))
        #expect(refusal { $0.commandBytes = 61_440 }.contains("61308"))
        #expect(refusal { $0.commandsPerSecond = 0 }.contains("--rate"))
        #expect(refusal { $0.kill = .init(victim: .sequencer, seconds: 11) }.contains("earlier"))
        #expect(refusal { $0.seconds = 0 }.contains("--seconds"))
        #expect(
            refusal {
                $0.sweep = true
                $0.commandsPerSecond = 5
            }.contains("leave --rate out"))
        #expect(
            refusal {
                $0.sweep = true
                $0.kill = .init(victim: .sequencer, seconds: 1)
            }.contains("leave --kill out"))
        #expect(refusal { $0.jsonPath = "/none/x.json" }.contains("--json is /none/x.json"))
    }
}
