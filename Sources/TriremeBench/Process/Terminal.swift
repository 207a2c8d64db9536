// Lines for people, written at once and whole: several processes share one terminal.
import Glibc

package enum Terminal {
    /// One line on standard output.
    package static func say(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }
    /// One line on standard error.
    package static func complain(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    package static func write(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var offset = 0
            while offset < bytes.count {
                let written = Glibc.write(descriptor, bytes.baseAddress! + offset, bytes.count - offset)
                // Nobody reads any more, or the disk is full: there is no one to tell.
                if written < 0 && errno != EINTR && errno != EAGAIN { return }
                offset += max(0, written)
            }
        }
    }
}
