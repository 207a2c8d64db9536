// How tests talk to the state machine: one command in, its reply as text out.
import Trireme
import TriremeService

/// An encoded command.
func encode(
    _ operation: KeyValueOperation, _ arguments: [String] = [], flags: KeyValueFlags = [], amount: Int64? = nil
) -> [UInt8] {
    var encoder = KeyValueEncoder(bytesMaximum: 1 << 20)
    encoder.begin(operation, flags, count: arguments.count + (amount == nil ? 0 : 1))
    for argument in arguments { Array(argument.utf8).withUnsafeBytes { encoder.add($0) } }
    if let amount { encoder.add(amount: amount) }
    return Array(encoder.command)
}

extension KeyValueStore {
    /// Applies commands as one batch and returns the replies, or empty ones when `isOwn` is false.
    mutating func run(_ commands: [[UInt8]], isOwn: Bool = true) -> [String] {
        var payload: [UInt8] = []
        for command in commands {
            let start = payload.count
            payload += [UInt8](repeating: 0, count: CommandLayout.footprint(command.count))
            payload.withUnsafeMutableBytes { payload in
                _ = command.withUnsafeBytes { CommandLayout.store($0, at: payload.baseAddress! + start) }
            }
        }
        var writer = ReplyWriter()
        writer.beginBatch(count: commands.count, isWanted: isOwn)
        payload.withUnsafeBytes { payload in
            let batch = CommandBatch(
                payload: payload, count: commands.count, stride: 0, slot: 1, timestamp: 1, isOwn: isOwn)
            apply(batch, replies: &writer)
        }
        let range = writer.endBatch()
        return writer.withBytes { bytes in
            var replies = Replies(UnsafeRawBufferPointer(rebasing: bytes[range]))
            return commands.map { _ in String(decoding: replies.next(), as: UTF8.self) }
        }
    }

    mutating func run(_ command: [UInt8]) -> String { run([command])[0] }
}
