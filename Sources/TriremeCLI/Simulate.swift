// `trireme simulate`: the production engine under virtual time, with faults, seed by seed.
import ArgumentParser
import CTrireme
import TriremeBench
import TriremeSimulator

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the engine under simulated networks, disks and faults.",
        discussion: """
            Each seed is one story of loss, partitions, crashes and torn writes, the same every time. After it the checkers say \
            whether every slot has one entry, all replicas executed the same, nothing acknowledged is lost, what clients saw is \
            linearizable, and the cluster went on after healing. The exit code is 0 only if all held; a seed that failed is printed \
            with the command that replays it.

            The standard mix has the common sizes and faults. The wide mix has one to seven replicas with every counting quorum \
            system, failing, full and stalled disks, clocks that jump, flipped bits, old datagrams, and quorums that heal first. The \
            mixed mix has runs of both, with rounds that are fast as well as classic. The announced mix has large Q1, and rounds \
            that name who decides in them.

            Examples:
              trireme simulate --seeds 1000
              trireme simulate --seeds 1000 --mix wide
              trireme simulate --seed 4711 --trace
              trireme simulate --crash-points
              trireme simulate --link-sets
              trireme simulate --delays
              trireme simulate --soak 3600 --corpus Tests/TriremeSimulatorTests/Corpus.txt
            """)

    @Option(help: ArgumentHelp("How many seeds (default: 1000, or 1 with --seed).", valueName: "n"))
    var seeds: Int?
    @Option(help: ArgumentHelp("The first seed.", valueName: "seed"))
    var seed: UInt64?
    @Option(
        help: ArgumentHelp(
            "What runs are drawn from: standard, wide, mixed or announced (default: standard, --soak: wide).",
            valueName: "mix"))
    var mix: String?
    @Flag(help: "Print what happens in the first seed, event by event.")
    var trace = false
    @Option(help: ArgumentHelp("Threads (default: one for each processor).", valueName: "n"))
    var jobs: Int?
    @Flag(help: "Go on after a seed that failed.")
    var keepGoing = false
    @Flag(help: "Crash a small run at every I/O boundary, with everything that may be left of the writes in flight.")
    var crashPoints = false
    @Flag(help: "Cut clusters to all 64 directed link sets of three replicas, and to samples of five and seven.")
    var linkSets = false
    @Flag(help: "Count the one-way delays of a command from each origin, per quorum system and kind of round.")
    var delays = false
    @Option(help: ArgumentHelp("With --crash-points: try every n-th boundary (default: 1).", valueName: "n"))
    var every = 1
    @Option(help: ArgumentHelp("Run new seeds for so long, then say which situations were met.", valueName: "seconds"))
    var soak: Double?
    @Option(help: ArgumentHelp("Seeds that once failed: replayed; a soak adds to it.", valueName: "file"))
    var corpus: String?

    func validate() throws {
        if let seeds, seeds < 1 { throw ValidationError("--seeds is \(seeds); 1 or more are needed") }
        if let jobs, !(1...256).contains(jobs) { throw ValidationError("--jobs is \(jobs); 1 to 256 are possible") }
        if let mix, Mix(rawValue: mix) == nil {
            throw ValidationError(
                "--mix is \(mix); it is one of \(Mix.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if every < 1 { throw ValidationError("--every is \(every); 1 or more is needed") }
        if let soak, soak <= 0 { throw ValidationError("--soak is \(soak) seconds; more than 0 are needed") }
    }

    private var threads: Int { jobs ?? Int(trm_cpu_count()) }

    func run() throws {
        if crashPoints { throw ExitCode(searchCrashPoints()) }
        if delays {
            for line in MessageDelays.lines() { Terminal.say(line) }
            return
        }
        if linkSets { throw ExitCode(searchLinkSets()) }
        if let soak { throw ExitCode(try runSoak(seconds: soak)) }
        if let corpus { throw ExitCode(try replay(corpus)) }
        let code = SimulatorCommand.run(
            seeds: seeds ?? (seed == nil ? 1_000 : 1), firstSeed: seed ?? 1, mix: mix.flatMap(Mix.init) ?? .standard,
            trace: trace, jobs: threads, keepGoing: keepGoing, write: { Terminal.say($0) })
        throw ExitCode(code)
    }

    private func searchCrashPoints() -> Int32 {
        var code: Int32 = 0
        for members in [1, 3] {
            let counts = CrashPoints.run(members: members, seed: seed ?? 1, every: every, jobs: threads)
            Terminal.say("n = \(members)")
            for line in counts.lines + counts.violations.prefix(20) { Terminal.say(line) }
            if !counts.violations.isEmpty { code = 1 }
        }
        return code
    }

    private func searchLinkSets() -> Int32 {
        var code: Int32 = 0
        for (members, samples, seeds) in [(3, 64, UInt64(3)), (5, 96, 1), (7, 48, 1)] {
            let counts = LinkSets.run(members: members, samples: samples, seeds: seeds, jobs: threads)
            for line in counts.lines(members: members) + counts.violations.prefix(20) { Terminal.say(line) }
            if !counts.violations.isEmpty { code = 1 }
        }
        return code
    }

    private func runSoak(seconds: Double) throws -> Int32 {
        let soak = Soak(
            seconds: seconds, mix: mix.flatMap(Mix.init) ?? .wide,
            firstSeed: seed ?? UInt64(UInt32.random(in: 1 ... .max)),
            jobs: threads, corpus: corpus)
        return try soak.run(write: { Terminal.say($0) })
    }

    private func replay(_ file: String) throws -> Int32 {
        let summary = Soak.replay(try Corpus(file: file), jobs: threads)
        for line in summary.lines { Terminal.say(line) }
        for violation in summary.violations { Terminal.say("\(violation)") }
        return summary.violations.isEmpty ? 0 : 1
    }
}
