// A client that remembers what was acknowledged, and asks for it after the faults.
//
//     acknowledged-writes PORT...
//
// Writes through every port at once. Takes lines on standard input and answers each with one:
//     mark     gaps between acknowledgements are measured from now on
//     gap I    the longest gap of writer I since then, in milliseconds
//     verify   stops writing, reads every acknowledged key back through every port in turn, and ends: exit code 0 when all
//              are there, else 1
import Foundation

let ports = CommandLine.arguments.dropFirst().compactMap { UInt16($0) }
guard !ports.isEmpty else {
    FileHandle.standardError.write(Data("usage: acknowledged-writes PORT...\n".utf8))
    exit(2)
}
let writers = ports.enumerated().map { Writer(index: $0.offset, port: $0.element) }
for writer in writers { Thread.detachNewThread { writer.run() } }

while let line = readLine() {
    let words = line.split(separator: " ")
    switch words.first {
    case "mark":
        for writer in writers { writer.mark() }
        say("marked")
    case "gap":
        say("\(words.count > 1 ? Int(words[1]).map { writers[$0].gapMilliseconds } ?? 0 : 0)")
    case "verify": exit(verify() ? 0 : 1)
    default: say("what?")
    }
}
// Whoever started this is gone, and so is this.

/// A line at once: whoever asked is waiting for it.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func verify() -> Bool {
    for writer in writers { writer.stop() }
    while writers.contains(where: \.isRunning) { usleep(10_000) }
    var acknowledged = 0
    var missing = 0
    for writer in writers {
        let memory = writer.result
        acknowledged += memory.acknowledged.count
        var remaining = memory.acknowledged[...]
        var turn = 0
        while !remaining.isEmpty {
            let chunk = Array(remaining.prefix(500))
            guard let found = values(of: chunk, writer: writer.index, port: ports[turn % ports.count]) else {
                say("port \(ports[turn % ports.count]) does not answer")
                return false
            }
            for (number, value) in zip(chunk, found) where value != Writer.value(writer.index, number) {
                missing += 1
                if missing <= 10 { say("missing: \(Writer.key(writer.index, number)) is \(value)") }
            }
            remaining = remaining.dropFirst(chunk.count)
            turn += 1
        }
    }
    let unknown = writers.reduce(0) { $0 + $1.result.unknown }
    say("acknowledged \(acknowledged), of unknown outcome \(unknown), missing \(missing)")
    return missing == 0 && acknowledged > 0
}

func values(of numbers: [Int], writer: Int, port: UInt16) -> [String]? {
    guard let connection = Connection(port: port) else { return nil }
    let commands = numbers.map { Connection.command("GET", Writer.key(writer, $0)) }
    guard connection.send(commands.joined()) else { return nil }
    var found: [String] = []
    for _ in numbers {
        guard let reply = connection.reply() else { return nil }
        found.append(reply)
    }
    return found
}
