// `trireme bench-recovery`: how fast a log is recovered, beside its disk.
import ArgumentParser
import Foundation
import TriremeBench

struct BenchRecovery: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench-recovery",
        abstract: "Measure how fast a log is recovered, beside what its disk reads.",
        discussion: """
            Makes a log of a gigabyte (60 KiB batches of 64-byte commands, votes between them), reads its files in sequence with \
            O_DIRECT, and recovers from it, in turn. Then ends and starts a replica of one and measures until it answers.
            """)

    @Option(help: ArgumentHelp("A directory in which to make the temporary one.", valueName: "dir"))
    var data = "/var/tmp"
    @Option(help: ArgumentHelp("How often to measure.", valueName: "n"))
    var runs = 3
    @Option(
        help: ArgumentHelp("Commands that the replica has to execute again; 0 leaves that part out.", valueName: "n"))
    var commands = 4_000_000

    func run() throws {
        let directory = "\(data)/trireme-recovery-\(ProcessInfo.processInfo.processIdentifier)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            var bench = RecoveryBench(directory: directory)
            bench.runs = max(1, runs)
            let result = try bench.scan { Terminal.say($0) }
            let ratios = zip(result.scan, result.disk).map { $0 / $1 }.sorted()
            Terminal.say(
                "recovery over the disk's sequential read, median of \(ratios.count): \(Format.fixed(ratios[ratios.count / 2], 2))"
            )
            if commands > 0 { try bench.restart(commands: commands) { Terminal.say($0) } }
        } catch {
            throw fail("bench-recovery", error, code: 2)
        }
    }
}
