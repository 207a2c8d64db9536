// A batch as the state machine sees it: a view of the bytes where they were received, nothing copied.

/// The commands of one batch, and where they stand in the agreed order.
///
/// A view of memory that belongs to the replica and is valid only during ``StateMachine/apply(_:replies:)``: copy what shall
/// stay. Go through ``commands``, or, when all commands have one length (``stride`` is not 0), index ``bytes`` directly.
///
/// Decoding a 64-byte command costs about 2 ns either way.
public struct CommandBatch: ~Copyable {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let byteCount: Int

    /// Number of commands, at least 1.
    public let count: Int
    /// Bytes of each command when all have the same length, else 0.
    public let stride: Int
    /// The slot whose cut ordered this batch. Several batches may share one; it never decreases.
    public let slot: UInt64
    /// The agreed time in microseconds since 1970. It never decreases; batches of one slot share it.
    public let timestamp: UInt64
    /// Whether the batch was submitted to this replica. Differs between replicas, so the state must not depend on it.
    public let isOwn: Bool

    /// A view of `payload`, which must be well formed (``CommandLayout/isWellFormed(_:count:stride:)``), outlive the view, and
    /// be aligned to four bytes.
    @inlinable package init(
        payload: UnsafeRawBufferPointer, count: Int, stride: Int, slot: UInt64, timestamp: UInt64, isOwn: Bool
    ) {
        precondition(stride == 0 || stride * count == payload.count, "a batch's stride does not fit its payload")
        base = payload.baseAddress ?? UnsafeRawPointer(bitPattern: 4)!
        byteCount = payload.count
        self.count = count
        self.stride = stride
        self.slot = slot
        self.timestamp = timestamp
        self.isOwn = isOwn
    }

    /// The whole payload. With a ``stride``, command `i` is its bytes `i * stride ..< (i + 1) * stride`.
    @inlinable public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            _overrideLifetime(RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self)
        }
    }

    /// The commands in order.
    @inlinable public var commands: Commands {
        @_lifetime(borrow self)
        get {
            _overrideLifetime(Commands(base, byteCount: byteCount, count: count, stride: stride), borrowing: self)
        }
    }

    /// Command number `index`.
    ///
    /// Complexity: O(1) with a ``stride``, else O(`index`): go through ``commands`` instead. Traps when `index` is not in
    /// `0 ..< count`.
    @inlinable public subscript(index: Int) -> RawSpan {
        @_lifetime(borrow self)
        get {
            precondition(index >= 0 && index < count, "no such command in the batch")
            var commands = Commands(base, byteCount: byteCount, count: count, stride: stride)
            if stride > 0 {
                commands.offset = index * stride
            } else {
                for _ in 0..<index { _ = commands.next() }
            }
            let command = commands.next()
            return _overrideLifetime(command!, borrowing: self)
        }
    }
}

extension CommandBatch {
    /// One pass over the commands of a batch.
    ///
    /// ```swift
    /// var commands = batch.commands
    /// while let command = commands.next() { … }
    /// ```
    public struct Commands: ~Escapable {
        @usableFromInline let base: UnsafeRawPointer
        @usableFromInline let byteCount: Int
        @usableFromInline let stride: Int
        @usableFromInline var offset = 0

        @inlinable @_lifetime(immortal)
        init(_ base: UnsafeRawPointer, byteCount: Int, count: Int, stride: Int) {
            self.base = base
            self.byteCount = byteCount
            self.stride = stride
        }

        /// The next command, or `nil` after the last. A length that overruns the payload ends the pass.
        @inlinable @inline(__always)
        @_lifetime(copy self)
        public mutating func next() -> RawSpan? {
            var length = stride
            var start = offset
            if stride == 0 {
                guard byteCount - offset >= 4 else { return nil }
                length = Int(UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                start += 4
                offset += commandFootprint(length)
            } else {
                offset += stride
            }
            guard byteCount - start >= length else {
                offset = byteCount
                return nil
            }
            let span = RawSpan(_unsafeStart: base + start, byteCount: length)
            return _overrideLifetime(span, copying: self)
        }
    }
}
