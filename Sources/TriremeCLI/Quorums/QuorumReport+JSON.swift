// The same for programs.
import TriremeBench
import TriremeCore

extension QuorumReport {
    package func json(comparison: JSON) -> JSON {
        .members([
            "safe": .bool(true), "members": .integer(analysis.quorums.members), "system": .string(name),
            "failureRate": .number(failureRate),
            "phase1": kind(analysis.phase1), "classic": kind(analysis.classic), "fast": kind(analysis.fast),
            "electing": family(analysis.electing, analysis.electingTolerance),
            "delays": .array(analysis.delays.map(JSON.integers)), "comparison": comparison,
        ])
    }

    /// Of a refusal: the sentence, and the sets that do not meet, where that is the reason.
    package static func json(_ refusal: String, sets: [MemberSet]) -> JSON {
        .members([
            "safe": .bool(false), "refusal": .string(refusal), "sets": .array(sets.map { .integers($0.members) }),
        ])
    }

    private func kind(_ kind: QuorumAnalysis.Kind) -> JSON {
        guard case .object(let rest) = family(kind.family, kind.tolerance) else { preconditionFailure() }
        return .object(
            [
                JSON.Member(name: "minimal", value: .array(kind.minimal.map { .integers($0.members) })),
                JSON.Member(name: "load", value: .array(kind.load.map(JSON.number))),
            ] + rest)
    }
    private func family(_ family: QuorumFamily, _ tolerance: QuorumAnalysis.Tolerance) -> JSON {
        .members([
            "failuresWorst": .integer(tolerance.worst), "failuresBest": .integer(tolerance.best),
            "availability": .number(QuorumAnalysis.availability(family, failureRate: failureRate)),
        ])
    }
}
