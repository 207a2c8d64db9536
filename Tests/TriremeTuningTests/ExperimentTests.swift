// A and B by turns, the old value at the end in every case, and what the figures come to.
import Testing
import TriremeTuning

@Suite struct ExperimentTests {
    private static let file = "proc/sys/net/core/busy_poll"
    private struct Stop: Error {}
    private func figures(_ speed: Double) -> RunFigures {
        RunFigures(commandsPerSecond: speed, p50Microseconds: 1, p99Microseconds: 2, cpuSecondsPerMillion: 0.1)
    }

    @Test func runsAlternateUnderTheirValues() throws {
        let root = try FakeRoot([Self.file: "7\n"])
        defer { root.remove() }
        let experiment = try Experiment("net.core.busy_poll", value: nil, part: nil, on: root.host)
        #expect(experiment.value(.a) == "7" && experiment.value(.b) == "50")
        var seen: [String] = []
        let comparison = try experiment.run(pairs: 3) { side, pair in
            seen.append("\(side.rawValue)\(pair) \(try root.read(Self.file))")
            return figures(side == .a ? 100 : 150)
        }
        #expect(seen == ["A1 7", "B1 50", "A2 7", "B2 50", "A3 7", "B3 50"])
        #expect(try root.read(Self.file) == "7")
        #expect(comparison.a.count == 3 && comparison.b.count == 3)
    }

    @Test(arguments: 1...4)
    func theOldValueComesBackWheneverARunFails(failing: Int) throws {
        let root = try FakeRoot([Self.file: "7\n"])
        defer { root.remove() }
        let experiment = try Experiment("net.core.busy_poll", value: "99", part: nil, on: root.host)
        var runs = 0
        #expect(throws: Stop.self) {
            try experiment.run(pairs: 2) { _, _ in
                runs += 1
                if runs == failing { throw Stop() }
                return figures(1)
            }
        }
        #expect(runs == failing)
        #expect(try root.read(Self.file) == "7")
    }

    @Test func whatCannotBePutBackIsSaid() throws {
        let root = try FakeRoot([Self.file: "7\n"])
        defer { root.remove() }
        let experiment = try Experiment("net.core.busy_poll", value: "99", part: nil, on: root.host)
        let error = #expect(throws: TuningError.self) {
            try experiment.run(pairs: 1) { side, _ in
                if side == .b { root.remove() }
                return figures(1)
            }
        }
        #expect(error?.description.hasSuffix("do it with: sysctl -w net.core.busy_poll=7") == true)
    }

    @Test func aLimitIsLeftToTheRun() throws {
        let limits = "Max locked memory         8388608              8388608              bytes\n"
        let root = try FakeRoot(["proc/self/limits": limits])
        defer { root.remove() }
        let experiment = try Experiment("memlock", value: "65536", part: nil, on: root.host)
        var asked: [String] = []
        _ = try experiment.run(pairs: 1) { side, _ in
            asked.append(experiment.value(side))
            return figures(1)
        }
        #expect(asked == ["8388608", "65536"])
        #expect(try root.read("proc/self/limits") + "\n" == limits)
    }

    @Test func whatCannotBeComparedIsRefused() throws {
        let root = try FakeRoot([
            Self.file: "50\n", "sys/class/net/lo/queues/rx-0/rps_cpus": "0\n",
            "sys/class/net/eth0/queues/rx-0/rps_cpus": "0\n",
        ])
        defer { root.remove() }
        func refusal(_ name: String, _ value: String? = nil, _ part: String? = nil) -> String {
            do {
                _ = try Experiment(name, value: value, part: part, on: root.host)
                return ""
            } catch {
                return "\(error)"
            }
        }
        #expect(refusal("net.core.bus_poll").contains("is not known; there are"))
        #expect(refusal("net.core.busy_poll").contains("is 50 already"))
        #expect(refusal("haltpoll").contains("does not have"))
        #expect(refusal("rps").contains("--value"))
        #expect(refusal("rps", "3", "eth1").contains("--only eth1"))
        #expect(refusal("rps", "3", "lo") == "")
        #expect(try Experiment("rps", value: "3", part: "lo", on: root.host).changes.count == 1)
        #expect(try Experiment("rps", value: "3", part: nil, on: root.host).changes.count == 2)
    }

    @Test func medianOfPairsIsNotRatioOfMedians() throws {
        var comparison = Comparison()
        #expect(comparison.row(\.commandsPerSecond) == nil)
        // The machine gets faster from run to run, B is always a tenth better.
        for speed in [100.0, 200, 300, 500, 600, 700] { comparison.add(a: figures(speed), b: figures(speed * 1.1)) }
        let row = try #require(comparison.row(\.commandsPerSecond))
        #expect(row.medianA == 400 && abs(row.medianB - 440) < 1e-9 && abs(row.ratio - 1.1) < 1e-9)
        #expect(row.larger == 6 && row.pairs == 6 && row.isConsistent)
        // Nothing changed: neither larger nor smaller, so no effect.
        #expect(comparison.row(\.p50Microseconds)?.isConsistent == false)
        comparison.add(a: figures(100), b: figures(99))
        #expect(comparison.row(\.commandsPerSecond)?.isConsistent == false)
        #expect(
            Comparison.median([3, 1, 2]) == 2 && Comparison.median([4, 1, 2, 3]) == 2.5 && Comparison.median([]) == 0)
    }

    @Test func fivePairsAreNoProof() throws {
        var comparison = Comparison()
        for _ in 0..<5 { comparison.add(a: figures(1), b: figures(2)) }
        #expect(comparison.row(\.commandsPerSecond)?.isConsistent == false)
        comparison.add(a: figures(1), b: figures(2))
        #expect(comparison.row(\.commandsPerSecond)?.isConsistent == true)
    }

    @Test func aReportOfTheBenchIsRead() throws {
        let root = try FakeRoot([
            "good": """
            {"configuration": {"seconds": 2.0}, "throughput": {"commandsPerSecond": 500000.0}, "agreement": true,
             "latencyMicroseconds": {"p50": 1.5, "p99": 9.0}, "replicas": [{"cpuSeconds": 0.2}, {"cpuSeconds": 0.3}]}
            """,
            "bad": "{}",
        ])
        defer { root.remove() }
        let figures = try RunFigures(report: root.path + "/good")
        #expect(
            figures
                == RunFigures(
                    commandsPerSecond: 500_000, p50Microseconds: 1.5, p99Microseconds: 9, cpuSecondsPerMillion: 0.5))
        let text = try root.read("good")
        try root.write("torn", text.replacing("true", with: "false"))
        for name in ["bad", "torn", "absent"] {
            #expect(throws: TuningError.self) { try RunFigures(report: root.path + "/" + name) }
        }
    }
}
