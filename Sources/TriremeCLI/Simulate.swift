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
            whether every slot has one entry, all replicas executed the same, nothing acknowledged is lost, and the cluster went \
            on after healing. The exit code is 0 only if all held; a seed that failed is printed with the command that replays \
            it.

            Examples:
              trireme simulate --seeds 1000
              trireme simulate --seed 4711 --trace
            """)

    @Option(help: ArgumentHelp("How many seeds (default: 1000, or 1 with --seed).", valueName: "n"))
    var seeds: Int?
    @Option(help: ArgumentHelp("The first seed.", valueName: "seed"))
    var seed: UInt64?
    @Flag(help: "Print what happens in the first seed, event by event.")
    var trace = false
    @Option(help: ArgumentHelp("Threads (default: one for each processor).", valueName: "n"))
    var jobs: Int?
    @Flag(help: "Go on after a seed that failed.")
    var keepGoing = false

    func validate() throws {
        if let seeds, seeds < 1 { throw ValidationError("--seeds is \(seeds); 1 or more are needed") }
        if let jobs, !(1...256).contains(jobs) { throw ValidationError("--jobs is \(jobs); 1 to 256 are possible") }
    }

    func run() throws {
        let code = SimulatorCommand.run(
            seeds: seeds ?? (seed == nil ? 1_000 : 1), firstSeed: seed ?? 1, trace: trace,
            jobs: jobs ?? Int(trm_cpu_count()), keepGoing: keepGoing, write: { Terminal.say($0) })
        throw ExitCode(code)
    }
}
