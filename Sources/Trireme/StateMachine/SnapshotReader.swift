// The way of a snapshot back into a state machine.

/// Gives the bytes of a snapshot, in the order in which they were written.
///
/// The replica has verified the checksum, so what is read is what some state machine wrote; whether it was *this* one, perhaps
/// of another version, the state machine checks itself. Nothing is copied: spans look into the replica's memory and
/// are valid while the reader is not used for anything else.
///
/// ```swift
/// mutating func restore(from reader: inout SnapshotReader) throws {
///     let count = try reader.read(UInt64.self)
///     for _ in 0..<count { let name = try reader.readBytes() … }
/// }
/// ```
///
/// Never reserve memory for a number of elements that was only read: multiply it by their least size and compare with
/// ``leftBytes`` first.
public struct SnapshotReader: ~Copyable {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let byteCount: Int
    @usableFromInline var offset = 0
    /// Whether nothing follows those bytes that are left: a reader may hold one piece of a longer snapshot
    /// (``StateMachine/continueRestore(from:)``).
    public let isLast: Bool

    /// A reader of `bytes`, which outlive it.
    package init(_ bytes: UnsafeRawBufferPointer, isLast: Bool = true) {
        self.isLast = isLast
        base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 4096)!
        byteCount = bytes.count
    }

    /// Bytes of this piece not yet read.
    @inlinable public var leftBytes: Int { byteCount - offset }

    /// Reads an integer that was written little-endian.
    ///
    /// - Throws: ``SnapshotError/truncated(neededBytes:leftBytes:)``
    @inlinable
    public mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self) throws(SnapshotError)
        -> T
    {
        try need(MemoryLayout<T>.size)
        defer { offset += MemoryLayout<T>.size }
        return T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The integer that ``read(_:)`` would read next, without reading it; `nil` where this piece has too few bytes left.
    @inlinable
    public func peek<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self) -> T? {
        guard MemoryLayout<T>.size <= leftBytes else { return nil }
        return T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Reads `count` bytes as they are.
    ///
    /// - Throws: ``SnapshotError/truncated(neededBytes:leftBytes:)``
    @inlinable
    @_lifetime(&self)
    public mutating func read(bytes count: Int) throws(SnapshotError) -> RawSpan {
        try need(count)
        let span = RawSpan(_unsafeStart: base + offset, byteCount: count)
        offset += count
        return _overrideLifetime(span, mutating: &self)
    }

    /// Reads what ``SnapshotWriter/writeBytes(_:)`` wrote: a `UInt64` and as many bytes.
    ///
    /// - Throws: ``SnapshotError/truncated(neededBytes:leftBytes:)``
    @inlinable
    @_lifetime(&self)
    public mutating func readBytes() throws(SnapshotError) -> RawSpan {
        let count = try read(UInt64.self)
        return try read(bytes: Int(clamping: count))
    }

    @inlinable
    func need(_ bytes: Int) throws(SnapshotError) {
        guard bytes >= 0, bytes <= leftBytes else {
            throw .truncated(neededBytes: bytes, leftBytes: leftBytes)
        }
    }
}
