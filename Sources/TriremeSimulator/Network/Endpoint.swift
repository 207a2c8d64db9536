// One replica's socket: what has arrived and was not yet taken. It dies with its incarnation.
import Glibc
import TriremeCore
import TriremeTransport

package final class Endpoint {
    struct Item {
        enum Kind { case control, batch, sent }
        var kind: Kind
        /// The datagram, or the token of what has left.
        var index: UInt32
        var buffer: UInt32 = 0
        var frame: UnsafeMutableRawPointer? = nil
    }
    package let replica: ReplicaID
    package let incarnation: Int
    let wire: Wire
    /// Datagrams that fit; what comes beyond is lost, as in a socket's buffer.
    static let capacity = 512
    @exclusivity(unchecked) private var items: UnsafeMutablePointer<Item>
    @exclusivity(unchecked) private var head = 0
    @exclusivity(unchecked) package private(set) var count = 0
    @exclusivity(unchecked) private var given: UInt32? = nil
    @exclusivity(unchecked) private var empty: [(buffer: UInt32, address: UnsafeMutableRawPointer)] = []
    /// Frames that were handed up and not given back, with the bytes of their payloads: kept where memory is to flip.
    private(set) var handed: [(frame: UnsafeMutableRawPointer, payloadBytes: Int)]?

    package init(wire: Wire, replica: ReplicaID, incarnation: Int) {
        self.wire = wire
        self.replica = replica
        self.incarnation = incarnation
        // Notes about what has left are never lost, so there is room for many beyond the datagrams.
        items = .allocate(capacity: Self.capacity * 4)
    }
    deinit {
        close()
        items.deallocate()
    }

    /// Lets go of everything: the replica is gone.
    package func close() {
        if let given { wire.pool.release(given) }
        given = nil
        while count > 0 {
            let item = items[head]
            head = (head + 1) % (Self.capacity * 4)
            count -= 1
            if item.kind != .sent { wire.pool.release(item.index) }
        }
        empty.removeAll()
    }

    func provide(_ buffer: UInt32, at address: UnsafeMutableRawPointer) {
        wire.demand(Int(bitPattern: address) % Limits.pageBytes == 0, "replica \(replica) provides an unaligned buffer")
        empty.append((buffer, address))
        handed?.removeAll { $0.frame == address }
    }
    /// From now on it is known which frames hold batches.
    func watchFrames(writtenBy image: DiskImage) {
        handed = []
        image.writtenFrames = []
        self.image = image
    }
    private var image: DiskImage?
    var wantsBuffers: Bool { empty.count < 4 }
    /// Puts an arriving datagram into the inbox. False where it is lost for want of room.
    func accept(_ index: UInt32) -> Bool {
        guard count < Self.capacity else { return false }
        guard wire.pool[index].kind == .batch else {
            append(Item(kind: .control, index: index))
            return true
        }
        guard !empty.isEmpty else { return false }
        // Buffers come back in the order in which they were given, as a ring of provided buffers hands them out.
        let (buffer, address) = empty.removeFirst()
        // The frame header is the transport's: what lies there means nothing to the engine.
        memset(address, 0xA5, Limits.headerBytes)
        (address + Limits.headerBytes).copyMemory(from: wire.pool[index].bytes, byteCount: wire.pool[index].length)
        append(Item(kind: .batch, index: index, buffer: buffer, frame: address))
        return true
    }
    func left(token: UInt32) { append(Item(kind: .sent, index: token)) }

    private func append(_ item: Item) {
        precondition(count < Self.capacity * 4, "an inbox of sent notes overflows")
        items[(head + count) % (Self.capacity * 4)] = item
        count += 1
    }
    func next() -> Arrival? {
        if let given { wire.pool.release(given) }
        given = nil
        guard count > 0 else { return nil }
        let item = items[head]
        head = (head + 1) % (Self.capacity * 4)
        count -= 1
        if item.kind == .sent { return .sent(token: item.index) }
        given = item.index
        let from = wire.pool[item.index].from
        if item.kind == .batch {
            if handed != nil {
                handed!.append((item.frame!, wire.pool[item.index].length))
                image?.writtenFrames?.remove(item.frame!)
            }
            return .batch(wire.pool[item.index].batch, from: from, buffer: item.buffer, frame: item.frame!)
        }
        return .control(
            wire.pool[item.index].kind, from: from,
            body: UnsafeRawBufferPointer(start: wire.pool[item.index].bytes, count: wire.pool[item.index].length))
    }
}

/// The simulator's network as one engine sees it.
package struct SimulatedNetwork: Network, ~Copyable {
    let endpoint: Endpoint
    package init(_ endpoint: Endpoint) { self.endpoint = endpoint }

    package mutating func provide(buffer: UInt32, at address: UnsafeMutableRawPointer) {
        endpoint.provide(buffer, at: address)
    }
    package var wantsBuffers: Bool { endpoint.wantsBuffers }
    package mutating func multicast(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer) {
        endpoint.wire.send(kind, body, from: endpoint, to: nil)
    }
    package mutating func send(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, to: ReplicaID) {
        endpoint.wire.send(kind, body, from: endpoint, to: to)
    }
    package mutating func multicast(_ batch: BatchDescriptor, payload: UnsafeRawPointer, token: UInt32) {
        endpoint.wire.send(batch, payload, from: endpoint, to: nil, token: token)
    }
    package mutating func send(_ batch: BatchDescriptor, payload: UnsafeRawPointer, to: ReplicaID, token: UInt32) {
        endpoint.wire.send(batch, payload, from: endpoint, to: to, token: token)
    }
    package mutating func next() -> Arrival? { endpoint.next() }
}
