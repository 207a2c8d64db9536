// What `trireme quorums` prints of one system, for people.
import TriremeBench
import TriremeCore

package struct QuorumReport {
    package let name: String
    package let analysis: QuorumAnalysis
    package let failureRate: Double

    package init(_ name: String, _ analysis: QuorumAnalysis, failureRate: Double) {
        self.name = name
        self.analysis = analysis
        self.failureRate = failureRate
    }

    private var members: Int { analysis.quorums.members }
    /// Minimal quorums that are written out; a reader takes in no more.
    private static let shown = 16

    package var text: String {
        var lines = ["\(members) replicas, \(name): safe (every Q1 meets every Q2, and what any two QF share).", ""]
        lines.append("Minimal quorums")
        lines += [analysis.phase1, analysis.classic, analysis.fast].map(minimal)
        lines += ["", "Load: part of the minimal quorums that a replica is in"]
        lines += loads
        lines += ["", "Failures tolerated        whichever they are   with luck"]
        lines.append(row("ordering (Q2)", analysis.classic.tolerance))
        lines.append(row("phase 1 (Q1)", analysis.phase1.tolerance))
        lines.append(row("electing (Q1 and Q2)", analysis.electingTolerance))
        lines.append(row("fast rounds (QF)", analysis.fast.tolerance))
        lines += ["", "One-way delays until the origin knows its command decided"]
        lines += delays
        lines += ["", "Available, with each replica down \(Self.short(failureRate * 100)) % of the time"]
        lines.append(row("ordering (Q2)", analysis.classic.family))
        lines.append(row("phase 1 (Q1)", analysis.phase1.family))
        lines.append(row("electing (Q1 and Q2)", analysis.electing))
        lines.append(row("fast rounds (QF)", analysis.fast.family))
        return lines.joined(separator: "\n")
    }

    private func minimal(_ kind: QuorumAnalysis.Kind) -> String {
        let what = ["Q1": "elects", "Q2": "decides", "QF": "decides in a fast round"][kind.name]!
        let head = "  \(kind.name) \(what): "
        if kind.family.isCounting { return head + "any \(kind.smallest) of \(members)" }
        let sets = kind.minimal.sorted { ($0.count, $0.bits) < ($1.count, $1.bits) }
        let more = sets.count - Self.shown
        return head + (sets.count == 1 ? "" : "any of ")
            + sets.prefix(Self.shown).map(\.description).joined(separator: " ")
            + (more > 0 ? " and \(more) more" : "")
    }

    private var loads: [String] {
        [analysis.classic, analysis.phase1].map { kind in
            let isEven = Set(kind.load.map(Self.percent)).count == 1
            return "  \(kind.name): "
                + (isEven
                    ? "\(Self.percent(kind.load[0])) each"
                    : kind.load.enumerated().map { "\($0.offset): \(Self.percent($0.element))" }.joined(separator: ", "))
        }
    }

    private func row(_ name: String, _ tolerance: QuorumAnalysis.Tolerance) -> String {
        "  " + Self.padded(name, 24) + Self.padded("\(tolerance.worst)", 21) + "\(tolerance.best)"
    }
    private func row(_ name: String, _ family: QuorumFamily) -> String {
        let down = QuorumAnalysis.unavailability(family, failureRate: failureRate)
        return "  " + Self.padded(name, 24) + Self.availability(down)
    }

    /// A line where all origins and sequencers are alike, a table else.
    private var delays: [String] {
        let all = analysis.delays
        let own = Set((0..<members).map { all[$0][$0] })
        let others = Set(
            (0..<members).flatMap { origin in
                (0..<members).filter { $0 != origin }.map { all[origin][$0] }
            })
        if own.count == 1, others.count <= 1 {
            return ["  the sequencer's own: \(own.first!)" + (others.first.map { "; any other's: \($0)" } ?? "")]
        }
        let head = "  origin \\ sequencer " + (0..<members).map { Self.padded("\($0)", 3) }.joined()
        return [head]
            + (0..<members).map { origin in
                Self.padded("  \(origin)", 21) + all[origin].map { Self.padded("\($0)", 3) }.joined()
            }
    }

    // MARK: Numbers

    static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
    static func percent(_ part: Double) -> String { "\(Int((part * 100).rounded())) %" }
    /// Two digits of what is missing to 100 %, and ten after the point at most.
    package static func availability(_ down: Double) -> String {
        guard down > 0 else { return "100 %" }
        guard down * 100 >= 1e-10 else { return "> 99.9999999999 %" }
        var digits = 2
        var scale = down * 100
        while scale < 1, digits < 10 {
            scale *= 10
            digits += 1
        }
        // Rounded down: nothing that fails at times is shown as if it never did.
        let steps = (0..<digits).reduce(1.0) { product, _ in product * 10 }
        return Format.fixed(100 - (down * 100 * steps - 1e-6).rounded(.up) / steps, digits) + " %"
    }
    /// Up to four digits after the point, without zeros at the end.
    static func short(_ value: Double) -> String {
        var text = Format.fixed(value, 4)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
