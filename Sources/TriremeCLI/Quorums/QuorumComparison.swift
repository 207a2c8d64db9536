// The comparison table: as aligned text, as Markdown for the documentation, as JSON.
import TriremeBench
import TriremeCore

package struct QuorumComparison {
    package let alternatives: [QuorumAlternative]
    package let failureRate: Double

    /// Cost: seconds at most; the largest has 2¹⁵ sets.
    package init(members: [Int], failureRate: Double) {
        alternatives = members.flatMap(QuorumAlternative.all)
        self.failureRate = failureRate
    }

    private static let heads = [
        "n", "quorums", "Q1", "Q2", "QF", "load", "ordering survives", "electing survives", "delays", "ordering",
        "electing",
    ]

    private func cells(_ one: QuorumAlternative) -> [String] {
        let analysis = one.analysis
        let delays = analysis.delays.flatMap { $0 }
        func range(_ a: Int, _ b: Int) -> String { a == b ? "\(a)" : "\(a) to \(b)" }
        func up(_ family: QuorumFamily) -> String {
            QuorumReport.availability(QuorumAnalysis.unavailability(family, failureRate: failureRate))
        }
        let ordering = analysis.classic.tolerance
        let electing = analysis.electingTolerance
        return [
            "\(one.members)", one.label, "\(analysis.phase1.smallest)", "\(analysis.classic.smallest)",
            "\(analysis.fast.smallest)", QuorumReport.percent(analysis.classic.load.max() ?? 0),
            range(ordering.worst, ordering.best), range(electing.worst, electing.best),
            range(delays.min() ?? 0, delays.max() ?? 0), up(analysis.classic.family), up(analysis.electing),
        ]
    }

    package var text: String {
        let rows = [Self.heads] + alternatives.map(cells)
        let widths = Self.heads.indices.map { column in rows.map { $0[column].count }.max()! + 2 }
        return rows.map { row in
            var line = zip(row, widths).map { QuorumReport.padded($0, $1) }.joined()
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    package var markdown: String {
        let lines = [Self.heads, Self.heads.map { _ in "---" }] + alternatives.map(cells)
        return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }

    package var json: JSON {
        .array(
            alternatives.map { one in
                let analysis = one.analysis
                let delays = analysis.delays.flatMap { $0 }
                return .members([
                    "members": .integer(one.members), "quorums": .string(one.label), "system": one.system.json,
                    "phase1": .integer(analysis.phase1.smallest), "classic": .integer(analysis.classic.smallest),
                    "fast": .integer(analysis.fast.smallest), "load": .number(analysis.classic.load.max() ?? 0),
                    "orderingFailuresWorst": .integer(analysis.classic.tolerance.worst),
                    "orderingFailuresBest": .integer(analysis.classic.tolerance.best),
                    "electingFailuresWorst": .integer(analysis.electingTolerance.worst),
                    "electingFailuresBest": .integer(analysis.electingTolerance.best),
                    "delaysLeast": .integer(delays.min() ?? 0), "delaysMost": .integer(delays.max() ?? 0),
                    "orderingAvailability": .number(
                        QuorumAnalysis.availability(analysis.classic.family, failureRate: failureRate)),
                    "electingAvailability": .number(
                        QuorumAnalysis.availability(analysis.electing, failureRate: failureRate)),
                ])
            })
    }
}
