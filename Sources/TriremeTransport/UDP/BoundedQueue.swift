// A first-in, first-out queue of fixed capacity within one thread; nothing is allocated after start.

/// Full means a mistake in the derivation of its capacity, or is asked for first: see ``isFull``.
package struct BoundedQueue<Element: BitwiseCopyable>: ~Copyable {
    private let storage: UnsafeMutablePointer<Element>
    private let mask: Int
    private var head = 0
    private var tail = 0

    /// `capacity` is rounded up to a power of two.
    package init(capacity: Int) {
        var size = 1
        while size < capacity { size *= 2 }
        mask = size - 1
        storage = .allocate(capacity: size)
    }
    deinit { storage.deallocate() }

    package var count: Int { tail &- head }
    package var isFull: Bool { count > mask }
    package var first: Element? { count == 0 ? nil : storage[head & mask] }

    package mutating func push(_ element: Element) {
        precondition(!isFull, "a bounded queue of the network ran over")
        (storage + (tail & mask)).initialize(to: element)
        tail &+= 1
    }
    package mutating func pop() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head & mask]
        head &+= 1
        return element
    }
}
