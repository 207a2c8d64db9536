// Replies that the front end gives itself: RESP2 values, and errors in Redis's words.
import NIOCore

/// Errors, each a whole reply. Where Redis has the same error, these are its words, since clients compare them.
enum RespError {
    static let notAnInteger: StaticString = "-ERR value is not an integer or out of range\r\n"
    static let decrementOverflow: StaticString = "-ERR decrement would overflow\r\n"
    static let timeoutNotAnInteger: StaticString = "-ERR timeout is not an integer or out of range\r\n"
    static let timeoutNegative: StaticString = "-ERR timeout is negative\r\n"
    static let syntax: StaticString = "-ERR syntax error\r\n"
    static let databaseIndex: StaticString = "-ERR DB index is out of range\r\n"
    static let protocolVersion: StaticString = "-NOPROTO unsupported protocol version\r\n"
    static let protocolNotAnInteger: StaticString = "-ERR Protocol version is not an integer or out of range\r\n"
    static let noExpiry: StaticString =
        "-ERR keys do not expire here: SET takes NX, XX and GET, not EX, PX, EXAT, PXAT or KEEPTTL\r\n"
    static let tooManyClients: StaticString = "-ERR max number of clients reached\r\n"
    static let invalidClientName: StaticString =
        "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"
    /// Certainly not executed: to be tried again, here later or at another replica now.
    static let refused: StaticString = "-TRYAGAIN this replica takes no commands now; the command was not executed\r\n"
    /// Not `TRYAGAIN`, which libraries take as leave to send the command once more.
    static let unknown: StaticString =
        "-UNKNOWN the replica stopped before it learned whether the command was executed\r\n"

    static func tooManyCopies(others: Int, most: Int) -> String {
        "-ERR WAIT for \(others) other replicas was asked for; this cluster has \(most)\r\n"
    }

    static func wrongArity(_ name: String) -> String { "-ERR wrong number of arguments for '\(name)' command\r\n" }

    static func invalid(_ text: String) -> String { "-ERR Protocol error: \(text)\r\n" }

    static func oversize(limitBytes: Int) -> String { "-ERR command exceeds the limit of \(limitBytes) bytes\r\n" }

    /// Redis quotes the name and the first arguments, up to 128 bytes, with line ends as blanks.
    static func unknownCommand(_ arguments: borrowing RespArguments) -> [UInt8] {
        var text =
            Array("-ERR unknown command '".utf8) + clean(arguments[0], 128)
            + Array("', with args beginning with: ".utf8)
        var quoted: [UInt8] = []
        var index = 1
        while index < arguments.count, quoted.count < 128 {
            quoted += [39] + clean(arguments[index], 128 - quoted.count) + [39, 32]
            index += 1
        }
        text += quoted
        return text + [13, 10]
    }

    static func unknownSubcommand(_ command: String, _ name: UnsafeRawBufferPointer) -> [UInt8] {
        Array("-ERR unknown subcommand '".utf8) + clean(name, 128) + Array("'. Try \(command) HELP.\r\n".utf8)
    }

    /// At most `limit` bytes, up to the first zero, without line ends: what C's formats leave.
    private static func clean(_ bytes: UnsafeRawBufferPointer, _ limit: Int) -> [UInt8] {
        bytes.prefix(limit).prefix { $0 != 0 }.map { $0 == 13 || $0 == 10 ? 32 : $0 }
    }
}

/// Bytes of a reply in the making. For rare replies: it allocates.
struct RespReply {
    var bytes: [UInt8] = []

    mutating func text(_ text: String) { bytes += Array(text.utf8) }
    mutating func bulk(_ text: String) { bulk(Array(text.utf8)) }
    mutating func bulk(_ content: some Collection<UInt8>) {
        text("$\(content.count)\r\n")
        bytes += content
        text("\r\n")
    }
    mutating func null() { text("$-1\r\n") }
    mutating func integer(_ value: Int) { text(":\(value)\r\n") }
    mutating func array(_ count: Int) { text("*\(count)\r\n") }
    mutating func simple(_ content: String) { text("+\(content)\r\n") }
}
