// `trireme simulate`: many seeds, one summary, an exit code. The command line only parses and calls this.
import Dispatch
import Synchronization
import TriremeCore

package struct SimulationSummary: Sendable {
    package var seeds = 0
    package var events = 0
    package var seconds = 0.0
    package var situations = Situations()
    package var violations: [Violation] = []
    package init() {}

    package mutating func add(_ run: RunResult) {
        seeds += 1
        events += run.events
        situations.add(run.situations)
        if let violation = run.violation { violations.append(violation) }
    }
    package var lines: [String] {
        let rate = seconds > 0 ? Int(Double(events) / seconds) : 0
        return ["\(seeds) seeds, \(events) events, \(rate) events/s, \(violations.count) violations"] + situations.lines
    }
}

package enum SimulatorCommand {
    /// Runs `seeds` seeds from `firstSeed` on, on `jobs` threads, until the first violation unless `keepGoing`.
    package static func simulate(
        seeds: Int, firstSeed: UInt64, jobs: Int = 1, keepGoing: Bool = false,
        scenario: @escaping @Sendable (UInt64) -> Scenario = Scenario.standard(seed:),
        factory: @escaping ParticipantFactoryMaker = EngineParticipant.maker
    ) -> SimulationSummary {
        let clock = ContinuousClock()
        let start = clock.now
        let summary = Mutex(SimulationSummary())
        let next = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: max(1, jobs)) { _ in
            while true {
                let i = next.add(1, ordering: .relaxed).oldValue
                guard i < seeds else { return }
                let result = World(scenario(firstSeed + UInt64(i)), factory: factory()).run()
                let stop = summary.withLock {
                    $0.add(result)
                    return !keepGoing && !$0.violations.isEmpty
                }
                if stop { return }
            }
        }
        var whole = summary.withLock { $0 }
        whole.seconds = (clock.now - start).inSeconds
        whole.violations.sort { $0.seed < $1.seed }
        return whole
    }

    /// The command: 0 where all promises held, 1 where one was broken. `write` prints one line.
    package static func run(
        seeds: Int, firstSeed: UInt64, mix: Mix = .standard, trace: Bool, jobs: Int = 1, keepGoing: Bool = false,
        factory: @escaping ParticipantFactoryMaker = EngineParticipant.maker, write: @escaping (String) -> Void
    ) -> Int32 {
        if trace {
            let world = World(mix.scenario(seed: firstSeed), trace: Trace(sink: write), factory: factory())
            var summary = SimulationSummary()
            summary.add(world.run())
            for line in summary.lines { write(line) }
            for violation in summary.violations { write("\(violation)") }
            return summary.violations.isEmpty ? 0 : 1
        }
        let summary = simulate(
            seeds: seeds, firstSeed: firstSeed, jobs: jobs, keepGoing: keepGoing, scenario: mix.scenario(seed:),
            factory: factory)
        for line in summary.lines { write(line) }
        for violation in summary.violations.prefix(20) { write("\(violation)") }
        return summary.violations.isEmpty ? 0 : 1
    }
}
