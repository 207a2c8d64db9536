// The front end on a hand-moved event loop, with a replica that executes when it is told to.
import Logging
import NIOCore
import NIOEmbedded
import Trireme
import TriremeService

/// A sink that keeps what is submitted until ``execute(_:)``.
final class HandSink: CommandSink, CommandSinkProvider, @unchecked Sendable {
    let commandBytesMaximum = 4_096
    var room = Int.max
    var isStopped = false
    private(set) var pending: [(tag: UInt64, bytes: [UInt8])] = []
    private var store: KeyValueStore
    private var completions: CompletionMailbox!

    init(_ limits: KeyValueLimits = KeyValueLimits()) { store = KeyValueStore(limits: limits) }

    /// Three members, two of which decide.
    let copies = 2...3
    /// Where commands wait whose reply wants so many copies.
    private(set) var held: [Int: HandSink] = [:]
    var heldRoom = Int.max

    func makeSink(completions: CompletionMailbox, copies: Int) -> any CommandSink {
        guard copies == 0 else {
            let sink = HandSink()
            sink.completions = completions
            sink.room = heldRoom
            held[copies] = sink
            return sink
        }
        self.completions = completions
        return self
    }

    func submit(_ command: UnsafeRawBufferPointer, tag: UInt64) -> SubmitResult {
        if isStopped { return .stopped }
        guard pending.count < room else { return .full }
        pending.append((tag, Array(command)))
        return .accepted
    }

    func flush() {}

    /// Executes the oldest commands and hands their completions over. Returns how many there were.
    @discardableResult func execute(_ most: Int = .max) -> Int {
        let taken = Array(pending.prefix(most))
        pending.removeFirst(taken.count)
        for (reply, command) in zip(store.run(taken.map(\.bytes)), taken) {
            Array(reply.utf8).withUnsafeBytes { completions.post(tag: command.tag, .executed, reply: $0) }
        }
        completions.flush()
        return taken.count
    }

    /// Ends what is pending otherwise.
    func fail(_ outcome: CommandOutcome) {
        for command in pending {
            completions.post(tag: command.tag, outcome, reply: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        pending = []
        completions.flush()
    }
}

/// One server's event loop with some clients.
final class RespHarness {
    let sink: HandSink
    let eventLoop = EmbeddedEventLoop()
    let loop: RespLoop

    init(_ configuration: RespConfiguration = RespConfiguration(), _ sink: HandSink = HandSink()) {
        self.sink = sink
        loop = RespLoop(eventLoop, sink, configuration, RespShared(), Logger(label: "test"))
    }

    func connect(id: UInt64 = 7) throws -> Client {
        let channel = EmbeddedChannel(loop: eventLoop)
        try channel.pipeline.syncOperations.addHandler(loop.makeConnection(id: id))
        channel.pipeline.fireChannelActive()
        return Client(self, channel)
    }

    struct Client {
        let harness: RespHarness
        let channel: EmbeddedChannel
        private let closed = Closed()
        private final class Closed: @unchecked Sendable { var isClosed = false }

        init(_ harness: RespHarness, _ channel: EmbeddedChannel) {
            self.harness = harness
            self.channel = channel
            let closed = closed
            channel.closeFuture.whenComplete { _ in closed.isClosed = true }
        }

        /// Sends bytes as one read, and does not execute anything.
        func send(_ text: String) throws { try channel.writeInbound(ByteBuffer(string: text)) }

        /// What has been written to the socket since the last call.
        func received() throws -> String {
            harness.eventLoop.run()
            var text = ""
            while let bytes = try channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
            return text
        }

        /// Sends, executes everything, and returns the replies.
        func ask(_ text: String) throws -> String {
            try send(text)
            harness.eventLoop.run()
            while harness.sink.execute() > 0 { harness.eventLoop.run() }
            return try received()
        }

        var isClosed: Bool {
            harness.eventLoop.run()
            return closed.isClosed
        }
    }
}

/// A command as an array of bulk strings.
func array(_ arguments: String...) -> String { array(arguments) }

func array(_ arguments: [String]) -> String {
    "*\(arguments.count)\r\n" + arguments.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
}
