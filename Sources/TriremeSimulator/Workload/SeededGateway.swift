// The clients of one replica during one of its lives: commands come at seeded times and go into its batches.
import TriremeCore
import TriremeRuntime

package struct Workload: Sendable {
    /// Typical time between two commands at one replica.
    package var intervalNanoseconds: UInt64 = 500_000
    /// Now and then so many come at once.
    package var burst = 1
    package var commandBytes = 64
    /// Commands of one batch carry each its own length.
    package var isVariable = false
    /// Clients wait for answers: beyond so many commands that wait nothing comes.
    package var backlog = 1_024
    /// Members that are to hold a batch before its clients are answered (PROTOCOL §5): every second batch wants one of these
    /// numbers. None: what a quorum decides is answered.
    package var copies: ClosedRange<Int>?
    /// For tests of the checkers: they are answered at once, whatever they wanted.
    package var isImpatient = false
    package init() {}
}

package final class SeededGateway {
    package let replica: ReplicaID
    package let incarnation: Int
    private let workload: Workload
    private let book: CommandBook
    private var random: CoreRandom
    private var waiting: [Int] = []
    private var first = 0
    private var nextArrival: UInt64
    /// Since when commands have been waiting, by the replica's clock, if some are.
    package var pendingSince: UInt64? { lacksBuffer ? nil : oldest }
    private var oldest: UInt64?
    /// No buffer was free: a deadline would only make the engine spin until one is.
    private var lacksBuffer = false
    /// Whether new commands come by themselves.
    package var isOpen = true
    /// Whoever waits for copies, of this life.
    private let answers: HeldAnswers
    private var sealed: UInt64 = 0

    package init(
        replica: ReplicaID, incarnation: Int, workload: Workload, book: CommandBook, answers: HeldAnswers,
        random: CoreRandom, now: UInt64
    ) {
        self.answers = answers
        self.replica = replica
        self.incarnation = incarnation
        self.workload = workload
        self.book = book
        self.random = random
        nextArrival = now
        nextArrival += self.random.tailed(workload.intervalNanoseconds)
    }
    package var backlog: Int { waiting.count - first }

    /// Commands that come now, whatever the schedule says. Their numbers.
    package func offer(_ count: Int, now: UInt64) -> Range<Int> {
        let start = book.count
        oldest = oldest ?? now
        for _ in 0..<count { add() }
        return start..<book.count
    }
    private func add() {
        var length = workload.commandBytes
        if workload.isVariable {
            length = random.between(CommandBook.minimumBytes, max(length, CommandBook.minimumBytes))
        }
        waiting.append(book.issue(origin: replica, incarnation: incarnation, length: length))
    }
    private func arrive(by now: UInt64) {
        while isOpen, nextArrival <= now {
            if backlog < workload.backlog {
                oldest = oldest ?? nextArrival
                let count = workload.burst > 1 && random.below(8) == 0 ? random.between(1, workload.burst) : 1
                for _ in 0..<count { add() }
            }
            nextArrival += random.tailed(workload.intervalNanoseconds)
        }
    }
    /// Fills `into` with the next batch, if there is one: a partial one only when `mustSeal`.
    package func fill(
        _ into: UnsafeMutableRawBufferPointer, now: UInt64, mustSeal: Bool
    ) -> (bytes: Int, count: Int, stride: Int)? {
        arrive(by: now)
        var bytes = 0
        var count = 0
        let overhead = workload.isVariable ? 4 : 0
        while first + count < waiting.count {
            let length = Int(book.commands[waiting[first + count]].length)
            guard bytes + overhead + length <= into.count else { break }
            bytes += overhead + length
            count += 1
        }
        guard count > 0, mustSeal || first + count < waiting.count else { return nil }
        var at = 0
        for i in first..<first + count {
            let length = Int(book.commands[waiting[i]].length)
            if workload.isVariable {
                into.storeBytes(of: UInt32(length), toByteOffset: at, as: UInt32.self)
                at += 4
            }
            book.write(waiting[i], to: into.baseAddress! + at)
            at += length
        }
        first += count
        oldest = first < waiting.count ? now : nil
        if first == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            first = 0
        }
        return (bytes, count, workload.isVariable ? 0 : workload.commandBytes)
    }
    /// When it wants to be polled again.
    package func due(now: UInt64) -> UInt64 {
        arrive(by: now)
        return isOpen ? nextArrival : .max
    }
}

extension SeededGateway: Gateway {
    package func poll(now: UInt64, mustSeal: Bool, pool: BufferPool) -> Submission? {
        guard let buffer = pool.take(.own) else {
            lacksBuffer = true
            return nil
        }
        lacksBuffer = false
        pool.hold(buffer, .filling)
        let room = UnsafeMutableRawBufferPointer(start: pool.payload(buffer), count: pool.payloadBytes)
        guard let (bytes, count, stride) = fill(room, now: now, mustSeal: mustSeal) else {
            _ = pool.drop(buffer, .filling)
            return nil
        }
        sealed += 1
        if let copies = workload.copies {
            // Apart from what the seed draws, so that it stays the story that it was.
            let drawn = mixed(0x636F_7069_6573, sealed &* 16 &+ UInt64(replica.index))
            answers.isImpatient = workload.isImpatient
            if drawn & 1 == 0 { answers.sealed(sealed, members: copies.lowerBound + Int(drawn >> 8) % copies.count) }
        }
        return Submission(buffer: buffer, payloadBytes: bytes, count: count, stride: stride)
    }
    package var batchesAwaitingCopies: Int { answers.count }
    package func copied(_ reach: CopyReach) { answers.copied(reach) }
    package var hasWork: Bool { false }
    package func turnEnded() {}
    package func nextDue(now: UInt64) -> UInt64 { due(now: now) }
}
