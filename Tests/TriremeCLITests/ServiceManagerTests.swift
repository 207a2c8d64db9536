// The words that a service manager hears, on sockets with a path and without.
import Foundation
import Glibc
import Testing
import TriremeCLI

/// The socket of a service manager.
private final class Listener {
    let descriptor: Int32
    let address: String

    init(abstract: Bool) throws {
        let name = "trireme-notify-\(UUID().uuidString)"
        address = abstract ? "@" + name : FileManager.default.temporaryDirectory.path + "/" + name
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var own = sockaddr_un()
        own.sun_family = sa_family_t(AF_UNIX)
        let bytes = abstract ? [0] + Array(name.utf8) : Array(address.utf8)
        withUnsafeMutableBytes(of: &own.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count + (abstract ? 0 : 1))
        let bound = withUnsafePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(bound == 0)
    }
    deinit {
        close(descriptor)
        if !address.hasPrefix("@") { unlink(address) }
    }

    /// The next message, if there is one.
    var message: String? {
        var bytes = [UInt8](repeating: 0, count: 1_024)
        let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}

@Suite struct ServiceManagerTests {
    @Test(arguments: [false, true])
    func theManagerHears(abstract: Bool) throws {
        let listener = try Listener(abstract: abstract)
        let manager = ServiceManager(address: listener.address)
        #expect(manager.ready(status: "serving") == nil)
        #expect(listener.message == "READY=1\nSTATUS=serving\n")
        #expect(manager.stopping() == nil)
        #expect(listener.message == "STOPPING=1\n")
        #expect(listener.message == nil)
    }

    @Test func whereNobodyAskedNothingIsSaid() {
        #expect(ServiceManager(address: nil).ready(status: "") == nil)
    }

    @Test func anAddressThatCannotBeIsASentence() {
        #expect(ServiceManager(address: "vsock:2:9").stopping()?.contains("NOTIFY_SOCKET is \"vsock:2:9\"") == true)
        #expect(ServiceManager(address: "/absent/notify").stopping()?.contains("takes no message") == true)
        let long = "/" + String(repeating: "n", count: 200)
        #expect(ServiceManager(address: long).stopping()?.contains("201 bytes; 107 are possible") == true)
    }
}
