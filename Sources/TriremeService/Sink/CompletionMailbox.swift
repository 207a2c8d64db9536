// The way back: completions from a replica's thread to an event loop, in blocks, with one wake-up for a whole batch.
import Synchronization

/// Completions on their way from one producing thread to one consuming thread.
///
/// The producer appends completions to a block of memory and hands the block over with ``flush()``; the consumer takes all
/// blocks at once and gives them back empty. Both ways are stacks of which everything is taken at a time, so neither side
/// locks, waits or loses anything. Memory is bounded by what is outstanding: the sinks bound the commands, the service
/// bounds a reply. In steady state the same few blocks go round and nothing is allocated.
package final class CompletionMailbox: @unchecked Sendable {
    /// Size of a block, unless one reply alone is larger.
    private static let blockBytes = 256 * 1_024
    /// Empty blocks that are kept; further ones are freed.
    private static let blocksKept = 8
    /// Before each reply: tag, outcome, length.
    private static let entryBytes = 16

    /// Begins a block; the entries follow.
    private struct Header {
        var next: UInt
        var capacity: Int
        var used: Int
        var padding: UInt = 0
    }
    private typealias Block = UnsafeMutablePointer<Header>

    /// Full blocks, newest first; addresses.
    private let delivered = Atomic<UInt>(0)
    /// Blocks that the consumer has finished with.
    private let returned = Atomic<UInt>(0)
    /// Whether the consumer has been woken and has not begun to look.
    private let isAwake = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)
    private let wake: @Sendable () -> Void

    // The producer's own.
    @exclusivity(unchecked) private var open: Block?
    @exclusivity(unchecked) private var spare: UInt = 0

    /// - Parameter wake: called by the producer's thread when the consumer has something to do and does not know it. It shall
    ///   have ``drain(_:)`` called soon on the consumer's thread.
    package init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    deinit {
        if let open { Self.free(UInt(bitPattern: open)) }
        Self.free(spare)
        Self.free(delivered.load(ordering: .acquiring))
        Self.free(returned.load(ordering: .acquiring))
    }

    // MARK: Producer

    /// Adds a completion; it is seen after the next ``flush()``. Cost: a copy of the reply and a few ns.
    package func post(tag: UInt64, _ outcome: CommandOutcome, reply: UnsafeRawBufferPointer) {
        let bytes = (Self.entryBytes + reply.count + 7) & ~7
        if let open, open.pointee.capacity - open.pointee.used < bytes {
            push(open, to: delivered)
            self.open = nil
        }
        let block = open ?? takeBlock(bytes)
        open = block
        let entry = UnsafeMutableRawPointer(block) + block.pointee.used
        entry.storeBytes(of: tag, as: UInt64.self)
        entry.storeBytes(of: outcome.rawValue, toByteOffset: 8, as: UInt32.self)
        entry.storeBytes(of: UInt32(reply.count), toByteOffset: 12, as: UInt32.self)
        if let base = reply.baseAddress { (entry + Self.entryBytes).copyMemory(from: base, byteCount: reply.count) }
        block.pointee.used += bytes
    }

    /// Hands everything over that was posted. Wakes the consumer unless it is about to look anyway.
    package func flush() {
        guard let open else { return }
        push(open, to: delivered)
        self.open = nil
        if !isAwake.exchange(true, ordering: .sequentiallyConsistent), !isClosed.load(ordering: .acquiring) { wake() }
    }

    private func takeBlock(_ bytes: Int) -> Block {
        if spare == 0 { spare = returned.exchange(0, ordering: .acquiring) }
        if let block = Block(bitPattern: spare), block.pointee.capacity - MemoryLayout<Header>.size >= bytes {
            spare = block.pointee.next
            block.pointee.used = MemoryLayout<Header>.size
            return block
        }
        let capacity = max(Self.blockBytes, bytes + MemoryLayout<Header>.size)
        let block = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 64).bindMemory(
            to: Header.self, capacity: 1)
        block.initialize(to: Header(next: 0, capacity: capacity, used: MemoryLayout<Header>.size))
        return block
    }

    // MARK: Consumer

    /// No more wake-ups: nobody drains from now on.
    package func close() { isClosed.store(true, ordering: .releasing) }

    /// Calls `body` for every completion that was handed over, in the order in which they were posted. The reply is valid
    /// during the call.
    package func drain(_ body: (_ tag: UInt64, CommandOutcome, _ reply: UnsafeRawBufferPointer) -> Void) {
        // Before looking: what is handed over from here on wakes again.
        isAwake.store(false, ordering: .sequentiallyConsistent)
        var newest = delivered.exchange(0, ordering: .acquiring)
        var oldest: Block?
        while let block = Block(bitPattern: newest) {
            newest = block.pointee.next
            block.pointee.next = UInt(bitPattern: oldest)
            oldest = block
        }
        var kept = 0
        while let block = oldest {
            oldest = Block(bitPattern: block.pointee.next)
            var offset = MemoryLayout<Header>.size
            while offset < block.pointee.used {
                let entry = UnsafeRawPointer(block) + offset
                let length = Int(entry.load(fromByteOffset: 12, as: UInt32.self))
                let outcome = CommandOutcome(rawValue: entry.load(fromByteOffset: 8, as: UInt32.self)) ?? .unknown
                body(
                    entry.load(as: UInt64.self), outcome,
                    UnsafeRawBufferPointer(start: entry + Self.entryBytes, count: length))
                offset += (Self.entryBytes + length + 7) & ~7
            }
            kept += 1
            if block.pointee.capacity > Self.blockBytes || kept > Self.blocksKept {
                block.pointee.next = 0
                Self.free(UInt(bitPattern: block))
            } else {
                push(block, to: returned)
            }
        }
    }

    // MARK: Stacks

    private func push(_ block: Block, to stack: borrowing Atomic<UInt>) {
        var top = stack.load(ordering: .relaxed)
        while true {
            block.pointee.next = top
            // Release: whoever takes the block sees what it holds. Nobody takes single blocks, so there is no ABA.
            let (exchanged, original) = stack.weakCompareExchange(
                expected: top, desired: UInt(bitPattern: block), successOrdering: .releasing, failureOrdering: .relaxed)
            if exchanged { return }
            top = original
        }
    }

    private static func free(_ stack: UInt) {
        var next = stack
        while let block = Block(bitPattern: next) {
            next = block.pointee.next
            UnsafeMutableRawPointer(block).deallocate()
        }
    }
}
