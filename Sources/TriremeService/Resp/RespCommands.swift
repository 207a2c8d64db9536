// The commands that the front end knows, in the form in which Redis describes its own.

/// What a command does. Those up to `flushdb` go through the log; the rest is answered by the front end.
enum RespVerb: UInt8 {
    case get, set, del, exists, incr, decr, incrby, decrby, append, strlen, mget, mset, dbsize, flushall, flushdb
    case ping, echo, select, command, config, info, client, hello, quit
    case wait
}

/// One command as `COMMAND` shows it.
struct RespSpec {
    let name: String
    let verb: RespVerb
    /// Number of arguments, the name included; negative: at least.
    let arity: Int
    let flags: [String]
    /// Places of the keys: first, last (negative: from the end), step.
    let keys: (Int, Int, Int)

    init(_ name: String, _ verb: RespVerb, _ arity: Int, _ flags: [String], _ keys: (Int, Int, Int) = (0, 0, 0)) {
        self.name = name
        self.verb = verb
        self.arity = arity
        self.flags = flags
        self.keys = keys
    }

    static let all: [RespSpec] = [
        RespSpec("get", .get, 2, ["readonly", "fast"], (1, 1, 1)),
        RespSpec("set", .set, -3, ["write", "denyoom"], (1, 1, 1)),
        RespSpec("del", .del, -2, ["write"], (1, -1, 1)),
        RespSpec("exists", .exists, -2, ["readonly", "fast"], (1, -1, 1)),
        RespSpec("incr", .incr, 2, ["write", "denyoom", "fast"], (1, 1, 1)),
        RespSpec("decr", .decr, 2, ["write", "denyoom", "fast"], (1, 1, 1)),
        RespSpec("incrby", .incrby, 3, ["write", "denyoom", "fast"], (1, 1, 1)),
        RespSpec("decrby", .decrby, 3, ["write", "denyoom", "fast"], (1, 1, 1)),
        RespSpec("append", .append, 3, ["write", "denyoom", "fast"], (1, 1, 1)),
        RespSpec("strlen", .strlen, 2, ["readonly", "fast"], (1, 1, 1)),
        RespSpec("mget", .mget, -2, ["readonly", "fast"], (1, -1, 1)),
        RespSpec("mset", .mset, -3, ["write", "denyoom"], (1, -1, 2)),
        RespSpec("dbsize", .dbsize, 1, ["readonly", "fast"]),
        RespSpec("flushall", .flushall, -1, ["write"]),
        RespSpec("flushdb", .flushdb, -1, ["write"]),
        RespSpec("ping", .ping, -1, ["fast"]),
        RespSpec("echo", .echo, 2, ["fast"]),
        RespSpec("select", .select, 2, ["fast"]),
        RespSpec("command", .command, -1, []),
        RespSpec("config", .config, -2, ["admin"]),
        RespSpec("info", .info, -1, []),
        RespSpec("client", .client, -2, ["admin"]),
        RespSpec("hello", .hello, -1, ["fast"]),
        RespSpec("quit", .quit, -1, ["fast"]),
        RespSpec("wait", .wait, 3, ["blocking"]),
    ]
}

/// Finds commands by name, of either case. No name has more than eight bytes, so a name is one word.
struct RespCommandTable: ~Copyable {
    struct Found {
        /// Index into ``RespSpec/all``.
        var index: Int
        var verb: RespVerb
        var arity: Int
    }
    private static let slots = 128
    private let words: UnsafeMutablePointer<UInt64>
    private let found: UnsafeMutablePointer<Found>

    init() {
        words = .allocate(capacity: Self.slots)
        words.initialize(repeating: 0, count: Self.slots)
        found = .allocate(capacity: Self.slots)
        found.initialize(repeating: Found(index: 0, verb: .quit, arity: 0), count: Self.slots)
        for (index, spec) in RespSpec.all.enumerated() {
            let word = Array(spec.name.utf8).withUnsafeBytes { Self.word($0) }
            var slot = Self.slot(word)
            while words[slot] != 0 { slot = (slot + 1) % Self.slots }
            words[slot] = word
            found[slot] = Found(index: index, verb: spec.verb, arity: spec.arity)
        }
    }

    deinit {
        words.deallocate()
        found.deallocate()
    }

    /// The name's bytes in lower case; 0 for what cannot be a command's name.
    @inline(__always)
    static func word(_ name: UnsafeRawBufferPointer) -> UInt64 {
        guard name.count <= 8 else { return 0 }
        var word: UInt64 = 0
        for byte in name {
            let isUpper = byte &- UInt8(ascii: "A") < 26
            word = word &<< 8 | UInt64(isUpper ? byte | 0x20 : byte)
        }
        return word
    }

    @inline(__always)
    private static func slot(_ word: UInt64) -> Int { Int(truncatingIfNeeded: (word &* 0x9E37_79B9_7F4A_7C15) &>> 57) }

    @inline(__always)
    func find(_ name: UnsafeRawBufferPointer) -> Found? {
        let word = Self.word(name)
        guard word != 0 else { return nil }
        var slot = Self.slot(word)
        while words[slot] != 0 {
            if words[slot] == word { return found[slot] }
            slot = (slot &+ 1) % Self.slots
        }
        return nil
    }
}
