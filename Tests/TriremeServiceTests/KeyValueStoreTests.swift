// The key-value state machine, command by command.
import Testing
import Trireme
import TriremeService

private let notAnInteger = "-ERR value is not an integer or out of range\r\n"
private let overflow = "-ERR increment or decrement would overflow\r\n"

/// Commands on one store, with the reply of each.
struct Script: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var steps: [([UInt8], String)]
    init(_ name: String, _ steps: [([UInt8], String)]) {
        testDescription = name
        self.steps = steps
    }
}

@Suite struct KeyValueStoreTests {
    static let scripts: [Script] = [
        Script(
            "get and set",
            [
                (encode(.get, ["k"]), "$-1\r\n"), (encode(.set, ["k", "v"]), "+OK\r\n"),
                (encode(.get, ["k"]), "$1\r\nv\r\n"), (encode(.set, ["k", ""]), "+OK\r\n"),
                (encode(.get, ["k"]), "$0\r\n\r\n"), (encode(.set, ["", "empty key"]), "+OK\r\n"),
                (encode(.get, [""]), "$9\r\nempty key\r\n"), (encode(.count), ":2\r\n"),
            ]),
        Script(
            "set only if absent, only if present",
            [
                (encode(.set, ["k", "1"], flags: .ifPresent), "$-1\r\n"), (encode(.get, ["k"]), "$-1\r\n"),
                (encode(.set, ["k", "2"], flags: .ifAbsent), "+OK\r\n"),
                (encode(.set, ["k", "3"], flags: .ifAbsent), "$-1\r\n"), (encode(.get, ["k"]), "$1\r\n2\r\n"),
                (encode(.set, ["k", "4"], flags: .ifPresent), "+OK\r\n"), (encode(.get, ["k"]), "$1\r\n4\r\n"),
            ]),
        Script(
            "set and return the old value",
            [
                (encode(.set, ["k", "1"], flags: .returnOld), "$-1\r\n"),
                (encode(.set, ["k", "2"], flags: .returnOld), "$1\r\n1\r\n"),
                (encode(.set, ["k", "3"], flags: [.returnOld, .ifAbsent]), "$1\r\n2\r\n"),
                (encode(.get, ["k"]), "$1\r\n2\r\n"),
                (encode(.set, ["new", "3"], flags: [.returnOld, .ifPresent]), "$-1\r\n"),
                (encode(.exists, ["new"]), ":0\r\n"),
            ]),
        Script(
            "delete and exists count",
            [
                (encode(.setMany, ["a", "1", "b", "2", "c", "3"]), "+OK\r\n"),
                (encode(.exists, ["a", "a", "x", "c"]), ":3\r\n"),
                (encode(.delete, ["a", "a", "x", "b"]), ":2\r\n"), (encode(.count), ":1\r\n"),
                (encode(.removeAll), "+OK\r\n"), (encode(.count), ":0\r\n"), (encode(.get, ["c"]), "$-1\r\n"),
            ]),
        Script(
            "add",
            [
                (encode(.add, ["n"], amount: 5), ":5\r\n"), (encode(.add, ["n"], amount: -7), ":-2\r\n"),
                (encode(.get, ["n"]), "$2\r\n-2\r\n"), (encode(.set, ["n", "9223372036854775806"]), "+OK\r\n"),
                (encode(.add, ["n"], amount: 1), ":9223372036854775807\r\n"),
                (encode(.add, ["n"], amount: 1), overflow), (encode(.get, ["n"]), "$19\r\n9223372036854775807\r\n"),
                (encode(.set, ["n", "-9223372036854775808"]), "+OK\r\n"), (encode(.add, ["n"], amount: -1), overflow),
                (encode(.add, ["n"], amount: 1), ":-9223372036854775807\r\n"),
            ]),
        Script(
            "add to what is no number",
            ["", " 1", "1 ", "+1", "01", "-0", "-", "--1", "1.0", "x", "9223372036854775808", "-9223372036854775809"]
                .flatMap { text in
                    [(encode(.set, ["n", text]), "+OK\r\n"), (encode(.add, ["n"], amount: 1), notAnInteger)]
                }),
        Script(
            "append and length",
            [
                (encode(.valueLength, ["k"]), ":0\r\n"), (encode(.append, ["k", "abc"]), ":3\r\n"),
                (encode(.append, ["k", ""]), ":3\r\n"),
                (encode(.append, ["k", String(repeating: "d", count: 500)]), ":503\r\n"),
                (encode(.valueLength, ["k"]), ":503\r\n"),
                (encode(.get, ["k"]), "$503\r\nabc\(String(repeating: "d", count: 500))\r\n"),
            ]),
        Script(
            "many",
            [
                (encode(.setMany, ["a", "1", "b", "2", "a", "3"]), "+OK\r\n"),
                (encode(.getMany, ["a", "x", "b", "a"]), "*4\r\n$1\r\n3\r\n$-1\r\n$1\r\n2\r\n$1\r\n3\r\n"),
            ]),
    ]

