// A replica of one: a state machine on a thread of its own, without order, log or network. For tests and for development.
import Glibc
import Trireme

/// Executes commands in this process, in the order in which they arrive. Keeps nothing and replicates nothing.
package final class LocalReplica: CommandSinkProvider, @unchecked Sendable {
    package let commandBytesMaximum: Int
    /// Commands that wait to be executed, in bytes; beyond it a sink is full.
    private let pendingBytesMaximum: Int

    private var mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var thread: pthread_t?
    private let machine: AnyStateMachine

    // Under the mutex.
    @exclusivity(unchecked) private var pending = PendingCommands()
    private var isStopping = false
    private var isPaused = false
    private var mailboxes: [CompletionMailbox] = []

    package init(
        _ machine: consuming AnyStateMachine, commandBytesMaximum: Int = 61_308, pendingBytesMaximum: Int = 8 << 20
    ) {
        self.machine = machine
        self.commandBytesMaximum = commandBytesMaximum
        self.pendingBytesMaximum = pendingBytesMaximum
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        var thread = pthread_t()
        let replica = Unmanaged.passRetained(self)
        let error = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<LocalReplica>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, replica.toOpaque())
        precondition(error == 0, "a thread could not be started")
        self.thread = thread
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// The state's digest. Meaningful while nothing is being executed.
    package var digest: UInt64 { locked { machine.digest } }

    /// Commands that wait to be executed.
    package var pendingCommands: Int { locked { pending.entries.count } }

    /// Stops executing (and starts again), as a replica does that cannot reach the others.
    package func pause(_ isPaused: Bool) {
        locked { self.isPaused = isPaused }
        pthread_cond_signal(condition)
    }

    /// Ends the thread. What has not been executed has an unknown outcome. Called once.
    package func stop() {
        locked { isStopping = true }
        pthread_cond_signal(condition)
        if let thread { pthread_join(thread, nil) }
    }

    package var copies: ClosedRange<Int> { 1...1 }

    package func makeSink(completions: CompletionMailbox, copies: Int) -> any CommandSink {
        locked {
            mailboxes.append(completions)
            return LocalSink(self, index: mailboxes.count - 1)
        }
    }

    fileprivate func submit(_ command: UnsafeRawBufferPointer, _ entry: PendingCommands.Entry) -> SubmitResult {
        precondition(command.count <= commandBytesMaximum, "a command over the limit was submitted")
        return locked {
            if isStopping { return .stopped }
            let isTooMuch = pending.payload.count + command.count > pendingBytesMaximum
            if isTooMuch, !pending.entries.isEmpty { return .full }
            pending.append(command, entry)
            return .accepted
        }
    }

    fileprivate func flush() { pthread_cond_signal(condition) }

    private func locked<R>(_ body: () -> R) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    // MARK: The thread

    private func run() {
        var replies = ReplyWriter()
        var taken = PendingCommands()
        var slot: UInt64 = 0
        pthread_mutex_lock(mutex)
        while !isStopping {
            if isPaused || pending.entries.isEmpty {
                pthread_cond_wait(condition, mutex)
                continue
            }
            swap(&pending, &taken)
            let mailboxes = mailboxes
            pthread_mutex_unlock(mutex)
            slot += 1
            execute(taken, slot, &replies, mailboxes)
            taken.removeAll()
            pthread_mutex_lock(mutex)
        }
        let mailboxes = mailboxes
        pthread_mutex_unlock(mutex)
        for entry in pending.entries {
            mailboxes[entry.sink].post(tag: entry.tag, .unknown, reply: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        for mailbox in mailboxes { mailbox.flush() }
    }

    private func execute(
        _ commands: PendingCommands, _ slot: UInt64, _ replies: inout ReplyWriter, _ mailboxes: [CompletionMailbox]
    ) {
        let count = commands.entries.count
        replies.removeAll()
        replies.beginBatch(count: count, isWanted: true)
        commands.payload.withUnsafeBytes { payload in
            let batch = CommandBatch(
                payload: payload, count: count, stride: 0, slot: slot, timestamp: slot, isOwn: true)
            machine.apply(batch, replies: &replies)
        }
        _ = replies.endBatch()
        replies.withBytes { bytes in
            var replies = Replies(bytes)
            for entry in commands.entries {
                mailboxes[entry.sink].post(tag: entry.tag, .executed, reply: replies.next())
            }
        }
        for mailbox in mailboxes { mailbox.flush() }
    }
}

/// Commands that wait, laid out as a batch's payload.
private struct PendingCommands {
    struct Entry {
        var sink: Int
        var tag: UInt64
    }
    var payload: [UInt8] = []
    var entries: [Entry] = []

    mutating func append(_ command: UnsafeRawBufferPointer, _ entry: Entry) {
        withUnsafeBytes(of: UInt32(command.count).littleEndian) { payload.append(contentsOf: $0) }
        payload.append(contentsOf: command)
        while payload.count % 4 != 0 { payload.append(0) }
        entries.append(entry)
    }

    mutating func removeAll() {
        payload.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }
}

/// A sink of a ``LocalReplica``.
package final class LocalSink: CommandSink {
    private let replica: LocalReplica
    private let index: Int

    fileprivate init(_ replica: LocalReplica, index: Int) {
        self.replica = replica
        self.index = index
    }

    package func submit(_ command: UnsafeRawBufferPointer, tag: UInt64) -> SubmitResult {
        replica.submit(command, PendingCommands.Entry(sink: index, tag: tag))
    }

    package func flush() { replica.flush() }
}
