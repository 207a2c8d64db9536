// What a network interface carries, as far as its driver says.
import CTrireme

package enum InterfaceRate {
    /// What loopback is taken to carry: memory is its only bound.
    static let loopbackMegabits: UInt64 = 10_000

    /// Bytes a second of the link behind an interface, named or by its address; `nil` where there is no such interface or its driver does not say.
    package static func bytesPerSecond(of interface: String) -> UInt64? {
        guard let found = try? Sockets.find(interface: interface) else { return nil }
        let megabits = found.loopback ? loopbackMegabits : UInt64(found.megabits)
        return megabits > 0 ? megabits * 125_000 : nil
    }
}
