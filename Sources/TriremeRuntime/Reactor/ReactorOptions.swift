// What a reactor is told once.
import TriremeCore
import TriremeStorage
import TriremeTransport

package struct ReactorOptions: Sendable {
    package var engine: EngineSettings
    package var network: UDPNetworkOptions
    package var identity: LogIdentity
    package var geometry: LogGeometry
    package var logOptions: LogOptions
    /// `false` keeps records in memory only (`durability: memory`).
    package var isDurable: Bool
    package var dataDirectory: String
    /// The operator's word that this identity is new.
    package var format: Bool
    package var placement: Placement
    /// Where the counters page is kept, if anywhere.
    package var countersPath: String?

    /// Takes a sentence about something that only costs speed.
    package var warn: @Sendable (String) -> Void = { _ in }

    package init(
        engine: EngineSettings, network: UDPNetworkOptions, identity: LogIdentity, geometry: LogGeometry,
        logOptions: LogOptions, isDurable: Bool, dataDirectory: String, format: Bool, placement: Placement,
        countersPath: String?
    ) {
        self.engine = engine
        self.network = network
        self.identity = identity
        self.geometry = geometry
        self.logOptions = logOptions
        self.isDurable = isDurable
        self.dataDirectory = dataDirectory
        self.format = format
        self.placement = placement
        self.countersPath = countersPath
    }
}
