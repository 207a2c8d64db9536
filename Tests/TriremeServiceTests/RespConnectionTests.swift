// Order of replies, back-pressure, and ends of connections.
import NIOCore
import NIOEmbedded
import Testing
import TriremeService

@Suite struct RespConnectionTests {
    @Test func repliesKeepTheirPlace() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        try client.send(
            "PING\r\n" + array("SET", "a", "1") + "ECHO x\r\nECHO y\r\n" + array("GET", "a") + "GET\r\nPING\r\n")
        #expect(try client.received() == "+PONG\r\n", "what stands behind a command of the log waits")
        harness.sink.execute(1)
        #expect(try client.received() == "+OK\r\n$1\r\nx\r\n$1\r\ny\r\n")
        harness.sink.execute(1)
        #expect(try client.received() == "$1\r\n1\r\n-ERR wrong number of arguments for 'get' command\r\n+PONG\r\n")
        #expect(try client.ask("PING\r\n") == "+PONG\r\n")
    }

    @Test func connectionsDoNotMix() throws {
        let harness = RespHarness()
        let clients = try (0..<5).map { _ in try harness.connect() }
        for round in 0..<3 {
            for (index, client) in clients.enumerated() {
                try client.send("SET k\(index) \(round)\r\nGET k\(index)\r\n")
            }
        }
        harness.sink.execute(7)
        harness.eventLoop.run()
        harness.sink.execute()
        for client in clients { #expect(try client.received() == (0..<3).map { "+OK\r\n$1\r\n\($0)\r\n" }.joined()) }
    }

    @Test func aPipelineIsBounded() throws {
        var configuration = RespConfiguration()
        configuration.pipelineMaximum = 10
        let harness = RespHarness(configuration)
        let client = try harness.connect()
        try client.send((0..<25).map { "SET k \($0)\r\n" }.joined() + "GET k\r\n")
        harness.eventLoop.run()
        #expect(harness.sink.pending.count == 10)
        harness.sink.execute(3)
        harness.eventLoop.run()
        #expect(harness.sink.pending.count == 10)
        var replies = ""
        while harness.sink.execute(4) > 0 { replies += try client.received() }
        #expect(replies == String(repeating: "+OK\r\n", count: 25) + "$2\r\n24\r\n")
    }

    @Test func localRepliesAreBoundedToo() throws {
        var configuration = RespConfiguration()
        configuration.outputBytesMaximum = 1_000
        let harness = RespHarness(configuration)
        let client = try harness.connect()
        try client.send("SET k v\r\n" + String(repeating: "ECHO 0123456789\r\n", count: 200) + "SET k w\r\n")
        harness.eventLoop.run()
        #expect(harness.sink.pending.count == 1, "the second is not read before the first has its reply")
        var replies = ""
        while harness.sink.execute() > 0 { replies += try client.received() }
        #expect(replies == "+OK\r\n" + String(repeating: "$10\r\n0123456789\r\n", count: 200) + "+OK\r\n")
    }

    @Test func nothingIsExecutedForASocketThatTakesNoReplies() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        client.channel.isWritable = false
        client.channel.pipeline.fireChannelWritabilityChanged()
        try client.send("SET k v\r\n")
        harness.eventLoop.run()
        #expect(harness.sink.pending.isEmpty)
        client.channel.isWritable = true
        client.channel.pipeline.fireChannelWritabilityChanged()
        #expect(try client.ask("") == "+OK\r\n")
    }

    /// A socket that was full and takes everything at once says that it is writable during the write itself.
    @Test func nothingIsWrittenTwice() throws {
        final class EagerSocket: ChannelOutboundHandler {
            typealias OutboundIn = ByteBuffer
            func flush(context: ChannelHandlerContext) {
                context.flush()
                context.fireChannelWritabilityChanged()
            }
        }
        let harness = RespHarness()
        let client = try harness.connect()
        try client.channel.pipeline.syncOperations.addHandler(EagerSocket(), position: .first)
        #expect(try client.ask("SET a 1\r\nGET a\r\n") == "+OK\r\n$1\r\n1\r\n")
        #expect(try client.ask("GET a\r\nPING\r\n") == "$1\r\n1\r\n+PONG\r\n")
    }

    @Test func aFullReplicaIsTriedAgain() throws {
        let harness = RespHarness()
        harness.sink.room = 2
        let clients = try (0..<3).map { _ in try harness.connect() }
        for client in clients { try client.send("INCR n\r\nINCR n\r\nINCR n\r\n") }
        harness.eventLoop.run()
        #expect(harness.sink.pending.count == 2)
        var replies = [String](repeating: "", count: 3)
        for _ in 0..<20 {
            harness.sink.execute()
            for index in 0..<3 { replies[index] += try clients[index].received() }
        }
        #expect(replies.allSatisfy { $0.split(separator: "\r\n").count == 3 })
        #expect(try clients[0].ask("GET n\r\n") == "$1\r\n9\r\n")
    }

    @Test func aReplicaFullOfOthersCommandsIsTriedAgainAfterAWhile() throws {
        let harness = RespHarness()
        harness.sink.room = 0
        let client = try harness.connect()
        try client.send("INCR n\r\n")
        harness.eventLoop.run()
        harness.sink.room = 1
        harness.eventLoop.advanceTime(by: .milliseconds(1))
        #expect(harness.sink.pending.count == 1)
        #expect(try client.ask("") == ":1\r\n")
    }

    @Test func aCommandOverTheLimitIsPassedOver() throws {
        for size in [1, 100, 5_000, 100_000] {
            for cut in [1, 1_000, 300_000] {
                let harness = RespHarness()
                let client = try harness.connect()
                let large = array(["MSET", "a", "1", "b", String(repeating: "x", count: size), "c", "3"])
                let bytes = Array((array("SET", "a", "0") + large + array("GET", "a")).utf8)
                var replies = ""
                for start in stride(from: 0, to: bytes.count, by: cut) {
                    replies += try client.ask(
                        String(decoding: bytes[start..<min(start + cut, bytes.count)], as: UTF8.self))
                }
                let expected =
                    size < 4_000 ? "+OK\r\n$1\r\n1\r\n" : "-ERR command exceeds the limit of 4096 bytes\r\n$1\r\n0\r\n"
                #expect(replies == "+OK\r\n" + expected)
            }
        }
    }

    /// What the parser lets through must fit the encoder, whose precondition would end the process.
    @Test func commandsAtTheLimitAreEncoded() throws {
        let client = try RespHarness().connect()
        for length in 4_040...4_096 {
            let key = String(repeating: "k", count: length)
            for arguments in [
                ["INCR", key], ["GET", key], ["SET", key, ""], ["DEL", key, ""], ["INCRBY", key, "1"],
            ] {
                let reply = try client.ask(array(arguments))
                let bytes = 4 + arguments.dropFirst().map { 4 + $0.utf8.count }.reduce(0, +)
                #expect(reply.hasPrefix("-ERR command exceeds") == (bytes > 4_096 - 12))
            }
        }
    }

    @Test func quitEndsBehindTheReplies() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        try client.send("SET a 1\r\nQUIT\r\nSET a 2\r\n")
        harness.eventLoop.run()
        #expect(harness.sink.pending.count == 1)
        #expect(!client.isClosed)
        harness.sink.execute()
        #expect(try client.received() == "+OK\r\n+OK\r\n")
        #expect(client.isClosed)
    }

    @Test func anUnknownOutcomeIsToldAndEndsTheConnection() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        try client.send("SET a 1\r\nSET a 2\r\nPING\r\n")
        harness.sink.fail(.unknown)
        let unknown = "-UNKNOWN the replica stopped before it learned whether the command was executed\r\n"
        #expect(try client.received() == unknown + unknown + "+PONG\r\n")
        #expect(client.isClosed)
    }

    @Test func refusedCommandsMayBeTriedAgain() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        let refused = "-TRYAGAIN this replica takes no commands now; the command was not executed\r\n"
        try client.send("SET a 1\r\n")
        harness.sink.fail(.refused)
        #expect(try client.received() == refused)
        harness.sink.isStopped = true
        #expect(try client.ask("SET a 1\r\nPING\r\n") == refused + "+PONG\r\n")
    }

    @Test func aPlaceIsNotUsedAgainWhileCompletionsAreOnTheirWay() throws {
        let harness = RespHarness()
        let gone = try harness.connect()
        try gone.send("SET a gone\r\n")
        try gone.channel.close().wait()
        let next = try harness.connect()
        try next.send("GET a\r\n")
        harness.sink.execute()
        #expect(try next.received() == "$4\r\ngone\r\n")
        let third = try harness.connect()
        #expect(try third.ask("GET a\r\n") == "$4\r\ngone\r\n")
    }
}
