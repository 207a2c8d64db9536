// `trireme quorums`: whether a quorum system is safe, what it buys, and what else there is.
import ArgumentParser
import Trireme
import TriremeBench
import TriremeCore
import TriremeService

struct QuorumsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quorums",
        abstract: "Check a quorum system exactly, and say what it buys.",
        discussion: """
            An unsafe one is refused with the sets that do not meet, and the exit code is 1. Of a safe one: its minimal quorums, \
            the load of each replica, the failures that it survives, the delays of a command, its availability, and the same of \
            the usual alternatives. docs/QUORUMS.md explains the forms.

            Examples:
              trireme quorums cluster.json
              trireme quorums --replicas 10 --quorums 8,3,7
              trireme quorums --grid 3x4 --failure-rate 0.001
              trireme quorums --groups 4x3:2 --json
            """)

    @Argument(help: ArgumentHelp("A cluster file; its quorums, or the default ones.", valueName: "config"))
    var config: String?
    @Option(help: ArgumentHelp("Replicas, 1 to 15 (default: 3, or as many as the quorums name).", valueName: "n"))
    var replicas: Int?
    @OptionGroup var quorums: QuorumOptions
    @Flag(help: "Let one replica's disk be the only copy of an acknowledged command.")
    var allowSingleCopy = false
    @Option(help: ArgumentHelp("Part of the time that each replica is down.", valueName: "0...1"))
    var failureRate = 0.01
    @Flag(help: "Print JSON.")
    var json = false
    @Flag(help: "Print only the comparison, as a Markdown table.")
    var table = false

    func validate() throws {
        guard failureRate >= 0, failureRate <= 1 else {
            throw ValidationError("--failure-rate is \(failureRate); it must lie in 0 ... 1, such as 0.01")
        }
        guard config == nil || (replicas == nil && quorums.isEmpty && !allowSingleCopy) else {
            throw ValidationError("the quorums of a cluster file stand in it: leave the options out, or the file")
        }
        _ = try quorums.system()
    }

    func run() throws {
        let comparison = QuorumComparison(members: QuorumAlternative.usual, failureRate: failureRate)
        if table { return Terminal.say(comparison.markdown) }
        do {
            let (system, checked) = try chosen()
            let report = QuorumReport("\(system)", QuorumAnalysis(checked), failureRate: failureRate)
            if json { return Terminal.say(report.json(comparison: comparison.json).text) }
            Terminal.say(report.text)
            Terminal.say(
                "\nAlternatives (load: of the busiest replica, by Q2; survives: whichever fail, to with luck; delays: of all "
                    + "origins)\n" + comparison.text)
        } catch {
            let refusal = (error as? TriremeError)?.cause as? QuorumError ?? error as? QuorumError
            // A refusal says "quorums:" itself.
            let prefix = "quorums: "
            let text = "\(error)".hasPrefix(prefix) ? String("\(error)".dropFirst(prefix.count)) : "\(error)"
            guard json, let refusal else { throw fail("quorums", BenchError(text)) }
            Terminal.say(QuorumReport.json(text, sets: refusal.sets).text)
            throw ExitCode(1)
        }
    }

    private func chosen() throws -> (Configuration.QuorumSystem, Quorums) {
        if let config {
            let configuration = try ClusterFile.load(config)
            let system =
                configuration.quorums ?? .sizes(Configuration.defaultQuorums(members: configuration.members.count))
            return (system, try configuration.validatedQuorums())
        }
        let asked = try quorums.system()
        let members = replicas ?? asked?.namedMembers ?? 3
        guard (1...Limits.members).contains(members) else {
            throw BenchError("--replicas is \(members); 1 to \(Limits.members) are possible")
        }
        let system = asked ?? .sizes(Configuration.defaultQuorums(members: members))
        return (system, try system.quorums(members: members, allowSingleCopy: allowSingleCopy))
    }
}
