// Bytes of a connection into arguments of a command: RESP2 arrays of bulk strings, and inline commands, as Redis reads them.
import Glibc

/// The arguments of one command: views into the connection's bytes, valid until those change. One per event loop, reused.
struct RespArguments: ~Copyable {
    let capacity: Int
    private let base: UnsafeMutablePointer<UnsafeRawBufferPointer>
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(capacity: capacity)
    }

    deinit { base.deallocate() }

    @inline(__always) subscript(index: Int) -> UnsafeRawBufferPointer { base[index] }

    @inline(__always) mutating func append(_ argument: UnsafeRawBufferPointer) {
        precondition(count < capacity, "more arguments than a command can have")
        base[count] = argument
        count &+= 1
    }

    @inline(__always) mutating func removeAll() { count = 0 }
}

/// What a look at a connection's bytes found.
enum RespParse {
    /// A command; its arguments are in the parser, at least one.
    case command(consumed: Int)
    /// Nothing to do and nothing to answer: an empty line, an empty array, or a part of a command that is passed over.
    case nothing(consumed: Int)
    /// The end of a command that was too large and has been passed over.
    case oversize(consumed: Int)
    /// The command is not complete.
    case incomplete
    /// What follows cannot be understood: the text of the error that Redis closes the connection with.
    case failed(String)
}

/// What is still to be passed over of a command that is too large. Belongs to a connection.
struct RespSkip {
    var arguments = 0
    var bytes = 0
}

/// Reads commands. One per event loop; what it remembers of a connection between two reads is its ``RespSkip``.
struct RespParser: ~Copyable {
    /// Longest line without an end, for inline commands and counts; Redis's own number.
    static let lineBytesMaximum = 65_536
    /// Most arguments that Redis's protocol ever allowed in one command.
    static let argumentsMaximum = 1_024 * 1_024
    /// Longest string that is not a protocol error; Redis's own number.
    static let bulkBytesMaximum = 512 << 20

    private(set) var arguments: RespArguments
    /// Most bytes of a command: for each argument after the first, four and its length.
    private let commandBytesMaximum: Int
    /// Where the arguments of inline commands stand without their quotes.
    private let inline: UnsafeMutableRawBufferPointer

    init(commandBytesMaximum: Int) {
        self.commandBytesMaximum = commandBytesMaximum
        arguments = RespArguments(capacity: max(commandBytesMaximum / 4, Self.lineBytesMaximum) + 2)
        inline = .allocate(byteCount: Self.lineBytesMaximum, alignment: 16)
    }

    deinit { inline.deallocate() }

    /// Looks at the next command in `bytes`, which are not empty.
    @inline(__always)
    mutating func parse(_ bytes: UnsafeRawBufferPointer, _ skip: inout RespSkip) -> RespParse {
        arguments.removeAll()
        if skip.arguments > 0 { return pass(bytes, &skip, from: 0) }
        return bytes[0] == UInt8(ascii: "*") ? array(bytes, &skip) : line(bytes)
    }

    // MARK: Arrays

    private enum Number {
        case value(Int, end: Int)
        case incomplete
        case tooLong
        case malformed
    }

