// One writer for each replica: keys never used twice, and a memory of which writes were acknowledged.
import Glibc
import Synchronization

/// What a writer remembers. The key of write number n of writer w is "ack:w:n", its value "v:w:n".
struct Memory {
    var acknowledged: [Int] = []
    /// Sent, and never answered or answered with an error: they may have taken effect or not.
    var unknown = 0
    var lastAnswer: UInt64 = 0
    var longestGap: UInt64 = 0
}

final class Writer: Sendable {
    let index: Int
    let port: UInt16
    private static let pipeline = 32
    private let memory = Mutex(Memory())
    private let isStopping = Atomic<Bool>(false)
    private let hasStopped = Atomic<Bool>(false)

    init(index: Int, port: UInt16) {
        self.index = index
        self.port = port
    }

    static func key(_ writer: Int, _ number: Int) -> String { "ack:\(writer):\(number)" }
    static func value(_ writer: Int, _ number: Int) -> String { "v:\(writer):\(number)" }

    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    func stop() { isStopping.store(true, ordering: .releasing) }
    var isRunning: Bool { !hasStopped.load(ordering: .acquiring) }
    var result: Memory { memory.withLock { $0 } }

    /// From now on gaps are measured anew.
    func mark() {
        memory.withLock {
            $0.lastAnswer = Self.now
            $0.longestGap = 0
        }
    }
    /// Longest time without an acknowledgement since the mark, in milliseconds.
    var gapMilliseconds: UInt64 {
        memory.withLock { max($0.longestGap, Self.now - $0.lastAnswer) / 1_000_000 }
    }

    /// Writes until told to stop; connects again when the replica is back.
    func run() {
        mark()
        var next = 0
        while !isStopping.load(ordering: .acquiring) {
            guard let connection = Connection(port: port) else {
                usleep(20_000)
                continue
            }
            while !isStopping.load(ordering: .acquiring), write(connection, from: &next) {}
        }
        hasStopped.store(true, ordering: .releasing)
    }

    /// One pipeline. False when the connection is of no more use.
    private func write(_ connection: Connection, from next: inout Int) -> Bool {
        let numbers = next..<next + Self.pipeline
        next += Self.pipeline
        let commands = numbers.map { Connection.command("SET", Self.key(index, $0), Self.value(index, $0)) }
        guard connection.send(commands.joined()) else {
            memory.withLock { $0.unknown += numbers.count }
            return false
        }
        for (place, number) in numbers.enumerated() {
            guard let reply = connection.reply() else {
                memory.withLock { $0.unknown += numbers.count - place }
                return false
            }
            memory.withLock {
                guard reply == "+OK" else {
                    $0.unknown += 1
                    return
                }
                let now = Self.now
                $0.acknowledged.append(number)
                $0.longestGap = max($0.longestGap, now - $0.lastAnswer)
                $0.lastAnswer = now
            }
        }
        return true
    }
}
