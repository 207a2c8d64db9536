// What kind of run a seed stands for: sizes, quorums, speeds, and which faults there are. Each seed leaves some faults
// out, so that those that are left are met in calm too.
import TriremeCore

/// A fault that a run may contain.
package enum Fault: Int, CaseIterable, Sendable {
    case loss, partition, oneWay, isolation, pause, crash, crashSequencer, crashAll, crashAtWrite, diskStall, delay
    // Those of the wide mix alone.
    case slowDisk, longStall, diskFull, ioError, shortWrite, clockJump, clockRate, memoryFlip, bitFlips, replay,
        handOver

    /// The faults of the standard mix. It stays as it is, so that its seeds mean the same runs.
    static let standard: [Fault] = [
        .loss, .partition, .oneWay, .isolation, .pause, .crash, .crashSequencer, .crashAll, .crashAtWrite, .diskStall,
        .delay,
    ]
}

package struct Scenario: Sendable {
    package var seed: UInt64
    package var quorums: Quorums
    package var timing = Timing()
    package var batchBytes = 4_096
    package var segments = 8
    package var segmentBytes = 65_536
    package var entryHistorySlots = 1_024
    package var batchIndexCapacity = 1_024
    package var windowBatches = 4
    package var retainedBatches = 6
    package var writesInFlight = 2
    package var workload = Workload()
    package var snapshotPaddingBytes = 0
    /// What a link is taken to carry where little is sent: giving a snapshot takes a tenth of it.
    package var catchUpLinkBytesPerSecond: UInt64 = 20_000_000
    /// One replica finds the snapshot that its superblock names unreadable when it starts (PROTOCOL §9).
    package var losesSnapshot = false
    package var links = LinkConditions()
    package var diskLatencyNanoseconds: UInt64 = 50_000
    package var faults: [Fault] = []
    /// Typical time between two faults.
    package var faultIntervalNanoseconds: UInt64 = 60_000_000
    /// When the faults end.
    package var healAtNanoseconds: UInt64 = 1_000_000_000
    /// Time after healing in which the replicas find together before they are asked to make progress.
    package var settleNanoseconds: UInt64 = 300_000_000
    /// What is submitted after settling is executed everywhere within this time.
    package var progressBoundNanoseconds: UInt64 = 5_000_000_000
    /// Commands at each replica after settling.
    package var finalCommands = 40
    /// Per replica: speed of its clock in 1,024ths, and what its wall clock is off by, in microseconds.
    package var clockRates: [UInt64]
    package var wallClockOffsets: [Int64]
    package var maximumEvents = 5_000_000
    /// Whether at first only a quorum is healed, which must make progress by itself, and the rest later.
    package var healsQuorumFirst = false
    /// What its seed is drawn from, and how the run is asked for again.
    package var mix = Mix.standard
    package var replay: String?
    package var members: Int { quorums.members }
    /// Which kinds of round each replica opens; none: all classic.
    package var orderings: [Ordering] = []
    /// How many members each replica's rounds name that decide in them (PROTOCOL §14); none: nobody names any.
    package var announced: [Int] = []
    /// Replicas whose disks are bad, and what these do.
    package var frail = MemberSet()
    package var damage: [DamageFault] = []
    /// `durability: memory`: only the frail ones crash.
    package var isVolatile = false

    /// A calm run of `members`: what tests start from.
    package init(seed: UInt64, quorums: Quorums) {
        self.seed = seed
        self.quorums = quorums
        clockRates = [UInt64](repeating: 1_024, count: quorums.members)
        wallClockOffsets = [Int64](repeating: 0, count: quorums.members)
    }

    /// The quorum systems of the standard mix: (members, Q1, Q2, QF).
    static let systems: [(Int, Int, Int, Int)] = [
        (3, 2, 2, 3), (3, 2, 2, 3), (3, 2, 2, 3), (5, 3, 3, 4), (5, 3, 3, 4), (5, 4, 2, 4), (3, 3, 1, 2), (1, 1, 1, 1),
        (2, 2, 1, 2), (4, 3, 2, 3), (7, 4, 4, 6),
    ]

    /// The run that a seed of the standard mix stands for.
    package static func standard(seed: UInt64) -> Scenario {
        var random = CoreRandom(seed: seed &* 0x9E37_79B9 &+ 0x5EED)
        // Two in three seeds are of the common sizes, the rest go through all.
        let system = random.below(3) < 2 ? systems[Int(random.below(6))] : random.pick(systems)
        guard
            let quorums = try? Quorums(
                members: system.0, phase1: system.1, classic: system.2, fast: system.3, allowSingleCopy: true)
        else { preconditionFailure("the standard mix has quorums that do not meet") }
        // Drawn apart, so that the other seeds stay the stories that they were.
        var s = Scenario(seed: seed, quorums: RandomQuorums.drawn(seed: seed) ?? quorums)
        s.drawSizes(&random)
        s.drawNetwork(&random)
        s.drawFaults(&random)
        s.drawClocks(&random)
        s.drawLosses()
        s.drawCopies()
        return s
    }
    mutating func drawSizes(_ random: inout CoreRandom) {
        batchBytes = random.pick([4_096, 4_096, 8_192])
        // A small log is recycled within the run; a large one lets whoever was away catch up.
        (segments, segmentBytes) = random.pick([(8, 131_072), (16, 131_072), (8, 262_144), (16, 262_144)])
        writesInFlight = random.pick([1, 2, 2, 4])
        // Beside what two snapshots keep, the log holds what all lanes may have under way for one that lags.
        while segments * segmentBytes < 3 * members * windowBatches * 4 * batchBytes { segmentBytes *= 2 }
        snapshotPaddingBytes = random.pick([0, 1_000, 9_000, 30_000, 120_000])
        workload.commandBytes = random.pick([16, 24, 64, 64, 200, 1_000])
        workload.isVariable = random.below(4) == 0
        workload.burst = random.pick([1, 1, 8, 60])
        workload.intervalNanoseconds = random.pick([500_000, 1_000_000, 3_000_000, 8_000_000])
        workload.backlog = random.pick([16, 256, 1_024])
        diskLatencyNanoseconds = random.pick([10_000, 50_000, 200_000, 1_000_000])
    }
    mutating func drawNetwork(_ random: inout CoreRandom) {
        links.delayNanoseconds = random.pick([10_000, 30_000, 100_000, 500_000])
        links.lossPerMillion = random.pick([0, 0, 1_000, 20_000, 100_000])
        links.duplicatePerMillion = random.pick([0, 1_000, 50_000])
        links.spikePerMillion = random.pick([0, 1_000, 20_000])
        links.spikeNanoseconds = random.pick([2_000_000, 20_000_000, 300_000_000])
    }
    mutating func drawFaults(_ random: inout CoreRandom) {
        faults = Fault.standard.filter { _ in random.below(5) < 2 }
        faultIntervalNanoseconds = random.pick([10_000_000, 30_000_000, 80_000_000])
        // Short patience makes for many ballots.
        timing.suspicionNanoseconds = random.pick([50_000_000, 50_000_000, 15_000_000, 5_000_000])
        timing.heartbeatNanoseconds = min(timing.heartbeatNanoseconds, timing.suspicionNanoseconds / 4)
        healAtNanoseconds = random.pick([200_000_000, 350_000_000, 600_000_000])
    }
    mutating func drawClocks(_ random: inout CoreRandom) {
        let tenYears: UInt64 = 315_360_000_000_000
        for i in 0..<members where random.below(6) == 0 { clockRates[i] = random.between(UInt64(512), 2_048) }
        for i in 0..<members where random.below(4) == 0 {
            wallClockOffsets[i] = Int64(random.below(2 * tenYears)) - Int64(tenYears)
        }
    }
    package var summary: String {
        "n = \(members), quorums \(quorums), log \(segments) × \(segmentBytes), "
            + "faults [\(faults.map { "\($0)" }.joined(separator: " "))]"
            + (frail.bits == 0 ? "" : ", frail \(frail) [\(damage.map { "\($0)" }.joined(separator: " "))]")
            + (isVolatile ? ", in memory" : "")
    }
}
