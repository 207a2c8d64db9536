// WAIT's way into the replica: a command that changes nothing, whose reply comes once so many members hold everything that this
// replica was given before it.
import NIOCore

/// The waits of one event loop for one number of copies; one client of the replica, made with the first of them.
///
/// One such command is under way at a time; who comes meanwhile shares the next. So what waits for a member that is down is
/// bounded by the connections, however often their time passes and they ask again.
final class RespCopies: @unchecked Sendable {
    private struct Waiter {
        let connection: RespConnection
        let number: UInt32
    }
    private let eventLoop: any EventLoop
    @exclusivity(unchecked) private var mailbox: CompletionMailbox!
    @exclusivity(unchecked) private var sink: (any CommandSink)!
    private var encoder: KeyValueEncoder
    private var isUnderWay = false
    /// Who waits for the one that is under way, and for the next, by their connections' numbers.
    @exclusivity(unchecked) private var present: [UInt64: Waiter] = [:]
    @exclusivity(unchecked) private var next: [UInt64: Waiter] = [:]

    init(_ eventLoop: any EventLoop, _ provider: any CommandSinkProvider, copies: Int) {
        self.eventLoop = eventLoop
        encoder = KeyValueEncoder(bytesMaximum: provider.commandBytesMaximum)
        encoder.begin(.count, count: 0)
        mailbox = CompletionMailbox { [weak self] in
            guard let self else { return }
            eventLoop.execute { self.drain() }
        }
        sink = provider.makeSink(completions: mailbox, copies: copies)
    }

    /// The connection hears of it later, never during this call.
    func add(_ connection: RespConnection, number: UInt32) {
        let waiter = Waiter(connection: connection, number: number)
        guard !isUnderWay else {
            next[connection.id] = waiter
            return
        }
        present[connection.id] = waiter
        submit()
    }
    func remove(_ connection: RespConnection) {
        present[connection.id] = nil
        next[connection.id] = nil
    }
    func close() { mailbox.close() }

    private func submit() {
        isUnderWay = true
        switch sink.submit(encoder.command, tag: 0) {
        case .accepted: sink.flush()
        case .full: eventLoop.scheduleTask(in: .milliseconds(1)) { self.submit() }
        case .stopped: eventLoop.execute { self.end(.refused) }
        }
    }
    private func drain() { mailbox.drain { _, outcome, _ in end(outcome) } }

    private func end(_ outcome: CommandOutcome) {
        let waiters = present.values
        present = next
        next = [:]
        isUnderWay = false
        if !present.isEmpty { submit() }
        for waiter in waiters { waiter.connection.completeWait(waiter.number, outcome) }
    }
}
