// Signals as something the main thread waits for, so that every end takes the same path and nothing runs in a handler.
import Glibc

/// Holds back the signals that end a program, and hands them out when asked.
///
/// Make it first thing, before any thread starts: threads inherit what is held back.
package struct SignalWatch {
    private var watched = sigset_t()

    package init() {
        sigemptyset(&watched)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGCHLD] { sigaddset(&watched, signal) }
        pthread_sigmask(SIG_BLOCK, &watched, nil)
        // A shell starts what runs in its background with some of them ignored, and an ignored signal may be dropped before it is asked for.
        for ending in [SIGINT, SIGTERM, SIGHUP] { signal(ending, SIG_DFL) }
        signal(SIGPIPE, SIG_IGN)
    }

    package enum Event: Sendable, Equatable {
        /// Time has passed, or a child has ended.
        case none
        /// Someone wants this program to end.
        case end(signal: Int32)
    }

    /// Sleeps for so long, less if a signal arrives or a child ends.
    package func wait(milliseconds: Int) -> Event {
        var set = watched
        var time = timespec(tv_sec: milliseconds / 1_000, tv_nsec: milliseconds % 1_000 * 1_000_000)
        let signal = sigtimedwait(&set, nil, &time)
        return signal == SIGINT || signal == SIGTERM || signal == SIGHUP ? .end(signal: signal) : .none
    }
}
