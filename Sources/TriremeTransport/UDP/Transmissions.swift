// Batches on their way out. One takes one datagram, or several: fragments, or a copy for each member that multicast does not reach.
import TriremeCore

/// One call of `multicast` or `send`, from its first datagram to the completion of its last.
struct Transmission {
    var batch: BatchDescriptor
    var payload: UnsafeRawPointer
    var token: UInt32
    /// Destinations still to be served: bit i is member i by unicast, bit 15 the multicast group.
    var destinations: UInt16
    /// Bytes of the frame that the present destination has been sent.
    var offset = 0
    /// Sends that the kernel has.
    var inFlight = 0
    /// The time of its first send is in its header.
    var isStamped = false

    static let multicastBit: UInt16 = 1 << 15
    var frameBytes: Int { Limits.headerBytes + Int(batch.payloadBytes) }
}

/// A table of fixed size with the frame headers, and the order in which they are worked off.
struct Transmissions: ~Copyable {
    private let entries: UnsafeMutablePointer<Transmission?>
    private let headers: UnsafeMutableRawPointer
    private var free: BoundedQueue<Int>
    /// Transmissions that have datagrams to hand to the kernel, oldest first.
    var waiting: BoundedQueue<Int>

    init(capacity: Int) {
        entries = .allocate(capacity: capacity)
        entries.initialize(repeating: nil, count: capacity)
        headers = .allocate(byteCount: capacity * Limits.headerBytes, alignment: 64)
        free = BoundedQueue(capacity: capacity)
        waiting = BoundedQueue(capacity: capacity)
        for index in 0..<capacity { free.push(index) }
    }
    deinit {
        entries.deallocate()
        headers.deallocate()
    }

    /// Enters a transmission at the end of the queue; false when the table is full.
    mutating func begin(_ transmission: Transmission, from origin: DatagramOrigin) -> Bool {
        guard let index = free.pop() else { return false }
        entries[index] = transmission
        BatchHeader.write(to: header(index), transmission.batch, from: origin)
        waiting.push(index)
        return true
    }
    mutating func end(_ index: Int) -> UInt32 {
        let token = entries[index]!.token
        entries[index] = nil
        free.push(index)
        return token
    }
    func header(_ index: Int) -> UnsafeMutableRawPointer { headers + index * Limits.headerBytes }
    subscript(index: Int) -> Transmission {
        get { entries[index]! }
        nonmutating set { entries[index] = newValue }
    }
}
