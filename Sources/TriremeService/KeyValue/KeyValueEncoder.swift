// Where commands get their bytes: the front end's thread, into one scratch buffer that every command reuses.

/// Encodes one command after another into a buffer of its own. The result of each is valid until the next.
package struct KeyValueEncoder: ~Copyable {
    /// Most bytes of an encoded command.
    package let bytesMaximum: Int
    private let base: UnsafeMutableRawPointer
    private var next = 0
    private var length = 0

    package init(bytesMaximum: Int) {
        self.bytesMaximum = bytesMaximum
        base = .allocate(byteCount: bytesMaximum, alignment: 64)
    }

    deinit { base.deallocate() }

    /// Bytes that a command takes with `count` arguments of `bytes` bytes in all.
    @inline(__always)
    package static func bytes(count: Int, bytes: Int) -> Int { KeyValueCommand.headerBytes &+ count &* 4 &+ bytes }

    /// Starts a command of `count` arguments, which must fit.
    @inline(__always)
    package mutating func begin(_ operation: KeyValueOperation, _ flags: KeyValueFlags = [], count: Int) {
        base.storeBytes(of: operation.rawValue, as: UInt8.self)
        base.storeBytes(of: flags.rawValue, toByteOffset: 1, as: UInt8.self)
        base.storeBytes(of: UInt16(count).littleEndian, toByteOffset: 2, as: UInt16.self)
        length = KeyValueCommand.headerBytes
        next = length &+ count &* 4
    }

    /// Adds an argument.
    @inline(__always)
    package mutating func add(_ argument: UnsafeRawBufferPointer) {
        precondition(argument.count <= bytesMaximum &- next, "an encoded command outgrew its limit")
        base.storeBytes(of: UInt32(argument.count).littleEndian, toByteOffset: length, as: UInt32.self)
        length &+= 4
        if let start = argument.baseAddress { (base + next).copyMemory(from: start, byteCount: argument.count) }
        next &+= argument.count
    }

    /// Adds the amount of an `add`.
    @inline(__always)
    package mutating func add(amount: Int64) {
        withUnsafeBytes(of: amount.littleEndian) { add($0) }
    }

    /// The command, complete when as many arguments were added as were announced.
    @inline(__always)
    package var command: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: next) }
}
