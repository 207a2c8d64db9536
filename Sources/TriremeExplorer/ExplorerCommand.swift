// `trireme explore`: one exploration or one replay, as lines, with an exit code. The command line only parses and calls this.
import TriremeCore

package enum ExplorerCommand {
    /// The command that says these bounds, without the program's name.
    static func arguments(_ bounds: Bounds) -> String {
        let q = bounds.quorums
        return "explore --replicas \(bounds.members) --quorums \(q.phase1),\(q.classic),\(q.fast) --candidacies "
            + "\(bounds.candidacies) --crashes \(bounds.crashes) --batches \(bounds.batches)"
            + (bounds.ordering == .classic ? "" : " --ordering \(bounds.ordering)")
            + (bounds.announced == 0 ? "" : " --announce \(bounds.announced)")
    }

    /// What was found, in lines; the last one says whether everything held.
    package static func lines(_ exploration: Exploration, _ bounds: Bounds) -> [String] {
        var lines = [
            "\(bounds.members) replicas, quorums \(bounds.quorums), \(bounds.ordering) rounds\(bounds.announced == 0 ? "" : " that name \(bounds.announced)"), \(bounds.candidacies) candidacies, \(bounds.crashes) "
                + "crashes, \(bounds.batches) batches",
            "\(exploration.states) states, depth \(exploration.depth), \(exploration.steps) steps; "
                + "\(exploration.replicaStates) states of one replica, \(exploration.turns) turns of the core",
            "\(tenths(exploration.seconds)) s, \(exploration.statesPerSecond) states/s",
        ]
        if let violation = exploration.violation {
            lines += numbered(violation.steps)
            lines.append("violation: \(violation.sentence)")
            lines.append("replay: trireme \(arguments(bounds)) --replay \"\(violation.replay)\"")
        } else if exploration.isComplete {
            lines.append("all states seen, no violation")
        } else {
            lines.append("not all states seen; none of these is a violation")
        }
        return lines
    }

    /// Follows a path and tells it. Returns the exit code: 1 where something is wrong at its end.
    package static func replay(_ path: String, _ bounds: Bounds, write: (String) -> Void) throws(ReplayError) -> Int32 {
        let replay = Replay(bounds)
        try replay.follow(path)
        for line in numbered(replay.lines) { write(line) }
        write(replay.finding.map { "violation: \($0)" } ?? "no violation")
        return replay.finding == nil ? 0 : 1
    }

    private static func numbered(_ lines: [String]) -> [String] {
        lines.enumerated().map { place, line in "\(place + 1). \(line)" }
    }
    private static func tenths(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
