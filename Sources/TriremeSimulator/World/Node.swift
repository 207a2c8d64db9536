// One place in the world: what survives its crashes, and the life that runs there at present, if one does.
import TriremeCore

final class Node {
    let replica: ReplicaID
    let image: DiskImage
    var participant: (any Participant)?
    var endpoint: Endpoint?
    var application: RecordingApplication?
    var gateway: SeededGateway?
    var incarnation = 0
    var isFormatted = false
    var startsAt: UInt64?
    var pausedUntil: UInt64 = 0
    /// The pending wake-up: its moment, and the ticket that makes earlier ones void.
    var wakeAt: UInt64 = .max
    var ticket: UInt32 = 0
    /// Turns in a row after which it wanted to run again at once.
    var restless = 0
    /// It crashes when so many more of its disk's operations have ended.
    var diskEventsUntilCrash: Int?
    // What was seen of it last.
    var commitIndex: UInt64 = 0
    var executedSlot: UInt64 = 0
    var role = ParticipantRole.follower
    var promise = Ballot.none
    var wasStranded = false
    /// Down for good, for want of a disk.
    var isRetired = false
    /// Its snapshots became unreadable once.
    var hasLostSnapshot = false
    /// Clock: speed in 1,024ths, what it showed when it last changed its speed, and the error of the wall clock.
    private(set) var clockRate: UInt64
    private var clockStart: UInt64
    private var clockSince: UInt64 = 0
    var wallOffset: Int64
    /// Stays down until everything is healed.
    var isHeldDown = false

    init(_ replica: ReplicaID, image: DiskImage, clockRate: UInt64, clockStart: UInt64, wallOffset: Int64) {
        self.replica = replica
        self.image = image
        self.clockRate = clockRate
        self.clockStart = clockStart
        self.wallOffset = wallOffset
    }
    var isUp: Bool { participant != nil }

    /// This replica's monotonic clock at a moment of the world.
    func local(_ time: UInt64) -> UInt64 { clockStart + (time - clockSince) * clockRate / 1_024 }
    /// The first moment of the world at which the clock shows `local`.
    func world(_ local: UInt64) -> UInt64 {
        guard local < .max / 2_048 else { return .max }
        return local <= clockStart
            ? clockSince : clockSince + ((local - clockStart) * 1_024 + clockRate - 1) / clockRate
    }
    /// Its wall clock, in microseconds since 1970; some are years off.
    func wall(_ time: UInt64) -> UInt64 { UInt64(Int64(1_800_000_000_000_000 + local(time) / 1_000) + wallOffset) }
    /// The monotonic clock goes on from where it is at another speed.
    func changeRate(_ rate: UInt64, at time: UInt64) {
        clockStart = local(time)
        clockSince = time
        clockRate = rate
    }
}
