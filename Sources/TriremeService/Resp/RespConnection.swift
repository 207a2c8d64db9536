// One client's connection. Owned by its event loop's thread.
import NIOCore

/// Reads commands from a socket, hands them to the replica, and writes the replies in the order of the commands.
///
/// Commands of one sink are completed in the order of their submission, so the replies of the log need no queue: each is
/// appended to the output as it comes. What the front end answers itself waits in ``held`` until the commands before it have
/// their replies.
///
/// Reading is on demand: the next read is asked for when the input has been used up, not before. That is the back-pressure.
package final class RespConnection: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// Why nothing is taken from the input now.
    private enum Stop {
        case none
        /// Too many commands on their way, or the socket takes no replies.
        case client
        /// The replica has no room.
        case sink
        /// WAIT: for the replies of the commands before it, or for copies.
        case copies
    }

    let loop: RespLoop
    /// Place in the loop's table; in every tag.
    let index: Int
    /// Number of the client, as CLIENT ID gives it.
    let id: UInt64
    var name: [UInt8] = []
    var address = ""

    @exclusivity(unchecked) private var context: ChannelHandlerContext?
    @exclusivity(unchecked) private var input = ByteBuffer()
    @exclusivity(unchecked) var output: ByteBuffer
    @exclusivity(unchecked) private var skip = RespSkip()
    @exclusivity(unchecked) private var stop = Stop.none
    @exclusivity(unchecked) private var isWaitingForRead = false
    /// Whether the socket takes what is written, up to the low-water mark of what waits.
    @exclusivity(unchecked) private var isWritable = true
    /// No more commands are taken; the connection ends when all replies are written.
    @exclusivity(unchecked) private var isEnding = false

    /// Commands submitted and completed; they wrap around.
    @exclusivity(unchecked) private var submitted: UInt32 = 0
    @exclusivity(unchecked) private var completed: UInt32 = 0
    /// Replies of the front end that wait for the commands before them, oldest first.
    @exclusivity(unchecked) private var held: [(after: UInt32, bytes: [UInt8])] = []
    @exclusivity(unchecked) private var heldFirst = 0
    @exclusivity(unchecked) private var heldBytes = 0

    @exclusivity(unchecked) var waiting = RespWaiting()

    /// Whether the loop has it on its list of connections that wait for room in the sink.
    var isWaitingForSink = false
    /// Whether the loop has it on its list of connections that got completions.
    @exclusivity(unchecked) var isTouched = false
    var isClosed: Bool { context == nil }
    var outstanding: Int { Int(submitted &- completed) }

    init(_ loop: RespLoop, index: Int, id: UInt64) {
        self.loop = loop
        self.index = index
        self.id = id
        output = loop.emptyBuffer
    }

    // MARK: Channel events

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        address = context.remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "?"
    }

    package func channelActive(context: ChannelHandlerContext) { read() }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.discardReadBytes()
            input.writeBuffer(&bytes)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        isWaitingForRead = false
        resume()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable { resume() }
    }

    package func channelInactive(context: ChannelHandlerContext) { close() }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.logger.debug("connection ends", metadata: ["client": "\(address)", "error": "\(error)"])
        context.close(promise: nil)
    }

    // MARK: Input

    /// Takes commands from the input as long as there is room for what they cause.
    private func process() {
        var consumed = 0
        input.withUnsafeReadableBytes { bytes in
            while consumed < bytes.count, !isEnding, !waiting.isUnderWay {
                guard hasRoom else {
                    stop = .client
                    break
                }
                let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
                switch loop.parser.parse(rest, &skip) {
                case .command(let count):
                    guard execute() else {
                        stop = waiting.hasCommandsBefore ? .copies : .sink
                        // It counts when it is done.
                        loop.commands &-= 1
                        return
                    }
                    consumed += count
                case .nothing(let count): consumed += count
                case .oversize(let count):
                    consumed += count
                    reply(RespError.oversize(limitBytes: loop.commandBytesMaximum))
                case .incomplete: return
                case .failed(let text):
                    reply(RespError.invalid(text))
                    isEnding = true
                }
            }
        }
        input.moveReaderIndex(forwardBy: consumed)
        if input.readableBytes == 0 { input = loop.emptyBuffer }
    }

    private var hasRoom: Bool {
        outstanding &+ held.count < loop.configuration.pipelineMaximum
            && output.readableBytes &+ heldBytes < loop.configuration.outputBytesMaximum && isWritable
    }

    /// After a burst of input or completions: goes on where ``process()`` had to stop, writes what has gathered, then reads
    /// on or ends.
    func resume() {
        repeat {
            guard !isClosed else { return }
            if stop == .none || hasRoom {
                stop = .none
                process()
            }
            if isEnding, outstanding == 0 { return end() }
            write()
            // Writing may have made the room that was missing.
        } while hasRoom && (stop == .client || stop == .copies && outstanding == 0)
        if stop == .sink, !isWaitingForSink {
            isWaitingForSink = true
            loop.waitForSink(self)
        }
        if stop == .none, !isEnding, !waiting.isUnderWay { read() }
    }

    private func write() {
        guard output.readableBytes > 0, let context else { return }
        var bytes = output
        // Before it is written: a socket that takes it at once may say so, and call here again, during the write.
        output = loop.emptyBuffer
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        // The storage is used again unless the socket still holds it, or it is large.
        if output.readableBytes == 0, bytes.capacity <= 65_536 {
            bytes.clear()
            output = bytes
        }
    }

    /// Ends the connection behind the last reply.
    private func end() {
        guard let context else { return }
        self.context = nil
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(output)).whenComplete { _ in channel.close(promise: nil) }
        output = loop.emptyBuffer
    }

    private func read() {
        guard !isWaitingForRead, let context else { return }
        isWaitingForRead = true
        context.read()
    }

    private func close() {
        context = nil
        stopWaiting()
        input = loop.emptyBuffer
        output = loop.emptyBuffer
        held = []
        loop.remove(self)
    }

    // MARK: Commands and replies

    /// Submits the command in the loop's encoder. `false`: the replica has no room now.
    func submit() -> Bool {
        switch loop.submit(tag: UInt64(index) << 32 | UInt64(submitted)) {
        case .accepted: submitted &+= 1
        case .full: return false
        case .stopped: reply(RespError.refused)
        }
        return true
    }

    /// The next command's outcome.
    func complete(_ number: UInt32, _ outcome: CommandOutcome, _ bytes: UnsafeRawBufferPointer) {
        precondition(number == completed, "completions of one connection arrived out of order")
        completed &+= 1
        guard !isClosed else { return }
        switch outcome {
        case .executed: output.writeBytes(bytes)
        case .refused: output.writeStaticString(RespError.refused)
        case .unknown:
            output.writeStaticString(RespError.unknown)
            isEnding = true
        }
        while heldFirst < held.count, held[heldFirst].after == completed {
            output.writeBytes(held[heldFirst].bytes)
            heldBytes -= held[heldFirst].bytes.count
            heldFirst += 1
            if heldFirst == held.count {
                held.removeAll(keepingCapacity: true)
                heldFirst = 0
            }
        }
    }

    /// A reply of the front end itself, after those of the commands before it.
    func reply(_ text: StaticString) {
        if outstanding == 0 {
            output.writeStaticString(text)
        } else {
            reply(text.withUTF8Buffer { Array($0) })
        }
    }

    func reply(_ text: String) { reply(Array(text.utf8)) }

    func reply(_ bytes: [UInt8]) {
        if outstanding == 0 {
            output.writeBytes(bytes)
            return
        }
        held.append((submitted, bytes))
        heldBytes += bytes.count
    }

    /// The last reply: the connection ends behind it.
    func replyAndEnd(_ text: StaticString) {
        reply(text)
        isEnding = true
    }
}
