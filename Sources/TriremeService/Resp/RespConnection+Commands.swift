// From arguments to what is ordered: the commands that go through the log.

extension RespConnection {
    /// Does what the command in the parser says. `false`: the replica has no room; the command is to be tried again.
    func execute() -> Bool {
        let arguments = loop.parser.arguments.count
        guard let found = loop.table.find(loop.parser.arguments[0]) else {
            reply(RespError.unknownCommand(loop.parser.arguments))
            return true
        }
        guard found.arity >= 0 ? arguments == found.arity : arguments >= -found.arity else {
            return refuse(RespError.wrongArity(RespSpec.all[found.index].name))
        }
        loop.commands &+= 1
        switch found.verb {
        case .get: return forward(.get)
        case .set: return set()
        case .del: return forward(.delete)
        case .exists: return forward(.exists)
        case .incr: return add(1)
        case .decr: return add(-1)
        case .incrby: return incrby()
        case .decrby: return decrby()
        case .append: return forward(.append)
        case .strlen: return forward(.valueLength)
        case .mget: return forward(.getMany)
        case .mset:
            guard arguments % 2 == 1 else { return refuse(RespError.wrongArity("mset")) }
            return forward(.setMany)
        case .dbsize: return forward(.count)
        case .flushall, .flushdb: return flush()
        case .wait: return wait()
        default:
            answer(found.verb)
            return true
        }
    }

    func refuse(_ text: String) -> Bool {
        reply(text)
        return true
    }

    func refuse(_ text: StaticString) -> Bool {
        reply(text)
        return true
    }

    /// Hands on all arguments as they are.
    private func forward(_ operation: KeyValueOperation) -> Bool {
        loop.encoder.begin(operation, count: loop.parser.arguments.count - 1)
        for index in 1..<loop.parser.arguments.count { loop.encoder.add(loop.parser.arguments[index]) }
        return submit()
    }

    private func set() -> Bool {
        var flags: KeyValueFlags = []
        for index in 3..<max(3, loop.parser.arguments.count) {
            switch RespCommandTable.word(loop.parser.arguments[index]) {
            case RespOption.nx: flags.insert(.ifAbsent)
            case RespOption.xx: flags.insert(.ifPresent)
            case RespOption.get: flags.insert(.returnOld)
            case RespOption.ex, RespOption.px, RespOption.exat, RespOption.pxat, RespOption.keepttl:
                return refuse(RespError.noExpiry)
            default: return refuse(RespError.syntax)
            }
        }
        guard !flags.isSuperset(of: [.ifAbsent, .ifPresent]) else { return refuse(RespError.syntax) }
        loop.encoder.begin(.set, flags, count: 2)
        loop.encoder.add(loop.parser.arguments[1])
        loop.encoder.add(loop.parser.arguments[2])
        return submit()
    }

    private func add(_ amount: Int64) -> Bool {
        loop.encoder.begin(.add, count: 2)
        loop.encoder.add(loop.parser.arguments[1])
        loop.encoder.add(amount: amount)
        return submit()
    }

    private func incrby() -> Bool {
        guard let amount = parseInteger(loop.parser.arguments[2]) else { return refuse(RespError.notAnInteger) }
        return add(amount)
    }

    private func decrby() -> Bool {
        guard let amount = parseInteger(loop.parser.arguments[2]) else { return refuse(RespError.notAnInteger) }
        // Its opposite does not exist.
        guard amount != .min else { return refuse(RespError.decrementOverflow) }
        return add(-amount)
    }

    private func flush() -> Bool {
        if loop.parser.arguments.count > 1 {
            let option = RespCommandTable.word(loop.parser.arguments[1])
            guard loop.parser.arguments.count == 2, option == RespOption.async || option == RespOption.sync else {
                return refuse(RespError.syntax)
            }
        }
        loop.encoder.begin(.removeAll, count: 0)
        return submit()
    }
}

/// Words within commands, as ``RespCommandTable/word(_:)`` gives them.
enum RespOption {
    static let nx = word("nx")
    static let xx = word("xx")
    static let get = word("get")
    static let ex = word("ex")
    static let px = word("px")
    static let exat = word("exat")
    static let pxat = word("pxat")
    static let keepttl = word("keepttl")
    static let async = word("async")
    static let sync = word("sync")
    static let count = word("count")
    static let docs = word("docs")
    static let info = word("info")
    static let list = word("list")
    static let setinfo = word("setinfo")
    static let setname = word("setname")
    static let getname = word("getname")
    static let id = word("id")
    static let auth = word("auth")

    private static func word(_ text: String) -> UInt64 {
        Array(text.utf8).withUnsafeBytes { RespCommandTable.word($0) }
    }
}
