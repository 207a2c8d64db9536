// What the front end answers itself: nothing here touches the replicated state.
import Glibc

extension RespConnection {
    private var count: Int { loop.parser.arguments.count }

    private func argument(_ index: Int) -> UnsafeRawBufferPointer { loop.parser.arguments[index] }

    private func word(_ index: Int) -> UInt64 { RespCommandTable.word(argument(index)) }

    func answer(_ verb: RespVerb) {
        switch verb {
        case .ping: ping()
        case .echo: replyBulk(argument(1))
        case .select: select()
        case .command: command()
        case .config: config()
        case .info: replyBulk(Array(loop.information(sections: (1..<count).map { text($0) }).utf8))
        case .client: client()
        case .hello: hello()
        case .quit: replyAndEnd("+OK\r\n")
        default: preconditionFailure("a command of the log was to be answered by the front end")
        }
    }

    private func replyBulk(_ content: some Collection<UInt8>) {
        var reply = RespReply()
        reply.bulk(content)
        self.reply(reply.bytes)
    }

    private func text(_ index: Int) -> String { String(decoding: argument(index), as: UTF8.self) }

    private func ping() {
        switch count {
        case 1: reply("+PONG\r\n" as StaticString)
        case 2: replyBulk(argument(1))
        default: reply(RespError.wrongArity("ping"))
        }
    }

    private func select() {
        guard let index = parseInteger(argument(1)) else { return reply(RespError.notAnInteger) }
        if index == 0 { reply("+OK\r\n" as StaticString) } else { reply(RespError.databaseIndex) }
    }

    // MARK: COMMAND

    private func command() {
        if count == 1 { return describe(RespSpec.all) }
        switch word(1) {
        case RespOption.count: reply(":\(RespSpec.all.count)\r\n")
        case RespOption.docs: reply("*0\r\n" as StaticString)
        case RespOption.list:
            var reply = RespReply()
            reply.array(RespSpec.all.count)
            for spec in RespSpec.all { reply.bulk(spec.name) }
            self.reply(reply.bytes)
        case RespOption.info: describe(count == 2 ? RespSpec.all : (2..<count).map { spec($0) })
        default: reply(RespError.unknownSubcommand("COMMAND", argument(1)))
        }
    }

    private func spec(_ index: Int) -> RespSpec? { loop.table.find(argument(index)).map { RespSpec.all[$0.index] } }

    /// Redis's description of each, up to the first six parts; null for an unknown one.
    private func describe(_ specs: [RespSpec?]) {
        var reply = RespReply()
        reply.array(specs.count)
        for spec in specs {
            guard let spec else {
                reply.text("*-1\r\n")
                continue
            }
            reply.array(6)
            reply.bulk(spec.name)
            reply.integer(spec.arity)
            reply.array(spec.flags.count)
            for flag in spec.flags { reply.simple(flag) }
            reply.integer(spec.keys.0)
            reply.integer(spec.keys.1)
            reply.integer(spec.keys.2)
        }
        self.reply(reply.bytes)
    }

    // MARK: CONFIG

    private func config() {
        guard word(1) == RespOption.get else { return reply(RespError.unknownSubcommand("CONFIG", argument(1))) }
        guard count >= 3 else { return reply(RespError.wrongArity("config|get")) }
        let found = loop.configuration.settings.filter { name, _ in
            (2..<count).contains { fnmatch(text($0).lowercased(), name, 0) == 0 }
        }
        var reply = RespReply()
        reply.array(found.count * 2)
        for (name, value) in found {
            reply.bulk(name)
            reply.bulk(value)
        }
        self.reply(reply.bytes)
    }

    // MARK: CLIENT and HELLO

    private func client() {
        let option = word(1)
        switch option {
        case RespOption.id where count == 2: reply(":\(id)\r\n")
        case RespOption.getname where count == 2:
            if name.isEmpty { reply("$-1\r\n" as StaticString) } else { replyBulk(name) }
        case RespOption.setname where count == 3:
            reply(setName(argument(2)) ? "+OK\r\n" : RespError.invalidClientName)
        case RespOption.setinfo where count == 4: reply("+OK\r\n" as StaticString)
        case RespOption.list: replyBulk(Array(loop.clients.utf8))
        case RespOption.info where count == 2: replyBulk(Array(line.utf8))
        case RespOption.id, RespOption.getname, RespOption.setname, RespOption.setinfo, RespOption.info:
            reply(RespError.wrongArity("client|\(text(1).lowercased())"))
        default: reply(RespError.unknownSubcommand("CLIENT", argument(1)))
        }
    }

    /// The connection as CLIENT LIST shows it.
    var line: String {
        "id=\(id) addr=\(address) name=\(String(decoding: name, as: UTF8.self)) db=0 outstanding=\(outstanding) resp=2\n"
    }

    private func setName(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.allSatisfy({ $0 > 32 && $0 < 127 }) else { return false }
        self.name = Array(name)
        return true
    }

    private func hello() {
        if count > 1 {
            guard let version = parseInteger(argument(1)) else { return reply(RespError.protocolNotAnInteger) }
            guard version == 2 else { return reply(RespError.protocolVersion) }
        }
        var next = 2
        while next < count {
            guard word(next) == RespOption.setname, next + 1 < count else {
                return reply(
                    "-ERR Syntax error in HELLO option '\(text(next).filter { $0 != "\r" && $0 != "\n" })'\r\n")
            }
            guard setName(argument(next + 1)) else { return reply(RespError.invalidClientName) }
            next += 2
        }
        var reply = RespReply()
        reply.array(14)
        reply.bulk("server")
        reply.bulk("trireme")
        reply.bulk("version")
        reply.bulk(RespServer.redisVersion)
        reply.bulk("proto")
        reply.integer(2)
        reply.bulk("id")
        reply.integer(Int(id))
        reply.bulk("mode")
        reply.bulk("standalone")
        reply.bulk("role")
        reply.bulk("master")
        reply.bulk("modules")
        reply.array(0)
        self.reply(reply.bytes)
    }
}
