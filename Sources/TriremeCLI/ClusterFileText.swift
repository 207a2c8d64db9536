// A configuration as the cluster file that `--config` reads.
import Glibc
import Trireme
import TriremeBench

package enum ClusterFileText {
    package static func json(_ configuration: Configuration) -> JSON {
        var members: [JSON] = []
        for member in configuration.members {
            var parts = [
                JSON.Member(name: "id", value: .integer(member.id)),
                JSON.Member(name: "address", value: .string(member.address)),
            ]
            if let port = member.respPort { parts.append(JSON.Member(name: "respPort", value: .integer(Int(port)))) }
            members.append(.object(parts))
        }
        var all: [JSON.Member] = [
            .init(name: "clusterID", value: .string("\(configuration.clusterID)")),
            .init(name: "members", value: .array(members)),
            .init(name: "interface", value: .string(configuration.interface)),
            .init(
                name: "group",
                value: .members([
                    "address": .string(configuration.group.address), "port": .integer(Int(configuration.group.port)),
                ])),
            .init(name: "durability", value: .string(configuration.durability.rawValue)),
            .init(
                name: "log",
                value: .members([
                    "segmentMebibytes": .integer(configuration.segmentMebibytes),
                    "segments": .integer(configuration.segments),
                ])),
            .init(name: "batchBytes", value: .integer(configuration.batchBytes)),
            .init(name: "sealAfterMicroseconds", value: .integer(configuration.sealAfterMicroseconds)),
            .init(name: "catchUpPercent", value: .integer(configuration.catchUpPercent)),
        ]
        if configuration.dissemination != .multicast {
            all.append(.init(name: "dissemination", value: .string(configuration.dissemination.rawValue)))
        }
        if configuration.ordering != .classic {
            all.append(.init(name: "ordering", value: .string(configuration.ordering.rawValue)))
        }
        if configuration.announcedMembers != 0 {
            all.append(.init(name: "announcedMembers", value: .integer(configuration.announcedMembers)))
        }
        if let window = configuration.windowBatches {
            all.append(.init(name: "windowBatches", value: .integer(window)))
        }
        if configuration.allowSingleCopy { all.append(.init(name: "allowSingleCopy", value: .bool(true))) }
        if let quorums = configuration.quorums {
            all.append(.init(name: "quorums", value: quorums.json))
        }
        return .object(all)
    }

    /// Writes a new file; one that is there stays, and is an error.
    package static func write(_ configuration: Configuration, to path: String) throws {
        guard let file = fopen(path, "wxe") else {
            throw BenchError("\(path) cannot be written (\(String(cString: strerror(errno))))")
        }
        let text = json(configuration).text + "\n"
        let written = fputs(text, file)
        guard fclose(file) == 0, written >= 0 else {
            throw BenchError("\(path) could not be written whole (\(String(cString: strerror(errno))))")
        }
    }
}
