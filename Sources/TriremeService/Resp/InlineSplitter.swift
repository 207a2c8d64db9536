// The words of an inline command, as Redis splits a line: blanks between, quotes around, escapes within double quotes.

/// Splits one line. Words are unescaped into `target`, which is at least as long as the line.
struct InlineSplitter {
    enum Word {
        case argument(UnsafeRawBufferPointer)
        case end
        /// A quote without its end, or something else than a blank after a closing quote.
        case unbalanced
    }

    private let line: UnsafeRawBufferPointer
    private let target: UnsafeMutableRawBufferPointer
    private var offset = 0
    private var written = 0

    init(_ line: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        self.line = line
        self.target = target
    }

    mutating func next() -> Word {
        while offset < line.count, Self.isBlank(line[offset]) { offset += 1 }
        guard offset < line.count else { return .end }
        let start = written
        while offset < line.count, !Self.isBlank(line[offset]) {
            let byte = line[offset]
            offset += 1
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                guard quoted(byte) else { return .unbalanced }
            } else {
                put(byte)
            }
        }
        return .argument(UnsafeRawBufferPointer(rebasing: target[start..<written]))
    }

    /// The rest of a quoted part. A blank or the end of the line must follow it.
    private mutating func quoted(_ quote: UInt8) -> Bool {
        while offset < line.count {
            let byte = line[offset]
            offset += 1
            if byte == quote { return offset == line.count || Self.isBlank(line[offset]) }
            if byte == UInt8(ascii: "\\"), offset < line.count {
                if quote == UInt8(ascii: "\"") {
                    escape()
                    continue
                }
                if line[offset] == quote {
                    put(quote)
                    offset += 1
                    continue
                }
            }
            put(byte)
        }
        return false
    }

    /// What follows a backslash within double quotes.
    private mutating func escape() {
        let byte = line[offset]
        if byte == UInt8(ascii: "x"), offset + 2 < line.count,
            let high = Self.digit(line[offset + 1]), let low = Self.digit(line[offset + 2])
        {
            put(high << 4 | low)
            offset += 3
            return
        }
        offset += 1
        switch byte {
        case UInt8(ascii: "n"): put(10)
        case UInt8(ascii: "r"): put(13)
        case UInt8(ascii: "t"): put(9)
        case UInt8(ascii: "b"): put(8)
        case UInt8(ascii: "a"): put(7)
        default: put(byte)
        }
    }

    private mutating func put(_ byte: UInt8) {
        target[written] = byte
        written += 1
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 0 || byte >= 9 && byte <= 13 }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
