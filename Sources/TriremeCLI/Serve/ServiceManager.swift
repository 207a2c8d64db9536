// Tells the service manager how this process fares (sd_notify(3)), so that a unit can be of Type=notify: "started" then means
// that clients are served, and not that a process exists.
import Glibc

package struct ServiceManager: Sendable {
    private let address: String?

    /// - Parameter address: of the manager's datagram socket, `nil` where nobody asked: a path, or a name in the abstract
    ///   namespace that begins with `@`.
    package init(address: String?) { self.address = address }

    /// The one that started this process, if it wants to hear (NOTIFY_SOCKET).
    package static var ofThisProcess: ServiceManager {
        ServiceManager(address: getenv("NOTIFY_SOCKET").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 })
    }

    /// - Parameter status: a line that `systemctl status` shows.
    package func ready(status: String) -> String? { send("READY=1\nSTATUS=\(status)\n") }
    package func stopping() -> String? { send("STOPPING=1\n") }

    /// Returns what went wrong in one sentence, or `nil`: a manager that does not listen is no reason to end.
    private func send(_ message: String) -> String? {
        guard let address else { return nil }
        guard address.hasPrefix("/") || address.hasPrefix("@") else {
            return "NOTIFY_SOCKET is \"\(address)\"; a path, or a name after @, is needed"
        }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(address.utf8)
        let isAbstract = bytes[0] == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        let room = MemoryLayout.size(ofValue: target.sun_path)
        guard bytes.count < room else {
            return "NOTIFY_SOCKET has \(bytes.count) bytes; \(room - 1) are possible"
        }
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: bytes) }
        // A path ends with its zero byte; an abstract name with its length, and a zero would be part of it.
        let length = MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return "no socket for NOTIFY_SOCKET (\(String(cString: strerror(errno))))" }
        defer { close(descriptor) }
        let sent = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(descriptor, message, message.utf8.count, Int32(MSG_NOSIGNAL), $0, socklen_t(length))
            }
        }
        return sent == message.utf8.count
            ? nil : "NOTIFY_SOCKET \(address) takes no message (\(String(cString: strerror(errno))))"
    }
}
