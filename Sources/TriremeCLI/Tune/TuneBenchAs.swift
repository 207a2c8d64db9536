// `trireme tune bench-as`: becomes an ordinary user and then `trireme bench`; nobody types it.
import ArgumentParser
import CTrireme
import Glibc
import TriremeTuning

struct TuneBenchAs: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench-as", shouldDisplay: false)

    @Option var user: String
    /// Where everything that it prints goes.
    @Option var log: String
    @Option var parent: Int32
    /// Bytes, or unlimited.
    @Option var memlock: String?
    @Argument(parsing: .postTerminator) var bench: [String] = []

    func run() throws {
        do {
            try become(try Account(user))
        } catch {
            throw fail("tune bench-as", error)
        }
        var arguments: [UnsafeMutablePointer<CChar>?] = (["trireme", "bench"] + bench).map { strdup($0) }
        arguments.append(nil)
        execv("/proc/self/exe", arguments)
        throw fail(
            "tune bench-as", TuningError("trireme bench could not be started (\(String(cString: strerror(errno))))"))
    }

    private func become(_ account: Account) throws(TuningError) {
        let output = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard output >= 0, dup2(output, STDOUT_FILENO) >= 0, dup2(output, STDERR_FILENO) >= 0 else {
            throw TuningError("\(log) cannot be written (\(String(cString: strerror(errno))))")
        }
        if let memlock {
            guard let bytes = memlock == "unlimited" ? rlim_t.max : UInt(memlock) else {
                throw TuningError("memlock is \"\(memlock)\"; bytes or unlimited are needed")
            }
            var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
            guard setrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit) == 0 else {
                throw TuningError(
                    "memlock cannot be set to \(memlock) (\(String(cString: strerror(errno)))): a container must be given a higher limit from outside"
                )
            }
        }
        // Groups first: afterwards one may not any more.
        let isAlready = account.user == geteuid()
        guard
            isAlready
                || (initgroups(user, account.group) == 0 && setgid(account.group) == 0 && setuid(account.user) == 0)
        else {
            throw TuningError(
                "this process may not become \(user) (\(String(cString: strerror(errno)))): run as root, or --user root"
            )
        }
        // After that, for a change of user takes it back.
        guard trm_end_with_parent(parent, SIGTERM) == 0 else { throw TuningError("who asked for the bench has ended") }
    }
}
