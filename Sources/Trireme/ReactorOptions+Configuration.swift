// A public configuration becomes what the runtime is told: sizes derived, addresses resolved, one place for all defaults.
import CTrireme
import Logging
import TriremeCore
import TriremeRuntime
import TriremeStorage
import TriremeTransport

extension ReactorOptions {
    init(
        _ configuration: Configuration, replica: Int, dataDirectory: String, format: Bool, countersPath: String?,
        replicasHere: Int? = nil, logger: Logger
    ) throws(TriremeError) {
        let quorums = try configuration.validatedQuorums()
        let members = configuration.members.count
        guard configuration.members.indices.contains(replica) else {
            throw TriremeError(
                .invalidConfiguration,
                "replica \(replica) is not in the configuration, whose members are 0 to \(members - 1)")
        }
        let isDurable = configuration.durability == .disk
        let geometry = LogGeometry(
            segmentBytes: configuration.segmentMebibytes << 20, segments: configuration.segments)
        var core = CoreConfiguration(quorums: quorums, me: ReplicaID(replica))
        core.ordering =
            switch configuration.ordering {
            case .classic: .classic
            case .fast: .fast
            case .adaptive: .adaptive
            }
        core.announced = configuration.announcedMembers
        let window = configuration.windowBatches ?? Configuration.defaultWindowBatches(configuration.durability)
        var engine = EngineSettings(
            core: core, batchBytes: configuration.batchBytes, windowBatches: window,
            sealAfterNanoseconds: UInt64(configuration.sealAfterMicroseconds) * 1_000,
            retainedBatches: isDurable ? 16 : Self.memoryRetentionBytes / configuration.batchBytes,
            // A third of the log, so that two snapshots back fit beside what is being written.
            snapshotBytes: isDurable ? geometry.totalBytes / 3 : UInt64(Self.memoryRetentionBytes),
            // Without a disk every start but the first of all has forgotten its promises; only the operator's word tells (§9).
            isForgetful: !isDurable && !format, seed: trm_realtime_nanoseconds() &+ UInt64(replica))
        engine.catchUpPercent = configuration.catchUpPercent
        if let rate = InterfaceRate.bytesPerSecond(of: configuration.interface) {
            engine.catchUpLinkBytesPerSecond = rate
        }
        let origin = DatagramOrigin(
            cluster: TriremeTransport.ClusterID(low: configuration.clusterID.low, high: configuration.clusterID.high),
            group: 0, me: ReplicaID(replica))
        var addresses: [UDPNetworkOptions.Member] = []
        for member in configuration.members {
            addresses.append(
                UDPNetworkOptions.Member(id: ReplicaID(member.id), address: try Self.address(member.address)))
        }
        let network = UDPNetworkOptions(
            origin: origin, members: addresses, interface: configuration.interface,
            multicastAddress: try Self.address(configuration.group.address), port: configuration.group.port)
        self.init(
            engine: engine, network: network,
            identity: LogIdentity(
                clusterLow: configuration.clusterID.low, clusterHigh: configuration.clusterID.high,
                replica: ReplicaID(replica)),
            geometry: geometry, logOptions: LogOptions(), isDurable: isDurable, dataDirectory: dataDirectory,
            format: format,
            placement: .standard(
                processors: Placement.processors, replicasHere: replicasHere ?? Self.replicasHere(configuration),
                replica: replica),
            countersPath: countersPath)
        self.network.batchBytes = configuration.batchBytes
        self.network.unicastOnly = configuration.dissemination == .unicast
        warn = { logger.warning("\($0)") }
    }

    /// What `durability: memory` keeps of the latest records, in bytes.
    private static var memoryRetentionBytes: Int { 64 << 20 }

    /// Members that share this machine, as far as their addresses tell.
    private static func replicasHere(_ configuration: Configuration) -> Int {
        configuration.members.filter { $0.address.hasPrefix("127.") }.count
    }

    private static func address(_ text: String) throws(TriremeError) -> UInt32 {
        var address: UInt32 = 0
        guard trm_ipv4_parse(text, &address) else {
            throw TriremeError(.invalidConfiguration, "address: \"\(text)\" is no IPv4 address such as 10.0.0.1")
        }
        return address
    }
}
