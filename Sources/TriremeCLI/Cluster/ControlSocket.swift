// DIR/control: how another terminal asks a running local cluster for something. One line each way.
import Glibc
import TriremeBench

/// The listening side. Nothing in it waits.
package final class ControlSocket {
    private static let done = "done "
    private static let refused = "refused "
    private let descriptor: Int32
    private let path: String

    /// - Throws: when another cluster listens there.
    package init(in directory: String) throws {
        path = directory + "/control"
        if (try? Self.connected(path)).map({ close($0) }) != nil {
            throw BenchError("a cluster runs in \(directory) already: end it first, or give another --data")
        }
        // Left behind by a cluster that was killed.
        unlink(path)
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        let bound = try Self.withAddress(path) { bind(descriptor, $0, $1) }
        guard descriptor >= 0, bound == 0, listen(descriptor, 8) == 0 else {
            throw BenchError("the control socket \(path) cannot be made (\(String(cString: strerror(errno))))")
        }
    }
    deinit {
        close(descriptor)
        unlink(path)
    }

    /// Answers one request, if one comes within so many milliseconds.
    package func serve(milliseconds: Int32, _ answer: (String) throws -> String) {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) > 0 else { return }
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0 else { return }
        // The replica that is about to be started shall not have it.
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        defer { close(connection) }
        // Who connects and says nothing shall not hold the cluster up.
        var patience = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard let request = Self.line(connection) else { return }
        do {
            Terminal.write("\(Self.done)\(try answer(request))\n", to: connection)
        } catch {
            Terminal.write("\(Self.refused)\(error)\n", to: connection)
        }
    }

    /// Asks the cluster that runs in a directory.
    /// - Throws: what it refuses with, too.
    package static func ask(_ request: String, in directory: String) throws -> String {
        guard let connection = try? connected(directory + "/control") else {
            throw BenchError("no cluster runs in \(directory): start one with trireme cluster --data \(directory)")
        }
        defer { close(connection) }
        Terminal.write(request + "\n", to: connection)
        guard let answer = line(connection) else {
            throw BenchError("the cluster in \(directory) ended before it answered")
        }
        guard answer.hasPrefix(done) else { throw BenchError(String(answer.dropFirst(refused.count))) }
        return String(answer.dropFirst(done.count))
    }

    private static func connected(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard try withAddress(path, { connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            throw BenchError("nobody listens at \(path)")
        }
        return descriptor
    }

    private static func line(_ connection: Int32) -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count < 4_096 {
            let count = read(connection, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return nil }
            if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
        return nil
    }

    private static func withAddress<R>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) throws -> R {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else {
            throw BenchError(
                "\(path) has \(path.utf8.count) bytes; the path of a socket may have \(capacity - 1): give a shorter --data"
            )
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
