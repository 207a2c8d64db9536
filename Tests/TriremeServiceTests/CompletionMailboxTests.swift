// Completions from thread to thread: none lost, none twice, in order, with few wake-ups.
import Glibc
import Synchronization
import Testing
import TriremeService

@Suite struct CompletionMailboxTests {
    @Test func largeAndSmallRepliesComeInOrder() {
        let wakes = Counter()
        let mailbox = CompletionMailbox { wakes.add() }
        let sizes = [0, 1, 7, 8, 9, 300_000, 5, 1_000_000, 0, 100_000, 100_000, 100_000]
        for (tag, size) in sizes.enumerated() {
            [UInt8](repeating: UInt8(tag), count: size).withUnsafeBytes {
                mailbox.post(tag: UInt64(tag), .executed, reply: $0)
            }
        }
        mailbox.flush()
        mailbox.flush()
        mailbox.post(tag: 99, .refused, reply: UnsafeRawBufferPointer(start: nil, count: 0))
        mailbox.flush()
        #expect(wakes.value == 1, "the consumer has been woken and has not looked yet")
        var seen: [UInt64] = []
        mailbox.drain { tag, outcome, reply in
            seen.append(tag)
            if tag == 99 { return #expect(outcome == .refused) }
            #expect(outcome == .executed && reply.count == sizes[Int(tag)] && reply.allSatisfy { $0 == UInt8(tag) })
        }
        #expect(seen == (0..<12).map { UInt64($0) } + [99])
        mailbox.post(tag: 1, .unknown, reply: UnsafeRawBufferPointer(start: nil, count: 0))
        mailbox.flush()
        #expect(wakes.value == 2)
    }

    final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        func add() { count.add(1, ordering: .sequentiallyConsistent) }
        var value: Int { count.load(ordering: .sequentiallyConsistent) }
    }

    /// Two threads. The consumer sleeps unless it was woken: a lost wake-up would be seen as a hang.
    @Test(.timeLimit(.minutes(1))) func betweenThreads() {
        let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
        defer {
            sem_destroy(semaphore)
            semaphore.deallocate()
        }
        nonisolated(unsafe) let signal = semaphore
        let mailbox = CompletionMailbox { sem_post(signal) }
        let count: UInt64 = 300_000
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                let mailbox = Unmanaged<CompletionMailbox>.fromOpaque(argument!).takeUnretainedValue()
                for tag in 0..<300_000 as Range<UInt64> {
                    withUnsafeBytes(of: tag) { mailbox.post(tag: tag, .executed, reply: $0) }
                    if tag % 7 == 0 { mailbox.flush() }
                }
                mailbox.flush()
                return nil
            }, Unmanaged.passUnretained(mailbox).toOpaque())
        var next: UInt64 = 0
        var isGood = true
        while next < count {
            sem_wait(semaphore)
            mailbox.drain { tag, _, reply in
                isGood = isGood && tag == next && reply.loadUnaligned(as: UInt64.self) == next
                next += 1
            }
        }
        pthread_join(thread, nil)
        #expect(isGood)
    }
}