    /// The number from `start` to the next line end.
    @inline(__always)
    private func number(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Number {
        // Nearly all are of one or two digits.
        var value = 0
        var index = start
        while index < bytes.count, index &- start < 9 {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            value = value &* 10 &+ Int(digit)
            index &+= 1
        }
        let digits = index &- start
        if index &+ 1 < bytes.count, bytes[index] == UInt8(ascii: "\r"), digits > 0,
            bytes[start] != UInt8(ascii: "0") || digits == 1
        {
            return .value(value, end: index &+ 2)
        }
        return anyNumber(bytes, from: start)
    }

    @inline(never)
    private func anyNumber(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Number {
        guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\r")) else {
            return bytes.count - start > Self.lineBytesMaximum ? .tooLong : .incomplete
        }
        guard end + 1 < bytes.count else { return .incomplete }
        guard let value = parseInteger(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) else { return .malformed }
        return .value(Int(value), end: end + 2)
    }

    @inline(__always)
    private mutating func array(_ bytes: UnsafeRawBufferPointer, _ skip: inout RespSkip) -> RespParse {
        var offset: Int
        let count: Int
        switch number(bytes, from: 1) {
        case .value(let value, let end): (count, offset) = (value, end)
        case .incomplete: return .incomplete
        case .tooLong: return .failed("too big mbulk count string")
        case .malformed: return .failed("invalid multibulk length")
        }
        guard count <= Self.argumentsMaximum else { return .failed("invalid multibulk length") }
        guard count > 0 else { return .nothing(consumed: offset) }
        var left = commandBytesMaximum
        for index in 0..<count {
            let length: Int
            let start: Int
            switch bulkLength(bytes, at: offset) {
            case .success(let bulk): (length, start) = bulk
            case .failure(let problem): return problem.parse
            }
            if index > 0 { left &-= 4 &+ length }
            if left < 0 || index == 0 && length > commandBytesMaximum {
                skip = RespSkip(arguments: count - index, bytes: 0)
                return pass(bytes, &skip, from: offset)
            }
            guard bytes.count &- start >= length &+ 2 else { return .incomplete }
            arguments.append(UnsafeRawBufferPointer(start: bytes.baseAddress! + start, count: length))
            offset = start &+ length &+ 2
        }
        return .command(consumed: offset)
    }

    private struct Problem: Error { var parse: RespParse }

    /// The length of the string whose header is at `offset`, and where it starts.
    @inline(__always)
    private func bulkLength(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Result<(Int, Int), Problem> {
        guard offset < bytes.count else { return .failure(Problem(parse: .incomplete)) }
        guard bytes[offset] == UInt8(ascii: "$") else {
            // Redis looks for the end of the line before it looks at the first byte.
            if case .incomplete = anyNumber(bytes, from: offset) { return .failure(Problem(parse: .incomplete)) }
            let found = String(decoding: [bytes[offset]], as: UTF8.self)
            return .failure(Problem(parse: .failed("expected '$', got '\(found)'")))
        }
        switch number(bytes, from: offset &+ 1) {
        case .value(let length, let end) where length >= 0 && length <= Self.bulkBytesMaximum:
            return .success((length, end))
        case .incomplete: return .failure(Problem(parse: .incomplete))
        case .tooLong: return .failure(Problem(parse: .failed("too big bulk count string")))
        case .value, .malformed: return .failure(Problem(parse: .failed("invalid bulk length")))
        }
    }

    /// Passes over what is there of a command that is too large.
    @inline(never)
    private mutating func pass(_ bytes: UnsafeRawBufferPointer, _ skip: inout RespSkip, from start: Int) -> RespParse {
        arguments.removeAll()
        var offset = start
        while skip.arguments > 0 {
            if skip.bytes == 0 {
                switch bulkLength(bytes, at: offset) {
                case .success(let (length, end)):
                    skip.bytes = length + 2
                    offset = end
                case .failure(let problem):
                    if case .incomplete = problem.parse { return offset > 0 ? .nothing(consumed: offset) : .incomplete }
                    return problem.parse
                }
            }
            let step = min(skip.bytes, bytes.count - offset)
            offset += step
            skip.bytes -= step
            if skip.bytes > 0 { return offset > 0 ? .nothing(consumed: offset) : .incomplete }
            skip.arguments -= 1
        }
        return .oversize(consumed: offset)
    }

    // MARK: Inline commands

    @inline(never)
    private mutating func line(_ bytes: UnsafeRawBufferPointer) -> RespParse {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count > Self.lineBytesMaximum ? .failed("too big inline request") : .incomplete
        }
        guard end <= Self.lineBytesMaximum else { return .failed("too big inline request") }
        let hasReturn = end > 0 && bytes[end - 1] == UInt8(ascii: "\r")
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<(hasReturn ? end - 1 : end)])
        var splitter = InlineSplitter(line, into: inline)
        while true {
            switch splitter.next() {
            case .argument(let argument): arguments.append(argument)
            case .unbalanced: return .failed("unbalanced quotes in request")
            case .end: return arguments.count > 0 ? .command(consumed: end + 1) : .nothing(consumed: end + 1)
            }
        }
    }
}
