// The event loop of one replica: one pinned thread, one io_uring for disk and network (ARCHITECTURE, principle 5).
import CTrireme
import Glibc
import TriremeCore
import TriremeStorage
import TriremeTransport

/// What stands around an engine; made on the reactor's thread, where it is used.
package struct Neighbours {
    package var application: any Application
    package var gateway: any Gateway
    package init(application: any Application, gateway: any Gateway) {
        self.application = application
        self.gateway = gateway
    }
}

/// Runs one replica on a thread of its own, from ``start()`` until ``stop()`` or a failure.
package final class Reactor: @unchecked Sendable {
    enum State: UInt64 {
        case starting = 0
        case running = 1
        case ended = 2
    }
    package let options: ReactorOptions
    package let waker: Waker
    let makeNeighbours: (BufferPool, Waker) -> Neighbours
    /// Called on the reactor's thread when it ends, however it does.
    let onEnd: () -> Void

    // Words that other threads read or write.
    private let words: UnsafeMutablePointer<UInt64>
    private var state: UnsafeMutablePointer<UInt64> { words }
    private var stopping: UnsafeMutablePointer<UInt64> { words + 16 }
    private var successor: UnsafeMutablePointer<UInt64> { words + 32 }
    /// Written before `state` becomes `ended`.
    private var failureText: String?
    private var thread = trm_thread()
    private var isJoined = false

    package init(
        _ options: ReactorOptions, onEnd: @escaping () -> Void,
        neighbours: @escaping (BufferPool, Waker) -> Neighbours
    ) throws(RuntimeError) {
        self.options = options
        waker = try Waker()
        makeNeighbours = neighbours
        self.onEnd = onEnd
        words = .allocate(capacity: 48)
        words.initialize(repeating: 0, count: 48)
    }
    deinit { words.deallocate() }

    /// Starts the thread and waits until the replica runs or was refused.
    package func start() throws(RuntimeError) {
        let me = Unmanaged.passRetained(self)
        let started = trm_thread_start(
            &thread, { Unmanaged<Reactor>.fromOpaque($0!).takeRetainedValue().main() }, me.toOpaque(),
            Int32(options.placement.reactorCPU ?? -1), "trireme-\(options.identity.replica)")
        guard started == 0 else {
            me.release()
            throw RuntimeError("the reactor's thread could not be started (errno \(-started))")
        }
        while trm_load_acquire_u64(state) == State.starting.rawValue { usleep(200) }
        if trm_load_acquire_u64(state) == State.ended.rawValue, let failureText {
            join()
            throw RuntimeError(failureText)
        }
    }

    /// Ends the loop and waits for the thread. Any thread but the reactor's; once.
    package func stop() {
        trm_store_release_u64(stopping, 1)
        waker.wake()
        join()
    }
    private func join() {
        guard !isJoined else { return }
        isJoined = true
        _ = trm_thread_join(thread)
    }
    package var hasEnded: Bool { trm_load_acquire_u64(state) == State.ended.rawValue }
    /// Why the replica ended by itself; nil while it runs and after ``stop()``.
    package var failure: String? { hasEnded ? failureText : nil }

    /// Asks the sequencer to hand over to a member.
    package func handOver(to member: ReplicaID) {
        trm_store_release_u64(successor, UInt64(member.rawValue) + 1)
        waker.wake()
    }

    // MARK: The thread

    private func main() {
        _ = trm_set_timer_slack(1)
        do {
            try run()
        } catch {
            failureText = error.description
        }
        trm_store_release_u64(state, State.ended.rawValue)
        onEnd()
    }

    var isStopping: Bool { trm_load_acquire_u64(stopping) != 0 }
    func announceRunning() { trm_store_release_u64(state, State.running.rawValue) }
    func takeHandOver() -> ReplicaID? {
        guard trm_load_relaxed_u64(successor) != 0 else { return nil }
        let value = trm_exchange_u64(successor, 0)
        return value == 0 ? nil : ReplicaID(Int(value) - 1)
    }
}
