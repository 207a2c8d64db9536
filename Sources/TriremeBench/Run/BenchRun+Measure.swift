// The measurement of one load, and what becomes of it.
import CTrireme
import Glibc
import Trireme
import TriremeRuntime

/// What all replicas had done up to a moment.
private struct Sample {
    var nanoseconds = trm_monotonic_nanoseconds()
    var answered: [UInt64]
    /// Of each replica's own commands.
    var latencies: [LatencyCounts]

    init(_ pages: [BenchPage]) {
        answered = pages.map(\.answered)
        latencies = pages.map(\.latencyCounts)
    }
    func commands(since earlier: Sample) -> UInt64 {
        zip(answered, earlier.answered).reduce(0) { $0 &+ ($1.0 &- $1.1) }
    }
    func latencies(since earlier: Sample) -> [LatencyCounts] {
        zip(latencies, earlier.latencies).map { $0 - $1 }
    }
    func seconds(since earlier: Sample) -> Double { Double(nanoseconds - earlier.nanoseconds) / 1e9 }
}

extension BenchRun {
    /// Loads, measures, drains and compares. The cluster can be measured again afterwards.
    ///
    /// - Parameter commandsPerSecond: of the whole cluster, at even intended times; `nil`: as many as possible.
    func measure(commandsPerSecond: Double?) throws -> BenchResult {
        var chosen = options
        chosen.commandsPerSecond = commandsPerSecond
        var result = BenchResult(options: chosen)
        let idle = try options.linkRate.map { _ in try datagrams() }
        let start = try warmUp(commandsPerSecond)
        for page in pages { page.phase = .measure }
        let processors = ProcessorTimes()
        let first = Sample(pages)
        let cpu = children.map(\.cpuNanoseconds)
        let allocated = pages.map(\.allocations)
        let before = CountersSum(self)
        result.series = try live(from: first)
        let last = Sample(pages)
        result.processors = ProcessorTimes().use(since: processors)
        result.seconds = last.seconds(since: first)
        result.commands = last.commands(since: first)
        let latencies = last.latencies(since: first)
        result.percentiles = latencies.reduce(LatencyCounts(), +).percentiles
        result.longestGapMilliseconds = longestGap(end: last.nanoseconds)
        result.counters = CountersSum(self).counted(since: before, by: alive)
        if let commandsPerSecond {
            let due = commandsPerSecond * Double(last.nanoseconds - start) / 1e9
            result.commandsBehind = UInt64(
                max(0, due - Double(pages.reduce(0) { $0 &+ $1.answered } &- answeredBefore)))
        }
        for replica in 0..<options.replicas {
            var about = BenchResult.Replica()
            about.id = replica
            about.wasKilled = killed.contains(replica)
            about.percentiles = latencies[replica].percentiles
            about.commandsPerSecond =
                Double(last.answered[replica] &- first.answered[replica]) / max(result.seconds, 1e-9)
            if !about.wasKilled {
                about.cpuSeconds = Double(children[replica].cpuNanoseconds &- cpu[replica]) / 1e9
                if allocated[replica] != .max {
                    about.allocations = pages[replica].allocations &- allocated[replica]
                }
            }
            about.residentBytes = children[replica].residentBytes
            about.configuredBytes = (counters[replica]["configuredBytes"] ?? 0) + UInt64(service.stateBytes)
            about.isSequencer = counters[replica]["isSequencer"] == 1 && !about.wasKilled
            result.replicas.append(about)
        }
        try settle(&result)
        if let link = options.linkRate, let idle {
            let settled = try datagrams()
            result.network = NetworkFigures(
                link: link, origins: options.oneLane ? 1 : options.replicas, replicas: options.replicas,
                orderedBitsPerSecond: result.commandsPerSecond * Double(options.commandBytes) * 8,
                datagramsExpected: settled.expected &- idle.expected,
                datagramsReceived: settled.received &- idle.received)
        }
        return result
    }

    /// What all replicas should have received of each other, and did, while only heartbeats are under way. Each publishes at
    /// a moment of its own, a hundred times a second: the sample whose difference is the middle one of many is taken.
    private func datagrams() throws -> (expected: UInt64, received: UInt64) {
        var samples: [(expected: UInt64, received: UInt64)] = []
        for _ in 0..<41 {
            try wait(until: trm_monotonic_nanoseconds() + 7_000_000)
            samples.append(
                counters.reduce((0, 0)) {
                    ($0.0 &+ ($1["datagramCopiesSent"] ?? 0), $0.1 &+ ($1["datagramCopiesReceived"] ?? 0))
                })
        }
        samples.sort { Int64($0.expected) - Int64($0.received) < Int64($1.expected) - Int64($1.received) }
        return samples[samples.count / 2]
    }

    /// Lets commands flow, from one moment everywhere, which is returned.
    private func warmUp(_ commandsPerSecond: Double?) throws -> UInt64 {
        let start = trm_monotonic_nanoseconds() + 20_000_000
        load += 1
        answeredBefore = pages.reduce(0) { $0 &+ $1.answered }
        for page in pages {
            page.commandsPerSecond = (commandsPerSecond ?? 0) / Double(lanes)
            page.startNanoseconds = start
            page.load = load
        }
        for page in pages { page.phase = .warmUp }
        try wait(seconds: 30, for: "a sequencer and the first replies") {
            self.pages.reduce(0) { $0 &+ $1.answered } > self.answeredBefore
        }
        try wait(until: start + UInt64(options.warmUpSeconds * 1e9))
        return start
    }

