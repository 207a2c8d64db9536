// What this machine could do, beside what a run used of it.
import Trireme

/// One limit: a figure of the machine, and what the run used in the same unit.
package struct BenchLimit: Sendable {
    /// In the contract's JSON.
    package var key: String
    package var usedKey: String
    /// For the table.
    package var name: String
    package var unit: String
    package var machine: Double
    package var used: Double
    /// Part of the limit that the run used; over 1 where the figure of the machine moved meanwhile.
    package var share: Double
    package var note: String

    package init(
        key: String, usedKey: String? = nil, name: String, unit: String, machine: Double, used: Double,
        share: Double? = nil, note: String = ""
    ) {
        self.key = key
        self.usedKey = usedKey ?? key
        self.name = name
        self.unit = unit
        self.machine = machine
        self.used = used
        self.share = share ?? (machine > 0 ? used / machine : 0)
        self.note = note
    }
}

package struct BenchLimits: Sendable {
    package var limits: [BenchLimit]
    /// A closed loop asks for as much as there is; in an open loop nothing need bind.
    private let isOpenLoop: Bool

    /// Below this part of every limit something else binds.
    private static let binding = 0.7

    package init(_ limits: [BenchLimit], isOpenLoop: Bool) {
        self.limits = limits
        self.isOpenLoop = isOpenLoop
    }

    /// The limit that the run came closest to, if it came close to any.
    package var binds: BenchLimit? {
        limits.max { $0.share < $1.share }.flatMap { $0.share >= Self.binding ? $0 : nil }
    }

    package var verdict: String {
        if let binds {
            return
                "\(binds.name) bind\(binds.name.hasSuffix("s") ? "" : "s"): \(Format.fixed(binds.share * 100, 0)) % of what there is"
        }
        let closest = limits.max { $0.share < $1.share }
        let most = closest.map { "; closest is \($0.name) with \(Format.fixed($0.share * 100, 0)) %" } ?? ""
        return isOpenLoop
            ? "none of these binds: the load asks for no more\(most)"
            : "none of these binds: the clients wait for replies, so the window (--window) and latency do\(most)"
    }

    package var lines: [String] {
        var rows = [["limit", "machine", "this run", "share", ""]]
        for limit in limits {
            rows.append([
                limit.name, Format.significant(limit.machine) + " " + limit.unit,
                Format.significant(limit.used)
                    + " " + (limit.usedKey == limit.key ? limit.unit : "/s"),
                Format.fixed(limit.share * 100, 1) + " %", limit.note,
            ])
        }
        return Format.named(rows) + [verdict]
    }

    package var json: JSON {
        let number = { (value: Double) in JSON.number(BenchResult.rounded(value, 4)) }
        var members = limits.map { JSON.Member(name: $0.key, value: number($0.machine)) }
        members.append(
            .init(name: "used", value: .object(limits.map { .init(name: $0.usedKey, value: number($0.used)) })))
        members.append(
            .init(name: "share", value: .object(limits.map { .init(name: $0.key, value: number($0.share)) })))
        members.append(.init(name: "binds", value: binds.map { .string($0.key) } ?? .null))
        members.append(.init(name: "verdict", value: .string(verdict)))
        return .object(members)
    }
}
