// The parent of a local cluster: starts serve processes, says when one ends, starts one again when asked, ends all.
import ArgumentParser
import Glibc
import Trireme
import TriremeBench

final class LocalCluster {
    private let directory: ClusterDirectory
    private let signals: SignalWatch
    private let control: ControlSocket
    private var children: [ChildProcess] = []
    private var toldEnd: Set<Int> = []

    init(_ directory: ClusterDirectory, signals: SignalWatch) throws {
        self.directory = directory
        self.signals = signals
        control = try ControlSocket(in: directory.path)
    }

    private var configuration: Configuration { directory.configuration }

    /// Runs until a signal says end.
    /// - Throws: an exit code, when the cluster could not be started whole.
    func run() throws {
        defer { children.end(patienceMilliseconds: 5_000) }
        for member in configuration.members where !Self.isFree(member.respPort ?? 0) {
            throw BenchError(
                "port \(member.respPort ?? 0) for replica \(member.id) is in use: give another --resp-port to a new --data, or "
                    + "free it")
        }
        for member in configuration.members { children.append(try start(member.id, format: directory.isNew)) }
        for member in configuration.members {
            guard try waitUntilItAnswers(member.id) else { throw ExitCode(1) }
            Terminal.say(line(member.id))
        }
        while signals.wait(milliseconds: 0) == .none {
            control.serve(milliseconds: 50) { try self.answer($0) }
            tellEnds()
        }
    }

    private func start(_ replica: Int, format: Bool) throws -> ChildProcess {
        var arguments = [
            "serve", "--config", directory.clusterFile, "--replica", "\(replica)", "--data", directory.replica(replica),
            "--parent", "\(getpid())", "--quiet",
        ]
        if format { arguments.append("--format") }
        return try ChildProcess(name: "replica \(replica)", arguments: arguments)
    }

    private func line(_ replica: Int) -> String {
        let member = configuration.members[replica]
        return "replica \(replica) pid \(children[replica].processID) resp \(member.address):\(member.respPort ?? 0)"
    }

    /// Whether the replica came up and listens; `false` when it or the cluster was ended before.
    private func waitUntilItAnswers(_ replica: Int) throws -> Bool {
        while children[replica].isRunning {
            if Self.listens(configuration.members[replica].respPort ?? 0) { return true }
            guard signals.wait(milliseconds: 20) == .none else { return false }
        }
        tellEnds()
        return false
    }

    private func tellEnds() {
        for (replica, child) in children.enumerated() where !child.isRunning && toldEnd.insert(replica).inserted {
            Terminal.complain(
                "trireme cluster: replica \(replica) (pid \(child.processID)) \(child.end?.description ?? "ended"); "
                    + "`trireme cluster --data \(directory.path) --restart \(replica)` starts it again")
        }
    }

    // MARK: Control

    private func answer(_ request: String) throws -> String {
        let words = request.split(separator: " ")
        guard words.count == 2, words[0] == "restart", let replica = Int(words[1]) else {
            throw BenchError("\"\(request)\" is not understood; restart ID is")
        }
        guard children.indices.contains(replica) else {
            throw BenchError("there is no replica \(replica); there are 0 to \(children.count - 1)")
        }
        guard !children[replica].isRunning else {
            throw BenchError(
                "replica \(replica) is running, as process \(children[replica].processID); only one that has ended can be "
                    + "started again")
        }
        tellEnds()
        children[replica] = try start(replica, format: false)
        toldEnd.remove(replica)
        guard try waitUntilItAnswers(replica) else {
            throw BenchError("replica \(replica) ended at once; the cluster's terminal says why")
        }
        Terminal.say(line(replica))
        return line(replica)
    }

    // MARK: Ports

    private static func isFree(_ port: UInt16) -> Bool { !listens(port) }

    /// Whether someone accepts connections there.
    private static func listens(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
