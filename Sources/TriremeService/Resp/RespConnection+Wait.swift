// WAIT: how many other members hold what this connection has written so far (PROTOCOL §5, the class of a reply).
import NIOCore

/// Where a connection stands that waits for copies.
struct RespWaiting {
    /// WAIT is the next command, and those before it have no replies yet.
    var hasCommandsBefore = false
    /// Where it waits.
    var waits: RespCopies?
    var isUnderWay: Bool { waits != nil }
    /// Which WAIT it is, so that what comes after its time is known.
    var number: UInt32 = 0
    var others = 0
    var timeout: Scheduled<Void>?
}

extension RespConnection {
    /// WAIT others milliseconds. The reply is how many members besides one hold everything that this connection wrote before:
    /// as many as were asked for; after the time has passed, what any decision implies. Nothing else of the connection is executed
    /// meanwhile. `false`: the command is to be tried again.
    func wait() -> Bool {
        let copies = loop.provider.copies
        guard let others = parseInteger(loop.parser.arguments[1]) else { return refuse(RespError.notAnInteger) }
        guard let milliseconds = parseInteger(loop.parser.arguments[2]) else {
            return refuse(RespError.timeoutNotAnInteger)
        }
        guard milliseconds >= 0 else { return refuse(RespError.timeoutNegative) }
        guard others < copies.upperBound else {
            return refuse(RespError.tooManyCopies(others: Int(others), most: copies.upperBound - 1))
        }
        // What is on its way is not held by anybody yet, and its batch may be behind that of a marker.
        waiting.hasCommandsBefore = outstanding > 0
        guard !waiting.hasCommandsBefore else { return false }
        // Their replies say that so many hold them.
        guard others >= copies.lowerBound else {
            reply(":\(copies.lowerBound - 1)\r\n")
            return true
        }
        guard !loop.isClosed else {
            replyAndEnd(RespError.unknown)
            return true
        }
        waiting.number &+= 1
        waiting.others = Int(others)
        let (number, waits) = (waiting.number, loop.waits(copies: Int(others) + 1))
        waiting.waits = waits
        waits.add(self, number: number)
        guard milliseconds > 0 else { return true }
        waiting.timeout = loop.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(min(milliseconds, 1 << 40))
        ) {
            self.endWait(number, held: self.loop.provider.copies.lowerBound - 1)
        }
        return true
    }

    /// So many hold it now; or nobody will ever know.
    func completeWait(_ number: UInt32, _ outcome: CommandOutcome) {
        endWait(number, held: outcome == .executed ? waiting.others : nil)
    }

    private func endWait(_ number: UInt32, held: Int?) {
        guard waiting.isUnderWay, waiting.number == number, !isClosed else { return }
        stopWaiting()
        if let held { reply(":\(held)\r\n") } else { replyAndEnd(RespError.unknown) }
        resume()
    }

    func stopWaiting() {
        waiting.waits?.remove(self)
        waiting.waits = nil
        waiting.timeout?.cancel()
        waiting.timeout = nil
    }
}
