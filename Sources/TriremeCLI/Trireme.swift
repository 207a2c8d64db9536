// The command line: parses, and hands over. One file for each subcommand.
import ArgumentParser
import TriremeBench

@main
package struct TriremeCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "trireme",
        abstract: "State machine replication over multicast: measure it, run it, look into it.",
        version: TriremeVersion.text,
        subcommands: [
            Bench.self, BenchRecovery.self, BenchSnapshot.self, BenchCatchUp.self, Serve.self, Cluster.self,
            Status.self, Simulate.self, Explore.self,
            LogCommand.self,
            QuorumsCommand.self, Tune.self, BenchReplicaCommand.self, BenchReceiverCommand.self,
        ])

    package init() {}
}

enum TriremeVersion {
    static let text = "0.1.0"
}

/// Prints what went wrong, in the one form that all subcommands share, and ends with the code.
func fail(_ subcommand: String, _ error: any Error, code: Int32 = 1) -> ExitCode {
    Terminal.complain("trireme \(subcommand): \(error)")
    return ExitCode(code)
}
