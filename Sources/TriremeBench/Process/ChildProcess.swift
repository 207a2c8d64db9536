// Processes of this very program, started and ended by their own number.
import Glibc

/// A child that runs another subcommand of this program. Its standard streams are ours.
package final class ChildProcess {
    package let processID: Int32
    package let name: String
    package private(set) var end: End?

    package enum End: Sendable, Equatable, CustomStringConvertible {
        case exited(Int32)
        case signalled(Int32)

        package var description: String {
            switch self {
            case .exited(let code): "exited with code \(code)"
            case .signalled(let signal): "was ended by signal \(signal) (\(String(cString: strsignal(signal))))"
            }
        }
    }

    /// - Parameters:
    ///   - name: what messages call it.
    ///   - arguments: those after the program's own name.
    package init(name: String, arguments: [String]) throws(BenchError) {
        self.name = name
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A process group of its own: Ctrl-C reaches the parent alone, which then ends its children in good order. No signal
        // stays blocked.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK))
        var argv: [UnsafeMutablePointer<CChar>?] = (["trireme"] + arguments).map { strdup($0) }
        argv.append(nil)
        defer { for argument in argv { free(argument) } }
        var child: pid_t = 0
        let error = posix_spawn(&child, "/proc/self/exe", nil, &attributes, argv, environ)
        guard error == 0 else {
            throw BenchError("\(name) could not be started (\(String(cString: strerror(error))))")
        }
        processID = child
    }

    /// Whether it still runs. Notes how it ended.
    package var isRunning: Bool {
        guard end == nil else { return false }
        var status: Int32 = 0
        guard waitpid(processID, &status, WNOHANG) == processID else { return true }
        let signal = status & 0x7F
        end = signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
        return false
    }

    /// Sends a signal, unless it has ended: its number may then be another's.
    package func send(_ signal: Int32) {
        if isRunning { kill(processID, signal) }
    }

    /// Processor time it has used so far, in nanoseconds.
    package var cpuNanoseconds: UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard isRunning, clock_getcpuclockid(processID, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Physical memory it uses now.
    package var residentBytes: UInt64 {
        guard isRunning, let file = fopen("/proc/\(processID)/statm", "re") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: " ")
        return fields.count > 1 ? (UInt64(fields[1]) ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}

extension [ChildProcess] {
    /// Ends all: politely first, by force after `patience`.
    package func end(signal: Int32 = SIGTERM, patienceMilliseconds: Int) {
        for child in self { child.send(signal) }
        var waited = 0
        while contains(where: \.isRunning), waited < patienceMilliseconds {
            usleep(10_000)
            waited += 10
        }
        for child in self { child.send(SIGKILL) }
        for child in self where child.isRunning {
            for _ in 0..<500 where child.isRunning { usleep(10_000) }
        }
    }
}
