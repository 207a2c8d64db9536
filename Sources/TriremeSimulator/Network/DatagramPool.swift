// Datagrams under way: copied once when they are sent, shared by all their deliveries.
import TriremeCore
import TriremeTransport

/// What is under way: a control message or a batch, with its bytes.
package struct Datagram {
    package var bytes: UnsafeMutableRawPointer
    package var length: Int
    /// Deliveries, and the sender's note, that still need the bytes.
    package var holds: Int
    package var kind: DatagramKind
    package var from: ReplicaID
    package var batch: BatchDescriptor
}

/// Places for datagrams, used again and again; each has room for the largest.
package final class DatagramPool {
    @exclusivity(unchecked) private var places: UnsafeMutablePointer<Datagram>
    @exclusivity(unchecked) private var free: [UInt32] = []
    @exclusivity(unchecked) private var capacity = 0
    private let bytesEach: Int
    private static let step = 256

    /// - Parameter batchBytes: most bytes of a batch's payload.
    package init(batchBytes: Int) {
        bytesEach = max(batchBytes, Limits.controlBodyBytes) + 64
        places = .allocate(capacity: 0)
    }
    deinit {
        for i in 0..<capacity { places[i].bytes.deallocate() }
        places.deallocate()
    }
    package subscript(_ index: UInt32) -> Datagram {
        unsafeAddress { UnsafePointer(places + Int(index)) }
        unsafeMutableAddress { places + Int(index) }
    }
    package var underWay: Int { capacity - free.count }

    /// A copy of `bytes` with one hold, the caller's.
    package func take(
        _ kind: DatagramKind, from: ReplicaID, batch: BatchDescriptor, copying bytes: UnsafeRawBufferPointer
    ) -> UInt32 {
        precondition(bytes.count <= bytesEach, "a datagram longer than any may be")
        if free.isEmpty { grow() }
        let index = free.removeLast()
        let place = places + Int(index)
        if bytes.count > 0 { place.pointee.bytes.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count) }
        place.pointee.length = bytes.count
        place.pointee.holds = 1
        place.pointee.kind = kind
        place.pointee.from = from
        place.pointee.batch = batch
        return index
    }
    package func hold(_ index: UInt32) { places[Int(index)].holds += 1 }
    package func release(_ index: UInt32) {
        places[Int(index)].holds -= 1
        precondition(places[Int(index)].holds >= 0)
        if places[Int(index)].holds == 0 { free.append(index) }
    }

    private func grow() {
        let larger = UnsafeMutablePointer<Datagram>.allocate(capacity: capacity + Self.step)
        larger.moveInitialize(from: places, count: capacity)
        places.deallocate()
        places = larger
        for i in capacity..<(capacity + Self.step) {
            (places + i).initialize(
                to: Datagram(
                    bytes: .allocate(byteCount: bytesEach, alignment: 64), length: 0, holds: 0, kind: .status,
                    from: ReplicaID(0), batch: .none))
        }
        // The lowest place is taken first: few places stay warm.
        for i in (capacity..<(capacity + Self.step)).reversed() { free.append(UInt32(i)) }
        capacity += Self.step
    }
}

extension BatchDescriptor {
    /// No batch: what stands beside a control message.
    package static var none: Self {
        Self(
            lane: ReplicaID(0), generation: .zero, sequence: 0, payloadBytes: 0, payloadChecksum: 0, count: 0,
            stride: 0,
            digest: 0)
    }
}
