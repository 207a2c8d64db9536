// The one order in which commands are executed, as the first replica to get there showed it; all others are held to it.
import TriremeCore

/// The execution order of the whole cluster. It is never cut back: what one replica executed, every replica executes at
/// that place, whatever crashes.
package final class Ledger {
    package struct Item: Equatable, Sendable {
        package var batch: BatchDescriptor
        package var slot: UInt64
        package var timestamp: UInt64
        package var payloadHash: UInt64
        /// Chained over all items up to this one: also the state machine's digest.
        package var chain: UInt64
    }
    private let referee: Referee
    let commands: CommandBook
    /// Most microseconds by which the time of the state machine rises from one slot to the next (PROTOCOL §5).
    private let timestampStep: UInt64
    /// Told when clients are answered, where the disks are watched.
    var images: DurableImages?
    package private(set) var items: [Item] = []
    private var firstBy: [ReplicaID] = []
    /// The highest slot that some replica had executed whole when it had executed all items: none may be added to it.
    private var sealedSlot: UInt64 = 0
    /// What every replica's engine says of the state after a slot must be equal too.
    private var digests: [UInt64: UInt64] = [:]

    package init(
        referee: Referee, commands: CommandBook, timestampStepMicroseconds: UInt64 = Timing().timestampStepMicroseconds
    ) {
        self.referee = referee
        self.commands = commands
        timestampStep = timestampStepMicroseconds
    }
    package var chain: UInt64 { items.last?.chain ?? 0 }
    package func chain(at count: Int) -> UInt64 { count == 0 ? 0 : items[count - 1].chain }

    /// `replica`, which has executed `count` batches, executes one more.
    package func executed(
        _ batch: BatchDescriptor, _ payload: UnsafeRawBufferPointer, slot: UInt64, timestamp: UInt64, chain: UInt64,
        count: Int, by replica: ReplicaID
    ) {
        let item = Item(batch: batch, slot: slot, timestamp: timestamp, payloadHash: hashed(payload), chain: chain)
        guard count == items.count else {
            let known = items[count]
            referee.demand(
                known == item,
                "replica \(replica) executes \(Self.describe(item)) as number \(count + 1), where replica "
                    + "\(firstBy[count]) executed \(Self.describe(known))")
            return
        }
        if let last = items.last {
            referee.demand(
                last.slot <= slot && last.timestamp <= timestamp,
                "replica \(replica) executes \(Self.describe(item)) after \(Self.describe(last)): order or time goes back"
            )
            let slots = slot - min(slot, last.slot)
            let rise = timestamp - min(timestamp, last.timestamp)
            referee.demand(
                rise <= slots * timestampStep,
                "replica \(replica) executes \(Self.describe(item)), and time leaps by \(rise) µs within \(slots) slots"
            )
        }
        referee.demand(
            slot > sealedSlot,
            "replica \(replica) executes \(Self.describe(item)), where another was done with slot \(sealedSlot) without it"
        )
        items.append(item)
        firstBy.append(replica)
        commands.executed(payload, batch: batch, slot: slot, by: replica, referee: referee)
    }

    /// `replica` has finished a turn with `slot` executed and `count` batches behind it.
    package func observe(slot: UInt64, count: Int, digest: UInt64, by replica: ReplicaID) {
        guard count <= items.count else {
            referee.report("replica \(replica) counts \(count) executed batches, but only \(items.count) were")
            return
        }
        if count > 0 {
            // It may be in the midst of the next slot.
            referee.demand(
                items[count - 1].slot <= slot + 1,
                "replica \(replica) reports slot \(slot) executed, but is in slot \(items[count - 1].slot)")
            guard items[count - 1].slot <= slot else { return }
        }
        if count < items.count {
            referee.demand(
                items[count].slot > slot,
                "replica \(replica) reports slot \(slot) executed without batch \(items[count].batch.name) of slot "
                    + "\(items[count].slot)")
        } else {
            sealedSlot = max(sealedSlot, slot)
        }
        if let known = digests[slot] {
            referee.demand(
                known == digest, "replica \(replica) has another state after slot \(slot) than those before it")
        } else {
            digests[slot] = digest
        }
    }
    /// `replica` has taken over a snapshot.
    package func restored(count: Int, chain: UInt64, by replica: ReplicaID) {
        guard count <= items.count, self.chain(at: count) == chain else {
            referee.report("replica \(replica) restores a snapshot of \(count) batches that is no prefix of the order")
            return
        }
    }

    static func describe(_ item: Item) -> String {
        "batch \(item.batch.name) (slot \(item.slot), \(item.batch.count) commands, content \(String(item.payloadHash, radix: 16)))"
    }
}
