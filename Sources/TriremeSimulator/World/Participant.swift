// What the world drives and watches: one life of a replica, an engine over simulated devices.
import TriremeCore

/// What a replica does at present, for traces, counts and aimed faults.
package enum ParticipantRole: Equatable, Sendable {
    case follower, candidate, sequencer
    /// Follows, but takes no part in votes (PROTOCOL §9).
    case observer
}

/// One life of one replica. A crash is the end of the object, without a word to it.
package protocol Participant: AnyObject {
    /// Above every earlier life's, and durable (PROTOCOL §2 ◆).
    var generation: Generation { get }
    /// Takes everything that has arrived. Returns when it wants to run again at the latest, by the clock of `now`.
    func turn(now: UInt64, wallClock: UInt64) -> UInt64
    var commitIndex: UInt64 { get }
    /// The decided entry of a slot at or below the commit index, unless a snapshot covers it.
    func decidedEntry(_ slot: UInt64) -> Entry?
    /// The last slot that was executed whole.
    var executedSlot: UInt64 { get }
    var role: ParticipantRole { get }
    var promise: Ballot { get }
    /// The lowest slot whose entry and batches it still gives to others.
    var oldestEntry: UInt64 { get }
    /// No log has any more what it lacks: it fetches a snapshot (PROTOCOL §8).
    var isStranded: Bool { get }
    /// Snapshots of others that it has taken over.
    var installs: Int { get }
    /// Why it has ended, if it has.
    var failure: String? { get }
    /// What it would answer to a prepare now, if it has promised anything: the datagrams of its answer (PROTOCOL §4).
    func promiseAnswer() -> [[UInt8]]
    /// Whether its disk holds a lane up to a position of that very generation, or its durable snapshot reaches it.
    func isDurable(_ lane: Int, _ position: Position) -> Bool
    /// Whether it knows that what it promised or voted for may be lost (PROTOCOL §9).
    var isForgetful: Bool { get }
    /// What it would answer a member that starts as `asked`; and whether a replica has less than such an answer.
    func memory(of member: ReplicaID, asked: Generation) -> Memory?
    func lacks(_ memory: Memory) -> Bool
    /// How far its log reached in a lane when it was opened, damaged batches included.
    func reached(_ lane: Int) -> Position
    /// Batches whose records it found damaged, and how many of them are whole again.
    var damage: (found: Int, mended: Int) { get }
    /// Where it stands, for whoever looks for the cause of a stand-still.
    var account: String { get }
    /// Whether its disk holds records that can be read, so that the disks may be watched.
    var keepsLog: Bool { get }
    /// Segments of its log out of which it carried what was still needed.
    var carriedSegments: Int { get }
    /// What happened in fast rounds.
    var fastCounts: FastCounts { get }
    /// An operator asks it to let `successor` reign.
    func handOver(to successor: ReplicaID)
}
extension Participant {
    package var installs: Int { 0 }
    package var fastCounts: FastCounts { FastCounts() }
    package func isDurable(_ lane: Int, _ position: Position) -> Bool { true }
    package func promiseAnswer() -> [[UInt8]] { [] }
    package var isForgetful: Bool { false }
    package func memory(of member: ReplicaID, asked: Generation) -> Memory? { nil }
    package func lacks(_ memory: Memory) -> Bool { false }
    package func reached(_ lane: Int) -> Position { .empty }
    package var damage: (found: Int, mended: Int) { (0, 0) }
    package var account: String { "" }
    package var keepsLog: Bool { false }
    package var carriedSegments: Int { 0 }
    package func handOver(to successor: ReplicaID) {}
}

/// What a new life is built from.
package struct Birth {
    package let replica: ReplicaID
    /// 1 at the founding, then one more at each start.
    package let incarnation: Int
    package let seed: UInt64
    package let scenario: Scenario
    package let endpoint: Endpoint
    package let image: DiskImage
    package let application: RecordingApplication
    package let gateway: SeededGateway
    /// Whether its disk has never been formatted.
    package let isFounding: Bool
}

/// Makes the lives of one world's replicas; one for each world.
package typealias ParticipantFactoryMaker = @Sendable () -> ParticipantFactory
/// Makes a life of a replica. Throws where it refuses to start.
package typealias ParticipantFactory = (Birth) throws -> any Participant
