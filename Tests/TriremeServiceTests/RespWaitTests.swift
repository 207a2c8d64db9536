// WAIT: three members, two of which decide. What is completed on two waits for the third in a place of its own.
import NIOCore
import NIOEmbedded
import Testing
import TriremeService

@Suite struct RespWaitTests {
    @Test func whatAnyDecisionImpliesIsNotWaitedFor() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        #expect(try client.ask("WAIT 0 0\r\nWAIT 1 0\r\nWAIT -1 0\r\n") == ":1\r\n:1\r\n:1\r\n")
        // And yet it comes after the commands before it.
        try client.send("SET a 1\r\nWAIT 1 0\r\nPING\r\n")
        #expect(try client.received() == "")
        harness.sink.execute()
        #expect(try client.received() == "+OK\r\n:1\r\n+PONG\r\n")
        #expect(harness.sink.held.isEmpty)
    }
    @Test func theThirdCopyIsWaitedForBehindWhatWasWritten() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        try client.send("SET a 1\r\nSET a 2\r\nWAIT 2 0\r\nGET a\r\n")
        harness.eventLoop.run()
        harness.sink.execute(1)
        #expect(try client.received() == "+OK\r\n")
        #expect(harness.sink.held.isEmpty, "a command before it has no reply yet")
        harness.sink.execute()
        #expect(try client.received() == "+OK\r\n")
        let third = try #require(harness.sink.held[3])
        #expect(third.pending.count == 1 && harness.sink.pending.isEmpty, "what stands behind WAIT is not executed")
        third.execute()
        #expect(try client.ask("") == ":2\r\n$1\r\n2\r\n")
    }
    /// The replies before it fill the output to its bound; what writing them frees is room for it.
    @Test func aFullOutputHoldsItUpForAWhileOnly() throws {
        var configuration = RespConfiguration()
        configuration.outputBytesMaximum = 100
        let harness = RespHarness(configuration)
        let client = try harness.connect()
        let value = String(repeating: "x", count: 200)
        _ = try client.ask(array("SET", "a", value))
        #expect(try client.ask("GET a\r\nWAIT 1 0\r\nPING\r\n") == "$200\r\n\(value)\r\n:1\r\n+PONG\r\n")
    }
    /// However often it has to be tried again.
    @Test func itIsCountedOnce() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        try client.send("SET a 1\r\nSET a 2\r\nSET a 3\r\nWAIT 1 0\r\n")
        for _ in 0..<3 {
            harness.sink.execute(1)
            _ = try client.received()
        }
        #expect(try client.ask("INFO stats\r\n").contains("total_commands_processed:5\r\n"))
    }
    /// A front end that ends while somebody waits for the first time.
    @Test func noWaitBeginsAfterTheEnd() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        harness.loop.close()
        #expect(try client.ask("WAIT 2 0\r\n").hasPrefix("-UNKNOWN"))
        #expect(harness.sink.held.isEmpty && client.isClosed)
    }
    @Test func afterItsTimeItTellsWhatIsCertain() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        try client.send("WAIT 2 50\r\nPING\r\n")
        #expect(try client.received() == "")
        harness.eventLoop.advanceTime(by: .milliseconds(49))
        #expect(try client.received() == "")
        harness.eventLoop.advanceTime(by: .milliseconds(1))
        #expect(try client.received() == ":1\r\n+PONG\r\n")
        // The copy comes late: that is not taken for an answer to the next.
        try client.send("WAIT 2 50\r\n")
        let third = try #require(harness.sink.held[3])
        #expect(third.pending.count == 1, "the second waits for its turn")
        third.execute()
        #expect(try client.received() == "")
        #expect(third.pending.count == 1)
        third.execute()
        #expect(try client.received() == ":2\r\n")
        // Nor does a time that has passed end a later one.
        harness.eventLoop.advanceTime(by: .milliseconds(40))
        try client.send("WAIT 2 50\r\n")
        harness.eventLoop.advanceTime(by: .milliseconds(20))
        #expect(try client.received() == "")
    }
    /// While a member is down: one command is under way, whoever asks, and however often.
    @Test func whatWaitsIsBounded() throws {
        let harness = RespHarness()
        let clients = try (0..<3).map { try harness.connect(id: UInt64($0)) }
        for _ in 0..<20 {
            for client in clients { try client.send("WAIT 2 1\r\n") }
            harness.eventLoop.advanceTime(by: .milliseconds(1))
            for client in clients { #expect(try client.received() == ":1\r\n") }
        }
        for client in clients { try client.send("WAIT 2 0\r\n") }
        let third = try #require(harness.sink.held[3])
        #expect(third.pending.count == 1)
        try clients[0].channel.close().wait()
        third.execute()
        harness.eventLoop.run()
        #expect(third.pending.count == 1, "the two that are left share one")
        third.execute()
        for client in clients[1...] { #expect(try client.received() == ":2\r\n") }
        #expect(third.pending.isEmpty)
    }
    @Test func aReplicaThatEndsEndsTheWait() throws {
        for outcome in [CommandOutcome.unknown, .refused] {
            let harness = RespHarness()
            let client = try harness.connect()
            try client.send("WAIT 2 0\r\n")
            try #require(harness.sink.held[3]).fail(outcome)
            #expect(try client.received().hasPrefix("-UNKNOWN"))
            #expect(client.isClosed)
        }
    }
    @Test func aFullReplicaIsTriedAgain() throws {
        let harness = RespHarness()
        let client = try harness.connect()
        #expect(try client.ask("WAIT 1 0\r\n") == ":1\r\n")
        harness.sink.heldRoom = 0
        try client.send("WAIT 2 0\r\n")
        let third = try #require(harness.sink.held[3])
        #expect(third.pending.isEmpty)
        third.room = 1
        harness.eventLoop.advanceTime(by: .milliseconds(1))
        #expect(third.execute() == 1)
        #expect(try client.received() == ":2\r\n")
    }
    @Test func whatCannotBeHadIsRefused() throws {
        let client = try RespHarness().connect()
        #expect(
            try client.ask("WAIT 3 100\r\n") == "-ERR WAIT for 3 other replicas was asked for; this cluster has 2\r\n")
        #expect(try client.ask("WAIT x 0\r\n") == "-ERR value is not an integer or out of range\r\n")
        #expect(try client.ask("WAIT 2 x\r\n") == "-ERR timeout is not an integer or out of range\r\n")
        #expect(try client.ask("WAIT 2 -1\r\n") == "-ERR timeout is negative\r\n")
        #expect(try client.ask("WAIT 2\r\n") == "-ERR wrong number of arguments for 'wait' command\r\n")
    }
}
