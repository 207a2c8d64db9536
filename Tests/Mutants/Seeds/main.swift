// Seeds of a mix, one after another: `seeds MIX FIRST COUNT [SKIPPED …]`. The seed stands on the last line before
// a process that ends in its midst; a violation is printed and ends it with 1.
import Glibc
import TriremeSimulator

/// Written at once: what comes next may be the end.
func say(_ line: String) {
    (line + "\n").utf8CString.withUnsafeBytes { _ = write(STDOUT_FILENO, $0.baseAddress!, $0.count - 1) }
}

let numbers = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
guard numbers.count >= 2, let mix = CommandLine.arguments.dropFirst().first.flatMap(Mix.init) else {
    say("seeds: a mix, the first seed and a count are needed, then seeds to skip")
    exit(64)
}
let skipped = Set(numbers.dropFirst(2))
for seed in numbers[0]..<numbers[0] + numbers[1] where !skipped.contains(seed) {
    say("seed \(seed)")
    let run = World(mix.scenario(seed: seed), factory: EngineParticipant.maker()).run()
    if let violation = run.violation {
        say("violation: \(violation.sentence)")
        exit(1)
    }
}
say("done")
