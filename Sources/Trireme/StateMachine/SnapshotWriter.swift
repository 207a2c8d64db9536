// The way of a state machine's state into a snapshot: bytes in memory, which the log writes out page by page.

/// Why a snapshot could not be written or read.
public enum SnapshotError: Error, Equatable, CustomStringConvertible {
    /// The snapshot would grow beyond what the replica may keep, in bytes.
    case tooLarge(limitBytes: Int)
    /// The bytes end where `neededBytes` more were expected; `leftBytes` are left.
    case truncated(neededBytes: Int, leftBytes: Int)
    /// The bytes are not what the state machine writes; the text says what is wrong.
    case malformed(String)

    public var description: String {
        switch self {
        case .tooLarge(let limit):
            "the snapshot needs more than the \(limit) bytes that it may have"
        case .truncated(let needed, let left):
            "the snapshot is cut short: \(needed) bytes are expected where \(left) are left"
        case .malformed(let what):
            "the snapshot is not of this state machine: \(what)"
        }
    }
}

/// Takes the bytes of a snapshot, in order.
///
/// The replica owns the memory, keeps it from one snapshot to the next, and adds checksum, slot and sizes itself: a state
/// machine writes its state and nothing else. All integers are little-endian, so that any replica can read them.
///
/// ```swift
/// func snapshot(to writer: inout SnapshotWriter) throws {
///     try writer.write(UInt64(names.count))
///     for name in names { try writer.writeBytes(name.utf8Span.span.bytes) }
/// }
/// ```
///
/// Cost: one copy; the buffer doubles when it is full. ``reserve(_:)`` spares the doubling.
public struct SnapshotWriter: ~Copyable {
    /// Page-aligned, for O_DIRECT.
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    /// Bytes written so far.
    public internal(set) var byteCount = 0
    let limitBytes: Int

    /// A writer whose buffer has `capacity` bytes at first and never more than `limitBytes`.
    package init(capacity: Int = 1 << 20, limitBytes: Int = .max) {
        self.capacity = Self.pages(max(capacity, 1))
        self.limitBytes = limitBytes
        base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 4096)
    }

    deinit { base.deallocate() }

    /// Writes an integer, little-endian.
    ///
    /// - Throws: ``SnapshotError/tooLarge(limitBytes:)``
    @inlinable
    public mutating func write<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) throws(SnapshotError) {
        try reserve(MemoryLayout<T>.size)
        base.storeBytes(of: value.littleEndian, toByteOffset: byteCount, as: T.self)
        advance(MemoryLayout<T>.size)
    }

    /// Writes bytes as they are. Their number must follow from what was written before.
    ///
    /// - Throws: ``SnapshotError/tooLarge(limitBytes:)``
    @inlinable
    public mutating func write(_ bytes: borrowing RawSpan) throws(SnapshotError) {
        try bytes.withUnsafeBytes { (bytes) throws(SnapshotError) in try write(bytes) }
    }

    /// Writes bytes as they are. Their number must follow from what was written before.
    ///
    /// - Throws: ``SnapshotError/tooLarge(limitBytes:)``
    @inlinable
    public mutating func write(_ bytes: UnsafeRawBufferPointer) throws(SnapshotError) {
        guard let source = bytes.baseAddress else { return }
        try reserve(bytes.count)
        (base + byteCount).copyMemory(from: source, byteCount: bytes.count)
        advance(bytes.count)
    }

    /// Writes the number of bytes as a `UInt64`, then the bytes: what ``SnapshotReader/readBytes()`` reads.
    ///
    /// - Throws: ``SnapshotError/tooLarge(limitBytes:)``
    @inlinable
    public mutating func writeBytes(_ bytes: borrowing RawSpan) throws(SnapshotError) {
        try write(UInt64(bytes.byteCount))
        try write(bytes)
    }

    /// Makes room for `bytes` more at once.
    ///
    /// - Throws: ``SnapshotError/tooLarge(limitBytes:)``
    @inlinable
    public mutating func reserve(_ bytes: Int) throws(SnapshotError) {
        if capacity - byteCount < bytes { try grow(by: bytes) }
    }

    @usableFromInline mutating func advance(_ bytes: Int) { byteCount += bytes }

    @usableFromInline @inline(never)
    mutating func grow(by bytes: Int) throws(SnapshotError) {
        guard bytes <= limitBytes - byteCount else { throw .tooLarge(limitBytes: limitBytes) }
        capacity = Self.pages(max(byteCount + bytes, min(capacity * 2, limitBytes)))
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 4096)
        larger.copyMemory(from: base, byteCount: byteCount)
        base.deallocate()
        base = larger
    }

    private static func pages(_ bytes: Int) -> Int { (bytes + 4095) & ~4095 }
}

// MARK: The engine's side

extension SnapshotWriter {
    /// Forgets what was written and keeps the memory.
    package mutating func removeAll() { byteCount = 0 }

    /// The memory from its page-aligned start up to the last byte written, rounded up to whole pages: what may be written to
    /// a disk as it stands. Bytes after ``byteCount`` are zero.
    package mutating func withPages<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let whole = Self.pages(byteCount)
        (base + byteCount).initializeMemory(as: UInt8.self, repeating: 0, count: whole - byteCount)
        return try body(UnsafeRawBufferPointer(start: base, count: whole))
    }

    /// The bytes written. Valid during `body`.
    package func withBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: byteCount))
    }
}
