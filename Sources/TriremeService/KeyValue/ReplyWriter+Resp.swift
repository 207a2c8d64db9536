// Replies are RESP2 already when the state machine writes them, so that the front end only copies them to its socket.
import Trireme

extension ReplyWriter {
    /// A bulk string.
    @inline(__always)
    mutating func appendBulk(_ bytes: UnsafeRawBufferPointer) {
        guard isWanted else { return }
        append("$")
        append(decimal: Int64(bytes.count))
        append("\r\n")
        append(bytes)
        append("\r\n")
    }

    /// What an absent value is.
    @inline(__always)
    mutating func appendNull() { append("$-1\r\n") }

    /// A whole reply that is an integer.
    @inline(__always)
    mutating func write(integer: Int64) {
        guard isWanted else { return }
        append(":")
        append(decimal: integer)
        append("\r\n")
        finish()
    }

    /// A whole reply that is a bulk string.
    @inline(__always)
    mutating func write(bulk bytes: UnsafeRawBufferPointer) {
        guard isWanted else { return }
        appendBulk(bytes)
        finish()
    }
}
