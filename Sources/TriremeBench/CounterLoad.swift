// Where the benchmark's commands come from: the in-process clients of one replica, as one cheap sequence.

/// Writes counter commands with random keys, as fast as memory takes them.
///
/// Clients take turns: command number i comes from client i mod ``clients`` and carries that client's next sequence number.
/// The padding is pseudo-random, so that nothing on the way can profit from zeros.
package struct CounterLoad: ~Copyable {
    /// Keys in use.
    package static let keys: UInt64 = 1 << 19
    /// Clients that take turns, a power of two.
    package static let clients: UInt64 = 4_096
    private static let templates = 64

    package let commandBytes: Int
    /// Commands written so far.
    package private(set) var written: UInt64 = 0
    private let lane: UInt64
    private var random: UInt64
    /// 64 whole commands to copy from; kept small enough to stay in the first-level cache.
    private let template: UnsafeMutableRawPointer

    /// A load of commands of `commandBytes` bytes (32 or more) that differs from lane to lane and is the same in every run.
    package init(lane: Int, commandBytes: Int) {
        precondition(commandBytes >= CounterCommand.bytesMinimum, "a counter command has at least 32 bytes")
        self.lane = UInt64(lane)
        self.commandBytes = commandBytes
        random = 88_172_645_463_325_252 &* UInt64(lane + 1)
        template = .allocate(byteCount: Self.templates * commandBytes, alignment: 64)
        var filler: UInt64 = 0x2545_F491_4F6C_DD1D
        for offset in 0..<Self.templates * commandBytes {
            filler = Self.next(filler)
            template.storeBytes(of: UInt8(truncatingIfNeeded: filler >> 24), toByteOffset: offset, as: UInt8.self)
        }
    }

    deinit { template.deallocate() }

    /// Writes the next `count` commands one after another at `target`, which has room for them. Cost: 1 to 2 ns for 64 bytes.
    package mutating func fill(_ target: UnsafeMutableRawPointer, count: Int) {
        // The usual size gets a copy of its own, in which the padding is two vector registers.
        if commandBytes == 64 {
            fill(target, count: count, bytes: 64)
        } else {
            fill(target, count: count, bytes: commandBytes)
        }
    }

    @inline(__always)
    private mutating func fill(_ target: UnsafeMutableRawPointer, count: Int, bytes: Int) {
        var command = target
        var random = random
        for number in written..<written &+ UInt64(count) {
            let source = template + (Int(truncatingIfNeeded: number) & (Self.templates - 1)) &* bytes
            (command + 32).copyMemory(from: source + 32, byteCount: bytes &- 32)
            random = Self.next(random)
            let client = lane << 32 | number & (Self.clients - 1)
            command.storeBytes(of: client.littleEndian, toByteOffset: CounterCommand.client, as: UInt64.self)
            command.storeBytes(
                of: (number / Self.clients + 1).littleEndian, toByteOffset: CounterCommand.sequence, as: UInt64.self)
            command.storeBytes(of: Self.key(random).littleEndian, toByteOffset: CounterCommand.key, as: UInt64.self)
            command.storeBytes(of: random.littleEndian, toByteOffset: CounterCommand.addend, as: UInt64.self)
            command += bytes
        }
        self.random = random
        written &+= UInt64(count)
    }

    /// One of 2^19 keys, spread over all 64 bits and never 0.
    @inline(__always)
    private static func key(_ random: UInt64) -> UInt64 {
        (random & (keys - 1)) &* 0x9E37_79B9_7F4A_7C15 | 1
    }

    @inline(__always)
    private static func next(_ value: UInt64) -> UInt64 {
        var x = value
        x ^= x << 13
        x ^= x >> 7
        x ^= x << 17
        return x
    }
}
