// Waking a reactor that sleeps in the kernel; costs nothing while it is awake.
import CTrireme
import Glibc

/// One eventfd and one word. A producer that has published work calls ``wake()``; the reactor announces its sleep, looks once more
/// for work, and only then sleeps, so that no wake-up is lost.
package final class Waker: @unchecked Sendable {
    package let descriptor: Int32
    private let sleeping: UnsafeMutablePointer<UInt64>

    package init() throws(RuntimeError) {
        let descriptor = trm_event_create()
        guard descriptor >= 0 else {
            throw RuntimeError(
                "no eventfd could be made (errno \(-descriptor)); raise the limit of open files (ulimit -n)")
        }
        self.descriptor = descriptor
        sleeping = .allocate(capacity: 32)
        sleeping.initialize(repeating: 0, count: 32)
    }
    deinit {
        close(descriptor)
        sleeping.deallocate()
    }

    /// Any thread: there is work.
    package func wake() {
        trm_fence()
        guard trm_load_relaxed_u64(sleeping) != 0, trm_exchange_u64(sleeping, 0) != 0 else { return }
        _ = trm_event_signal(descriptor)
    }
    /// The reactor is about to sleep: it must look for work after this.
    func announceSleep() {
        trm_store_relaxed_u64(sleeping, 1)
        trm_fence()
    }
    func awake() { trm_store_relaxed_u64(sleeping, 0) }
}

/// A failure to set a runtime up, in one sentence.
package struct RuntimeError: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
