// The loads of a command's bytes: bounds are checked here, so that state machines need no unsafe code.

extension RawSpan {
    /// The little-endian integer at `offset`, at any alignment.
    ///
    /// Cost: one load and one comparison. Traps when the span does not hold all its bytes, so compare ``byteCount`` first:
    /// commands come from clients.
    ///
    /// - Parameter offset: in bytes from the start of the span.
    @inlinable @inline(__always)
    public func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self, at offset: Int) -> T {
        T(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The part of the span that starts at `offset` and has `count` bytes, or `nil` when it does not lie within.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    public func slice(at offset: Int, count: Int) -> RawSpan? {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else { return nil }
        return extracting(unchecked: Range(uncheckedBounds: (offset, offset + count)))
    }
}
