// What a front end needs of a replica: a place to put commands, and a mailbox for what became of them.

/// What became of a command that was handed to a ``CommandSink``.
package enum SubmitResult: Sendable {
    /// Its bytes were copied; one completion with its tag will follow.
    case accepted
    /// No room now. Nothing was taken; try again after some completions, or after a millisecond.
    case full
    /// The replica takes no more commands, ever. Nothing was taken.
    case stopped
}

/// How an accepted command ended.
package enum CommandOutcome: UInt32, Sendable {
    /// It was executed in order; the reply is the state machine's.
    case executed = 0
    /// The replica stopped before it learned whether the command was or will be executed. There is no reply.
    case unknown = 1
    /// It was certainly not and will never be executed. There is no reply.
    case refused = 2
}

/// The way of commands from one event loop into a replica. A sink belongs to one thread, which alone calls it.
package protocol CommandSink: AnyObject {
    /// Copies `command` (at most ``CommandSinkProvider/commandBytesMaximum`` bytes) and returns at once. Commands of one sink
    /// are executed in the order of their submission, and completed in that order, each once, through the mailbox that
    /// the sink was made with.
    func submit(_ command: UnsafeRawBufferPointer, tag: UInt64) -> SubmitResult

    /// Called after a burst of submissions: the replica takes notice of them no later than now. One wake-up for many commands.
    func flush()
}

/// A replica as a front end sees it.
package protocol CommandSinkProvider: Sendable {
    /// Most bytes of one command.
    var commandBytesMaximum: Int { get }

    /// How many members hold a command that is completed: at least, as any decision implies, and at most, if that is waited for.
    var copies: ClosedRange<Int> { get }

    /// A sink for the calling thread's use. Completions go to `completions`, posted by one thread at a time; not before so many
    /// members hold the command, and what was completed here before it (PROTOCOL §5). 0: as many as its decision implies. One that waits for copies
    /// takes a few commands at a time, with replies of some kilobytes at most.
    func makeSink(completions: CompletionMailbox, copies: Int) -> any CommandSink
}
