// `trireme simulate --soak`: first the seeds that once failed, then new ones until the time is up, on all cores. What never
// happened is named, and fails a soak that was long enough.
import Dispatch
import Synchronization

package struct Soak: Sendable {
    package var seconds: Double
    package var mix: Mix
    package var firstSeed: UInt64
    package var jobs: Int
    /// The corpus to replay, and to which seeds that fail are added.
    package var corpus: String?
    /// From so many seeds on every situation must have happened.
    package static let seedsForCoverage = 2_000

    package init(seconds: Double, mix: Mix = .wide, firstSeed: UInt64, jobs: Int, corpus: String? = nil) {
        self.seconds = seconds
        self.mix = mix
        self.firstSeed = firstSeed
        self.jobs = jobs
        self.corpus = corpus
    }

    /// Replays a corpus. Returns the summary; its violations are seeds that fail again.
    package static func replay(_ corpus: Corpus, jobs: Int) -> SimulationSummary {
        SimulatorCommand.simulate(
            seeds: corpus.entries.count, firstSeed: 0, jobs: jobs, keepGoing: true,
            scenario: { corpus.entries[Int($0)].mix.scenario(seed: corpus.entries[Int($0)].seed) })
    }

    /// 0 where all promises held and, after enough seeds, every situation happened; else 1.
    package func run(write: @escaping @Sendable (String) -> Void) throws -> Int32 {
        var failed = false
        if let corpus {
            let known = try Corpus(file: corpus)
            let summary = Self.replay(known, jobs: jobs)
            write("corpus: \(summary.seeds) seeds that once failed, \(summary.violations.count) violations")
            for violation in summary.violations { write("\(violation)") }
            failed = !summary.violations.isEmpty
        }
        write("soak: mix \(mix), seeds from \(firstSeed) on, \(Int(seconds)) s, \(jobs) threads")
        let summary = soak(write: write)
        for line in summary.lines { write(line) }
        let missing = summary.situations.missing(of: mix)
        if !missing.isEmpty {
            let isEnough = summary.seeds >= Self.seedsForCoverage
            write(
                "never happened: " + missing.joined(separator: ", ")
                    + (isEnough ? "" : " (\(Self.seedsForCoverage) seeds would have to show it)"))
            if isEnough { failed = true }
        }
        return failed || !summary.violations.isEmpty ? 1 : 0
    }

    private func soak(write: @escaping @Sendable (String) -> Void) -> SimulationSummary {
        let clock = ContinuousClock()
        let begun = clock.now
        let end = begun + .seconds(seconds)
        let summary = Mutex((SimulationSummary(), begun))
        let next = Atomic<UInt64>(0)
        DispatchQueue.concurrentPerform(iterations: max(1, jobs)) { _ in
            while clock.now < end {
                let seed = firstSeed &+ next.add(1, ordering: .relaxed).oldValue
                let result = World(mix.scenario(seed: seed), factory: EngineParticipant.maker()).run()
                summary.withLock { state in
                    state.0.add(result)
                    if let violation = result.violation { found(violation, write) }
                    guard clock.now - state.1 > .seconds(60) else { return }
                    state.1 = clock.now
                    write("  \(state.0.seeds) seeds, \(state.0.events) events, \(state.0.violations.count) violations")
                }
            }
        }
        var whole = summary.withLock { $0.0 }
        whole.seconds = (clock.now - begun).inSeconds
        return whole
    }
    private func found(_ violation: Violation, _ write: (String) -> Void) {
        write("\(violation)")
        guard let corpus else { return }
        let entry = Corpus.Entry(mix: mix, seed: violation.seed, why: violation.sentence)
        do { try Corpus.append(entry, to: corpus) } catch { write("\(corpus) cannot be written: \(error)") }
    }
}
