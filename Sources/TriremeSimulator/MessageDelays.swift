// `trireme simulate --delays`: how many one-way delays a command takes from each origin, counted in virtual time where every link
// takes one unit and disks and processors take nothing (PROTOCOL §4 delays, §7).
import TriremeCore

/// The delays of one quorum system under one kind of round.
package struct DelayRow: Sendable, Equatable {
    package var quorums: String
    package var ordering: Ordering
    /// One-way delays from a command in the origin's batch to its execution there, and until all replicas know the slot decided.
    package var fromSequencer = 0.0
    package var fromOthers: ClosedRange<Double> = 0...0
    package var everywhere = 0.0
    /// As from others, when two of them send at the same moment.
    package var atOnce = 0.0
}

package enum MessageDelays {
    /// A unit is long beside everything else that takes time: status coalescing is 0.3 ms, a turn some microseconds.
    private static let unit: UInt64 = 20_000_000

    package static let systems: [(name: String, quorums: Quorums)] = {
        func sizes(_ n: Int, _ q1: Int, _ q2: Int, _ qf: Int) -> (String, Quorums)? {
            (try? Quorums(members: n, phase1: q1, classic: q2, fast: qf)).map { ("n = \(n) (\(q1), \(q2), \(qf))", $0) }
        }
        return [
            sizes(3, 2, 2, 3), sizes(4, 2, 3, 4), sizes(5, 3, 3, 4), sizes(5, 4, 2, 4), sizes(5, 2, 4, 5),
            sizes(7, 4, 4, 6), sizes(7, 6, 2, 5), sizes(9, 5, 5, 7), sizes(9, 8, 2, 6),
            (try? Quorums.grid(rows: 2, columns: 3)).map { ("grid 2 × 3", $0) },
            (try? Quorums.grid(rows: 3, columns: 3)).map { ("grid 3 × 3", $0) },
        ].compactMap { $0 }
    }()

    package static func measure(_ name: String, _ quorums: Quorums, _ ordering: Ordering) -> DelayRow {
        var scenario = Scenario(seed: 1, quorums: quorums)
        scenario.links = LinkConditions()
        scenario.links.delayNanoseconds = unit
        scenario.links.isExact = true
        scenario.diskLatencyNanoseconds = 1_000
        scenario.workload.intervalNanoseconds = 1 << 50
        scenario.timing.suspicionNanoseconds = 50 * unit
        scenario.timing.stuckNanoseconds = 500 * unit
        scenario.timing.retryNanoseconds = 4 * unit
        scenario.healAtNanoseconds = 1 << 52
        scenario.segments = 16
        scenario.segmentBytes = 1 << 20
        scenario.orderings = [Ordering](repeating: ordering, count: quorums.members)
        let world = World(scenario, factory: EngineParticipant.maker())
        world.begin()
        world.run(until: 400 * unit)
        var row = DelayRow(quorums: name, ordering: ordering)
        // The first command of each opens its lane.
        for origin in 0..<quorums.members { _ = delays(of: [origin], in: world) }
        guard let sequencer = world.nodes.first(where: { $0.role == .sequencer })?.replica.index else {
            preconditionFailure("a calm cluster has no sequencer")
        }
        let others = (0..<quorums.members).filter { $0 != sequencer }
        row.fromSequencer = delays(of: [sequencer], in: world).own
        let from = others.map { delays(of: [$0], in: world) }
        row.fromOthers = (from.map(\.own).min() ?? 0)...(from.map(\.own).max() ?? 0)
        row.everywhere = from.map(\.everywhere).max() ?? 0
        row.atOnce = delays(of: Array(others.prefix(2)), in: world).own
        return row
    }

    /// One command at each of the origins at one moment: when the last of them is answered, and when the last replica knows.
    private static func delays(of origins: [Int], in world: World) -> (own: Double, everywhere: Double) {
        let begun = world.now
        let commands = origins.compactMap { origin -> Range<Int>? in
            let node = world.nodes[origin]
            let range = node.gateway?.offer(1, now: node.local(world.now))
            world.wake(node, after: 0)
            return range
        }
        var own = 0.0
        while world.now < begun + 100 * unit, world.step() {
            let isDone = commands.allSatisfy { $0.allSatisfy { world.book.commands[$0].isAcknowledged } }
            guard isDone else { continue }
            if own == 0 { own = Double(world.now - begun) / Double(unit) }
            let top = world.entries.highest
            if world.nodes.allSatisfy({ $0.commitIndex == top }) { break }
        }
        let everywhere = Double(world.now - begun) / Double(unit)
        world.run(until: world.now + 30 * unit)
        return (own, everywhere)
    }

    /// The table of docs/PROTOCOL.md.
    package static func lines() -> [String] {
        var lines = [
            "| quorums (Q1, Q2, QF) | round | from the sequencer | from others | known everywhere | two others at once |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        func text(_ value: Double) -> String { "\((value * 10).rounded(.down) / 10)" }
        for (name, quorums) in systems {
            for ordering in [Ordering.classic, .fast] {
                let row = measure(name, quorums, ordering)
                let others =
                    text(row.fromOthers.lowerBound) == text(row.fromOthers.upperBound)
                    ? text(row.fromOthers.lowerBound)
                    : "\(text(row.fromOthers.lowerBound)) to \(text(row.fromOthers.upperBound))"
                lines.append(
                    "| \(name) | \(ordering) | \(text(row.fromSequencer)) | \(others) | \(text(row.everywhere)) "
                        + "| \(text(row.atOnce)) |")
            }
        }
        return lines
    }
}
