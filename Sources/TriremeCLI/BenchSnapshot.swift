// `trireme bench-snapshot` and `trireme bench-catch-up`: large states under load.
import ArgumentParser
import Foundation
import TriremeBench

struct StateOptionGroup: ParsableArguments {
    @Option(help: ArgumentHelp("A directory in which to make the temporary one.", valueName: "dir"))
    var data = "/var/tmp"
    @Option(help: ArgumentHelp("Bytes of a value.", valueName: "bytes"))
    var valueBytes = 256
    @Option(help: ArgumentHelp("max, or commands a second of the whole cluster (open loop).", valueName: "max|N"))
    var rate = "100000"
    @Option(help: ArgumentHelp("Size of a replica's log; a snapshot is due after a third of it.", valueName: "MiB"))
    var log = 1_024
    @Option(help: ArgumentHelp("Batches of a replica under way at most.", valueName: "batches"))
    var window: Int?
    @Option(help: ArgumentHelp("Write the result as JSON; - is standard output.", valueName: "file"))
    var json: String?

    func options(size: Int, replicas: Int) throws -> StateOptions {
        var options = StateOptions()
        guard size >= 1, valueBytes >= 1, valueBytes <= 32_768, log >= 64 else {
            throw ValidationError("--size must be at least 1, --log at least 64 (MiB), --value-bytes from 1 to 32768")
        }
        options.stateMebibytes = size
        options.replicas = replicas
        options.valueBytes = valueBytes
        options.logMebibytes = log
        options.windowBatches = window
        options.commandsPerSecond = nil
        if rate != "max" {
            guard let number = Double(rate), number > 0, number.isFinite else {
                throw ValidationError("--rate is \"\(rate)\"; it must be max, or commands a second above 0")
            }
            options.commandsPerSecond = number
        }
        if let json, let refusal = OutputFile.refusal(json, "--json") { throw refusal }
        return options
    }
    /// A directory for `body`, removed afterwards.
    func withDirectory(_ name: String, _ body: (String) throws -> Void) throws {
        let directory = "\(data)/trireme-\(name)-\(ProcessInfo.processInfo.processIdentifier)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try body(directory)
        } catch let code as ExitCode {
            throw code
        } catch {
            throw fail(name, error, code: 2)
        }
    }
    func report(_ lines: [String], _ json: JSON) throws {
        for line in lines { Terminal.say(line) }
        if let path = self.json { try OutputFile.write(json.text + "\n", to: path, "--json") }
    }
}

struct BenchSnapshot: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-snapshot",
        abstract: "Measure what snapshots of a large state do to the commands beside them.",
        discussion: """
            Writes keys and values until the state of a durable replica (or some, in this process) has the size asked for, then \
            loads it with SET and GET by turns, and puts latencies, and the gaps between two executed batches, apart by \
            whether a snapshot was being taken.
            """)

    @Option(help: ArgumentHelp("Size of the state.", valueName: "MiB"))
    var size = 1_024
    @Option(help: ArgumentHelp("Replicas.", valueName: "n"))
    var replicas = 1
    @Option(help: ArgumentHelp("Snapshots to measure.", valueName: "n"))
    var snapshots = 3
    @OptionGroup var state: StateOptionGroup

    func run() throws {
        var bench = SnapshotBench(try state.options(size: size, replicas: replicas))
        bench.snapshots = UInt64(max(1, snapshots))
        try state.withDirectory("bench-snapshot") { directory in
            let result = try bench.run(.keyValue, directory: directory) { Terminal.say($0) }
            try state.report(result.lines, result.json)
        }
    }
}

struct BenchCatchUp: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-catch-up",
        abstract: "Measure what a replica that catches up by a snapshot does to its cluster.",
        discussion: """
            Three durable replicas (in this process) with a state of the size asked for, two of them with clients. The third is \
            stopped until the others have no logs any more that it could catch up from, and started again. The exit code is 1 \
            where it does not come back.
            """)

    @Option(help: ArgumentHelp("Size of the state.", valueName: "MiB"))
    var size = 512
    @Option(help: ArgumentHelp("Replicas.", valueName: "n"))
    var replicas = 3
    @Option(help: ArgumentHelp("How long to measure before.", valueName: "seconds"))
    var seconds = 10.0
    @Option(help: ArgumentHelp("Share of the link for the snapshot.", valueName: "percent"))
    var percent = 10
    @Option(help: ArgumentHelp("How long it may take to catch up.", valueName: "seconds"))
    var patience = 300.0
    @OptionGroup var state: StateOptionGroup

    func run() throws {
        guard replicas >= 3 else { throw ValidationError("--replicas must be at least 3: two go on without one") }
        var options = try state.options(size: size, replicas: replicas)
        options.catchUpPercent = percent
        var bench = CatchUpBench(options)
        bench.seconds = seconds
        bench.patienceSeconds = patience
        try state.withDirectory("bench-catch-up") { directory in
            let result = try bench.run(.keyValue, directory: directory) { Terminal.say($0) }
            try state.report(result.lines, result.json)
            if !result.isReached { throw ExitCode(1) }
        }
    }
}
