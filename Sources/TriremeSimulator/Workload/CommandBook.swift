// Every command of a run: who submitted it, whether it was executed, whether its client was answered.
import TriremeCore

package final class CommandBook {
    struct Command {
        var origin: ReplicaID
        var incarnation: UInt16
        var length: UInt16
        var isExecuted = false
        var isAcknowledged = false
        /// When its client submitted it.
        var submittedAt: UInt64 = 0
    }
    /// What a client was told: when, the output, and the place in the order that the reply names.
    struct Reply {
        var command: Int
        var time: UInt64
        var output: UInt64
        var slot: UInt64
        var number: Int
    }
    /// Virtual time, if anybody keeps it.
    package var clock: EventQueue?
    /// All executed commands, by their numbers, in the common order; the slot of each.
    private(set) var order: [(command: Int32, slot: UInt64)] = []
    /// All replies, in the order in which they were given.
    private(set) var replies: [Reply] = []
    private(set) var commands: [Command] = []
    package private(set) var executedCount = 0
    package private(set) var acknowledgedCount = 0
    package init() {}
    package var count: Int { commands.count }

    /// Least bytes of a command: its number and a word that depends on it.
    package static let minimumBytes = 16

    func issue(origin: ReplicaID, incarnation: Int, length: Int) -> Int {
        commands.append(
            Command(
                origin: origin, incarnation: UInt16(truncatingIfNeeded: incarnation), length: UInt16(length),
                submittedAt: clock?.now ?? 0))
        return commands.count - 1
    }
    /// Writes command `id`: its number, then filler that only it has.
    func write(_ id: Int, to: UnsafeMutableRawPointer) {
        let length = Int(commands[id].length)
        to.storeBytes(of: UInt64(id), as: UInt64.self)
        var filler = mixed(0x7472_6972_656D_6521, UInt64(id))
        var at = 8
        while at + 8 <= length {
            to.storeBytes(of: filler, toByteOffset: at, as: UInt64.self)
            filler = filler &* 6_364_136_223_846_793_005 &+ 1
            at += 8
        }
        while at < length {
            to.storeBytes(of: UInt8(truncatingIfNeeded: filler), toByteOffset: at, as: UInt8.self)
            at += 1
        }
    }
    /// The number of the command in these bytes, if they are one that was submitted.
    func read(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= Self.minimumBytes else { return nil }
        let id = bytes.loadUnaligned(as: UInt64.self)
        guard id < UInt64(commands.count), Int(commands[Int(id)].length) == bytes.count else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: bytes.count, alignment: 8) {
            write(Int(id), to: $0.baseAddress!)
            for i in 0..<bytes.count where $0[i] != bytes[i] { return nil }
            return Int(id)
        }
    }

    /// Calls `body` for each command of a batch, whose commands have one length or carry each its own.
    static func forEach(
        _ payload: UnsafeRawBufferPointer, count: Int, stride: Int, _ body: (UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        var at = 0
        for _ in 0..<count {
            var length = stride
            if stride == 0 {
                guard at + 4 <= payload.count else { return false }
                length = Int(payload.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                at += 4
            }
            guard length >= 0, at + length <= payload.count else { return false }
            body(UnsafeRawBufferPointer(rebasing: payload[at..<at + length]))
            at += length
        }
        return at == payload.count
    }

    /// The batch is new in the common order: each of its commands is executed, for the first time.
    func executed(
        _ payload: UnsafeRawBufferPointer, batch: BatchDescriptor, slot: UInt64, by replica: ReplicaID, referee: Referee
    ) {
        let whole = Self.forEach(payload, count: Int(batch.count), stride: Int(batch.stride)) { bytes in
            guard let id = read(bytes) else {
                referee.report("replica \(replica) executes in batch \(batch.name) a command that nobody submitted")
                return
            }
            referee.demand(
                !commands[id].isExecuted,
                "replica \(replica) executes command \(id) of batch \(batch.name) a second time")
            referee.demand(
                commands[id].origin == batch.lane,
                "command \(id) of replica \(commands[id].origin) is in lane \(batch.lane)")
            commands[id].isExecuted = true
            order.append((Int32(id), slot))
            executedCount += 1
        }
        referee.demand(whole, "replica \(replica) executes batch \(batch.name), whose bytes are not its commands")
    }

    /// `replica` answers the clients of a batch that it has just executed; `isOwn` as the engine says. The replies are the
    /// outputs of its commands, the first of which is number `first` of all that the replica executed.
    func acknowledge(
        _ payload: UnsafeRawBufferPointer, batch: BatchDescriptor, isOwn: Bool, outputs: [UInt64] = [],
        slot: UInt64 = 0,
        first: Int = 0, by replica: ReplicaID, incarnation: Int, referee: Referee
    ) {
        guard batch.lane == replica else {
            referee.demand(!isOwn, "replica \(replica) takes batch \(batch.name) for its own")
            return
        }
        var index = -1
        _ = Self.forEach(payload, count: Int(batch.count), stride: Int(batch.stride)) { bytes in
            index += 1
            guard bytes.count >= 8 else { return }
            let id = Int(truncatingIfNeeded: bytes.loadUnaligned(as: UInt64.self))
            guard commands.indices.contains(id) else { return }
            let waits = Int(commands[id].incarnation) == incarnation & 0xFFFF
            referee.demand(
                waits == isOwn,
                waits
                    ? "replica \(replica) executes command \(id) of its own client and does not answer"
                    : "replica \(replica) answers command \(id), whose client went with an earlier start")
            guard waits, isOwn else { return }
            referee.demand(!commands[id].isAcknowledged, "replica \(replica) answers command \(id) twice")
            commands[id].isAcknowledged = true
            acknowledgedCount += 1
            guard index < outputs.count else { return }
            replies.append(
                Reply(command: id, time: clock?.now ?? 0, output: outputs[index], slot: slot, number: first + index))
        }
    }
    /// For tests of the checkers: one client was told something else; the first command was submitted after all was answered.
    package func forge() { replies[replies.count / 2].output &+= 1 }
    package func pretendLate() { commands[0].submittedAt = (replies.last?.time ?? 0) + 1 }
    /// The first acknowledged command that the order lacks.
    package var firstLost: Int? { commands.firstIndex { $0.isAcknowledged && !$0.isExecuted } }
}