    @Test(arguments: scripts) func replies(_ script: Script) {
        var one = KeyValueStore()
        for (command, reply) in script.steps { #expect(one.run(command) == reply) }
        var batched = KeyValueStore()
        #expect(batched.run(script.steps.map(\.0)) == script.steps.map(\.1), "as one batch")
        var other = KeyValueStore()
        #expect(other.run(script.steps.map(\.0), isOwn: false).allSatisfy { $0.isEmpty }, "nobody waits")
        #expect(one.digest == batched.digest && one.digest == other.digest)
        #expect(one.usedBytes == other.usedBytes)
    }

    @Test func malformedCommandsAreAnsweredAlike() {
        let good = encode(.set, ["key", "value"])
        var cases: [[UInt8]] = (0..<good.count).map { Array(good[..<$0]) }
        cases += [good + [0], [0] + good.dropFirst(), [99] + good.dropFirst()]
        cases += [
            encode(.get), encode(.get, ["a", "b"]), encode(.setMany, ["a"]), encode(.setMany), encode(.count, ["a"]),
        ]
        cases += [
            encode(.add, ["n", "1234567"]), encode(.delete), [1, 0, 1, 0, 255, 255, 255, 255], [1, 0, 255, 255],
        ]
        for command in cases {
            var store = KeyValueStore()
            #expect(store.run(command) == "-ERR malformed command\r\n", "\(command)")
            #expect(store.digest == 0)
        }
    }

    @Test func limits() {
        var limits = KeyValueLimits()
        limits.keyBytes = 5
        limits.valueBytes = 10
        limits.replyBytes = 100
        var store = KeyValueStore(limits: limits)
        let ten = "0123456789"
        let value = "-ERR value exceeds the limit of 10 bytes\r\n"
        #expect(store.run(encode(.set, ["abcde", ten])) == "+OK\r\n")
        #expect(store.run(encode(.set, ["abcdef", ten])) == "-ERR key exceeds the limit of 5 bytes\r\n")
        #expect(store.run(encode(.set, ["k", ten + "0"])) == value)
        #expect(store.run(encode(.append, ["abcde", "x"])) == value)
        #expect(store.run(encode(.append, ["new", ten + "x"])) == value)
        #expect(store.run(encode(.set, ["digit", "999999999"])) == "+OK\r\n")
        #expect(store.run(encode(.add, ["digit"], amount: 9_999_999_999)) == value)
        #expect(store.run(encode(.setMany, ["a", "1", "b", ten + "x"])) == value)
        #expect(store.run(encode(.exists, ["a", "b", "k", "new"])) == ":0\r\n", "nothing was half done")
        #expect(store.run(encode(.getMany, ["a", "a", "a"])).hasPrefix("*3"))
        #expect(
            store.run(encode(.getMany, [String](repeating: "a", count: 7)))
                == "-ERR the reply would exceed the limit of 100 bytes\r\n")
    }

    @Test func memoryIsBounded() {
        var limits = KeyValueLimits()
        limits.memoryBytes = 10_000
        var store = KeyValueStore(limits: limits)
        let oom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
        var keys = 0
        while store.run(encode(.set, ["key\(keys)", "value"])) == "+OK\r\n" { keys += 1 }
        #expect(keys > 100 && store.usedBytes <= 10_000)
        #expect(store.run(encode(.set, ["key", "value"])) == oom)
        #expect(store.run(encode(.setMany, ["key", "value"])) == oom)
        #expect(store.run(encode(.append, ["key0", String(repeating: "x", count: 100)])) == oom)
        #expect(store.run(encode(.set, ["key0", "other"])) == "+OK\r\n", "no more than before")
        #expect(store.run(encode(.delete, ["key0"])) == ":1\r\n")
        #expect(store.run(encode(.set, ["key", "value"])) == "+OK\r\n")
        #expect(store.run(encode(.removeAll)) == "+OK\r\n")
        #expect(store.usedBytes == 0)
    }
}
