// What the connections of one event loop share: the way to the replica and back, and the memory for reading commands.
import Glibc
import Logging
import NIOCore

/// One event loop's share of the front end. Everything but the mailbox's producing side belongs to the loop's thread.
package final class RespLoop: @unchecked Sendable {
    let eventLoop: any EventLoop
    let configuration: RespConfiguration
    let shared: RespShared
    let logger: Logger
    let commandBytesMaximum: Int

    @exclusivity(unchecked) var parser: RespParser
    @exclusivity(unchecked) var encoder: KeyValueEncoder
    let table = RespCommandTable()
    /// Commands taken from sockets that ``RespShared/commands`` does not count yet.
    @exclusivity(unchecked) var commands: UInt64 = 0
    let emptyBuffer = ByteBuffer()

    @exclusivity(unchecked) private var mailbox: CompletionMailbox!
    @exclusivity(unchecked) private var sink: (any CommandSink)!
    @exclusivity(unchecked) private var isFlushPlanned = false
    let provider: any CommandSinkProvider
    private(set) var isClosed = false
    /// By how many copies are waited for.
    private var copies: [Int: RespCopies] = [:]

    @exclusivity(unchecked) private var connections: [RespConnection?] = []
    private var freeIndices: [Int] = []
    @exclusivity(unchecked) private var touched: [RespConnection] = []
    private var waiting: [RespConnection] = []
    private var isRetryPlanned = false

    package init(
        _ eventLoop: any EventLoop, _ provider: any CommandSinkProvider, _ configuration: RespConfiguration,
        _ shared: RespShared, _ logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.provider = provider
        self.configuration = configuration
        self.shared = shared
        self.logger = logger
        commandBytesMaximum = provider.commandBytesMaximum
        // INCR's amount is encoded in more bytes than it has in the protocol, where it has none.
        parser = RespParser(commandBytesMaximum: commandBytesMaximum - 16)
        encoder = KeyValueEncoder(bytesMaximum: commandBytesMaximum)
        mailbox = CompletionMailbox { [weak self] in
            guard let self else { return }
            eventLoop.execute { self.drain() }
        }
        sink = provider.makeSink(completions: mailbox, copies: 0)
    }

    // MARK: Connections

    /// A connection in the table.
    package func makeConnection(id: UInt64) -> RespConnection {
        let index = freeIndices.popLast() ?? connections.count
        if index == connections.count { connections.append(nil) }
        let connection = RespConnection(self, index: index, id: id)
        connections[index] = connection
        return connection
    }

    /// Forgets a closed connection as soon as nothing is on its way that carries its index.
    func remove(_ connection: RespConnection) {
        shared.connections.subtract(1, ordering: .relaxed)
        forget(connection)
    }

    private func forget(_ connection: RespConnection) {
        guard connection.isClosed, connection.outstanding == 0, connections[connection.index] === connection else {
            return
        }
        connections[connection.index] = nil
        freeIndices.append(connection.index)
    }

    /// No more wake-ups, and nobody waits for copies from now on: the event loop is about to end. On its thread.
    package func close() {
        isClosed = true
        mailbox.close()
        for (_, waits) in copies { waits.close() }
    }

    // MARK: To the replica

    /// Submits the command in the encoder. The replica is told once, after everything that can be read now has been.
    func submit(tag: UInt64) -> SubmitResult {
        if !isFlushPlanned {
            isFlushPlanned = true
            eventLoop.execute { self.flush() }
        }
        return sink.submit(encoder.command, tag: tag)
    }

    /// Where those wait who want so many copies.
    func waits(copies count: Int) -> RespCopies {
        if let waits = copies[count] { return waits }
        let waits = RespCopies(eventLoop, provider, copies: count)
        copies[count] = waits
        return waits
    }

    private func flush() {
        isFlushPlanned = false
        countCommands()
        sink.flush()
    }

    private func countCommands() {
        shared.commands.add(commands, ordering: .relaxed)
        commands = 0
    }

    /// The connection goes on when the replica has room again: after the next completions, or in a millisecond when none of
    /// this loop's commands is on its way.
    func waitForSink(_ connection: RespConnection) {
        waiting.append(connection)
        guard !isRetryPlanned else { return }
        isRetryPlanned = true
        eventLoop.scheduleTask(in: .milliseconds(1)) { self.retry() }
    }

    private func retry() {
        isRetryPlanned = false
        let connections = waiting
        waiting.removeAll(keepingCapacity: true)
        for connection in connections {
            connection.isWaitingForSink = false
            connection.resume()
        }
    }

    // MARK: From the replica

    private func drain() {
        mailbox.drain { tag, outcome, reply in
            guard let connection = connections[Int(tag >> 32)] else {
                preconditionFailure("a completion came for a connection that is gone")
            }
            connection.complete(UInt32(truncatingIfNeeded: tag), outcome, reply)
            if !connection.isTouched {
                connection.isTouched = true
                touched.append(connection)
            }
        }
        for connection in touched {
            connection.isTouched = false
            if connection.isClosed { forget(connection) } else { connection.resume() }
        }
        touched.removeAll(keepingCapacity: true)
        if !waiting.isEmpty { retry() }
    }

    // MARK: What INFO and CLIENT LIST tell

    var clients: String { connections.compactMap { $0?.isClosed == false ? $0?.line : nil }.joined() }

    /// The text of INFO. A section is shown when it is asked for by name or with `all`, `everything` or `default`.
    func information(sections: [String]) -> String {
        countCommands()
        let all: [(String, [(String, String)])] = [
            (
                "Server",
                [
                    ("redis_version", RespServer.redisVersion), ("server_name", "trireme"),
                    ("redis_mode", "standalone"),
                    ("process_id", "\(getpid())"), ("tcp_port", "\(shared.port.load(ordering: .relaxed))"),
                    ("uptime_in_seconds", "\(shared.uptimeSeconds)"),
                ]
            ),
            ("Clients", [("connected_clients", "\(shared.connections.load(ordering: .relaxed))")]),
            (
                "Stats",
                [
                    ("total_connections_received", "\(shared.accepted.load(ordering: .relaxed))"),
                    ("total_commands_processed", "\(shared.commands.load(ordering: .relaxed))"),
                ]
            ),
            ("Replication", [("role", "master")]),
            ("Trireme", configuration.information()),
        ]
        let wanted = Set(sections.map { $0.lowercased() })
        let isEverything = wanted.isEmpty || !wanted.isDisjoint(with: ["all", "everything", "default"])
        return all.filter { isEverything || wanted.contains($0.0.lowercased()) }
            .map { title, lines in "# \(title)\r\n" + lines.map { "\($0.0):\($0.1)\r\n" }.joined() }
            .joined(separator: "\r\n")
    }
}
