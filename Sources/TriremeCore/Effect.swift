// What the core asks for (ARCHITECTURE, principle 2): each effect says when it may happen, by its type.

package enum Destination: Equatable, Sendable {
    case all
    case one(ReplicaID)
}

/// Messages that bind nobody: they may leave at once.
package enum FreeMessage: Equatable, Sendable {
    case propose(Propose)
    case reject(Reject)
    case close(Close)
    case entryRequest(EntryRequest)
    /// Decided entries first … last: the engine asks ``Replica/encodeEntries(first:count:into:)``.
    case entries(first: UInt64, count: Int)
    case handOver(HandOver)
    case recall(Recall)
    /// The engine asks ``Replica/encodeMemory(of:asked:into:)``.
    case memory(of: ReplicaID, asked: Generation)
}

/// Messages that report a vow: they leave only when the log is durable up to the vow's record (PROTOCOL §2 ◆).
package enum BindingMessage: Equatable, Sendable {
    case prepare(Prepare)
    /// The engine asks ``Replica/encodePromise(ballot:from:part:into:)`` when the time has come.
    case promise(ballot: Ballot, from: UInt64)
}

package enum Effect: Equatable, Sendable {
    /// Append this to the log, now and in this order.
    case append(LogItem)
    case immediate(FreeMessage, Destination)
    case afterDurable(LogIndex, BindingMessage, Destination)
}

/// Room for the effects of one step: fixed, taken once.
package struct Effects: ~Copyable {
    /// Most effects of one step: every loop of the core that emits is bounded by 64 rounds, two effects each, and a
    /// step runs at most four of them.
    package static let capacity = 512
    private let base: UnsafeMutablePointer<Effect>
    package private(set) var count = 0

    package init() { base = .allocate(capacity: Self.capacity) }
    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }
    package subscript(_ i: Int) -> Effect {
        precondition(i < count)
        return base[i]
    }
    mutating func add(_ effect: Effect) {
        precondition(count < Self.capacity, "a step of the core asked for more than its bound")
        (base + count).initialize(to: effect)
        count += 1
    }
    package mutating func removeAll() {
        base.deinitialize(count: count)
        count = 0
    }
}
