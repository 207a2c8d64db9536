// How much of a snapshot a turn may take (PROTOCOL §8): evenly by the clock, sooner where the log grows, never much at once.
import Testing
import TriremeRuntime

@Suite struct SnapshotScheduleTests {
    private static let mebibyte: UInt64 = 1 << 20
    private static let ample = SnapshotRoom(bytes: 1 << 30, batches: 1 << 14, slots: 1 << 15)

    /// Turns of 300 µs, for a second.
    @Test func withoutGrowthTheClockGivesItsRateInSmallPieces() {
        var schedule = SnapshotSchedule(now: 5_000_000, room: Self.ample, formerBytes: 1 << 40)
        var turns = 0
        for now in stride(from: 5_000_000 as UInt64, through: 1_005_000_000, by: 300_000) {
            let bytes = schedule.turnBytes(now: now, Self.ample, isUrgent: false)
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
        var schedule = SnapshotSchedule(now: 1_000, room: Self.ample, formerBytes: 0)
        var now: UInt64 = 1_000
        for step in 1..<2_000 {
            let bytes = schedule.turnBytes(now: now, Self.ample, isUrgent: false)
            #expect(bytes > 0, "step \(step): nothing is due at \(now)")
            // The state machine gives what its records allow.
            schedule.took(Int(bytes) + step % 97)
            let next = schedule.nextAt
            #expect(next > now)
            #expect(schedule.turnBytes(now: next - 20_000, Self.ample, isUrgent: false) == 0)
            now = next
        }
        #expect(schedule.takenBytes > 30 * Self.mebibyte)
    }

    private static let parts: [WritableKeyPath<SnapshotRoom, UInt64> & Sendable] = [\.bytes, \.batches, \.slots]

    /// Nothing may run short that waits for a durable snapshot, the log as little as the index of batches or the entry history: when half
    /// of what was free of any of these is used, everything has been taken.
    @Test(arguments: [64, 1_024, 65_536] as [UInt64], 0..<3) func whatIsUsedSetsTheDeadline(
        _ stateMebibytes: UInt64, _ part: Int
    ) {
        let part = Self.parts[part]
        var schedule = SnapshotSchedule(now: 0, room: Self.ample, formerBytes: stateMebibytes * Self.mebibyte)
        let half = Self.ample[keyPath: part] / 2
        let turns: UInt64 = 1 << 21
        var left = Self.ample
        for turn in 0..<turns {
            left[keyPath: part] = Self.ample[keyPath: part] - half * turn / turns
            let bytes = schedule.turnBytes(now: 0, left, isUrgent: false)
            #expect(bytes <= SnapshotSchedule.turnBytes)
            schedule.took(Int(bytes))
            if turn == turns / 2 {
                // Half of it, and an eighth for what came since the last one.
                #expect(schedule.takenBytes >= stateMebibytes * Self.mebibyte / 2)
                #expect(schedule.takenBytes <= stateMebibytes * Self.mebibyte * 9 / 16 + Self.mebibyte)
            }
        }
        #expect(schedule.takenBytes >= stateMebibytes * Self.mebibyte)
        left[keyPath: part] = half + 1
        #expect(!schedule.isHurried(left))
        left[keyPath: part] = half
        #expect(schedule.isHurried(left))
        #expect(schedule.turnBytes(now: 0, left, isUrgent: false) == SnapshotSchedule.hurriedTurnBytes)
    }

    /// It begins when the log is full, and the room that the one before held is given back a moment later.
    @Test func roomThatComesLaterIsReckonedWith() {
        var schedule = SnapshotSchedule(now: 0, room: .none, formerBytes: 1 << 30)
        schedule.note(Self.ample)
        #expect(!schedule.isHurried(Self.ample))
        var left = Self.ample
        left.bytes = 4_096
        schedule.note(left)
        #expect(schedule.isHurried(left))
    }

    @Test func whatExecutionSetsAsideHurriesIt() {
        let schedule = SnapshotSchedule(now: 0, room: Self.ample, formerBytes: 0)
        #expect(schedule.turnBytes(now: 0, Self.ample, isUrgent: true) == SnapshotSchedule.hurriedTurnBytes)
        // A log without any room hurries from the start, and divides by nothing.
        let full = SnapshotSchedule(now: 0, room: .none, formerBytes: 1 << 30)
        #expect(full.turnBytes(now: 0, .none, isUrgent: false) == SnapshotSchedule.hurriedTurnBytes)
    }
}
