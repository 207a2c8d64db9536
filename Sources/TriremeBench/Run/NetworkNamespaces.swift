// Replicas in network namespaces of their own, which somebody else has made: each sees one interface, and a link with a rate.
import CTrireme
import Glibc
import Trireme

/// Namespaces PREFIX0, PREFIX1, … as `ip netns` names them.
package struct NetworkNamespaces: Sendable, Equatable {
    package var prefix: String
    package init(prefix: String) { self.prefix = prefix }

    package func path(_ replica: Int) -> String { "/run/netns/\(prefix)\(replica)" }

    /// Moves the calling thread, and those it starts later, into a namespace.
    package static func enter(_ path: String) throws(BenchError) {
        var message = [CChar](repeating: 0, count: 512)
        guard trm_network_namespace_enter(path, &message, message.count) == 0 else {
            throw BenchError(text(message))
        }
    }

    /// The address that each replica's interface has in its namespace.
    func addresses(of interface: String, replicas: Int) throws(BenchError) -> [String] {
        let home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)
        guard home >= 0 else {
            throw BenchError("/proc/self/ns/net cannot be opened (\(String(cString: strerror(errno)))): mount /proc")
        }
        defer { close(home) }
        var addresses: [String] = []
        for replica in 0..<replicas {
            try Self.enter(path(replica))
            let found = Result { () throws(BenchError) in try Self.address(of: interface) }
            try Self.enter("/proc/self/fd/\(home)")
            do throws(BenchError) {
                addresses.append(try found.get())
            } catch {
                throw BenchError("\(path(replica)): \(error)")
            }
        }
        return addresses
    }

    /// The address that an interface has in the namespace of this thread.
    static func address(of interface: String) throws(BenchError) -> String {
        var message = [CChar](repeating: 0, count: 512)
        var found = trm_interface()
        guard trm_interface_find(interface, &found, &message, message.count) == 0 else {
            throw BenchError(text(message))
        }
        return IPv4.description(found.address)
    }

    private static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
