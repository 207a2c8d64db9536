// Seeded runs over the test cluster: loss, duplication, reordering, crashes, slow disks, snapshots. What is checked after
// every turn is in Cluster+Checks.swift; afterwards everything heals, and what was decided must be executed by all.
import Foundation
import Testing
import TriremeCore

struct Chaos {
    var random: CoreRandom
    let cluster: Cluster
    let seed: UInt64
    /// Whether rounds are fast as well as classic.
    let isMixed: Bool
    init(seed: UInt64, isMixed: Bool = false, announces: Bool = false) {
        self.isMixed = isMixed
        self.seed = seed
        random = CoreRandom(seed: seed)
        let all: [(Int, Int, Int)] = [
            (3, 2, 2), (3, 2, 2), (3, 1, 3), (3, 3, 1), (5, 3, 3), (5, 4, 2), (1, 1, 1), (2, 1, 2), (4, 3, 2),
            (5, 2, 4),
        ]
        let shapes = announces ? [(3, 3, 1), (5, 4, 2), (4, 4, 1), (5, 5, 1), (6, 5, 2)] : all
        let shape = shapes[Int(random.below(UInt64(shapes.count)))]
        var choice = CoreRandom(seed: seed &* 77 &+ 3)
        let orderings = (0..<shape.0).map { _ in choice.below(3) < 2 ? Ordering.fast : .classic }
        cluster = Cluster(
            shape.0, q1: shape.1, q2: shape.2, seed: seed, orderings: isMixed ? orderings : [.classic],
            announced: announces ? shape.2 + Int(choice.below(2)) : 0)
        cluster.traces = false
    }

    /// - Returns: what went wrong, if anything.
    mutating func run() -> String? {
        let n = cluster.members
        let loss = random.below(40)
        let crashes = random.below(3)
        for _ in 0..<(30 + random.below(60)) {
            cluster.advance(milliseconds: 1 + Int(random.below(6)))
            for _ in 0..<random.below(4) {
                let i = Int(random.below(UInt64(n)))
                let node = cluster.nodes[i]
                if node.sealed < 40 { cluster.seal(i) }
            }
            for _ in 0..<(4 + random.below(40)) {
                guard !cluster.network.isEmpty else { break }
                let k = random.below(3) == 0 ? Int(random.below(UInt64(cluster.network.count))) : 0
                let packet = cluster.network.remove(at: k)
                if random.below(100) < loss { continue }
                if random.below(20) == 0 { cluster.network.append(packet) }
                cluster.deliver(packet)
            }
            if cluster.network.count > 600 { cluster.network.removeFirst(cluster.network.count - 600) }
            for i in 0..<n where random.below(3) != 0 {
                let node = cluster.nodes[i]
                let behind = node.log.count - node.durable
                if behind > 0 {
                    cluster.makeDurable(i, upTo: node.durable + 1 + Int(random.below(UInt64(behind))))
                }
            }
            if random.below(30) < crashes {
                let i = Int(random.below(UInt64(n)))
                if cluster.nodes[i].isUp { cluster.crash(i) } else { cluster.restart(i) }
            }
            if random.below(25) == 0 { for i in 0..<n { cluster.restart(i) } }
            if random.below(30) == 0 {
                cluster.takeSnapshot(Int(random.below(UInt64(n))), recycling: random.below(2) == 0)
            }
            if random.below(60) == 0 {
                let i = Int(random.below(UInt64(n)))
                if cluster.nodes[i].isUp {
                    cluster.step(cluster.nodes[i], .handOver(to: ReplicaID(Int(random.below(UInt64(n))))))
                }
            }
            if isMixed, random.below(20) == 0 {
                let node = cluster.nodes[Int(random.below(UInt64(n)))]
                if node.isUp {
                    node.core.openRound(random.below(2) == 0 ? .fast : .classic, into: &node.effects)
                    cluster.carryOut(node)
                }
            }
            if let violation = cluster.violation { return violation }
        }
        return heal()
    }

