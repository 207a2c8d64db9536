// The gateway stage: gathers what the client threads have filled, and gives them their replies. The reactor's thread.
import CTrireme
import TriremeCore

/// Any number of client ports over one engine. Ports are added from any thread, through a ring.
package final class ClientGateway: Gateway, ReplySink, @unchecked Sendable {
    /// Client threads of one replica, at most.
    package static let ports = 64
    private let pool: BufferPool
    private let wake: @Sendable () -> Void
    private let arrivals: UnsafeMutablePointer<trm_mpsc>
    private let storage: UnsafeMutableRawPointer
    /// Clients that have a port or are about to; counted by whoever makes one.
    private let clients: UnsafeMutablePointer<UInt64>
    /// Not 0 once the replica has ended.
    private var isShut: UnsafeMutablePointer<UInt64> { clients + 1 }
    /// A place stays its client's until nothing of it is left to be done.
    @exclusivity(unchecked) private var ports: [ClientPort?] = []
    @exclusivity(unchecked) private var turn = 0
    /// Port and number of commands of every own batch that is not executed yet, in order.
    @exclusivity(unchecked) private var order: [(port: Int, count: Int)]
    @exclusivity(unchecked) private var orderHead = 0
    @exclusivity(unchecked) private var orderCount = 0
    @exclusivity(unchecked) package private(set) var pendingSince: UInt64?
    /// Own batches that were executed, here or by others: the sequence of the last one (PROTOCOL §3.1: they start at 1).
    @exclusivity(unchecked) private var executedSequence: UInt64 = 0
    @exclusivity(unchecked) package private(set) var batchesAwaitingCopies = 0

    /// - Parameters:
    ///   - windowBatches: own batches under way at most.
    ///   - wake: wakes a sleeping reactor; cheap when it is awake.
    package init(pool: BufferPool, windowBatches: Int, wake: @escaping @Sendable () -> Void) {
        self.pool = pool
        self.wake = wake
        order = Array(repeating: (0, 0), count: windowBatches * 2 + 8)
        let ring = MemoryLayout<trm_mpsc>.stride
        storage = .allocate(
            byteCount: ring + trm_mpsc_storage_bytes(8, UInt64(Self.ports)), alignment: 128)
        arrivals = storage.bindMemory(to: trm_mpsc.self, capacity: 1)
        trm_mpsc_init(arrivals, storage + ring, 8, UInt64(Self.ports))
        clients = .allocate(capacity: 2)
        clients.initialize(repeating: 0, count: 2)
        ports.reserveCapacity(Self.ports)
    }
    deinit {
        takeArrivals()
        storage.deallocate()
        clients.deallocate()
    }

    /// A new port, from any thread; `nil` when there are too many.
    ///
    /// - Parameters:
    ///   - capacity: commands that may be unanswered at a time.
    ///   - copies: members that hold a batch before its replies are given; 0: a quorum's decision is enough.
    ///   - onReplies: called on the reactor's thread after a turn that brought replies; must not block.
    package func makePort(
        capacity: Int, copies: Int = 0, replyBytes: Int = 1 << 20, onReplies: (@Sendable () -> Void)? = nil
    ) -> ClientPort? {
        guard trm_fetch_add_u64(clients, 1) < UInt64(Self.ports) else {
            _ = trm_fetch_add_u64(clients, .max)
            return nil
        }
        let port = ClientPort(
            pool: pool, capacity: capacity, copies: copies, replyBytes: replyBytes, wake: wake, onReplies: onReplies)
        var pointer = UInt64(UInt(bitPattern: Unmanaged.passRetained(port).toOpaque()))
        let isPushed = trm_mpsc_try_push(arrivals, &pointer)
        precondition(isPushed, "more clients wait for a port than there are ports")
        // Whoever ends looks for arrivals after it has said so, and who arrives looks after it has arrived: one sees the other.
        trm_fence()
        if trm_load_acquire_u64(isShut) != 0 { port.shut() }
        wake()
        return port
    }

    private func takeArrivals() {
        var pointer: UInt64 = 0
        while trm_mpsc_try_pop(arrivals, &pointer) {
            let port = Unmanaged<ClientPort>.fromOpaque(UnsafeRawPointer(bitPattern: UInt(pointer))!)
                .takeRetainedValue()
            if let free = ports.firstIndex(where: { $0 == nil }) { ports[free] = port } else { ports.append(port) }
        }
    }

    /// Lends buffers to the clients that are there, and takes back those of the clients that are gone.
    private func tend() {
        for i in ports.indices {
            guard let port = ports[i] else { continue }
            if !port.hasLeft {
                port.lend()
                continue
            }
            batchesAwaitingCopies -= port.held.count
            port.held.removeAll()
            if port.reclaim() {
                ports[i] = nil
                _ = trm_fetch_add_u64(clients, .max)
            }
        }
    }

    // MARK: Gateway

    package func poll(now: UInt64, mustSeal: Bool, pool: BufferPool) -> Submission? {
        takeArrivals()
        tend()
        guard orderCount < order.count else { return nil }
        var anyPending = false
        for i in 0..<ports.count {
            let index = (turn + i) % ports.count
            guard let port = ports[index] else { continue }
            if let submission = port.take(mustSeal: mustSeal) {
                port.underWay += 1
                turn = index + 1
                order[(orderHead + orderCount) % order.count] = (index, submission.count)
                orderCount += 1
                pendingSince = nil
                return submission
            }
            if port.look() { anyPending = true }
        }
        pendingSince = anyPending ? pendingSince ?? now : nil
        return nil
    }

    package func nextDue(now: UInt64) -> UInt64 { .max }

    /// Whether a client has put something in that no poll has seen: asked before the reactor sleeps.
    package var hasWork: Bool {
        for port in ports { if let port, port.hasNewWork { return true } }
        return false
    }

    package func turnEnded() {
        for port in ports {
            guard let port, port.hasNews else { continue }
            port.hasNews = false
            flushOverflow(port)
            port.onReplies?()
        }
    }

    /// The replica ends: clients learn that what is unanswered has an unknown outcome.
    package func shut() {
        trm_store_release_u64(isShut, 1)
        trm_fence()
        takeArrivals()
        for port in ports {
            port?.shut()
            port?.onReplies?()
        }
    }

    // MARK: Replies

    package var wantsReplies: Bool { true }

    package func executed(count: Int, replies: UnsafeRawBufferPointer) {
        guard let (port, expected) = takeOldest() else { return }
        precondition(count == expected, "a batch came back with another number of commands")
        guard port.copies == 0 else {
            batchesAwaitingCopies += 1
            return port.held.add(executedSequence, count: count, replies: replies)
        }
        answer(port, count: count, replies: replies)
    }

    package func skipped(batches: Int) {
        for _ in 0..<batches {
            guard let (port, count) = takeOldest() else { continue }
            guard port.copies == 0 else {
                batchesAwaitingCopies += 1
                port.held.addUnknown(count: count)
                continue
            }
            answer(port, count: count, replies: nil)
        }
    }

    /// The next own batch, in the order of sealing, is executed. Whose it is and how many commands it has; nil when that client is
    /// gone.
    private func takeOldest() -> (port: ClientPort, count: Int)? {
        precondition(orderCount > 0, "an own batch was executed that was never sealed")
        let (index, count) = order[orderHead]
        orderHead = (orderHead + 1) % order.count
        orderCount -= 1
        executedSequence += 1
        guard let port = ports[index] else { preconditionFailure("a port went before its batches") }
        port.underWay -= 1
        return port.hasLeft ? nil : (port, count)
    }

    package func copied(_ reach: CopyReach) {
        for port in ports {
            guard let port, port.held.count > 0 else { continue }
            batchesAwaitingCopies -= port.held.release(upTo: reach.reached(by: port.copies)) {
                answer(port, count: $0, replies: $1)
            }
        }
    }

    /// Gives a client the replies to one batch; nil: their outcome stays unknown.
    private func answer(_ port: ClientPort, count: Int, replies: UnsafeRawBufferPointer?) {
        port.hasNews = true
        flushOverflow(port)
        guard let replies else {
            for _ in 0..<count {
                withUnsafeBytes(of: ReplyRing.unknown.littleEndian) { deliver($0.baseAddress!, footprint: 4, to: port) }
            }
            return
        }
        var offset = 0
        for _ in 0..<count {
            // Empty replies at the end of a batch are not stored.
            guard offset < replies.count else {
                withUnsafeBytes(of: UInt32(0)) { deliver($0.baseAddress!, footprint: 4, to: port) }
                continue
            }
            let length = Int(UInt32(littleEndian: replies.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            let footprint = (length + 7) & ~3
            deliver(replies.baseAddress! + offset, footprint: footprint, to: port)
            offset += footprint
        }
    }

    private func deliver(_ entry: UnsafeRawPointer, footprint: Int, to port: ClientPort) {
        if !port.overflow.isEmpty || !port.replies.push(entry, footprint: footprint) {
            port.overflow.append(contentsOf: UnsafeRawBufferPointer(start: entry, count: footprint))
        }
    }

    /// Replies that found the ring full follow in order once the client has made room.
    private func flushOverflow(_ port: ClientPort) {
        guard !port.overflow.isEmpty else { return }
        var offset = 0
        port.overflow.withUnsafeBytes { bytes in
            while offset < bytes.count {
                let length = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                let footprint = ReplyRing.footprint(length)
                guard port.replies.push(bytes.baseAddress! + offset, footprint: footprint) else { break }
                offset += footprint
            }
        }
        port.overflow.removeFirst(offset)
        if !port.overflow.isEmpty { port.hasNews = true }
    }
}
