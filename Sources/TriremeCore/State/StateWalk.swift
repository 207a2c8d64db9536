// A core's whole state as bytes, and back: for the explorer, which keeps millions of states and goes on from any of them.

/// Goes over a state property by property, in one order: to write all of them down, or to take all of them back. A type names each
/// of its properties once, in its `walk`, so that what is written and what is read cannot differ.
///
/// Two states that act alike get equal bytes: places in the log count from the durable end on, and what is durable is at 0; times
/// are left out, since safety never depends on them (PROTOCOL §1), and are all the same moment when they are read. Numbers take a
/// byte for each seven bits. Never part of a running replica.
package struct StateWalk: ~Copyable {
    /// The moment of every time that is read.
    package static var now: UInt64 { 1 }

    package let isReading: Bool
    private let base: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    package private(set) var count = 0
    /// How far the log of the core is durable that is written.
    var durable: LogIndex = 0
    var members = 0

    /// Writes into `buffer`, from its start.
    package init(writingInto buffer: UnsafeMutableBufferPointer<UInt8>) {
        base = buffer.baseAddress!
        capacity = buffer.count
        isReading = false
    }
    /// Reads what was written.
    package init(reading bytes: UnsafeBufferPointer<UInt8>) {
        base = UnsafeMutablePointer(mutating: bytes.baseAddress!)
        capacity = bytes.count
        isReading = true
    }
    package var isAtEnd: Bool { count == capacity }

    private mutating func put(_ byte: UInt8) {
        precondition(count < capacity, "a state over its room")
        base[count] = byte
        count += 1
    }
    private mutating func take() -> UInt8 {
        precondition(count < capacity, "a state that was cut short")
        defer { count += 1 }
        return base[count]
    }

    package mutating func visit(_ value: inout UInt64) {
        if isReading {
            var shift: UInt64 = 0
            value = 0
            while true {
                let byte = take()
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return }
                shift += 7
            }
        }
        var rest = value
        while rest >= 0x80 {
            put(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        put(UInt8(truncatingIfNeeded: rest))
    }
    /// Any other number.
    package mutating func visit<T: FixedWidthInteger>(_ value: inout T) {
        var wide = UInt64(truncatingIfNeeded: value)
        visit(&wide)
        value = T(truncatingIfNeeded: wide)
    }
    package mutating func visit(_ value: inout Bool) {
        var word: UInt8 = value ? 1 : 0
        visit(&word)
        value = word != 0
    }
    package mutating func visit<T: RawRepresentable>(_ value: inout T) where T.RawValue: FixedWidthInteger {
        var raw = value.rawValue
        visit(&raw)
        value = T(rawValue: raw)!
    }
    /// What may be absent: whether it is there, then it.
    package mutating func visit<T>(_ value: inout T?, or blank: T, _ body: (inout StateWalk, inout T) -> Void) {
        var isThere = value != nil
        visit(&isThere)
        guard isThere else {
            value = nil
            return
        }
        var inner = value ?? blank
        body(&self, &inner)
        value = inner
    }
    package mutating func visit(_ value: inout String) {
        var bytes = Array(value.utf8)
        var length = bytes.count
        visit(&length)
        if isReading { bytes = [UInt8](repeating: 0, count: length) }
        for i in 0..<length { visit(&bytes[i]) }
        value = String(decoding: bytes, as: UTF8.self)
    }

    /// A place in the log: what is durable is all the same.
    mutating func visit(index: inout LogIndex) {
        var ahead = index <= durable ? 0 : index - durable
        visit(&ahead)
        if isReading { index = ahead }
    }
    /// A time: left out.
    mutating func leaveOut(time: inout UInt64) { if isReading { time = Self.now } }
    /// A time that is set or not, which matters to clocks alone.
    mutating func leaveOut(time: inout UInt64?) { if isReading { time = nil } }
    /// What clocks and chance alone use, or what makes things quicker and nothing else.
    mutating func leaveOut<T>(_ value: inout T, as neutral: T) { if isReading { value = neutral } }
}
