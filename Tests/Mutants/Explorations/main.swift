// Explorations, the small ones first, until the first violation: `explorations [STATES]`, so many states of each at most. What is
// explored stands on the last line before a process that ends in its midst.
import Glibc
import TriremeCore
import TriremeExplorer

/// Written at once: what comes next may be the end.
func say(_ line: String) {
    (line + "\n").utf8CString.withUnsafeBytes { _ = write(STDOUT_FILENO, $0.baseAddress!, $0.count - 1) }
}

/// Replicas, Q1, Q2; candidacies, crashes, batches; the kind of round.
let tried: [(Int, Int, Int, Int, Int, Int, Ordering)] = [
    (2, 2, 1, 2, 0, 1, .classic), (2, 1, 2, 2, 0, 1, .classic), (2, 1, 2, 3, 0, 1, .classic),
    (2, 2, 1, 1, 1, 1, .classic),
    (2, 1, 2, 1, 1, 1, .classic), (2, 1, 2, 1, 0, 1, .fast), (2, 2, 2, 1, 1, 1, .fast), (2, 2, 1, 2, 0, 2, .classic),
    (3, 2, 2, 1, 0, 1, .classic), (3, 2, 2, 1, 0, 1, .fast), (2, 2, 1, 2, 1, 1, .classic), (3, 2, 2, 2, 0, 1, .classic),
    (2, 2, 2, 2, 0, 2, .fast), (2, 2, 1, 1, 1, 2, .classic), (3, 3, 1, 2, 0, 1, .classic), (3, 2, 2, 2, 1, 1, .classic),
    (3, 2, 2, 1, 0, 2, .fast), (3, 2, 2, 2, 0, 1, .fast),
]
let limit = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 300_000
for (members, phase1, classic, candidacies, crashes, batches, ordering) in tried {
    let quorums = try Quorums(
        members: members, phase1: phase1, classic: classic,
        fast: Quorums.smallestFast(members: members, phase1: phase1), allowSingleCopy: true)
    let bounds = try Bounds(
        quorums: quorums, candidacies: candidacies, crashes: crashes, batches: batches,
        ordering: ordering)
    say("exploring \(members) \(quorums) \(candidacies) \(crashes) \(batches) \(ordering)")
    let exploration = Explorer(bounds).run(limit: limit)
    for line in ExplorerCommand.lines(exploration, bounds) { say(line) }
    if exploration.violation != nil { exit(1) }
}
