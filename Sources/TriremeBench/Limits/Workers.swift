// Threads that measure at the same time.
import CTrireme
import Glibc

enum Workers {
    /// Runs `body(0)` … `body(count - 1)` on a thread each, from about the same moment, and returns what they found.
    static func run<Found: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> Found) throws -> [Found] {
        var workers: [Worker<Found>] = []
        var failure: Int32 = 0
        for index in 0..<count {
            let worker = Worker { body(index) }
            failure = worker.start()
            guard failure == 0 else { break }
            workers.append(worker)
        }
        let found = workers.map { $0.join() }
        guard failure == 0 else {
            throw BenchError("a thread to measure with could not be started (\(String(cString: strerror(-failure))))")
        }
        return found
    }

    private class Job {
        func run() {}
    }
    private final class Worker<Found: Sendable>: Job {
        private let body: () -> Found
        private var found: Found?
        private var thread = trm_thread()

        init(_ body: @escaping () -> Found) { self.body = body }
        override func run() { found = body() }

        func start() -> Int32 {
            let me = Unmanaged<Job>.passRetained(self)
            let result = trm_thread_start(
                &thread, { Unmanaged<Job>.fromOpaque($0!).takeRetainedValue().run() }, me.toOpaque(), -1,
                "trireme-limit")
            if result != 0 { me.release() }
            return result
        }
        /// The end of the thread is what makes `found` visible here.
        func join() -> Found {
            _ = trm_thread_join(thread)
            return found!
        }
    }
}
