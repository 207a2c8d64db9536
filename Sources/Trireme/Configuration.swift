// What all replicas of a cluster are told alike. Plain values; checked by `validate` before anything starts.
import TriremeCore

/// A cluster: who is in it, how its members reach each other, and what an acknowledgement means.
///
/// ```swift
/// let configuration = Configuration(
///     clusterID: ClusterID("5f0d…")!,
///     members: [.init(id: 0, address: "10.0.0.1"), .init(id: 1, address: "10.0.0.2"), .init(id: 2, address: "10.0.0.3")],
///     interface: "eth1")
/// ```
public struct Configuration: Sendable, Equatable {
    public struct Member: Sendable, Equatable {
        /// Its lane: 0, 1, 2 … in the order of the list.
        public var id: Int
        /// IPv4 address that the others reach it at.
        public var address: String
        /// TCP port of its RESP front end, where it has one.
        public var respPort: UInt16?

        public init(id: Int, address: String, respPort: UInt16? = nil) {
            self.id = id
            self.address = address
            self.respPort = respPort
        }
    }

    /// The multicast group: lane i's batches go to `address` + i at `port`, its control messages to `address` + 16 + i at
    /// `port` + 1, and unicast to member i at `port` + 2 + i.
    public struct Group: Sendable, Equatable {
        public var address: String
        public var port: UInt16

        public init(address: String = "239.77.1.1", port: UInt16 = 7400) {
            self.address = address
            self.port = port
        }
    }

    public enum Durability: String, Sendable, CaseIterable {
        /// Acknowledged means: on the disks of a quorum.
        case disk
        /// Acknowledged means: in the memory of a quorum. A replica that restarts has forgotten everything, and only observes
        /// until it is replaced under a new id.
        case memory
    }

    /// How batches and control messages reach the other members.
    public enum Dissemination: String, Sendable, CaseIterable {
        /// One datagram for all who hear it; those that do not get their own.
        case multicast
        /// One datagram for each, for networks without multicast: a sender's link then carries everything n−1 times.
        case unicast
    }

    /// Who proposes the order (PROTOCOL §4, §7).
    public enum Ordering: String, Sendable, CaseIterable {
        /// The sequencer proposes every slot: from another origin three one-way delays, two where two votes decide.
        case classic
        /// Whoever has fresh batches proposes them: two one-way delays from every origin, with a larger quorum; where origins collide
        /// the sequencer orders both.
        case fast
        /// The sequencer measures both now and then and stays with the better one. Where two votes decide it stays classic.
        case adaptive
    }

    public var clusterID: ClusterID
    public var members: [Member]
    /// Name of the network interface for multicast.
    public var interface: String
    public var group: Group
    /// `nil`: the defaults, see ``defaultQuorums(members:)``.
    public var quorums: QuorumSystem?
    public var durability: Durability
    public var dissemination: Dissemination = .multicast
    public var ordering: Ordering = .classic
    /// How many members a sequencer names, in its round and durably, that alone decide in it; 0: nobody is named, any `Q2` decides
    /// (PROTOCOL §14; Flexible Paxos, section 7). A later sequencer then needs no `Q1`, but a majority with a member of every `Q2` among those. Needs
    /// `Q1` of more than half the members, and classic rounds; a fast round names nobody.
    public var announcedMembers: Int = 0
    /// Size of one file of the log.
    public var segmentMebibytes: Int = 64
    /// Files of the log.
    public var segments: Int = 16
    /// The operator's word that one disk may be the only one with an acknowledged command.
    public var allowSingleCopy: Bool = false
    /// Bytes of a batch, its header of 128 included: whole pages of 4,096.
    public var batchBytes: Int = Limits.batchBytesMaximum
    /// Own batches under way at most; `nil`: ``defaultWindowBatches(_:)``.
    public var windowBatches: Int?
    /// How long a partial batch waits at most while another one of the same replica is under way.
    public var sealAfterMicroseconds: Int = 300
    /// What a replica that catches up by a snapshot may take of the link of the one that gives it, in percent of what that one
    /// sends, or of what its interface's driver says that the link carries (1 Gbit/s where it says nothing), whichever is more: the
    /// others' throughput must not suffer.
    public var catchUpPercent: Int = 10

    public init(
        clusterID: ClusterID, members: [Member], interface: String, group: Group = Group(),
        quorums: QuorumSystem? = nil, durability: Durability = .disk
    ) {
        self.clusterID = clusterID
        self.members = members
        self.interface = interface
        self.group = group
        self.quorums = quorums
        self.durability = durability
    }

    /// Most bytes of one command: a batch less its header and the command's own.
    package var largestCommandBytes: Int { batchBytes - Limits.headerBytes - 8 }

    /// With a disk, what is under way on the wire and in two log writes; without, only what is on the wire (measured: more adds
    /// nothing but latency).
    public static func defaultWindowBatches(_ durability: Durability) -> Int {
        durability == .disk ? 16 : 6
    }
}
