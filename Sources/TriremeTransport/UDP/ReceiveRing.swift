// One socket's multishot receive and the ring of buffers that the kernel fills for it.
import CTrireme
import Glibc
import TriremeCore

struct ReceiveRing: ~Copyable {
    private let ring: OpaquePointer
    private let buffers: OpaquePointer
    private let file: UInt32
    private let group: UInt16
    private let token: UInt64
    /// TRM_RECEIVE_ flags: what stands before a datagram in its buffer.
    let shape: UInt32
    let prefixBytes: Int
    /// The network's own memory, or nil where the buffers are those that the engine provides.
    private let memory: UnsafeMutableRawPointer?
    private let strideBytes: Int
    /// Most buffers that the kernel can have.
    let capacity: Int
    /// Buffers that the kernel has and has not used.
    private(set) var available = 0
    private(set) var isArmed = false

    /// `strideBytes` 0: buffers are provided. Otherwise `entries` buffers of that many bytes are made and handed over.
    init(
        ring: OpaquePointer, file: UInt32, group: UInt16, index: Int, entries: Int, strideBytes: Int, joined: Bool,
        timed: Bool = false
    ) throws(TransportError) {
        var size = 1
        while size < entries { size *= 2 }
        var error: Int32 = 0
        guard let made = trm_ring_buffers_create(ring, group, UInt32(size), &error) else {
            throw TransportError(
                .ring,
                "io_uring: a ring of \(size) receive buffers (group \(group)) was refused with error \(-error); Linux 6.0 is needed"
            )
        }
        self.ring = ring
        self.file = file
        self.group = group
        self.strideBytes = strideBytes
        buffers = made
        capacity = size
        token = TransportToken.make(.receive, index)
        shape = (joined ? UInt32(TRM_RECEIVE_SEGMENTS) : 0) | (timed ? UInt32(TRM_RECEIVE_TIME) : 0)
        prefixBytes = trm_receive_prefix_bytes(shape)
        guard strideBytes > 0 else {
            memory = nil
            return
        }
        let base = UnsafeMutableRawPointer.allocate(byteCount: size * strideBytes, alignment: Limits.pageBytes)
        memory = base
        for number in 0..<size {
            trm_buffers_add(buffers, base + number * strideBytes, UInt32(strideBytes), UInt16(number))
        }
        trm_buffers_publish(buffers)
        available = size
    }
    deinit { memory?.deallocate() }

    /// Where an own buffer begins.
    func address(of number: Int) -> UnsafeMutableRawPointer { memory! + number * strideBytes }

    /// Hands an own buffer back to the kernel.
    mutating func recycle(_ number: Int) { add(memory! + number * strideBytes, bytes: strideBytes, number: number) }

    /// Gives the kernel a buffer; a receive that ended for lack of them goes on.
    mutating func add(_ address: UnsafeMutableRawPointer, bytes: Int, number: Int) {
        trm_buffers_add(buffers, address, UInt32(bytes), UInt16(number))
        trm_buffers_publish(buffers)
        available += 1
        arm()
    }

    /// Starts receiving unless it is under way or there is nothing to receive into. A full submission ring is tried
    /// again at the next occasion.
    mutating func arm() {
        guard !isArmed, available > 0 else { return }
        isArmed = trm_ring_receive_multishot(ring, file, group, shape, token) == 0
    }

    /// Accounts for one completion.
    mutating func completed(_ completion: trm_completion, counters: inout TransportCounters) {
        if completion.buffer >= 0 { available -= 1 }
        guard !completion.more else { return }
        isArmed = false
        if completion.result == -ENOBUFS {
            counters.receiveBuffersExhausted &+= 1
        } else if completion.result < 0 {
            // Not at once: an error that persists would turn the reactor in circles. The next tick tries again.
            counters.receiveErrors &+= 1
            return
        }
        counters.receivesRearmed &+= 1
        arm()
    }
}
