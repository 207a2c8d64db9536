// RESP2 bytes in and out, command by command. The expected bytes are those of Redis 7.0, unless a comment says otherwise.
import Testing
import TriremeService

struct Exchange: Sendable, CustomTestStringConvertible {
    var request: String
    var reply: String
    init(_ request: String, _ reply: String) {
        self.request = request
        self.reply = reply
    }
    var testDescription: String { String(request.prefix(60)).debugDescription }
}

@Suite struct RespCommandTests {
    static let notAnInteger = "-ERR value is not an integer or out of range\r\n"
    static func arity(_ name: String) -> String { "-ERR wrong number of arguments for '\(name)' command\r\n" }

    /// One connection's whole life, in order.
    static let exchanges: [Exchange] = [
        Exchange(array("PING"), "+PONG\r\n"), Exchange(array("ping", "hello"), "$5\r\nhello\r\n"),
        Exchange(array("PING", "a", "b"), arity("ping")), Exchange(array("ECHO", "x\r\ny"), "$4\r\nx\r\ny\r\n"),
        Exchange(array("ECHO"), arity("echo")), Exchange(array("GET", "k"), "$-1\r\n"),
        Exchange(array("SET", "k", "v"), "+OK\r\n"), Exchange(array("gEt", "k"), "$1\r\nv\r\n"),
        Exchange(array("GET"), arity("get")), Exchange(array("GET", "a", "b"), arity("get")),
        Exchange(array("SET", "k"), arity("set")), Exchange(array("SET", "k", "w", "NX"), "$-1\r\n"),
        Exchange(array("SET", "k", "w", "xx", "get"), "$1\r\nv\r\n"),
        Exchange(array("SET", "k2", "w", "XX"), "$-1\r\n"),
        Exchange(array("SET", "k", "v", "NX", "XX"), "-ERR syntax error\r\n"),
        Exchange(array("SET", "k", "v", "BOGUS"), "-ERR syntax error\r\n"),
        // Redis would take these.
        Exchange(
            array("SET", "k", "v", "EX", "10"),
            "-ERR keys do not expire here: SET takes NX, XX and GET, not EX, PX, EXAT, PXAT or KEEPTTL\r\n"),
        Exchange(array("DEL", "k", "k", "nope"), ":1\r\n"), Exchange(array("DEL"), arity("del")),
        Exchange(array("INCR", "n"), ":1\r\n"), Exchange(array("DECR", "n"), ":0\r\n"),
        Exchange(array("INCRBY", "n", "-5"), ":-5\r\n"), Exchange(array("DECRBY", "n", "5"), ":-10\r\n"),
        Exchange(array("INCRBY", "n", "1.5"), notAnInteger),
        Exchange(array("INCRBY", "n", "9223372036854775808"), notAnInteger),
        Exchange(array("DECRBY", "n", "-9223372036854775808"), "-ERR decrement would overflow\r\n"),
        Exchange(array("INCRBY", "n", "-9223372036854775808"), "-ERR increment or decrement would overflow\r\n"),
        Exchange(array("SET", "s", "abc"), "+OK\r\n"), Exchange(array("INCR", "s"), notAnInteger),
        Exchange(array("APPEND", "s", "def"), ":6\r\n"), Exchange(array("STRLEN", "s"), ":6\r\n"),
        Exchange(array("STRLEN"), arity("strlen")), Exchange(array("EXISTS", "s", "s", "none"), ":2\r\n"),
        Exchange(array("MSET", "a", "1", "b", "2"), "+OK\r\n"), Exchange(array("MSET", "a", "1", "b"), arity("mset")),
        Exchange(array("MGET", "a", "none", "b"), "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n"),
        Exchange(array("DBSIZE"), ":4\r\n"),
        Exchange(array("SELECT", "0"), "+OK\r\n"), Exchange(array("SELECT", "1"), "-ERR DB index is out of range\r\n"),
        Exchange(array("SELECT", "x"), notAnInteger),
        Exchange(array("FLUSHALL", "BOGUS"), "-ERR syntax error\r\n"), Exchange(array("FLUSHALL", "async"), "+OK\r\n"),
        Exchange(array("DBSIZE"), ":0\r\n"),
        Exchange(
            array("nosuch", "a\r\nb", "c"), "-ERR unknown command 'nosuch', with args beginning with: 'a  b' 'c' \r\n"),
        Exchange(array("waytoolongname"), "-ERR unknown command 'waytoolongname', with args beginning with: \r\n"),
        Exchange(
            array("x", String(repeating: "y", count: 200), "z"),
            "-ERR unknown command 'x', with args beginning with: '\(String(repeating: "y", count: 128))' \r\n"),
        Exchange(array(""), "-ERR unknown command '', with args beginning with: \r\n"),
        Exchange(array("COMMAND", "COUNT"), ":25\r\n"), Exchange(array("COMMAND", "DOCS"), "*0\r\n"),
        Exchange(
            array("COMMAND", "INFO", "get", "none"),
            "*2\r\n*6\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*-1\r\n"),
        Exchange(array("COMMAND", "BOGUS"), "-ERR unknown subcommand 'BOGUS'. Try COMMAND HELP.\r\n"),
        Exchange(array("CONFIG", "GET", "save"), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n"),
        Exchange(array("CONFIG", "GET", "APPEND*"), "*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n"),
        Exchange(array("CONFIG", "GET", "nosuch"), "*0\r\n"), Exchange(array("CONFIG", "GET"), arity("config|get")),
        Exchange(array("CONFIG"), arity("config")),
        Exchange(array("CONFIG", "SET", "a", "b"), "-ERR unknown subcommand 'SET'. Try CONFIG HELP.\r\n"),
        Exchange(array("CLIENT", "ID"), ":7\r\n"), Exchange(array("CLIENT", "GETNAME"), "$-1\r\n"),
        Exchange(array("CLIENT", "SETNAME", "me"), "+OK\r\n"), Exchange(array("CLIENT", "GETNAME"), "$2\r\nme\r\n"),
        Exchange(
            array("CLIENT", "SETNAME", "a b"),
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"),
        Exchange(array("CLIENT", "SETINFO", "LIB-NAME", "x"), "+OK\r\n"),
        Exchange(array("CLIENT", "SETNAME"), arity("client|setname")), Exchange(array("CLIENT"), arity("client")),
        Exchange(array("CLIENT", "NOPE"), "-ERR unknown subcommand 'NOPE'. Try CLIENT HELP.\r\n"),
        Exchange(array("HELLO", "3"), "-NOPROTO unsupported protocol version\r\n"),
        Exchange(array("HELLO", "x"), "-ERR Protocol version is not an integer or out of range\r\n"),
        Exchange(array("HELLO", "2", "WHAT"), "-ERR Syntax error in HELLO option 'WHAT'\r\n"),
        Exchange(
            array("HELLO", "2", "SETNAME", "you"),
            "*14\r\n$6\r\nserver\r\n$7\r\ntrireme\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n"
                + "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"),
        Exchange(array("CLIENT", "GETNAME"), "$3\r\nyou\r\n"),
        // Inline commands, empty lines, empty arrays.
        Exchange("PING\r\n", "+PONG\r\n"), Exchange("  ping  \n", "+PONG\r\n"), Exchange("\r\n", ""),
        Exchange("*0\r\n", ""),
        Exchange("*-1\r\n", ""), Exchange("SET 'a b' \"\\x41\\n\\\"\"\r\n", "+OK\r\n"),
        Exchange(array("GET", "a b"), "$3\r\nA\n\"\r\n"), Exchange("echo ''\r\n", "$0\r\n\r\n"),
        Exchange("echo 'it\\'s'\r\n", "$4\r\nit's\r\n"),
    ]

    static let protocolErrors: [Exchange] = [
        Exchange("*x\r\n", "invalid multibulk length"), Exchange("*1048577\r\n", "invalid multibulk length"),
        Exchange("*01\r\n$4\r\nPING\r\n", "invalid multibulk length"),
        Exchange("*99999999999999999999\r\n", "invalid multibulk length"),
        Exchange("*1\r\nPING\r\n", "expected '$', got 'P'"), Exchange("*1\r\n$x\r\n", "invalid bulk length"),
        Exchange("*1\r\n$-1\r\n", "invalid bulk length"), Exchange("*1\r\n$536870913\r\n", "invalid bulk length"),
        Exchange("SET 'a\r\n", "unbalanced quotes in request"),
        Exchange("SET \"a\"b\r\n", "unbalanced quotes in request"),
        Exchange(String(repeating: "x", count: 65_537), "too big inline request"),
        Exchange("*" + String(repeating: "1", count: 65_538), "too big mbulk count string"),
        Exchange("*1\r\n$" + String(repeating: "1", count: 65_538), "too big bulk count string"),
    ]

    @Test func oneAfterAnother() throws {
        let client = try RespHarness().connect()
        for exchange in Self.exchanges {
            #expect(try client.ask(exchange.request) == exchange.reply, "\(exchange.testDescription)")
        }
    }

    @Test func everythingAtOnce() throws {
        let client = try RespHarness().connect()
        let replies = Self.exchanges.map(\.reply).joined()
        #expect(try client.ask(Self.exchanges.map(\.request).joined()) == replies)
    }

    @Test(arguments: [1, 2, 3, 7, 64, 1_000]) func cutIntoPieces(_ size: Int) throws {
        let bytes = Array(Self.exchanges.map(\.request).joined().utf8)
        let client = try RespHarness().connect()
        var replies = ""
        for start in stride(from: 0, to: bytes.count, by: size) {
            replies += try client.ask(String(decoding: bytes[start..<min(start + size, bytes.count)], as: UTF8.self))
        }
        #expect(replies == Self.exchanges.map(\.reply).joined())
    }

    @Test func cutAtEveryByte() throws {
        let request = array("SET", "key", "value") + array("GET", "key") + "PING\r\n" + array("MGET", "key", "none")
        let reply = "+OK\r\n$5\r\nvalue\r\n+PONG\r\n*2\r\n$5\r\nvalue\r\n$-1\r\n"
        for cut in 0...request.utf8.count {
            let client = try RespHarness().connect()
            let first = try client.ask(String(request.utf8.prefix(cut))!)
            let second = try client.ask(String(request.utf8.dropFirst(cut))!)
            #expect(first + second == reply)
        }
    }

    @Test(arguments: protocolErrors) func protocolError(_ exchange: Exchange) throws {
        let client = try RespHarness().connect()
        // The line of the last ones must not end.
        let more = exchange.request.utf8.count < 60_000 ? array("SET", "a", "2") : ""
        let replies = try client.ask(array("SET", "a", "1") + exchange.request + more)
        #expect(replies == "+OK\r\n-ERR Protocol error: \(exchange.reply)\r\n")
        #expect(client.isClosed)
    }

    @Test func infoHasSections() throws {
        let client = try RespHarness().connect()
        let all = try client.ask("INFO\r\n")
        #expect(all.contains("\r\nredis_version:7.0.15\r\n") && all.contains("# Clients\r\n"))
        let one = try client.ask("INFO stats\r\n")
        #expect(
            one.contains("# Stats\r\n") && one.contains("total_commands_processed:2\r\n") && !one.contains("# Server"))
    }
}
