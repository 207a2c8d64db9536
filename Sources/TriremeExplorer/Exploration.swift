// What an exploration found.

package struct Exploration: Sendable {
    package var states = 0
    /// Choices that led anywhere, to new states or to known ones.
    package var steps = 0
    /// States of single replicas, and turns of the core that were run for them.
    package var replicaStates = 0
    package var turns = 0
    /// The most choices from the beginning to any state.
    package var depth = 0
    /// Different lists of entries that were decided, slot by slot, in some state: whether anything happened at all.
    package var decisions = 0
    package var seconds = 0.0
    /// Whether all states were seen; false where a limit or a violation came first.
    package var isComplete = false
    package var violation: Violation?

    package struct Violation: Sendable {
        package var sentence: String
        /// A shortest path to it, one step a line.
        package var steps: [String]
        /// The same path for `--replay`.
        package var replay: String
    }
    package var statesPerSecond: Int { seconds > 0 ? Int(Double(states) / seconds) : 0 }
}
