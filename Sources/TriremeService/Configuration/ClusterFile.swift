// The cluster's one JSON file, read with swift-configuration. The same file lies at every replica.
import Configuration
import FoundationEssentials
import Trireme

/// Loads cluster files.
package enum ClusterFile {
    /// Reads and checks a file.
    /// - Throws: ``TriremeError`` with one sentence that begins with the file's path.
    package static func load(_ path: String) throws(TriremeError) -> Trireme.Configuration {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw TriremeError(
                .invalidConfiguration,
                "\(path) cannot be read: give --config the cluster's JSON file, and read access to it", cause: error)
        }
        do {
            return try parse(data)
        } catch {
            throw TriremeError(error.code, "\(path): \(error.message)", cause: error.cause)
        }
    }

    /// Reads and checks a file's contents.
    package static func parse(_ data: Data) throws(TriremeError) -> Trireme.Configuration {
        let tree: SettingsTree
        do {
            tree = try JSONDecoder().decode(SettingsTree.self, from: data)
        } catch {
            throw invalid("this is not JSON\(place(error)); one object with the cluster's settings is needed", error)
        }
        guard case .object(var top) = tree else {
            throw invalid("the file holds no JSON object; one with the cluster's settings is needed")
        }
        // Three sizes are a setting like any other; whatever else stands there has a form of its own.
        var quorums: SettingsTree?
        if let found = top["quorums"], !found.isFlatSetting {
            quorums = found
            top["quorums"] = nil
        }
        let settings = SettingsTree.object(top).flattened()
        if let refusal = ClusterSchema.refusal(settings) { throw invalid(refusal) }
        let provider = InMemoryProvider(
            name: "cluster file",
            values: Dictionary(
                settings.map { (AbsoluteConfigKey($0.path), ConfigValue($0.value.content, isSecret: false)) },
                uniquingKeysWith: { first, _ in first }))
        let members = Set(settings.filter { $0.path.first == "members" }.map { $0.path[1] }).count
        var configuration: Trireme.Configuration
        do {
            configuration = try read(ConfigReader(provider: provider), members: members)
        } catch let error as TriremeError {
            throw error
        } catch {
            throw invalid("\(error)", error)
        }
        if let quorums { configuration.quorums = try QuorumSettings.parse(quorums, members: members) }
        try configuration.validate()
        return configuration
    }

    private static func read(_ reader: ConfigReader, members: Int) throws -> Trireme.Configuration {
        let identity = try reader.requiredString(forKey: "clusterID")
        guard let clusterID = ClusterID(identity) else {
            throw invalid("clusterID is \"\(identity)\"; 32 hexadecimal digits are needed: uuidgen makes some")
        }
        var list: [Trireme.Configuration.Member] = []
        for place in 0..<members {
            let member = reader.scoped(to: ConfigKey(["members", "\(place)"]))
            list.append(
                Trireme.Configuration.Member(
                    id: try member.requiredInt(forKey: "id"), address: try member.requiredString(forKey: "address"),
                    respPort: try member.int(forKey: "respPort").map { try port($0, "members.\(place).respPort") }))
        }
        var configuration = Trireme.Configuration(
            clusterID: clusterID, members: list, interface: try reader.requiredString(forKey: "interface"))
        let group = reader.scoped(to: "group")
        configuration.group.address = group.string(forKey: "address", default: configuration.group.address)
        configuration.group.port = try port(
            group.int(forKey: "port", default: Int(configuration.group.port)), "group.port")
        if let sizes = reader.intArray(forKey: "quorums") {
            guard sizes.count == 3 else {
                throw invalid("quorums is \(sizes); three sizes are needed, [Q1, Q2, QF]")
            }
            configuration.quorums = .init(phase1: sizes[0], classic: sizes[1], fast: sizes[2])
        }
        let durability = reader.string(forKey: "durability", default: configuration.durability.rawValue)
        guard let known = Trireme.Configuration.Durability(rawValue: durability) else {
            throw invalid("durability is \"\(durability)\"; it must be \"disk\" or \"memory\"")
        }
        configuration.durability = known
        let dissemination = reader.string(forKey: "dissemination", default: configuration.dissemination.rawValue)
        guard let way = Trireme.Configuration.Dissemination(rawValue: dissemination) else {
            throw invalid("dissemination is \"\(dissemination)\"; it must be \"multicast\" or \"unicast\"")
        }
        configuration.dissemination = way
        let ordering = reader.string(forKey: "ordering", default: configuration.ordering.rawValue)
        guard let kind = Trireme.Configuration.Ordering(rawValue: ordering) else {
            throw invalid("ordering is \"\(ordering)\"; it must be \"classic\", \"fast\" or \"adaptive\"")
        }
        configuration.ordering = kind
        configuration.announcedMembers = reader.int(
            forKey: "announcedMembers", default: configuration.announcedMembers)
        configuration.allowSingleCopy = reader.bool(forKey: "allowSingleCopy", default: configuration.allowSingleCopy)
        configuration.segmentMebibytes = reader.int(
            forKey: ["log", "segmentMebibytes"], default: configuration.segmentMebibytes)
        configuration.segments = reader.int(forKey: ["log", "segments"], default: configuration.segments)
        configuration.batchBytes = reader.int(forKey: "batchBytes", default: configuration.batchBytes)
        configuration.windowBatches = reader.int(forKey: "windowBatches")
        configuration.sealAfterMicroseconds = reader.int(
            forKey: "sealAfterMicroseconds", default: configuration.sealAfterMicroseconds)
        configuration.catchUpPercent = reader.int(forKey: "catchUpPercent", default: configuration.catchUpPercent)
        return configuration
    }

    private static func port(_ number: Int, _ name: String) throws(TriremeError) -> UInt16 {
        guard let port = UInt16(exactly: number), port > 0 else {
            throw invalid("\(name) is \(number); a port from 1 to 65535 is needed")
        }
        return port
    }

    /// Where the JSON breaks off, if the decoder says so.
    private static func place(_ error: any Error) -> String {
        guard case DecodingError.dataCorrupted(let context) = error, let cause = context.underlyingError else {
            return ""
        }
        let text = "\(cause)"
        guard let range = text.firstRange(of: /line \d+, column \d+/) else { return "" }
        return " at \(text[range])"
    }

    private static func invalid(_ message: String, _ cause: (any Error)? = nil) -> TriremeError {
        TriremeError(.invalidConfiguration, message, cause: cause)
    }
}
