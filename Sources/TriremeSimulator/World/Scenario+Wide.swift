// The wide mix: everything that the simulator can do to a cluster, at every size and with every quorum system.
import TriremeCore

/// What the runs of seeds are drawn from.
package enum Mix: String, CaseIterable, Sendable {
    /// The common sizes and the faults of networks, processes and power. Its seeds keep their meaning.
    case standard
    /// One to seven replicas, every counting quorum system, all faults, and a quorum that heals before the others.
    case wide
    /// Runs of both other mixes in turn, with rounds that are fast as well as classic.
    case mixed
    /// Rounds that name who decides in them, short stories with many elections.
    case announced

    package func scenario(seed: UInt64) -> Scenario {
        switch self {
        case .standard: .standard(seed: seed)
        case .wide: .wide(seed: seed)
        case .mixed: .mixed(seed: seed)
        case .announced: .announced(seed: seed)
        }
    }
}

extension Scenario {
    /// The run that a seed of the mixed mix stands for: each replica opens rounds of a kind of its own, so that every election,
    /// and every hand-over, may change the kind in the middle of whatever is under way. Most are short stories with faults
    /// and suspicions in quick succession, so that very many can be told.
    package static func mixed(seed: UInt64) -> Scenario {
        var s = seed % 2 == 0 ? Scenario.standard(seed: seed) : .wide(seed: seed)
        s.mix = .mixed
        var random = CoreRandom(seed: seed &* 0xA24B_AED4 &+ 0xFA57)
        s.orderings = (0..<s.members).map { _ in random.pick([.fast, .fast, .fast, .adaptive, .classic]) }
        if !s.faults.contains(.handOver) { s.faults.append(.handOver) }
        guard random.below(16) > 0 else { return s }
        s.shorten(&random)
        return s
    }

    /// The run that a seed of the announced mix stands for: quorums whose `Q1` are larger than a majority, and replicas of which most name
    /// who decides in their rounds, each as many as it was told to.
    package static func announced(seed: UInt64) -> Scenario {
        var random = CoreRandom(seed: seed &* 0x9FB2_1C65 &+ 0xA22)
        var s = Scenario(
            seed: seed, quorums: random.pick(countingSystems.filter { $0.members > 2 && $0.mayAnnounce }))
        s.mix = .announced
        s.drawSizes(&random)
        s.drawNetwork(&random)
        s.drawFaults(&random)
        if random.below(2) == 0 { s.faults = Fault.allCases.filter { _ in random.below(4) == 0 } }
        s.drawClocks(&random)
        s.healsQuorumFirst = random.below(2) == 0
        s.drawLosses()
        s.drawCopies()
        s.announced = (0..<s.members).map { _ in
            random.below(6) == 0 ? 0 : random.between(s.quorums.classic, min(s.members, s.quorums.classic + 2))
        }
        if random.below(4) == 0 {
            s.orderings = (0..<s.members).map { _ in random.pick([.classic, .classic, .adaptive, .fast]) }
        }
        if !s.faults.contains(.handOver) { s.faults.append(.handOver) }
        if random.below(8) > 0 { s.shorten(&random) }
        return s
    }

    /// Makes a short story of it, with faults and suspicions in quick succession.
    private mutating func shorten(_ random: inout CoreRandom) {
        healAtNanoseconds = random.pick([25_000_000, 50_000_000, 80_000_000])
        faultIntervalNanoseconds = random.pick([3_000_000, 6_000_000, 12_000_000])
        timing.suspicionNanoseconds = random.pick([3_000_000, 5_000_000, 10_000_000])
        timing.stuckNanoseconds = 10 * timing.suspicionNanoseconds
        timing.heartbeatNanoseconds = timing.suspicionNanoseconds / 4
        settleNanoseconds = 40_000_000
        // Candidacies in such numbers fill a small log with votes that mean nothing any more.
        segments = 16
        segmentBytes = max(segmentBytes, 262_144)
        finalCommands = 6
        links.delayNanoseconds = random.pick([10_000, 30_000, 100_000])
        links.spikeNanoseconds = min(links.spikeNanoseconds, 20_000_000)
    }

    /// Every counting quorum system of 1 to 7 members that the rules of PROTOCOL §2 allow: n(n + 1)/2 pairs (Q1, Q2) each,
    /// with the smallest and the largest QF.
    package static let countingSystems: [Quorums] = (1...7).flatMap { members in
        (1...members).flatMap { phase1 in
            (1...members).flatMap { classic in
                Set([Quorums.smallestFast(members: members, phase1: phase1), members]).sorted().compactMap { fast in
                    try? Quorums(
                        members: members, phase1: phase1, classic: classic, fast: fast, allowSingleCopy: true)
                }
            }
        }
    }

    /// The run that a seed of the wide mix stands for.
    package static func wide(seed: UInt64) -> Scenario {
        var random = CoreRandom(seed: seed &* 0xD1B5_4A32 &+ 0x1DE)
        // Half of the runs have a size that is in use, with the usual quorums; the others go through all.
        let usual = [1, 2, 3, 3, 3, 4, 5, 5, 6, 7]
        let drawn =
            random.below(2) == 0
            ? try? Quorums.standard(members: random.pick(usual)) : random.pick(countingSystems)
        guard let quorums = drawn else { preconditionFailure("the usual quorums are refused") }
        var s = Scenario(seed: seed, quorums: quorums)
        s.mix = .wide
        s.drawSizes(&random)
        s.drawNetwork(&random)
        s.drawFaults(&random)
        s.faults = Fault.allCases.filter { _ in random.below(4) == 0 }
        // Datagrams may change on every link, not only during a fault.
        s.links.flipPerMillion = random.pick([0, 0, 200, 5_000])
        s.drawClocks(&random)
        s.healsQuorumFirst = random.below(2) == 0
        s.drawLosses()
        s.drawCopies()
        return s
    }
}
