// Buffers that were provided and that the kernel does not have: for assemblies and for batches that come by unicast.
import TriremeCore

/// A buffer as the engine gave it.
package struct ProvidedBuffer: Sendable {
    package var number: UInt32
    /// Where the frame header shall land.
    package nonisolated(unsafe) var address: UnsafeMutableRawPointer

    package init(number: UInt32, address: UnsafeMutableRawPointer) {
        self.number = number
        self.address = address
    }
}

/// A stack of fixed capacity; the most recently used buffer is the one in cache.
package struct BufferStack: ~Copyable {
    private let storage: UnsafeMutablePointer<ProvidedBuffer>
    private let capacity: Int
    package private(set) var count = 0

    package init(capacity: Int) {
        self.capacity = capacity
        storage = .allocate(capacity: max(capacity, 1))
    }
    deinit { storage.deallocate() }

    package mutating func push(_ buffer: ProvidedBuffer) {
        precondition(count < capacity, "a buffer was provided twice")
        (storage + count).initialize(to: buffer)
        count += 1
    }
    package mutating func pop() -> ProvidedBuffer? {
        guard count > 0 else { return nil }
        count -= 1
        return storage[count]
    }
}
