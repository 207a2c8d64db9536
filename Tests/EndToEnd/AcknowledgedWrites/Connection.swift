// A RESP client that waits: one TCP connection, pipelines, replies in order.
import Glibc

final class Connection {
    private let descriptor: Int32
    private var input: [UInt8] = []
    private var position = 0

    /// `nil` when nobody listens there.
    init?(port: UInt16) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            close(descriptor)
            return nil
        }
        // A reply may take long, while a replica finds no quorum; but not for ever.
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
    deinit { close(descriptor) }

    static func command(_ words: String...) -> String {
        "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    func send(_ commands: String) -> Bool {
        var commands = commands
        return commands.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count {
                let count = Glibc.send(
                    descriptor, bytes.baseAddress! + offset, bytes.count - offset, Int32(MSG_NOSIGNAL))
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { return false }
                offset += count
            }
            return true
        }
    }

    /// The next reply: a line as it is, or a bulk string's contents; `nil` when the connection has ended.
    func reply() -> String? {
        guard let line = line() else { return nil }
        guard line.hasPrefix("$"), let length = Int(line.dropFirst()), length >= 0 else { return line }
        while input.count - position < length + 2 { guard fill() else { return nil } }
        defer { position += length + 2 }
        return String(decoding: input[position..<position + length], as: UTF8.self)
    }

    private func line() -> String? {
        var end = position
        while true {
            while end + 1 < input.count {
                if input[end] == 13, input[end + 1] == 10 {
                    defer { position = end + 2 }
                    return String(decoding: input[position..<end], as: UTF8.self)
                }
                end += 1
            }
            let before = position
            guard fill() else { return nil }
            end -= before - position
        }
    }

    private func fill() -> Bool {
        input.removeFirst(position)
        position = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            input.append(contentsOf: buffer[..<count])
            return true
        }
    }
}
