// Where one client thread meets the reactor: an open buffer that the one fills and the other seals, without a lock
// (ARCHITECTURE, principle 6). One copy of a command's bytes, one compare-and-swap.
import CTrireme
import Glibc
import TriremeCore

/// The state of an open buffer in one word, which lies before the buffer's frame: published length, number of commands,
/// and whether it is sealed. Whoever sets the sealed bit first owns the buffer.
enum OpenWord {
    static let sealed: UInt64 = 1 << 63
    static func pack(length: Int, count: Int) -> UInt64 { UInt64(length) | UInt64(count) << 32 }
    static func length(_ word: UInt64) -> Int { Int(word & 0xFFFF_FFFF) }
    static func count(_ word: UInt64) -> Int { Int(word >> 32 & 0x3FFF_FFFF) }
}

/// Shared by one client thread and the reactor. A reference type, since both hold it.
package final class ClientPort: @unchecked Sendable {
    /// Buffers that a client may have: one that it fills and those that wait.
    static let buffers: UInt64 = 4
    let pool: BufferPool
    /// Commands submitted and not yet answered, at most.
    let capacity: Int
    /// Buffer + 1 in the low half, a count of uses in the high half; 0 for none. Written by the client.
    private let current: UnsafeMutablePointer<UInt64>
    private let free: UnsafeMutablePointer<trm_spsc>
    private let full: UnsafeMutablePointer<trm_spsc>
    private let storage: UnsafeMutableRawPointer
    let replies: ReplyRing
    /// Set when the replica ends: what is unanswered then has an unknown outcome.
    private let closed: UnsafeMutablePointer<UInt64>
    /// Set when the client is gone: its buffers come back.
    private let left: UnsafeMutablePointer<UInt64>
    /// Wakes a sleeping reactor.
    private let wake: @Sendable () -> Void

    // The client's own.
    @exclusivity(unchecked) private var open: UInt32?
    @exclusivity(unchecked) private var uses: UInt64 = 0
    @exclusivity(unchecked) private var length = 0
    @exclusivity(unchecked) private var count = 0

    // The reactor's own.
    @exclusivity(unchecked) var sealedUse: UInt64 = 0
    @exclusivity(unchecked) private var seenUse: UInt64 = 0
    @exclusivity(unchecked) var lent: UInt64 = 0
    /// Replies that found the ring full, at most as many as commands may be unanswered.
    @exclusivity(unchecked) var overflow: [UInt8] = []
    @exclusivity(unchecked) var hasNews = false
    /// Its batches that are sealed and not executed.
    @exclusivity(unchecked) var underWay = 0
    /// Members that hold a batch before its replies are given; 0: a quorum's decision is enough.
    let copies: Int
    /// Replies that wait for so many.
    @exclusivity(unchecked) var held = HeldReplies()
    /// Called on the reactor's thread, at the end of a turn that brought replies.
    let onReplies: (@Sendable () -> Void)?

    init(
        pool: BufferPool, capacity: Int, copies: Int = 0, replyBytes: Int, wake: @escaping @Sendable () -> Void,
        onReplies: (@Sendable () -> Void)?
    ) {
        self.pool = pool
        self.capacity = capacity
        self.copies = copies
        self.wake = wake
        self.onReplies = onReplies
        let ring = MemoryLayout<trm_spsc>.stride
        storage = .allocate(byteCount: 256 + 2 * ring + 2 * 8 * Int(Self.buffers * 2), alignment: 128)
        storage.initializeMemory(as: UInt8.self, repeating: 0, count: 256)
        current = storage.assumingMemoryBound(to: UInt64.self)
        closed = (storage + 128).assumingMemoryBound(to: UInt64.self)
        left = closed + 1
        free = (storage + 256).bindMemory(to: trm_spsc.self, capacity: 1)
        full = (storage + 256 + ring).bindMemory(to: trm_spsc.self, capacity: 1)
        let cells = storage + 256 + 2 * ring
        trm_spsc_init(free, cells, 8, Self.buffers * 2)
        trm_spsc_init(full, cells + 8 * Int(Self.buffers * 2), 8, Self.buffers * 2)
        replies = ReplyRing(capacity: replyBytes)
    }
    deinit {
        storage.deallocate()
        replies.deallocate()
    }

    private func word(_ buffer: UInt32) -> UnsafeMutablePointer<UInt64> {
        (pool.frame(buffer) - 128).assumingMemoryBound(to: UInt64.self)
    }

    // MARK: The client's side

    /// Copies one command in. False when no buffer is free: that is back-pressure.
    package func append(_ command: UnsafeRawBufferPointer) -> Bool {
        let footprint = (command.count + 7) & ~3
        while true {
            guard let buffer = open ?? takeBuffer() else { return false }
            guard length + footprint <= pool.payloadBytes else {
                close(buffer)
                continue
            }
            let target = pool.payload(buffer) + length
            // The padding first: it lies in the last word, which the command may partly cover.
            if footprint > 4 { target.storeBytes(of: 0, toByteOffset: footprint - 4, as: UInt32.self) }
            target.storeBytes(of: UInt32(command.count).littleEndian, as: UInt32.self)
            if let base = command.baseAddress { (target + 4).copyMemory(from: base, byteCount: command.count) }
            var expected = OpenWord.pack(length: length, count: count)
            if trm_cas_u64(word(buffer), &expected, OpenWord.pack(length: length + footprint, count: count + 1)) {
                length += footprint
                count += 1
                // Of a buffer that it has seen the reactor knows when to take it; a full one is told of when it is closed.
                if count == 1 { wake() }
                return true
            }
            // The reactor sealed it meanwhile: the command goes into the next buffer.
            open = nil
        }
    }

    private func takeBuffer() -> UInt32? {
        var next: UInt64 = 0
        guard trm_spsc_try_pop(free, &next) else { return nil }
        let buffer = UInt32(next)
        length = 0
        count = 0
        uses += 1
        trm_store_release_u64(word(buffer), 0)
        trm_store_release_u64(current, uses << 32 | (next + 1))
        open = buffer
        return buffer
    }

    /// The buffer is full: hands it over, unless the reactor took it already.
    private func close(_ buffer: UInt32) {
        open = nil
        trm_store_release_u64(current, 0)
        guard trm_fetch_or_u64(word(buffer), OpenWord.sealed) & OpenWord.sealed == 0 else { return }
        var value = UInt64(buffer)
        let pushed = trm_spsc_try_push(full, &value)
        precondition(pushed, "more full buffers than were lent")
        wake()
    }

    /// The client goes: what it has submitted is carried out all the same, its replies are nobody's.
    package func leave() {
        if let buffer = open { close(buffer) }
        trm_store_release_u64(left, 1)
        wake()
    }

    /// Hands out replies that have arrived, oldest first, nil for an outcome that stays unknown. Returns how many.
    package func drain(limit: Int, _ body: (UnsafeRawBufferPointer?) -> Void) -> Int {
        replies.drain(limit: limit, body)
    }
    /// Gives the processor to others for a moment.
    package func rest() { sched_yield() }

    /// Whether the replica has ended.
    package var isClosed: Bool { trm_load_acquire_u64(closed) != 0 }

    // MARK: The reactor's side

    func shut() { trm_store_release_u64(closed, 1) }

    var hasLeft: Bool { trm_load_acquire_u64(left) != 0 }
    /// Takes back the buffers of a client that is gone. Returns whether nothing of it is left to be done.
    func reclaim() -> Bool {
        var next: UInt64 = 0
        while trm_spsc_try_pop(free, &next) { giveBack(UInt32(next)) }
        return lent == 0 && underWay == 0
    }
    private func giveBack(_ buffer: UInt32) {
        lent -= 1
        _ = pool.drop(buffer, .filling)
    }

    /// Gives the client empty buffers while there are any.
    func lend() {
        while lent < Self.buffers, let buffer = pool.take(.own) {
            pool.hold(buffer, .filling)
            trm_store_release_u64(word(buffer), 0)
            var value = UInt64(buffer)
            let pushed = trm_spsc_try_push(free, &value)
            precondition(pushed, "more buffers lent than the ring holds")
            lent += 1
            // Room again: whoever was told that there is none hears of it.
            hasNews = true
        }
    }

    /// The next buffer of this client: a full one, or with `mustSeal` the open one if anything is in it.
    func take(mustSeal: Bool) -> Submission? {
        var next: UInt64 = 0
        while trm_spsc_try_pop(full, &next) {
            let found = trm_load_acquire_u64(word(UInt32(next)))
            guard OpenWord.count(found) > 0 else {
                // A client that went left it empty.
                giveBack(UInt32(next))
                continue
            }
            lent -= 1
            return submission(UInt32(next), found)
        }
        let use = trm_load_acquire_u64(current)
        guard mustSeal, use != 0, use != sealedUse else { return nil }
        let buffer = UInt32(use & 0xFFFF_FFFF) - 1
        guard OpenWord.count(trm_load_acquire_u64(word(buffer))) > 0 else { return nil }
        let found = trm_fetch_or_u64(word(buffer), OpenWord.sealed)
        // The client closed it in this very moment: it comes through the ring of full ones.
        guard found & OpenWord.sealed == 0 else { return nil }
        sealedUse = use
        lent -= 1
        return submission(buffer, found)
    }

    /// Whether anything waits to be sealed; an open buffer in which something lies counts as seen from here on.
    func look() -> Bool {
        let use = openUse
        seenUse = use
        return use != 0 || trm_spsc_count(full) > 0
    }
    /// Whether anything waits that no ``look()`` has seen.
    var hasNewWork: Bool {
        if trm_spsc_count(full) > 0 { return true }
        let use = openUse
        return use != 0 && use != seenUse
    }
    /// The use of the open buffer if anything lies in it, else 0.
    private var openUse: UInt64 {
        let use = trm_load_acquire_u64(current)
        guard use != 0, use != sealedUse else { return 0 }
        return OpenWord.count(trm_load_acquire_u64(word(UInt32(use & 0xFFFF_FFFF) - 1))) > 0 ? use : 0
    }

    private func submission(_ buffer: UInt32, _ word: UInt64) -> Submission {
        Submission(buffer: buffer, payloadBytes: OpenWord.length(word), count: OpenWord.count(word), stride: 0)
    }
}
