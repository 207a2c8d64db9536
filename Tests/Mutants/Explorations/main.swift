// Explorations, the small ones first, until the first violation: `explorations [STATES]`, so many states of each at most. What is
// explored stands on the last line before a process that ends in its midst.
import Glibc
import TriremeCore
import TriremeExplorer

/// Written at once: what comes next may be the end.
func say(_ line: String) {
    (line + "\n").utf8CString.withUnsafeBytes { _ = write(STDOUT_FILENO, $0.baseAddress!, $0.count - 1) }
}

/// Replicas, Q1, Q2; candidacies, crashes, batches.
let tried = [
    (2, 2, 1, 2, 0, 1), (2, 1, 2, 2, 0, 1), (2, 1, 2, 3, 0, 1), (2, 2, 1, 1, 1, 1), (2, 1, 2, 1, 1, 1), (2, 2, 1, 2, 0, 2), (3, 2, 2, 1, 0, 1),
    (2, 2, 1, 2, 1, 1), (3, 2, 2, 2, 0, 1), (2, 2, 1, 1, 1, 2), (3, 3, 1, 2, 0, 1), (3, 2, 2, 2, 1, 1),
]
let limit = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 300_000
for (members, phase1, classic, candidacies, crashes, batches) in tried {
    let quorums = try Quorums(
        members: members, phase1: phase1, classic: classic,
        fast: Quorums.smallestFast(members: members, phase1: phase1), allowSingleCopy: true)
    let bounds = try Bounds(quorums: quorums, candidacies: candidacies, crashes: crashes, batches: batches)
    say("exploring \(members) \(quorums) \(candidacies) \(crashes) \(batches)")
    let exploration = Explorer(bounds).run(limit: limit)
    for line in ExplorerCommand.lines(exploration, bounds) { say(line) }
    if exploration.violation != nil { exit(1) }
}
