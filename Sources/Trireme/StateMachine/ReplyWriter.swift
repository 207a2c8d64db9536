// Where replies are written: on the origin only, into one buffer that is reused from batch to batch.

/// Takes one reply for each command of a batch, in the order of the commands.
///
/// A reply is any bytes, also none. Give it whole (``write(_:)-(RawSpan)``) or piece by piece (``append(_:)-(RawSpan)`` …
/// ``finish()``). Commands at the end of a batch that got no reply get an empty one, so a service without replies calls
/// nothing at all; to leave one *between* others empty, call ``finish()`` alone.
///
/// ```swift
/// if let value = table[key] {
///     replies.write(value)
/// } else {
///     replies.finish()
/// }
/// ```
///
/// On all replicas but the one that the client talks to nobody waits: there ``isWanted`` is `false` and every call returns at
/// once without storing anything. Ask ``isWanted`` before work that only the reply needs.
///
/// Cost: a few ns and one copy of the bytes for each reply; the buffer grows (by doubling) until it fits the largest batch's
/// replies, and is then reused.
public struct ReplyWriter: ~Copyable {
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Offset of the header of the reply under way; its room is always there.
    @usableFromInline var start = 0
    /// Offset after the last byte of the reply under way.
    @usableFromInline var end = 4
    /// Offset of the first reply of the batch under way.
    var batchStart = 0
    /// Replies that may still be finished in the batch under way.
    @usableFromInline var left = 0

    /// Whether anybody waits for the replies of this batch. Differs between replicas: the state must not depend on it.
    public internal(set) var isWanted = false

    /// A writer whose buffer has `capacity` bytes at first.
    package init(capacity: Int = 65_536) {
        self.capacity = max(capacity, 64)
        base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 4096)
    }

    deinit { base.deallocate() }

    /// Completes the reply under way. Without any piece before it: an empty reply.
    ///
    /// Traps when the batch has no command left to reply to.
    @inlinable @inline(__always)
    public mutating func finish() {
        guard isWanted else { return }
        precondition(left > 0, "more replies than commands in the batch")
        left -= 1
        let length = end - start - 4
        // Zeros for the padding, which may reach into a word that nothing has written.
        base.storeBytes(of: 0, toByteOffset: end, as: UInt32.self)
        base.storeBytes(of: UInt32(truncatingIfNeeded: length).littleEndian, toByteOffset: start, as: UInt32.self)
        start += commandFootprint(length)
        end = start + 4
        if capacity - end < 16 { grow(by: 16) }
    }

    /// One whole reply.
    @inlinable @inline(__always)
    public mutating func write(_ bytes: borrowing RawSpan) {
        guard isWanted else { return }
        append(bytes)
        finish()
    }

    /// One whole reply.
    @inlinable @inline(__always)
    public mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard isWanted else { return }
        append(bytes)
        finish()
    }

    /// One whole reply.
    @inlinable @inline(__always)
    public mutating func write(_ text: StaticString) {
        guard isWanted else { return }
        append(text)
        finish()
    }

    /// Makes room for at least `bytes` more, and for the end of the reply under way.
    @usableFromInline @inline(never)
    mutating func grow(by bytes: Int) {
        capacity = max(capacity * 2, end + bytes + 64)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 4096)
        larger.copyMemory(from: base, byteCount: end)
        base.deallocate()
        base = larger
    }
}

// MARK: Pieces of a reply

extension ReplyWriter {
    /// Adds bytes to the reply under way.
    @inlinable @inline(__always)
    public mutating func append(_ bytes: borrowing RawSpan) {
        guard isWanted else { return }
        bytes.withUnsafeBytes { append($0) }
    }

    /// Adds bytes to the reply under way.
    @inlinable @inline(__always)
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard isWanted, let source = bytes.baseAddress else { return }
        if capacity - end < bytes.count + 16 { grow(by: bytes.count) }
        (base + end).copyMemory(from: source, byteCount: bytes.count)
        end += bytes.count
    }

    /// Adds text to the reply under way, as UTF-8.
    @inlinable @inline(__always)
    public mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Adds an integer's little-endian bytes to the reply under way.
    @inlinable @inline(__always)
    public mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        guard isWanted else { return }
        if capacity - end < MemoryLayout<T>.size + 16 { grow(by: MemoryLayout<T>.size) }
        base.storeBytes(of: value.littleEndian, toByteOffset: end, as: T.self)
        end += MemoryLayout<T>.size
    }

    /// Adds an integer in decimal digits to the reply under way.
    public mutating func append(decimal value: Int64) {
        guard isWanted else { return }
        if capacity - end < 20 + 16 { grow(by: 20) }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var first = 20
        var rest = value.magnitude
        repeat {
            first -= 1
            digits[first] = UInt8(truncatingIfNeeded: 48 + rest % 10)
            rest /= 10
        } while rest > 0
        if value < 0 {
            first -= 1
            digits[first] = 45
        }
        for index in first..<20 {
            base.storeBytes(of: digits[index], toByteOffset: end, as: UInt8.self)
            end += 1
        }
    }
}

// MARK: The engine's side

extension ReplyWriter {
    /// Opens the replies of a batch of `count` commands, after those that the buffer still holds.
    package mutating func beginBatch(count: Int, isWanted: Bool) {
        self.isWanted = isWanted
        left = count
        batchStart = start
        end = start + 4
    }

    /// Closes the batch and returns where its replies lie in ``withBytes(_:)``, to be read with ``Replies``. Empty replies at
    /// the end of the batch are not stored: of a service without replies the range is empty.
    package mutating func endBatch() -> Range<Int> {
        end = start + 4
        isWanted = false
        return batchStart..<start
    }

    /// Forgets the replies and keeps the memory.
    package mutating func removeAll() {
        start = 0
        end = 4
    }

    /// Bytes of all finished replies, headers and padding included.
    package var byteCount: Int { start }

    /// The finished replies. Valid during `body`.
    package func withBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: start))
    }
}

/// One pass over the replies of one batch. A view: the bytes must outlive it.
package struct Replies {
    let bytes: UnsafeRawBufferPointer
    var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next command's reply; empty for commands after the last reply that was written.
    package mutating func next() -> UnsafeRawBufferPointer {
        guard offset < bytes.count else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        defer { offset += commandFootprint(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[offset + 4..<offset + 4 + length])
    }
}
