// What a local cluster keeps in its directory: the cluster file, a directory for each replica, the control socket.
import Glibc
import Trireme
import TriremeBench
import TriremeService

package struct ClusterDirectory {
    package let path: String
    package let configuration: Configuration
    /// Made just now: its replicas have to be formatted.
    package let isNew: Bool

    var clusterFile: String { "\(path)/cluster.json" }
    func replica(_ id: Int) -> String { "\(path)/\(id)" }

    /// Opens a cluster's directory, or makes a new cluster in an absent or empty one. What is asked for must not contradict what
    /// is there.
    package init(
        _ path: String, replicas: Int?, respPort: UInt16?, durability: Configuration.Durability?,
        quorums: Configuration.QuorumSystem? = nil, ordering: Configuration.Ordering? = nil, announced: Int? = nil
    ) throws {
        self.path = path
        let file = "\(path)/cluster.json"
        if access(file, F_OK) == 0 {
            configuration = try ClusterFile.load(file)
            isNew = false
            try check(replicas, configuration.members.count, "--replicas", file)
            try check(respPort, configuration.members[0].respPort ?? 0, "--resp-port", file)
            try check(durability?.rawValue, configuration.durability.rawValue, "--durability", file)
            let found =
                configuration.quorums ?? .sizes(Configuration.defaultQuorums(members: configuration.members.count))
            try check(quorums, found, "the quorum system", file)
            try check(ordering?.rawValue, configuration.ordering.rawValue, "--ordering", file)
            try check(announced, configuration.announcedMembers, "--announce", file)
            guard configuration.durability == .disk else {
                throw BenchError(
                    "the cluster in \(path) kept its state in memory, and it went with its processes: remove \(path), and start anew"
                )
            }
            return
        }
        guard mkdir(path, 0o700) == 0 || (errno == EEXIST && Self.isEmpty(path)) else {
            throw BenchError(
                errno == EEXIST
                    ? "\(path) is not empty and has no cluster.json; give --data an absent or empty directory, or one that "
                        + "trireme cluster made"
                    : "\(path) cannot be made (\(String(cString: strerror(errno)))); its parent must be there and writable"
            )
        }
        configuration = try Self.new(
            replicas ?? quorums?.namedMembers ?? 3, respPort ?? 6_401, durability ?? .disk, quorums,
            ordering ?? .classic, announced ?? 0)
        isNew = true
        try ClusterFileText.write(configuration, to: file)
    }

    private static func new(
        _ replicas: Int, _ respPort: UInt16, _ durability: Configuration.Durability,
        _ quorums: Configuration.QuorumSystem?, _ ordering: Configuration.Ordering, _ announced: Int
    ) throws -> Configuration {
        guard (1...15).contains(replicas) else {
            throw BenchError("--replicas is \(replicas); 1 to 15 are possible")
        }
        guard Int(respPort) + replicas - 1 <= 65_535, respPort > 0 else {
            throw BenchError("--resp-port is \(respPort); \(replicas) ports from it on must lie in 1 ... 65535")
        }
        var configuration = Configuration(
            clusterID: .random(),
            members: (0..<replicas).map {
                Configuration.Member(id: $0, address: "127.0.0.1", respPort: respPort + UInt16($0))
            }, interface: "lo", group: try FreeGroup.choose(members: replicas), quorums: quorums,
            durability: durability)
        configuration.ordering = ordering
        configuration.announcedMembers = announced
        // One or two replicas have no majority beside one of them; whoever asks for that few means it.
        configuration.allowSingleCopy = replicas <= 2
        try configuration.validate()
        return configuration
    }

    private func check<Value: Equatable>(_ asked: Value?, _ found: Value, _ name: String, _ file: String) throws {
        guard let asked, asked != found else { return }
        throw BenchError(
            "\(name) is \(asked), but \(file) says \(found): leave it out to go on with that cluster, or give another --data"
        )
    }

    private static func isEmpty(_ path: String) -> Bool {
        guard let directory = opendir(path) else { return false }
        defer {
            closedir(directory)
            errno = EEXIST
        }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count <= 2
    }
}
