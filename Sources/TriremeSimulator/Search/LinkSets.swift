// Directed link sets: who hears whom, in every way at three replicas and in samples at more (RELIABILITY, partitions). No split
// brain in any; a connected quorum goes on within two election timeouts; without one the oracle knows what cannot happen.
import TriremeCore

package struct LinkSetCounts: SearchCounts {
    package var sets = 0
    package var must = 0
    package var cannot = 0
    package var may = 0
    /// Of those that may: how many went on.
    package var mayAndDid = 0
    /// Longest time until a connected quorum went on: where it hears no sequencer or its own, and where it hears one that is
    /// deaf.
    package var slowestNanoseconds: UInt64 = 0
    package var slowestDeafNanoseconds: UInt64 = 0
    package var events = 0
    package var seconds = 0.0
    package var violations: [String] = []
    package init() {}

    package mutating func add(_ other: Self) {
        sets += other.sets
        must += other.must
        cannot += other.cannot
        may += other.may
        mayAndDid += other.mayAndDid
        slowestNanoseconds = max(slowestNanoseconds, other.slowestNanoseconds)
        slowestDeafNanoseconds = max(slowestDeafNanoseconds, other.slowestDeafNanoseconds)
        events += other.events
        violations += other.violations
    }
    package func lines(members: Int) -> [String] {
        [
            "n = \(members): \(sets) link sets; a connected quorum in \(must), none that could decide in \(cannot), neither in \(may) "
                + "(of which \(mayAndDid) went on)",
            "  longest until a connected quorum went on: \(slowestNanoseconds / 1_000_000) ms, under a deaf sequencer "
                + "\(slowestDeafNanoseconds / 1_000_000) ms; \(events) events, \(violations.count) violations",
        ]
    }
}

package enum LinkSets {
    static let cutAt: UInt64 = 200_000_000
    /// A little longer than any connected quorum may take.
    static let held: UInt64 = 1_300_000_000

    package static func scenario(members: Int, seed: UInt64) -> Scenario {
        guard let quorums = try? Quorums.standard(members: members) else { preconditionFailure("no such cluster") }
        var s = Scenario(seed: seed, quorums: quorums)
        s.segments = 16
        s.segmentBytes = 262_144
        s.workload.intervalNanoseconds = 2_000_000
        s.workload.backlog = 16
        s.healAtNanoseconds = cutAt + held
        s.replay = "--link-sets"
        return s
    }

    /// Two election timeouts, and what an election itself takes: the wait before it, three exchanges, two writes.
    package static func bound(_ timing: Timing, isDeaf: Bool) -> UInt64 {
        let timeout = isDeaf ? timing.stuckNanoseconds + timing.suspicionNanoseconds : timing.suspicionNanoseconds
        return 2 * timeout + timing.suspicionNanoseconds / 2
    }

    /// One cluster that runs well, is cut to a link set, and heals.
    package static func attempt(_ links: LinkSet, seed: UInt64, into counts: inout LinkSetCounts) {
        let scenario = scenario(members: links.members, seed: seed)
        let world = World(scenario, factory: EngineParticipant.maker())
        world.begin()
        world.run(until: cutAt)
        let sequencer = world.nodes.first { $0.role == .sequencer }?.replica.index ?? 0
        for from in 0..<links.members {
            for to in 0..<links.members where from != to {
                world.wire.setLink(from: from, to: to, open: links.isOpen(from, to))
            }
        }
        counts.sets += 1
        let verdict = links.verdict(scenario.quorums)
        switch verdict {
        case .must(let quorum):
            counts.must += 1
            expectProgress(of: quorum, links, sequencer, world, &counts)
        case .cannot:
            counts.cannot += 1
            // What was on its way when the links were cut arrives within this.
            world.run(until: cutAt + 20_000_000)
            let before = world.entries.highest
            world.run(until: cutAt + held)
            world.referee.demand(
                world.entries.highest == before,
                "slots \(before + 1) … \(world.entries.highest) are decided over \(links), where nobody hears a Q2")
        case .may:
            counts.may += 1
            let before = world.entries.highest
            world.run(until: cutAt + held)
            // More than a pipeline that was under way.
            if world.entries.highest > before + UInt64(Limits.undecidedSlots) { counts.mayAndDid += 1 }
        }
        // Then all links open, and everything that was submitted is executed everywhere.
        while world.step() {}
        let result = world.result()
        counts.events += result.events
        if let violation = result.violation {
            counts.violations.append("\(links), sequencer \(sequencer), seed \(seed): \(violation.sentence)")
        }
    }

    /// Commands that come after the cut at each replica of the quorum are executed by all of it in time.
    private static func expectProgress(
        of quorum: MemberSet, _ links: LinkSet, _ sequencer: Int, _ world: World, _ counts: inout LinkSetCounts
    ) {
        let members = world.nodes.filter { quorum.contains($0.replica) }
        // Heard by some of the quorum, and not hearing it: nobody misses a sequencer, but nothing that is new is proposed.
        let isDeaf =
            !quorum.contains(ReplicaID(sequencer)) && members.contains { links.isOpen(sequencer, $0.replica.index) }
        let bound = bound(world.scenario.timing, isDeaf: isDeaf)
        var ranges: [Range<Int>] = []
        for node in members {
            guard let gateway = node.gateway else { continue }
            ranges.append(gateway.offer(1, now: node.local(world.now)))
            world.wake(node, after: 0)
        }
        func isDone() -> Bool { ranges.allSatisfy { $0.allSatisfy { world.book.commands[$0].isAcknowledged } } }
        var time = cutAt
        while !isDone(), time < cutAt + bound {
            time += 1_000_000
            world.run(until: time)
        }
        world.referee.demand(
            isDone(),
            "quorum \(quorum) is connected (\(links)), the sequencer was \(sequencer), and \(bound / 1_000_000) ms after the cut "
                + "its commands are not answered")
        if isDeaf {
            counts.slowestDeafNanoseconds = max(counts.slowestDeafNanoseconds, time - cutAt)
        } else {
            counts.slowestNanoseconds = max(counts.slowestNanoseconds, time - cutAt)
        }
    }

    /// All sets at three replicas, `samples` at more: half of them around a quorum that is connected.
    package static func sets(members: Int, samples: Int) -> [LinkSet] {
        let links = members * (members - 1)
        if links <= 6 { return (0..<UInt64(1) << UInt64(links)).map { LinkSet(members: members, number: $0) } }
        var random = CoreRandom(seed: UInt64(members))
        return (0..<samples).map { i in
            let openPerMillion = UInt32(random.pick([200_000, 400_000, 600_000, 800_000]))
            let first = Int(random.below(UInt64(members)))
            let quorum = Set((0..<members / 2 + 1).map { (first + $0) % members })
            return LinkSet(members: members) { from, to in
                (i % 2 == 0 && quorum.contains(from) && quorum.contains(to)) || random.chance(openPerMillion)
            }
        }
    }

    /// Every set with `seeds` seeds, whose sequencers differ.
    package static func run(members: Int, samples: Int = 64, seeds: UInt64 = 3, jobs: Int = 1) -> LinkSetCounts {
        let runs = sets(members: members, samples: samples).flatMap { set in (1...seeds).map { (set, $0) } }
        return Search.run(runs.count, jobs: jobs) { i, counts in
            attempt(runs[i].0, seed: runs[i].1, into: &counts)
        }
    }
}