    /// Everybody starts, nothing is lost any more: something new is decided and all execute it.
    private mutating func heal() -> String? {
        let n = cluster.members
        for i in 0..<n { cluster.restart(i) }
        for round in 0..<60 {
            cluster.run(milliseconds: 50)
            if let violation = cluster.violation { return violation }
            if round == 4 { for i in 0..<n { cluster.seal(i) } }
            guard round > 4 else { continue }
            // Whoever is behind the oldest entry of all others says so and stays behind (PROTOCOL §8).
            let able = cluster.nodes.filter { !$0.core.isStranded }
            let reached = able.map(\.executedSlot)
            let top = cluster.highestDecided
            let hasAll = (0..<n).allSatisfy { lane in
                able.allSatisfy {
                    let position = $0.core.executor.cut[lane]
                    return position.generation == cluster.nodes[lane].generation
                        && position.sequence == cluster.nodes[lane].sealed
                }
            }
            if hasAll, cluster.quorums.isClassic(MemberSet(able.map(\.id.index))), reached.allSatisfy({ $0 == top }) {
                return nil
            }
        }
        return isStranded ? nil : "no progress after healing: " + describe()
    }
    /// Whether somebody lacks an entry that nobody can give any more: a replica that starts from a snapshot gives nothing below
    /// it, and snapshots cannot be fetched yet (PROTOCOL §8).
    private var isStranded: Bool {
        cluster.nodes.contains { node in
            let next = node.core.commitIndex + 1
            return next <= cluster.highestDecided
                && !cluster.nodes.contains { $0.core.commitIndex >= next && $0.core.oldestEntry <= next }
        }
    }
    func describe() -> String {
        cluster.nodes.map { node in
            "\n\(node.id): \(node.core.account) executed "
                + "\(node.executedSlot) \(node.core.executor.cut.text(cluster.members)) sealed \(node.generation):\(node.sealed) pending \(node.pending.count)"
        }.joined()
    }
}

@Suite struct RandomTests {
    static var seeds: ClosedRange<UInt64> {
        if let one = ProcessInfo.processInfo.environment["TRIREME_CORE_SEED"].flatMap(UInt64.init) { return one...one }
        return 1...(ProcessInfo.processInfo.environment["TRIREME_CORE_SEEDS"].flatMap(UInt64.init) ?? 1_500)
    }

    @Test func whateverHappensAgreementHolds() {
        var found: [String] = []
        for seed in Self.seeds {
            var chaos = Chaos(seed: seed)
            if let finding = chaos.run() {
                found.append("seed \(seed) (n = \(chaos.cluster.members), \(chaos.cluster.quorums)): \(finding)")
                if found.count == 5 { break }
            }
        }
        for finding in found { Issue.record("\(finding)\nagain: TRIREME_CORE_SEED=… swift test --filter RandomTests") }
    }

    /// Rounds that name who decides in them; some replicas elect with fewer than a Q1 (PROTOCOL §14).
    @Test func andWhereRoundsNameWhoDecides() {
        var found: [String] = []
        for seed in Self.seeds {
            var chaos = Chaos(seed: seed, announces: true)
            if let finding = chaos.run() {
                found.append("seed \(seed) (n = \(chaos.cluster.members), \(chaos.cluster.quorums)): \(finding)")
                if found.count == 5 { break }
            }
        }
        for finding in found { Issue.record("\(finding)\nagain: TRIREME_CORE_SEED=… swift test --filter RandomTests") }
    }

    /// Fast and classic rounds by turns. Everything that fast rounds can come to has to have happened.
    @Test func andWhereRoundsAreMixed() {
        var found: [String] = []
        var counts = FastCounts()
        for seed in Self.seeds {
            var chaos = Chaos(seed: seed, isMixed: true)
            if let finding = chaos.run() {
                found.append("seed \(seed) (n = \(chaos.cluster.members), \(chaos.cluster.quorums)): \(finding)")
                if found.count == 5 { break }
            }
            for node in chaos.cluster.nodes { counts.add(node.core.fastCounts) }
        }
        for finding in found { Issue.record("\(finding)\nagain: TRIREME_CORE_SEED=… swift test --filter RandomTests") }
        // So few learn so little late that phase 1 hardly ever finds a decision here; the simulator's runs do.
        let missing = counts.missing.filter { $0 != "decided in phase 1" }
        if Self.seeds.count > 1 { #expect(missing.isEmpty, "never happened: \(missing), \(counts)") }
    }
}
