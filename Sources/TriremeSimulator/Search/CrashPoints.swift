// Every place at which a small run may crash, and everything that a crash there may leave of the writes in flight: after each,
// what was acknowledged is still there, and the start that follows reads the same twice.
import TriremeCore

/// A crash that is tried: the n-th boundary of one replica's disk, what its writes in flight leave, and who else crashes.
package struct CrashPoint: Equatable, Sendable {
    package enum Victims: Equatable, Sendable {
        case one
        /// All lose power. The others keep nothing of what they have in flight, or everything.
        case allKeepingNothing, allKeepingEverything
    }
    package var replica: Int
    package var boundary: Int
    package var pattern: CrashPattern
    package var victims: Victims
}

package struct CrashPointCounts: SearchCounts {
    /// Operations that began or ended in the run without a crash, by replica.
    package var boundaries: [Int] = []
    package var mostInFlight = 0
    package var crashes = 0
    package var subsets = 0
    package var torn = 0
    package var ofAll = 0
    package var whileStarting = 0
    package var startsReadTwice = 0
    package var runsTwice = 0
    package var events = 0
    package var seconds = 0.0
    package var violations: [String] = []
    package init() {}

    package mutating func add(_ other: Self) {
        crashes += other.crashes
        subsets += other.subsets
        torn += other.torn
        ofAll += other.ofAll
        whileStarting += other.whileStarting
        startsReadTwice += other.startsReadTwice
        runsTwice += other.runsTwice
        events += other.events
        violations += other.violations
    }
    package var lines: [String] {
        [
            "crash points: \(boundaries.count) replicas with \(boundaries.map(String.init).joined(separator: ", ")) I/O "
                + "boundaries, up to \(mostInFlight) writes in flight",
            "\(crashes) crashes tried: \(subsets) with a subset of whole writes, \(torn) with a torn one, \(ofAll) of all at once, "
                + "\(whileStarting) while starting",
            "\(startsReadTwice) starts read twice alike, \(runsTwice) whole runs repeated alike, \(events) events in "
                + "\(Int(seconds)) s, \(violations.count) violations",
        ]
    }
}

