// Runs `trireme bench` as another user and reads its report. Everything it leaves lies in one directory that it removes.
import FoundationEssentials
import Glibc
import TriremeBench
import TriremeTuning

final class BenchRunner {
    /// Ctrl-C or the like.
    struct Interrupted: Error {}

    private let user: String
    private let arguments: [String]
    private let signals: SignalWatch
    private let directory: String

    /// - Throws: where there is no such user, or no room for files.
    init(user: String, arguments: [String], signals: SignalWatch) throws {
        let account = try Account(user)
        var template = Array("/tmp/trireme-tune-XXXXXX".utf8CString)
        guard let made = template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) else {
            throw TuningError(
                "no directory could be made in /tmp (\(String(cString: strerror(errno)))): free some room there")
        }
        directory = String(cString: made)
        chown(directory, account.user, account.group)
        self.user = user
        self.arguments = arguments
        self.signals = signals
    }

    func remove() { try? FileManager.default.removeItem(atPath: directory) }

    /// - Parameter memoryLockBytes: the limit of locked memory; `nil` leaves it.
    func run(memoryLockBytes: String?) throws -> RunFigures {
        let report = directory + "/report.json"
        let log = directory + "/bench.log"
        unlink(report)
        var command = ["tune", "bench-as", "--user", user, "--log", log, "--parent", "\(getpid())"]
        if let memoryLockBytes { command += ["--memlock", memoryLockBytes] }
        let child = try ChildProcess(
            name: "trireme bench", arguments: command + ["--"] + arguments + ["--json", report])
        while child.isRunning {
            guard case .end = signals.wait(milliseconds: 100) else { continue }
            // It ends its replicas and removes its files by itself.
            [child].end(signal: SIGINT, patienceMilliseconds: 20_000)
            throw Interrupted()
        }
        guard child.end == .exited(0) else {
            let said = (try? String(decoding: Data(contentsOf: URL(filePath: log)), as: UTF8.self)) ?? ""
            throw TuningError(
                "trireme bench \(child.end?.description ?? "ended"): "
                    + (said.split(separator: "\n").last.map(String.init) ?? "it said nothing"))
        }
        return try RunFigures(report: report)
    }
}

/// A user of this machine.
struct Account {
    let user: uid_t
    let group: gid_t

    init(_ name: String) throws(TuningError) {
        guard let entry = getpwnam(name) else {
            throw TuningError("there is no user \"\(name)\": name another with --user (getent passwd lists them)")
        }
        user = entry.pointee.pw_uid
        group = entry.pointee.pw_gid
    }
}
