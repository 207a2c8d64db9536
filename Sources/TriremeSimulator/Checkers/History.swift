// Linearizability of what the clients saw. Each reply names its place in the order, so that nothing has to be searched: the
// order must respect real time, and replaying it must give every output that a client was told.
import TriremeCore

package enum History {
    /// Checks a whole run: O(n), since commands and replies come in the order of time. Commands whose clients were not answered
    /// count where they were executed, and nowhere else.
    static func check(_ book: CommandBook, referee: Referee) {
        var place = [Int32](repeating: -1, count: book.commands.count)
        var registers = Registers()
        var outputs = [UInt64](repeating: 0, count: book.order.count)
        for (i, (command, _)) in book.order.enumerated() {
            place[Int(command)] = Int32(i)
            outputs[i] = registers.execute(UInt64(command))
        }
        for reply in book.replies {
            guard reply.number < book.order.count, book.order[reply.number].command == Int32(reply.command),
                book.order[reply.number].slot == reply.slot
            else {
                referee.report(
                    "the reply to command \(reply.command) names place \(reply.number) of slot \(reply.slot), where the order "
                        + "has something else")
                return
            }
            guard outputs[reply.number] == reply.output else {
                referee.report(
                    "the reply to command \(reply.command) says \(reply.output); replaying the order gives "
                        + "\(outputs[reply.number])")
                return
            }
        }
        checkRealTime(book, place, referee)
    }

    /// What was answered before another command was submitted comes before it.
    private static func checkRealTime(_ book: CommandBook, _ place: [Int32], _ referee: Referee) {
        var next = 0
        var latest: Int32 = -1
        var latestCommand = 0
        for (id, command) in book.commands.enumerated() where place[id] >= 0 {
            while next < book.replies.count, book.replies[next].time < command.submittedAt {
                let answered = book.replies[next].command
                if place[answered] > latest {
                    latest = place[answered]
                    latestCommand = answered
                }
                next += 1
            }
            guard place[id] > latest else {
                referee.report(
                    "command \(id) was submitted after command \(latestCommand) was answered, and is executed before it"
                )
                return
            }
        }
    }
}
