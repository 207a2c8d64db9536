// Messages that wait for the disk (PROTOCOL §2 ◆: reported when durable).
import TriremeCore

/// Binding messages in the order of their records. Bounded: one that finds no room is dropped; prepares are repeated
/// and promises asked for again.
struct Gate: ~Copyable {
    private struct Waiting {
        var index: LogIndex
        var message: BindingMessage
        var destination: Destination
    }
    private static var capacity: Int { 64 }
    private let base: UnsafeMutablePointer<Waiting>
    private var head = 0
    private var count = 0

    init() {
        base = .allocate(capacity: Self.capacity)
        base.initialize(
            repeating: Waiting(index: 0, message: .promise(ballot: .none, from: 0), destination: .all),
            count: Self.capacity)
    }
    deinit { base.deallocate() }

    mutating func hold(_ message: BindingMessage, to destination: Destination, until index: LogIndex) {
        guard count < Self.capacity else { return }
        base[(head + count) % Self.capacity] = Waiting(index: index, message: message, destination: destination)
        count += 1
    }
    /// The next message whose record is durable.
    mutating func release(durable: LogIndex) -> (BindingMessage, Destination)? {
        guard count > 0, base[head].index <= durable else { return nil }
        defer {
            head = (head + 1) % Self.capacity
            count -= 1
        }
        return (base[head].message, base[head].destination)
    }
}
