// What an engine is told once, and what it counts.
import TriremeCore

package struct EngineSettings: Sendable {
    package var core: CoreConfiguration
    /// Of this start, from the opened log.
    package var generation = Generation.zero
    /// Bytes of a batch's frame, header included: a multiple of 4,096.
    package var batchBytes: Int
    /// Own batches that may be sealed and not executed here; others may lag by `stragglerFactor` windows.
    package var windowBatches: Int
    /// Own batches that a receiver may not have executed and stored, at most: what fits into its socket and its share of buffers.
    package var unacknowledgedBatches: Int
    /// How long a partial batch may wait while another one of this replica's is under way, in nanoseconds.
    package var sealAfterNanoseconds: UInt64
    /// Buffers kept after execution, for repair out of memory.
    package var retainedBatches: Int
    /// Batches per lane and generation whose place in the log is remembered, a power of two.
    package var batchIndexCapacity: Int
    /// Bytes appended to the log after which a snapshot is taken.
    package var snapshotBytes: UInt64
    package var isForgetful: Bool
    package var seed: UInt64
    /// What giving a snapshot to a replica that catches up may take of this one's link, in percent of what it sends otherwise.
    package var catchUpPercent: Int = 10
    /// What is taken for the link's rate while less is sent, in bytes a second: what the interface's driver says, else 1 Gbit/s.
    package var catchUpLinkBytesPerSecond: UInt64 = 125_000_000

    /// How long the log is idle before an empty record vouches for its last ones, in nanoseconds: long enough to be rare under
    /// load, and short beside the time in which sectors rot.
    package var vouchAfterNanoseconds: UInt64 = 100_000_000

    /// Windows that a receiver may lag before its sender waits for it.
    package static let stragglerFactor = 4
    /// Batches that came early and wait for those before them, per lane.
    package static let earlyBatches = 64

    package init(
        core: CoreConfiguration, batchBytes: Int = Limits.batchBytesMaximum,
        windowBatches: Int = 16, sealAfterNanoseconds: UInt64 = 300_000, retainedBatches: Int = 16,
        batchIndexCapacity: Int = 32_768, snapshotBytes: UInt64 = 400 << 20, isForgetful: Bool = false, seed: UInt64 = 1
    ) {
        precondition(batchBytes % Limits.pageBytes == 0)
        precondition(batchBytes >= Limits.batchBytesMinimum && batchBytes <= Limits.batchBytesMaximum)
        self.core = core
        self.batchBytes = batchBytes
        self.windowBatches = windowBatches
        unacknowledgedBatches = windowBatches * Self.stragglerFactor
        self.sealAfterNanoseconds = sealAfterNanoseconds
        self.retainedBatches = retainedBatches
        self.batchIndexCapacity = batchIndexCapacity
        self.snapshotBytes = snapshotBytes
        self.isForgetful = isForgetful
        self.seed = seed
    }

    var retainedOwn: Int { retainedBatches / core.members }
    var retainedReceived: Int { retainedBatches - retainedOwn }
    /// Own buffers: a window, what is being filled, what the log or the network still holds of the last window, those retained.
    package var ownBuffers: Int { windowBatches * 2 + 8 + retainedOwn }
    /// Received batches of one lane that may wait here for execution: what its owner's window allows, and one window more. Each
    /// lane has its share, so that a backlog of one never takes the room of the batch that another one lacks.
    package var laneShare: Int { windowBatches * (Self.stragglerFactor + 1) }
    /// Buffers to receive into: every lane's share (its own too, for an earlier generation's), those retained, those for repair.
    package var receiveBuffers: Int { core.members * laneShare + retainedReceived + Self.repairBuffers }
    package static let reserveBuffers = 32
    /// Receive buffers that repair by unicast may fill before any comes back: one request's batches.
    package static let repairBuffers = 32
}

/// Counts since start; plain words that the runtime publishes.
package struct EngineCounters: Sendable {
    package var turns: UInt64 = 0
    package var ownBatches: UInt64 = 0
    package var ownCommands: UInt64 = 0
    package var ownPayloadBytes: UInt64 = 0
    package var executedBatches: UInt64 = 0
    package var executedCommands: UInt64 = 0
    package var statusesSent: UInt64 = 0
    package var proposalsSent: UInt64 = 0
    package var duplicates: UInt64 = 0
    package var early: UInt64 = 0
    package var refusedBatches: UInt64 = 0
    package var wrongDigests: UInt64 = 0
    package var repairsAsked: UInt64 = 0
    package var repairsSent: UInt64 = 0
    package var repairedBytes: UInt64 = 0
    package var readBacks: UInt64 = 0
    /// Own snapshots that became durable (in memory: that were taken), and those of others that took their place here.
    package var snapshots: UInt64 = 0
    package var snapshotsInstalled: UInt64 = 0
    package var snapshotPiecesSent: UInt64 = 0
    package var snapshotPiecesReceived: UInt64 = 0
    package var snapshotBytesSent: UInt64 = 0
    package var carriedSegments: UInt64 = 0
    package var carriedBatches: UInt64 = 0
    package var elections: UInt64 = 0
    /// Batches whose record was found damaged, at the start or later, and those of them that are durable again.
    package var damagedBatches: UInt64 = 0
    package var mendedBatches: UInt64 = 0
    package init() {}
}

/// Why an engine stopped for good.
package struct EngineFailure: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
