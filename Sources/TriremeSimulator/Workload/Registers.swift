// What a simulated command does: a read, a write or an addition on one of a few registers, by its number. Its output depends on
// the commands before it, so that a reply tells whether the order was right.

package struct Registers: Equatable, Sendable {
    package static let count = 16
    package var values = [UInt64](repeating: 0, count: Self.count)
    package init() {}

    package enum Operation: Equatable, Sendable {
        case read
        case write(UInt64)
        case add(UInt64)
    }
    /// The register that a command is about, and what it does to it.
    package static func meaning(of command: UInt64) -> (register: Int, operation: Operation) {
        let word = mixed(0x6F72_6465_7221, command)
        let operand = word >> 40
        let operation: Operation =
            switch word >> 8 & 3 {
            case 0: .read
            case 1: .write(operand)
            default: .add(operand)
            }
        return (Int(word >> 16 & UInt64(Self.count - 1)), operation)
    }
    /// One register's new value and the output: what a read sees, what a write replaces, what an addition makes.
    package static func apply(_ operation: Operation, to value: UInt64) -> (value: UInt64, output: UInt64) {
        switch operation {
        case .read: (value, value)
        case .write(let new): (new, value)
        case .add(let more): (value &+ more, value &+ more)
        }
    }
    package mutating func execute(_ command: UInt64) -> UInt64 {
        let (register, operation) = Self.meaning(of: command)
        let (value, output) = Self.apply(operation, to: values[register])
        values[register] = value
        return output
    }
}