package enum CrashPoints {
    /// The workload: small enough that its every boundary can be tried, long enough for elections, votes, notes of what is decided,
    /// a snapshot and the superblock's change.
    package static func scenario(members: Int, seed: UInt64) -> Scenario {
        guard let quorums = try? Quorums.standard(members: members) else { preconditionFailure("no such cluster") }
        var s = Scenario(seed: seed, quorums: quorums)
        s.segmentBytes = 65_536
        s.segments = 8
        s.writesInFlight = 3
        s.snapshotPaddingBytes = 9_000
        s.workload.intervalNanoseconds = 1_200_000
        s.workload.commandBytes = 200
        s.workload.burst = 8
        s.diskLatencyNanoseconds = 200_000
        s.timing.suspicionNanoseconds = 5_000_000
        s.timing.heartbeatNanoseconds = 1_000_000
        s.healAtNanoseconds = 50_000_000
        s.settleNanoseconds = 25_000_000
        s.finalCommands = 3
        s.replay = "--crash-points"
        return s
    }

    /// Begin and end of each operation of one replica's disk: where its image, or what a crash may make of it, changes.
    private struct Boundaries {
        var count = 0
        private var began = 0
        private var inFlight = 0
        /// True where the disk has come to a new boundary. A turn that begins several writes is one: a crash in its midst leaves
        /// what one at its end may leave.
        mutating func passes(_ image: DiskImage) -> Bool {
            let now = image.counts.writes
            let flying = image.inFlight
            defer { (began, inFlight) = (now, flying) }
            guard now != began || flying != inFlight else { return false }
            count += 1
            return true
        }
    }

    /// The run without a crash: per replica, how many writes are in flight at each boundary.
    private static func survey(_ scenario: Scenario) -> [[Int]] {
        let world = World(scenario, factory: EngineParticipant.maker())
        var boundaries = [Boundaries](repeating: Boundaries(), count: scenario.members)
        var writes = [[Int]](repeating: [], count: scenario.members)
        world.begin()
        while world.now < scenario.healAtNanoseconds, world.step() {
            for node in world.nodes where boundaries[node.replica.index].passes(node.image) {
                writes[node.replica.index].append(node.image.writesInFlight)
            }
        }
        return writes
    }

    /// Everything that is tried, `every` boundaries apart.
    package static func plan(_ scenario: Scenario, every: Int) -> (points: [CrashPoint], boundaries: [Int], most: Int) {
        let writes = survey(scenario)
        var points: [CrashPoint] = []
        for (replica, counts) in writes.enumerated() {
            for boundary in stride(from: 0, to: counts.count, by: every) {
                for pattern in CrashPattern.all(writes: counts[boundary]) {
                    let victims: [CrashPoint.Victims] =
                        scenario.members == 1 ? [.one] : [.one, .allKeepingNothing, .allKeepingEverything]
                    for victims in victims {
                        points.append(
                            CrashPoint(replica: replica, boundary: boundary, pattern: pattern, victims: victims))
                    }
                }
            }
        }
        return (points, writes.map(\.count), writes.joined().max() ?? 0)
    }

    /// Runs to the crash, looks at what is left, and goes on to the end.
    package static func attempt(
        _ point: CrashPoint, _ scenario: Scenario, stopAtWrite: Int? = nil, into counts: inout CrashPointCounts
    ) -> RunResult {
        let world = World(scenario, factory: EngineParticipant.maker())
        let node = world.nodes[point.replica]
        var boundaries = Boundaries()
        world.begin()
        while world.step() {
            guard boundaries.passes(node.image), boundaries.count == point.boundary + 1 else { continue }
            counts.crashes += 1
            if point.pattern.torn != nil { counts.torn += 1 } else { counts.subsets += 1 }
            world.crash(node, .exactly(point.pattern), restartAfter: 1_000_000)
            if point.victims != .one {
                counts.ofAll += 1
                let others: CrashPattern = point.victims == .allKeepingNothing ? .nothing : .everything
                for other in world.nodes where other !== node {
                    world.crash(other, .exactly(others), restartAfter: 2_000_000)
                }
            }
            if let finding = RecoveryImage.readTwice(node.image, world.scenario, node.replica) {
                world.referee.report(finding)
            }
            counts.startsReadTwice += 1
            if let stopAtWrite {
                // The machine stops again while it starts, in the midst of that waiting write.
                counts.whileStarting += 1
                node.image.waitingWritesUntilStop = stopAtWrite
            }
            while world.step() {}
        }
        let result = world.result()
        counts.events += result.events
        return result
    }

    /// Tries everything. `every` boundary for the whole search; a larger step for a sample.
    package static func run(members: Int, seed: UInt64 = 1, every: Int = 1, jobs: Int = 1) -> CrashPointCounts {
        let scenario = scenario(members: members, seed: seed)
        let (points, boundaries, most) = plan(scenario, every: every)
        var counts: CrashPointCounts = Search.run(points.count, jobs: jobs) { i, counts in
            tryAll(of: points[i], number: i, scenario, into: &counts)
        }
        counts.boundaries = boundaries
        counts.mostInFlight = most
        return counts
    }

    /// The attempt; now and then the whole run again, and a start that is stopped at each of its waiting writes in turn.
    private static func tryAll(
        of point: CrashPoint, number: Int, _ scenario: Scenario, into counts: inout CrashPointCounts
    ) {
        let result = attempt(point, scenario, into: &counts)
        if let violation = result.violation { counts.violations.append("\(point): \(violation.sentence)") }
        if number % 16 == 0 {
            var again = CrashPointCounts()
            counts.runsTwice += 1
            if attempt(point, scenario, into: &again).traceHash != result.traceHash {
                counts.violations.append("\(point): two runs differ")
            }
        }
        if number % 8 == 0 {
            let result = attempt(point, scenario, stopAtWrite: 1 + number / 8 % 4, into: &counts)
            if let violation = result.violation {
                counts.violations.append("\(point), stopped while starting: \(violation.sentence)")
            }
        }
    }
}
