// `trireme explore`: every interleaving of a small configuration of the production core.
import ArgumentParser
import Trireme
import TriremeBench
import TriremeCore
import TriremeExplorer

struct Explore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try every interleaving of a small configuration of the core.",
        discussion: """
            Messages are lost, repeated and reordered without bound, logs become durable record by record, and at any moment a \
            replica may take a ballot, seal a batch, or crash and start again, so often as is asked for. In every state agreement, \
            possession and what promises bind to must hold. The exit code is 1 if some state breaks them; a shortest path to one is \
            printed, and the command that replays it. docs/TESTING.md says what is checked, and what is not explored.

            Examples:
              trireme explore --replicas 2 --quorums 2,1,2 --candidacies 2 --crashes 1 --batches 1
              trireme explore --replicas 3 --candidacies 1 --batches 1 --json
            """)

    @Option(help: ArgumentHelp("Replicas, 1 to 4.", valueName: "n"))
    var replicas = 3
    @OptionGroup var quorums: QuorumOptions
    @Option(help: ArgumentHelp("Ballots that are taken, at most, whoever takes them.", valueName: "n"))
    var candidacies = 1
    @Option(help: ArgumentHelp("Crashes, each with a start after it.", valueName: "n"))
    var crashes = 0
    @Option(help: ArgumentHelp("Batches that are sealed, at most, in whatever lane.", valueName: "n"))
    var batches = 1
    @Option(help: ArgumentHelp("The kind of all rounds: classic or fast.", valueName: "kind"))
    var ordering = "classic"
    @Option(help: ArgumentHelp("Members that each ballot names to decide in it; 0: none.", valueName: "n"))
    var announce = 0
    @Option(help: ArgumentHelp("Stop after so many states (default: all).", valueName: "n"))
    var states: Int?
    @Option(help: ArgumentHelp("Follow one path, in the words of a violation, and tell it.", valueName: "path"))
    var replay: String?
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        if let states, states < 1 { throw ValidationError("--states is \(states); 1 or more are needed") }
        guard ordering == "classic" || ordering == "fast" else {
            throw ValidationError("--ordering is \(ordering); classic or fast is needed")
        }
        _ = try quorums.system()
    }

    func run() throws {
        do {
            let bounds = try bounds()
            if let replay {
                throw ExitCode(try ExplorerCommand.replay(replay, bounds, write: { Terminal.say($0) }))
            }
            let exploration = Explorer(bounds).run(limit: states ?? .max) { soFar in
                Terminal.complain("\(soFar.states) states, depth \(soFar.depth)")
            }
            if json {
                Terminal.say(exploration.json.text)
            } else {
                for line in ExplorerCommand.lines(exploration, bounds) { Terminal.say(line) }
            }
            if exploration.violation != nil { throw ExitCode(1) }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw fail("explore", error)
        }
    }

    private func bounds() throws -> Bounds {
        guard (1...Bounds.mostMembers).contains(replicas) else {
            throw BenchError("--replicas is \(replicas); 1 to \(Bounds.mostMembers) can be explored")
        }
        let system = try quorums.system() ?? .sizes(Configuration.defaultQuorums(members: replicas))
        return try Bounds(
            quorums: try system.quorums(members: replicas, allowSingleCopy: true), candidacies: candidacies,
            crashes: crashes, batches: batches, ordering: ordering == "fast" ? .fast : .classic,
            announced: announce)
    }
}

extension Exploration {
    fileprivate var json: JSON {
        var members: KeyValuePairs<String, JSON> {
            [
                "states": .integer(states), "depth": .integer(depth), "steps": .integer(steps),
                "replicaStates": .integer(replicaStates), "turns": .integer(turns), "seconds": .number(seconds),
                "statesPerSecond": .integer(statesPerSecond), "complete": .bool(isComplete),
                "violation": violation.map { .string($0.sentence) } ?? .null,
                "path": .array(violation?.steps.map { .string($0) } ?? []),
                "replay": violation.map { .string($0.replay) } ?? .null,
            ]
        }
        return .members(members)
    }
}
