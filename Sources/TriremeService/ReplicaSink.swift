// Between a front end's event loops and a running replica: commands go into a client port, replies come out of it on the
// reactor's thread and cross over in one block a turn.
import CTrireme
import Glibc
import Synchronization
import Trireme
import TriremeRuntime

/// A running replica as a front end sees it.
package final class ReplicaSinks: CommandSinkProvider {
    package let commandBytesMaximum: Int
    package let copies: ClosedRange<Int>
    private let gateway: ClientGateway

    /// - Parameters:
    ///   - gateway: of a replica that was started without a load of its own.
    ///   - copies: the smallest Q2's, to all members'.
    package init(_ gateway: ClientGateway, commandBytesMaximum: Int, copies: ClosedRange<Int>) {
        self.gateway = gateway
        self.commandBytesMaximum = commandBytesMaximum
        self.copies = copies
    }

    package func makeSink(completions: CompletionMailbox, copies: Int) -> any CommandSink {
        ReplicaSink(gateway, completions: completions, copies: copies)
    }
}

/// One event loop's way into a replica. Replies come in the order of submission, so tags wait in a plain ring.
package final class ReplicaSink: CommandSink, @unchecked Sendable {
    /// Commands under way at most: a power of two, more than some dozen connections with long pipelines have; a few where copies are
    /// waited for.
    private let outstandingMaximum: Int

    private let mailbox: CompletionMailbox
    private let tags: UnsafeMutablePointer<UInt64>
    /// The port, for the reactor's thread, which may look before ``init(_:completions:)`` has stored it.
    private let shared = Atomic<UInt>(0)
    @exclusivity(unchecked) private var port: ClientPort?

    /// Commands submitted; written by the event loop. A line apart from what the reactor writes.
    private let submitted = Atomic<Int>(0)
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)
    /// Commands completed; written by the reactor's thread, and after its end by the event loop.
    private let completed = Atomic<Int>(0)
    /// The reactor's thread has posted its last completion.
    private let isSettled = Atomic<Bool>(false)

    init(_ gateway: ClientGateway, completions: CompletionMailbox, copies: Int) {
        mailbox = completions
        outstandingMaximum = copies == 0 ? 65_536 : 64
        tags = .allocate(capacity: outstandingMaximum)
        tags.initialize(repeating: 0, count: outstandingMaximum)
        port = gateway.makePort(
            capacity: outstandingMaximum, copies: copies,
            // Replies that wait for the end of a turn. A power of two, at least twice the largest reply.
            replyBytes: copies == 0 ? 4 << 20 : 64 << 10,
            onReplies: { [weak self] in self?.collect() })
        if let port { shared.store(UInt(bitPattern: Unmanaged.passUnretained(port).toOpaque()), ordering: .releasing) }
        // Before anything is submitted: either the reactor sees the port, or this thread sees that it is closed.
        trm_fence()
    }
    deinit { tags.deallocate() }

    // MARK: The event loop's thread

    package func submit(_ command: UnsafeRawBufferPointer, tag: UInt64) -> SubmitResult {
        guard let port, !port.isClosed else { return .stopped }
        let number = submitted.load(ordering: .relaxed)
        guard number - completed.load(ordering: .acquiring) < outstandingMaximum else { return .full }
        // Before the command: its reply may be here before this call is over.
        tags[number & (outstandingMaximum - 1)] = tag
        guard port.append(command) else { return .full }
        submitted.store(number + 1, ordering: .sequentiallyConsistent)
        if port.isClosed { abandon() }
        return .accepted
    }

    package func flush() {}

    /// The replica ended in this very moment and may not have seen the last command.
    private func abandon() {
        trm_fence()
        while !isSettled.load(ordering: .acquiring) { sched_yield() }
        postUnknown()
    }

    // MARK: The reactor's thread

    /// Posts what has arrived; after the end also what will never arrive.
    private func collect() {
        var address = shared.load(ordering: .acquiring)
        if address == 0 {
            trm_fence()
            address = shared.load(ordering: .acquiring)
        }
        // Nothing can have been submitted. If this was the end, the port is closed, and nothing will be.
        guard let pointer = UnsafeRawPointer(bitPattern: address) else { return }
        let port = Unmanaged<ClientPort>.fromOpaque(pointer).takeUnretainedValue()
        var number = completed.load(ordering: .relaxed)
        _ = port.drain(limit: .max) { reply in
            mailbox.post(
                tag: tags[number & (outstandingMaximum - 1)], reply == nil ? .unknown : .executed,
                reply: reply ?? UnsafeRawBufferPointer(start: nil, count: 0))
            number += 1
        }
        completed.store(number, ordering: .releasing)
        if port.isClosed {
            trm_fence()
            postUnknown()
            isSettled.store(true, ordering: .releasing)
        }
        mailbox.flush()
    }

    /// By the one thread that posts at the time.
    private func postUnknown() {
        let end = submitted.load(ordering: .sequentiallyConsistent)
        var number = completed.load(ordering: .relaxed)
        while number < end {
            mailbox.post(
                tag: tags[number & (outstandingMaximum - 1)], .unknown,
                reply: UnsafeRawBufferPointer(start: nil, count: 0))
            number += 1
        }
        completed.store(number, ordering: .releasing)
        mailbox.flush()
    }
}
