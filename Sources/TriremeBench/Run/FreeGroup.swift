// A multicast group and ports that nobody on this machine uses, so that several runs do not meet.
import Glibc
import Trireme

package enum FreeGroup {
    private static let tries = 64

    /// A random group in the block for organisations' own use, with ports below those that the kernel hands out by itself.
    package static func choose(members: Int) throws(BenchError) -> Configuration.Group {
        for _ in 0..<tries {
            let port = UInt16.random(in: 20_000...30_000)
            let group = Configuration.Group(
                address: "239.\(Int.random(in: 192...195)).\(Int.random(in: 0...255)).\(Int.random(in: 1...200))",
                port: port)
            if (0..<2 + members).allSatisfy({ isFree(port + UInt16($0)) }) { return group }
        }
        throw BenchError(
            "no \(2 + members) free UDP ports in a row were found between 20000 and 30000; give some with --group ADDRESS:PORT"
        )
    }

    private static func isFree(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
