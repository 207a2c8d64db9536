// `trireme tune measure`: what one setting does on this machine, by runs of `trireme bench` under both values in turn.
import ArgumentParser
import Glibc
import TriremeBench
import TriremeTuning

struct TuneMeasure: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Measure what one setting does: trireme bench under the old and the new value in turn.",
        discussion: """
            A is the value as found, B the one that the profiles want, or --value. Runs go A B A B …, since a machine's speed \
            drifts, and each B is compared with the A before it. The old value is put back at the end, after an error, and after \
            Ctrl-C. The bench runs as an ordinary user, for root's sockets and locked memory know no limits. Needs root.

            Examples:
              trireme tune measure net.core.rmem_max --value 212992
              trireme tune measure haltpoll -- --rate 1000 --durability memory
            """)

    @Argument(help: ArgumentHelp("One of: \(Catalogue.names).", valueName: "setting"))
    var setting: String
    @Option(help: ArgumentHelp("The value of B.", valueName: "value"))
    var value: String?
    @Option(
        help: ArgumentHelp("Of a setting with several files, only those whose path contains this.", valueName: "part"))
    var only: String?
    @Option(
        help: ArgumentHelp("How often A and B; below \(Comparison.pairsMinimum) nothing is concluded.", valueName: "n"))
    var pairs = 7
    @Option(help: ArgumentHelp("How long each run measures.", valueName: "seconds"))
    var seconds = 5.0
    @Option(help: ArgumentHelp("How long each run loads before.", valueName: "seconds"))
    var warmup = 1.0
    @Option(help: ArgumentHelp("Who runs the bench.", valueName: "user"))
    var user = "nobody"
    /// A directory that stands for "/", for tests.
    @Option(help: .hidden)
    var root = "/"
    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("Further options of trireme bench, after --.", valueName: "bench options"))
    var bench: [String] = []

    func validate() throws {
        guard (1...100).contains(pairs) else { throw ValidationError("--pairs is \(pairs); 1 to 100 are possible") }
        for own in ["--json", "--seconds", "--warmup"] where bench.contains(where: { $0.hasPrefix(own) }) {
            throw ValidationError("\(own) after -- is the measurement's own: give --seconds and --warmup before it")
        }
        // Refused now, and not after the first change.
        do {
            _ = try Bench.parse(arguments)
        } catch {
            throw ValidationError("after --: \(Bench.message(for: error))")
        }
    }

    private var arguments: [String] { ["--seconds", "\(seconds)", "--warmup", "\(warmup)"] + bench }

    func run() throws {
        let signals = SignalWatch()
        do {
            guard geteuid() == 0 || root != "/" else {
                throw TuningError(
                    "this changes a setting of the whole machine while it runs, and needs root: run it with sudo")
            }
            let experiment = try Experiment(setting, value: value, part: only, on: HostSettings(root: root))
            let runner = try BenchRunner(user: user, arguments: arguments, signals: signals)
            defer { runner.remove() }
            announce(experiment)
            let comparison = try experiment.run(pairs: pairs) { side, pair in
                let limit = experiment.setting.isSettable ? nil : experiment.value(side)
                let figures = try runner.run(memoryLockBytes: limit)
                Terminal.say("pair \(pair)  \(side.rawValue)  " + Self.line(figures))
                return figures
            }
            for line in Self.lines(comparison) { Terminal.say(line) }
        } catch is BenchRunner.Interrupted {
            Terminal.complain("trireme tune measure: interrupted; \(setting) is as it was")
            throw ExitCode(130)
        } catch {
            throw fail("tune measure", error, code: 2)
        }
    }

    private func announce(_ experiment: Experiment) {
        Terminal.say(
            "\(setting): A is \(experiment.value(.a)), as found; B is \(experiment.value(.b)); \(pairs) pairs of trireme bench "
                + arguments.joined(separator: " ") + " as \(user)")
        guard experiment.setting.isSettable else { return }
        for change in experiment.changes {
            Terminal.say("should this be killed, the old value comes back with: \(change.undo)")
        }
    }

    private static func line(_ figures: RunFigures) -> String {
        Format.padded(Format.grouped(Int(figures.commandsPerSecond)), 11) + " commands/s   p50 "
            + Format.padded(Format.duration(microseconds: figures.p50Microseconds), 8) + "   p99 "
            + Format.padded(Format.duration(microseconds: figures.p99Microseconds), 8)
    }

    static func lines(_ comparison: Comparison) -> [String] {
        let figures: [(name: String, figure: KeyPath<RunFigures, Double> & Sendable, text: (Double) -> String)] = [
            ("commands/s", \.commandsPerSecond, { Format.grouped(Int($0)) }),
            ("p50", \.p50Microseconds, { Format.duration(microseconds: $0) }),
            ("p99", \.p99Microseconds, { Format.duration(microseconds: $0) }),
            ("cpu s per million", \.cpuSecondsPerMillion, { Format.fixed($0, 3) }),
        ]
        var rows = [["median of", "A", "B", "B / A", "pairs from", "to", "B larger in"]]
        var effects: [String] = []
        for (name, figure, text) in figures {
            guard let row = comparison.row(figure) else { continue }
            rows.append([
                name, text(row.medianA), text(row.medianB), Format.fixed(row.ratio, 3),
                Format.fixed(row.range.lowerBound, 3),
                Format.fixed(row.range.upperBound, 3), "\(row.larger) of \(row.pairs)",
            ])
            if row.isConsistent {
                effects.append("\(name) \(row.ratio >= 1 ? "+" : "")\(Format.fixed((row.ratio - 1) * 100, 1)) %")
            }
        }
        let pairs = comparison.a.count
        let verdict =
            if pairs < Comparison.pairsMinimum {
                "too few pairs to tell an effect from noise: \(Comparison.pairsMinimum) or more are needed"
            } else if effects.isEmpty {
                "no effect beyond noise: in no figure do all pairs point the same way"
            } else {
                "effect of B, all pairs agreeing (by chance a figure does so once in \(1 << min(pairs - 1, 62)) times): "
                    + effects.joined(separator: ", ")
            }
        return [""] + Format.table(rows) + ["", verdict]
    }
}
