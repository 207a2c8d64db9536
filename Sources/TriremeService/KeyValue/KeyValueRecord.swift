// One key with its value, as it lies in the arena.

/// A view of a record:
///
///     +0   u64  the record's part of the state's digest
///     +8   u17  bytes of the key
///          u15  mark: which snapshot it has gone into, or came after (``KeyValueCursor``)
///     +12  u32  bytes of the value
///     +16  the key, then the value
struct KeyValueRecord {
    static let headerBytes = 16
    /// Most bytes of a key, and the highest mark.
    static let keyBytesMaximum = 1 << 17 - 1
    static let markMaximum: UInt16 = 0x7FFF

    let base: UnsafeMutableRawPointer

    @inline(__always) init(_ base: UnsafeMutableRawPointer) { self.base = base }
    @inline(__always) init(bits: UInt64) { base = UnsafeMutableRawPointer(bitPattern: UInt(bits))! }
    @inline(__always) var bits: UInt64 { UInt64(UInt(bitPattern: base)) }

    @inline(__always) var digest: UInt64 {
        get { base.load(as: UInt64.self) }
        nonmutating set { base.storeBytes(of: newValue, as: UInt64.self) }
    }
    @inline(__always) var keyBytes: Int {
        Int(base.load(fromByteOffset: 8, as: UInt32.self) & 0x1_FFFF)
    }
    /// Sets both at once, for a new record.
    @inline(__always) func setKeyBytes(_ count: Int, mark: UInt16) {
        base.storeBytes(of: UInt32(count) | UInt32(mark) << 17, toByteOffset: 8, as: UInt32.self)
    }
    @inline(__always) var mark: UInt16 {
        get { base.load(fromByteOffset: 10, as: UInt16.self) >> 1 }
        nonmutating set { setKeyBytes(keyBytes, mark: newValue) }
    }
    @inline(__always) var valueBytes: Int {
        get { Int(base.load(fromByteOffset: 12, as: UInt32.self)) }
        nonmutating set { base.storeBytes(of: UInt32(newValue), toByteOffset: 12, as: UInt32.self) }
    }
    @inline(__always) var keyStart: UnsafeMutableRawPointer { base + Self.headerBytes }
    @inline(__always) var valueStart: UnsafeMutableRawPointer { base + (Self.headerBytes &+ keyBytes) }
    @inline(__always) var key: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: keyStart, count: keyBytes) }
    @inline(__always) var value: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: valueStart, count: valueBytes) }
    @inline(__always) var sizeClass: Int { Self.sizeClass(keyBytes, valueBytes) }

    @inline(__always) static func sizeClass(_ keyBytes: Int, _ valueBytes: Int) -> Int {
        KeyValueArena.sizeClass(headerBytes &+ keyBytes &+ valueBytes)
    }
}

@inline(__always)
func bytesAreEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    let count = a.count
    guard count == b.count else { return false }
    guard count > 0, let p = a.baseAddress, let q = b.baseAddress else { return true }
    // Keys are short: eight bytes at a time, the last eight overlapping.
    if count >= 8 {
        var offset = 0
        while offset < count &- 8 {
            if p.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                != q.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            {
                return false
            }
            offset &+= 8
        }
        return p.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            == q.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
    }
    for offset in 0..<count
    where p.load(fromByteOffset: offset, as: UInt8.self) != q.load(fromByteOffset: offset, as: UInt8.self) {
        return false
    }
    return true
}
