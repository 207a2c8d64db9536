// The commands of the key-value service as they are ordered and logged. The numbers are for ever.

/// What a command does. Everything that Redis spells in several ways is one thing here: INCR, DECR and DECRBY are `add`.
package enum KeyValueOperation: UInt8, Sendable {
    case get = 1
    case set = 2
    case delete = 3
    case exists = 4
    case add = 5
    case append = 6
    case valueLength = 7
    case getMany = 8
    case setMany = 9
    case count = 10
    case removeAll = 11

    /// Reads change nothing, so replicas that nobody waits on skip them.
    @inline(__always) package var isRead: Bool {
        switch self {
        case .get, .exists, .valueLength, .getMany, .count: true
        default: false
        }
    }
}

/// Conditions and wishes of a `set`.
package struct KeyValueFlags: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Only when the key is absent.
    package static let ifAbsent = Self(rawValue: 1)
    /// Only when the key is there.
    package static let ifPresent = Self(rawValue: 2)
    /// Reply with the old value.
    package static let returnOld = Self(rawValue: 4)
}

/// A view of one encoded command, little-endian:
///
///     +0  u8   operation
///     +1  u8   flags
///     +2  u16  number of arguments n
///     +4  n × u32  bytes of each argument
///     …   the arguments, one after another
///
/// The amount of `add` is an argument of eight bytes. Every command that reaches a state machine was decoded by ``init(_:)``,
/// which refuses whatever does not fit.
struct KeyValueCommand {
    static let headerBytes = 4

    let operation: KeyValueOperation
    let flags: KeyValueFlags
    let count: Int
    private let lengths: UnsafeRawPointer
    private let bytes: UnsafeRawPointer

    /// `nil` when the bytes are no command.
    @inline(__always)
    init?(_ command: UnsafeRawBufferPointer) {
        guard command.count >= Self.headerBytes, let base = command.baseAddress,
            let operation = KeyValueOperation(rawValue: base.load(as: UInt8.self))
        else { return nil }
        self.operation = operation
        flags = KeyValueFlags(rawValue: base.load(fromByteOffset: 1, as: UInt8.self))
        count = Int(UInt16(littleEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        lengths = base + Self.headerBytes
        bytes = lengths + count &* 4
        var total = Self.headerBytes &+ count &* 4
        guard total <= command.count else { return nil }
        for index in 0..<count { total &+= length(index) }
        guard total == command.count else { return nil }
        switch operation {
        case .get, .valueLength: guard count == 1 else { return nil }
        case .set, .append: guard count == 2 else { return nil }
        case .add: guard count == 2, length(1) == 8 else { return nil }
        case .delete, .exists, .getMany: guard count >= 1 else { return nil }
        case .setMany: guard count >= 2, count % 2 == 0 else { return nil }
        case .count, .removeAll: guard count == 0 else { return nil }
        }
    }

    @inline(__always)
    private func length(_ index: Int) -> Int {
        Int(UInt32(littleEndian: lengths.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self)))
    }

    /// The first argument, the key of most commands.
    @inline(__always)
    var first: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes, count: length(0)) }

    /// The second argument.
    @inline(__always)
    var second: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes + length(0), count: length(1)) }

    /// The amount of `add`.
    @inline(__always)
    var amount: Int64 { Int64(littleEndian: second.loadUnaligned(as: Int64.self)) }

    /// The arguments in order.
    @inline(__always)
    var arguments: Arguments { Arguments(command: self, index: 0, next: bytes) }

    struct Arguments {
        fileprivate let command: KeyValueCommand
        fileprivate var index: Int
        fileprivate var next: UnsafeRawPointer

        @inline(__always)
        mutating func take() -> UnsafeRawBufferPointer? {
            guard index < command.count else { return nil }
            let argument = UnsafeRawBufferPointer(start: next, count: command.length(index))
            next += argument.count
            index &+= 1
            return argument
        }
    }
}
