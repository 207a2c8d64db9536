// The README's example, compiled as it stands there.
import Trireme

/// Accounts with balances; a command is an account and an amount, its reply the new balance.
struct Ledger: StateMachine {
    private var balances: [UInt64: Int64] = [:]
    private(set) var digest: UInt64 = 0

    mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
        var commands = batch.commands
        while let command = commands.next() {
            guard command.byteCount == 16 else {
                replies.finish()  // No such command: an empty reply, on every replica alike.
                continue
            }
            let account = command.load(UInt64.self, at: 0)
            let amount = command.load(Int64.self, at: 8)
            balances[account, default: 0] &+= amount
            digest = (digest ^ account ^ UInt64(bitPattern: amount)) &* 0x9E37_79B9_7F4A_7C15
            replies.append(balances[account]!)
            replies.finish()
        }
    }
    func snapshot(to writer: inout SnapshotWriter) throws {
        try writer.write(digest)
        try writer.write(UInt64(balances.count))
        for (account, balance) in balances {
            try writer.write(account)
            try writer.write(balance)
        }
    }
    mutating func restore(from reader: inout SnapshotReader) throws {
        digest = try reader.read()
        balances.removeAll()
        for _ in 0..<(try reader.read(UInt64.self)) { balances[try reader.read()] = try reader.read(Int64.self) }
    }
}
