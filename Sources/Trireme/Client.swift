// The fast way to a replica: submit and poll, without allocation, for one thread.
import TriremeRuntime

/// Submits commands to one replica and takes the replies.
///
/// For one thread at a time. ``submit(_:tag:)`` copies the command once, into the batch that leaves next; the reply
/// comes back in order through ``poll(limit:_:)`` once the command was executed, in the order that all replicas agree on; where the
/// client was made with ``ReplyDurability/quorumPlus(_:)``, once so many members hold it besides.
///
/// When the replica ends, what is unanswered has an unknown outcome: it may have been executed or not
/// (``TriremeError/Code/outcomeUnknown``).
///
/// ```swift
/// var client = replica.client()
/// try client.submit(bytes, tag: 42)
/// client.poll { tag, reply in … }
/// ```
public struct Client: ~Copyable {
    private let port: ClientPort
    private let tags: UnsafeMutablePointer<UInt64>
    private let capacity: Int
    private let largest: Int
    private var head = 0
    /// Commands that were submitted and not answered yet.
    public private(set) var outstanding = 0

    package init(port: ClientPort, capacity: Int, largestCommandBytes: Int) {
        self.port = port
        self.capacity = capacity
        largest = largestCommandBytes
        tags = .allocate(capacity: capacity)
        tags.initialize(repeating: 0, count: capacity)
    }
    deinit {
        port.leave()
        tags.deallocate()
    }

    /// Submits one command.
    ///
    /// - Parameters:
    ///   - command: its bytes; copied before the call returns.
    ///   - tag: comes back with the reply.
    /// - Throws: ``TriremeError/Code/overloaded`` when as many commands are outstanding as may be, or no buffer is free: poll and
    ///   try again. ``TriremeError/Code/commandTooLarge`` when it fits into no batch. ``TriremeError/Code/stopped`` when
    ///   the replica has ended.
    ///
    /// Cost: one copy and one compare-and-swap; about 20 ns for 64 bytes.
    public mutating func submit(_ command: UnsafeRawBufferPointer, tag: UInt64) throws(TriremeError) {
        guard command.count <= largest else {
            throw TriremeError(
                .commandTooLarge,
                "a command of \(command.count) bytes was submitted; one batch holds at most \(largest): split it, or raise batchBytes"
            )
        }
        guard outstanding < capacity else { throw Self.overloaded }
        guard !port.isClosed else { throw Self.stopped }
        guard port.append(command) else { throw Self.overloaded }
        tags[(head + outstanding) % capacity] = tag
        outstanding += 1
    }

    /// Submits one command, and waits while the replica is overloaded instead of throwing.
    ///
    /// - Parameter reply: takes replies that arrive meanwhile.
    /// - Throws: as ``submit(_:tag:)``, but never `overloaded`.
    public mutating func submitWaiting(
        _ command: UnsafeRawBufferPointer, tag: UInt64, _ reply: (UInt64, UnsafeRawBufferPointer) -> Void
    ) throws(TriremeError) {
        while true {
            do {
                return try submit(command, tag: tag)
            } catch {
                guard error.code == .overloaded else { throw error }
                if poll(reply) == 0 { port.rest() }
            }
        }
    }

    /// Takes replies that have arrived, in the order of submission. Never waits.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - unknown: takes the tags of commands whose outcome stays unknown though the replica lives: it fell behind so far that
    ///     it took over another one's state, in which they may be executed or not.
    ///   - body: the command's tag and its reply, whose memory is valid only during the call.
    /// - Returns: how many there were.
    @discardableResult
    public mutating func poll(
        limit: Int = .max, unknown: (UInt64) -> Void = { _ in }, _ body: (UInt64, UnsafeRawBufferPointer) -> Void
    ) -> Int {
        var position = head
        let count = port.drain(limit: min(limit, outstanding)) { reply in
            if let reply { body(tags[position], reply) } else { unknown(tags[position]) }
            position = position + 1 == capacity ? 0 : position + 1
        }
        head = position
        outstanding -= count
        return count
    }

    /// Whether the replica has ended: ``outstanding`` commands then have an unknown outcome, once a last ``poll(limit:_:)`` found
    /// nothing more.
    public var isStopped: Bool { port.isClosed }

    private static var overloaded: TriremeError {
        TriremeError(.overloaded, "the replica has no room for another command now: poll for replies and submit again")
    }
    private static var stopped: TriremeError {
        TriremeError(.stopped, "the replica has ended: commands go to another one")
    }
}
