// The buffers that batches live in, from the client's copy or the wire to the state machine. One region, one owner: the
// reactor's thread. A buffer is free when nobody holds it (ARCHITECTURE, principle 6).
import TriremeCore

/// Who may still read a buffer.
package struct Hold: OptionSet, Sendable {
    package let rawValue: UInt8
    @inlinable package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// A log write is under way.
    package static let write = Hold(rawValue: 1)
    /// Not executed yet.
    package static let execution = Hold(rawValue: 2)
    /// Kept so that others can ask for it.
    package static let repair = Hold(rawValue: 4)
    /// A gateway or a read fills it.
    package static let filling = Hold(rawValue: 8)
}

/// Which free list a buffer returns to. Fixed, so that neither a flood of batches nor a slow client can take what the
/// others need.
package enum BufferClass: UInt8, Sendable {
    /// Own batches.
    case own = 0
    /// Given to the network to receive into.
    case receive = 1
    /// Reading back from the log: for repair and for execution after a restart.
    case reserve = 2
}

/// A fixed number of equal, page-aligned buffers in one region, each with a page before it for the network's use.
///
/// A reference type because gateways share it with the engine; its methods are called on one thread.
package final class BufferPool {
    /// Bytes of a batch's frame, header included: what one buffer holds.
    package let batchBytes: Int
    package let strideBytes: Int
    package let count: Int
    /// The whole region, to be registered with the ring.
    package let region: UnsafeMutableRawBufferPointer
    private let holds: UnsafeMutablePointer<Hold>
    private let sends: UnsafeMutablePointer<UInt8>
    private let classes: UnsafeMutablePointer<BufferClass>
    private let free: UnsafeMutablePointer<UInt32>
    private let starts: InlineArray<4, Int>
    @exclusivity(unchecked) private var freeCounts: InlineArray<3, Int>
    private let release: ((UnsafeMutableRawBufferPointer) -> Void)?

    package static func stride(batchBytes: Int) -> Int {
        (batchBytes + Limits.pageBytes - 1) / Limits.pageBytes * Limits.pageBytes + Limits.pageBytes
    }
    package static func regionBytes(batchBytes: Int, own: Int, receive: Int, reserve: Int) -> Int {
        stride(batchBytes: batchBytes) * (own + receive + reserve)
    }

    /// - Parameters:
    ///   - region: page-aligned memory of at least ``regionBytes(batchBytes:own:receive:reserve:)``; allocated here when nil.
    ///   - release: gives the region back at the end.
    package init(
        batchBytes: Int, own: Int, receive: Int, reserve: Int, region given: UnsafeMutableRawBufferPointer? = nil,
        release: ((UnsafeMutableRawBufferPointer) -> Void)? = nil
    ) {
        self.batchBytes = batchBytes
        strideBytes = Self.stride(batchBytes: batchBytes)
        count = own + receive + reserve
        let bytes = strideBytes * count
        if let given {
            precondition(given.count >= bytes, "the buffer region is too small")
            region = given
            self.release = release
        } else {
            region = .allocate(byteCount: bytes, alignment: Limits.pageBytes)
            region.initializeMemory(as: UInt8.self, repeating: 0)
            self.release = { $0.deallocate() }
        }
        holds = .allocate(capacity: count)
        holds.initialize(repeating: [], count: count)
        sends = .allocate(capacity: count)
        sends.initialize(repeating: 0, count: count)
        classes = .allocate(capacity: count)
        free = .allocate(capacity: count)
        for i in 0..<count {
            (classes + i).initialize(to: i < own ? .own : i < own + receive ? .receive : .reserve)
            (free + i).initialize(to: UInt32(i))
        }
        starts = [0, own, own + receive, count]
        freeCounts = [own, receive, reserve]
    }
    deinit {
        release?(region)
        holds.deallocate()
        sends.deallocate()
        classes.deallocate()
        free.deallocate()
    }

    /// Where the frame header lies; page-aligned. The page before it is the network's.
    package func frame(_ buffer: UInt32) -> UnsafeMutableRawPointer {
        region.baseAddress! + (Int(buffer) * strideBytes + Limits.pageBytes)
    }
    package func payload(_ buffer: UInt32) -> UnsafeMutableRawPointer { frame(buffer) + Limits.headerBytes }
    /// Most bytes of payload of one batch.
    package var payloadBytes: Int { batchBytes - Limits.headerBytes }

    /// Takes a free buffer of the class, held by nobody yet; the caller holds it at once.
    package func take(_ kind: BufferClass) -> UInt32? {
        let k = Int(kind.rawValue)
        guard freeCounts[k] > 0 else { return nil }
        freeCounts[k] -= 1
        return free[starts[k] + freeCounts[k]]
    }
    package func freeCount(_ kind: BufferClass) -> Int { freeCounts[Int(kind.rawValue)] }
    package func kind(_ buffer: UInt32) -> BufferClass { classes[Int(buffer)] }
    package func holds(_ buffer: UInt32) -> Hold { holds[Int(buffer)] }
    package func isSending(_ buffer: UInt32) -> Bool { sends[Int(buffer)] > 0 }

    package func hold(_ buffer: UInt32, _ hold: Hold) { holds[Int(buffer)].formUnion(hold) }
    package func holdForSend(_ buffer: UInt32) { sends[Int(buffer)] += 1 }
    /// Whether the buffer became free by this; it is then on its free list again.
    package func drop(_ buffer: UInt32, _ hold: Hold) -> Bool {
        holds[Int(buffer)].subtract(hold)
        return reclaim(buffer)
    }
    package func sent(_ buffer: UInt32) -> Bool {
        precondition(sends[Int(buffer)] > 0, "a send ended that never began")
        sends[Int(buffer)] -= 1
        return reclaim(buffer)
    }
    private func reclaim(_ buffer: UInt32) -> Bool {
        guard holds[Int(buffer)].isEmpty, sends[Int(buffer)] == 0 else { return false }
        let k = Int(classes[Int(buffer)].rawValue)
        free[starts[k] + freeCounts[k]] = buffer
        freeCounts[k] += 1
        return true
    }
}
