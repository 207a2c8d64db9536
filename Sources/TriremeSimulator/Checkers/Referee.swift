// Where a broken promise is reported. The first one ends the run: what follows is only its consequence.

/// What went wrong, in a form that somebody can replay.
package struct Violation: Error, Sendable, Equatable, CustomStringConvertible {
    package var seed: UInt64
    package var timeNanoseconds: UInt64
    package var sentence: String
    /// Options beside the seed that the run is asked for with.
    package var options: String?

    package var replayCommand: String { "trireme simulate --seed \(seed) --trace" + (options.map { " " + $0 } ?? "") }
    package var description: String {
        "seed \(seed), at \(timeNanoseconds / 1_000) µs: \(sentence)\n    replay: \(replayCommand)"
    }
}

package final class Referee {
    package let seed: UInt64
    private let queue: EventQueue
    package private(set) var violation: Violation?
    var replay: String?
    package init(seed: UInt64, queue: EventQueue) {
        self.seed = seed
        self.queue = queue
    }
    package func report(_ sentence: String) {
        guard violation == nil else { return }
        violation = Violation(seed: seed, timeNanoseconds: queue.now, sentence: sentence, options: replay)
    }
    package func demand(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { report(sentence()) }
    }
}