    /// A line each second.
    private func live(from first: Sample) throws -> [BenchSecond] {
        let end = first.nanoseconds + UInt64(options.seconds * 1e9)
        var series: [BenchSecond] = []
        var previous = first
        var second = 1
        var kill = options.kill
        while previous.nanoseconds < end {
            let next = min(first.nanoseconds + UInt64(second) * 1_000_000_000, end)
            if let due = kill, first.nanoseconds + UInt64(due.seconds * 1e9) < next {
                try wait(until: first.nanoseconds + UInt64(due.seconds * 1e9))
                killOne(due.victim)
                kill = nil
            }
            try wait(until: next)
            let now = Sample(pages)
            let percentiles = now.latencies(since: previous).reduce(LatencyCounts(), +).percentiles
            let point = BenchSecond(
                endSeconds: now.seconds(since: first),
                commandsPerSecond: Double(now.commands(since: previous)) / max(now.seconds(since: previous), 1e-9),
                p50Microseconds: percentiles.microseconds(at: 0.5), p99Microseconds: percentiles.microseconds(at: 0.99))
            series.append(point)
            let commits = counters.indices.map { killed.contains($0) ? "-" : "\(counters[$0]["commitIndex"] ?? 0)" }
            Terminal.say(
                Format.padded("\(second) s", 5) + Format.padded(Format.grouped(Int(point.commandsPerSecond)), 14)
                    + " commands/s   p50 "
                    + Format.padded(Format.duration(microseconds: point.p50Microseconds), 8) + "   p99 "
                    + Format.padded(Format.duration(microseconds: point.p99Microseconds), 8) + "   commit "
                    + commits.joined(separator: " "))
            previous = now
            second += 1
        }
        return series
    }

    private func killOne(_ victim: BenchOptions.Victim) {
        let sequencer = alive.first { counters[$0]["isSequencer"] == 1 } ?? 0
        let chosen = victim == .sequencer ? sequencer : alive.last { $0 != sequencer } ?? sequencer
        killed.insert(chosen)
        children[chosen].send(SIGKILL)
        Terminal.say("      replica \(chosen) (\(chosen == sequencer ? "sequencer" : "follower")) was killed")
    }

    private func longestGap(end: UInt64) -> Double {
        let gaps = alive.map { replica in
            let last = pages[replica].progressNanoseconds
            return max(pages[replica].longestGapNanoseconds, end > last ? end - last : 0)
        }
        return Double(gaps.max() ?? 0) / 1e6
    }

    /// Stops the load, waits until all have executed everything, and compares.
    private func settle(_ result: inout BenchResult) throws {
        for page in pages { page.phase = .drain }
        try wait(seconds: 60, for: "the replies that were still out") {
            self.alive.allSatisfy { self.pages[$0].isDrained } || self.stranded != nil
        }
        if let stranded {
            throw BenchError(
                "replica \(stranded) fell so far behind that no other one has the records any more which it lacks (isStranded): "
                    + "its commands have no outcome; give the replicas more of the processors, or the load a smaller --window"
            )
        }
        // The counters are published a hundred times a second: agreement must stand for several of those.
        var standing = 0
        var seen: [State] = []
        result.agrees = try becomesTrue(within: 30) {
            let states = self.states
            standing = Set(states).count == 1 && states == seen ? standing + 1 : 0
            seen = states
            return standing >= 30
        }
        for (replica, state) in zip(alive, states) {
            result.replicas[replica].commitIndex = state.commitIndex
            result.replicas[replica].stateHash = state.hash
            result.replicas[replica].executedCommands = state.executed
        }
        let now = CountersSum(self)
        result.knownLosses = Self.lost(now.counted(since: quiet, by: alive), isWhole: killed.isEmpty)
        quiet = now
    }

    /// Datagrams that did not get where they were sent to, from one moment at which nothing was under way to the next. Of
    /// batches every delivery is known to both ends; of control messages only those that a socket had no room for.
    package static func lost(_ counted: Counted, isWhole: Bool) -> UInt64 {
        let known = counted["droppedNoBuffer"] &+ counted["sendErrors"]
        // What was sent to a replica that was killed has arrived nowhere; then only what the others dropped is known.
        guard isWhole else { return known &+ counted["kernelDrops"] }
        let meant = counted["batchDeliveriesMeant"]
        let arrived = counted["batchDatagramsReceived"]
        return known &+ counted["controlKernelDrops"] &+ (meant > arrived ? meant - arrived : 0)
    }

    /// With a disk it fetches a snapshot and goes on; in memory nobody has one.
    private var stranded: Int? {
        options.durability == .disk ? nil : alive.first { counters[$0]["isStranded"] == 1 }
    }

    private struct State: Hashable {
        var commitIndex: UInt64
        var executedSlot: UInt64
        var executed: UInt64
        var hash: UInt64
    }
    private var states: [State] {
        alive.map { replica in
            let values = Dictionary(counters[replica].entries.map { ($0.name, $0.value) }) { first, _ in first }
            return State(
                commitIndex: values["commitIndex"] ?? 0, executedSlot: values["executedSlot"] ?? 0,
                executed: values["executedCommands"] ?? 0, hash: values["stateHash"] ?? 0)
        }
    }
}
