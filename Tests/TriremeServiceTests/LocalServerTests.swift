// A whole server in this process, and clients that were not written for it: Debian's redis-tools.
import Foundation
import Logging
import Synchronization
import Testing
import Trireme
import TriremeService

/// Runs a program of redis-tools and returns what it printed.
private func run(_ program: String, _ arguments: [String], input: String = "") throws -> (status: Int32, output: String)
{
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/\(program)")
    process.arguments = arguments
    let (output, given) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = output
    process.standardInput = given
    try process.run()
    try given.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try given.fileHandleForWriting.close()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: bytes, as: UTF8.self))
}

/// What a thread was told.
private final class Asked: Sendable {
    private let text = Mutex<String?>(nil)
    var output: String? {
        get { text.withLock { $0 } }
        set { text.withLock { $0 = newValue } }
    }
}

private let hasRedisTools = FileManager.default.isExecutableFile(atPath: "/usr/bin/redis-benchmark")

@Suite(.serialized, .enabled(if: hasRedisTools, "needs Debian's redis-tools"), .timeLimit(.minutes(1)))
struct LocalServerTests {
    /// A server on a free port, for the time of `body`.
    func withServer(
        threads: Int = 1, _ configuration: RespConfiguration = RespConfiguration(), pendingBytes: Int = 8 << 20,
        _ body: (RespServer, LocalReplica) async throws -> Void
    ) async throws {
        let replica = LocalReplica(AnyStateMachine.make(KeyValueStore()), pendingBytesMaximum: pendingBytes)
        var logger = Logger(label: "resp")
        logger.logLevel = .critical
        let server = try await RespServer(
            host: "127.0.0.1", port: 0, threads: threads, provider: replica, configuration: configuration,
            logger: logger)
        try await body(server, replica)
        replica.stop()
        await server.stop()
    }

    @Test(arguments: [1, 2]) func redisBenchmark(_ threads: Int) async throws {
        try await withServer(threads: threads) { server, _ async throws in
            let options = [
                "-p", "\(server.port)", "-t", "ping,set,get,incr,mset", "-n", "20000", "-r", "1000", "--csv",
            ]
            for pipeline in ["1", "64"] {
                let (status, output) = try run("redis-benchmark", options + ["-c", "50", "-P", pipeline])
                #expect(status == 0 && !output.localizedCaseInsensitiveContains("error"), "\(output)")
                #expect(output.split(separator: "\n").count >= 7, "\(output)")
            }
            // INCR's key, without the random part when there is none.
            let sum = try run("redis-cli", ["-p", "\(server.port)", "DBSIZE"]).output
            #expect(Int(sum.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 >= 1_000)
        }
    }

    @Test func everyIncrementCounts() async throws {
        try await withServer { server, _ async throws in
            let (status, output) = try run(
                "redis-benchmark",
                ["-p", "\(server.port)", "-n", "50000", "-c", "20", "-P", "100", "-q", "INCRBY", "n", "3"])
            #expect(status == 0, "\(output)")
            #expect(try run("redis-cli", ["-p", "\(server.port)", "GET", "n"]).output == "150000\n")
        }
    }

    /// A replica with little room and clients with little: every command is held up somewhere, and none is lost.
    @Test func everythingIsHeldUp() async throws {
        var configuration = RespConfiguration()
        configuration.pipelineMaximum = 7
        configuration.outputBytesMaximum = 2_000
        try await withServer(configuration, pendingBytes: 300) { server, _ async throws in
            let arguments = ["-p", "\(server.port)", "-n", "20000", "-c", "20", "-P", "50", "-q"]
            #expect(try run("redis-benchmark", arguments + ["INCR", "n"]).status == 0)
            #expect(try run("redis-cli", ["-p", "\(server.port)", "GET", "n"]).output == "20000\n")
            let value = String(repeating: "v", count: 1_500)
            #expect(try run("redis-cli", ["-p", "\(server.port)", "SET", "k", value]).output == "OK\n")
            #expect(try run("redis-benchmark", arguments + ["GET", "k"]).status == 0)
        }
    }

    @Test func redisCli() async throws {
        try await withServer { server, _ async throws in
            let (status, output) = try run(
                "redis-cli", ["-p", "\(server.port)"],
                input: "SET a 1\nAPPEND a 2\nMGET a b\nHELLO 3\nNOSUCH x\nDBSIZE\n")
            #expect(status == 0)
            #expect(
                output == """
                    OK
                    2
                    12

                    NOPROTO unsupported protocol version

                    ERR unknown command 'NOSUCH', with args beginning with: 'x' 

                    1

                    """)
            let pipe = (0..<2_000).map { "SET key\($0) value\($0)\r\n" }.joined()
            let piped = try run("redis-cli", ["-p", "\(server.port)", "--pipe"], input: pipe)
            #expect(piped.output.contains("errors: 0, replies: 2000"), "\(piped.output)")
        }
    }

    @Test func clientsOverTheMaximumAreTold() async throws {
        var configuration = RespConfiguration()
        configuration.connectionsMaximum = 0
        try await withServer(configuration) { server, _ async throws in
            #expect(
                try run("redis-cli", ["-p", "\(server.port)", "PING"]).output.contains("max number of clients reached"))
        }
    }

    @Test func whatAStoppedReplicaLeavesIsUnknown() async throws {
        let replica = LocalReplica(AnyStateMachine.make(KeyValueStore()))
        let server = try await RespServer(
            host: "127.0.0.1", port: 0, provider: replica, logger: Logger(label: "resp"))
        replica.pause(true)
        // Not a task: it waits, and would keep the others from running.
        let asked = Asked()
        Thread.detachNewThread {
            asked.output = try? run("redis-cli", ["-p", "\(server.port)", "SET", "a", "1"]).output
        }
        while replica.pendingCommands == 0 { try await Task.sleep(for: .milliseconds(5)) }
        replica.stop()
        while asked.output == nil { try await Task.sleep(for: .milliseconds(5)) }
        #expect(asked.output!.hasPrefix("UNKNOWN the replica stopped before it learned whether"))
        let after = try run("redis-cli", ["-p", "\(server.port)", "SET", "a", "1"]).output
        #expect(after.hasPrefix("TRYAGAIN this replica takes no commands now"))
        await server.stop()
    }
}
