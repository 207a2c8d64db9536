// The RESP2 front end: a TCP port, some event loops, and a replica behind them.
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Counts that all event loops share.
package final class RespShared: Sendable {
    package init() {}

    let connections = Atomic<Int>(0)
    let accepted = Atomic<UInt64>(0)
    let commands = Atomic<UInt64>(0)
    let port = Atomic<Int>(0)
    private let start = ContinuousClock.now
    var uptimeSeconds: Int64 { (ContinuousClock.now - start).components.seconds }
}

/// Serves RESP2 on a TCP port.
///
/// Commands on the replicated state are submitted to the replica, and answered when they have been executed in order; reads
/// too. When the replica stops while a command is on its way the client gets `-UNKNOWN …`, then the connection ends: the
/// command may or may not take effect. `-TRYAGAIN …` says that the command was certainly not executed.
package final class RespServer: Sendable {
    /// The version of Redis whose words and replies these are.
    static let redisVersion = "7.0.15"

    private let group: MultiThreadedEventLoopGroup
    private let listener: any Channel
    private let loops: [RespLoop]
    /// The port that it listens on.
    package let port: Int

    /// Starts listening. Throws when the port cannot be had.
    ///
    /// - Parameters:
    ///   - port: 0 takes a free one; see ``port``.
    ///   - threads: event loops, each with a sink of its own.
    package init(
        host: String, port: Int, threads: Int = 1, provider: any CommandSinkProvider,
        configuration: RespConfiguration = RespConfiguration(), logger: Logger
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let shared = RespShared()
        var loops: [ObjectIdentifier: RespLoop] = [:]
        for eventLoop in group.makeIterator() {
            loops[ObjectIdentifier(eventLoop)] = try await eventLoop.submit {
                RespLoop(eventLoop, provider, configuration, shared, logger)
            }.get()
        }
        do {
            let loops = loops
            listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.autoRead, value: false)
                .childChannelOption(.maxMessagesPerRead, value: 1)
                .childChannelOption(
                    .recvAllocator,
                    value: AdaptiveRecvByteBufferAllocator(
                        minimum: 4_096, initial: 16_384, maximum: configuration.readBytes)
                )
                .childChannelOption(
                    .writeBufferWaterMark,
                    value: .init(low: configuration.outputBytesMaximum / 4, high: configuration.outputBytesMaximum)
                )
                .childChannelInitializer { channel in
                    let id = shared.accepted.add(1, ordering: .relaxed).newValue
                    let connections = shared.connections.add(1, ordering: .relaxed).newValue
                    guard let loop = loops[ObjectIdentifier(channel.eventLoop)] else {
                        preconditionFailure("a connection on an event loop of another server")
                    }
                    return channel.eventLoop.makeCompletedFuture {
                        guard connections <= configuration.connectionsMaximum else {
                            try channel.pipeline.syncOperations.addHandler(RespRefusal(shared))
                            return
                        }
                        try channel.pipeline.syncOperations.addHandler(loop.makeConnection(id: id))
                    }
                }
                .bind(host: host, port: port).get()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        self.group = group
        self.loops = Array(loops.values)
        self.port = listener.localAddress?.port ?? port
        shared.port.store(self.port, ordering: .relaxed)
        logger.info("RESP", metadata: ["address": "\(host):\(self.port)"])
    }

    /// Ends listening and all connections.
    package func stop() async {
        try? await listener.close()
        for loop in loops { try? await loop.eventLoop.submit { loop.close() }.get() }
        try? await group.shutdownGracefully()
    }
}

/// Tells a client beyond the maximum so, and ends its connection.
private final class RespRefusal: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let shared: RespShared

    init(_ shared: RespShared) { self.shared = shared }

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: RespError.tooManyClients)), promise: nil)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { shared.connections.subtract(1, ordering: .relaxed) }
}
