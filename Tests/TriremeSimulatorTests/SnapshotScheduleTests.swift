// How much of a snapshot a turn may take (PROTOCOL §8): evenly by the clock, sooner where the log grows, never much at once.
import Testing
import TriremeRuntime

@Suite struct SnapshotScheduleTests {
    private static let mebibyte: UInt64 = 1 << 20

    /// Turns of 300 µs, for a second.
    @Test func withoutGrowthTheClockGivesItsRateInSmallPieces() {
        var schedule = SnapshotSchedule(now: 5_000_000, logEnd: 7, freeBytes: 1 << 30, formerBytes: 1 << 40)
        var turns = 0
        for now in stride(from: 5_000_000 as UInt64, through: 1_005_000_000, by: 300_000) {
            let bytes = schedule.turnBytes(now: now, logEnd: 7, isUrgent: false)
            #expect(bytes == 0 || bytes >= SnapshotSchedule.pieceBytes)
            #expect(bytes <= SnapshotSchedule.turnBytes)
            if bytes > 0 { turns += 1 }
            schedule.took(Int(bytes))
        }
        let rate = SnapshotSchedule.bytesPerSecond
        #expect(schedule.takenBytes > rate - Self.mebibyte && schedule.takenBytes < rate + Self.mebibyte)
        #expect(turns > 2_000)
    }

    /// A replica that has nothing else to do wakes when something is due: not before, and not in vain.
    @Test func theNextMomentIsTheOneAtWhichSomethingIsDue() {
        var schedule = SnapshotSchedule(now: 1_000, logEnd: 0, freeBytes: 1 << 30, formerBytes: 0)
        var now: UInt64 = 1_000
        for step in 1..<2_000 {
            let bytes = schedule.turnBytes(now: now, logEnd: 0, isUrgent: false)
            #expect(bytes > 0, "step \(step): nothing is due at \(now)")
            // The state machine gives what its records allow.
            schedule.took(Int(bytes) + step % 97)
            let next = schedule.nextAt
            #expect(next > now)
            #expect(schedule.turnBytes(now: next - 20_000, logEnd: 0, isUrgent: false) == 0)
            now = next
        }
        #expect(schedule.takenBytes > 30 * Self.mebibyte)
    }

    /// The log may not run short: when it has grown by half of what it had free, everything has been taken.
    @Test(arguments: [64, 1_024, 65_536] as [UInt64]) func theLogsGrowthSetsTheDeadline(stateMebibytes: UInt64) {
        let free = 400 * Self.mebibyte
        var schedule = SnapshotSchedule(
            now: 0, logEnd: 1_000, freeBytes: free, formerBytes: stateMebibytes * Self.mebibyte)
        let turns: UInt64 = 1 << 21
        for turn in 0..<turns {
            let end = 1_000 + free / 2 * turn / turns
            let bytes = schedule.turnBytes(now: 0, logEnd: end, isUrgent: false)
            #expect(bytes <= SnapshotSchedule.turnBytes)
            schedule.took(Int(bytes))
            if turn == turns / 2 {
                // Half of it, and an eighth for what came since the last one.
                #expect(schedule.takenBytes >= stateMebibytes * Self.mebibyte / 2)
                #expect(schedule.takenBytes <= stateMebibytes * Self.mebibyte * 9 / 16 + Self.mebibyte)
            }
        }
        #expect(schedule.takenBytes >= stateMebibytes * Self.mebibyte)
        #expect(!schedule.isHurried(logEnd: 999 + free / 2))
        #expect(schedule.isHurried(logEnd: 1_000 + free / 2))
        let late = schedule.turnBytes(now: 0, logEnd: 1_000 + free / 2, isUrgent: false)
        #expect(late == SnapshotSchedule.hurriedTurnBytes)
    }

    @Test func whatExecutionSetsAsideHurriesIt() {
        let schedule = SnapshotSchedule(now: 0, logEnd: 0, freeBytes: 1 << 30, formerBytes: 0)
        #expect(schedule.turnBytes(now: 0, logEnd: 0, isUrgent: true) == SnapshotSchedule.hurriedTurnBytes)
        // A log without any room hurries from the start, and divides by nothing.
        let full = SnapshotSchedule(now: 0, logEnd: 5, freeBytes: 0, formerBytes: 1 << 30)
        #expect(full.turnBytes(now: 0, logEnd: 5, isUrgent: false) == SnapshotSchedule.hurriedTurnBytes)
    }
}
