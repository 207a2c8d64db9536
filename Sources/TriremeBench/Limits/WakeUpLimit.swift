// How long a thread that sleeps as a reactor sleeps takes to wake: an eventfd, seen by io_uring.
import CTrireme
import Glibc
import Histogram

enum WakeUpLimit {
    private static let seconds = 0.4

    /// Half a round trip between two threads, the median in microseconds.
    static func measure() throws -> Double {
        let ends = [trm_event_create(), trm_event_create()]
        defer { for end in ends where end >= 0 { close(end) } }
        guard ends.allSatisfy({ $0 >= 0 }) else {
            throw BenchError(
                "no eventfd could be made (errno \(-ends.min()!)); raise the limit of open files (ulimit -n)")
        }
        let found = try Workers.run(2) { thread -> Result<Double, any Error> in
            Result { try bounce(first: thread == 0, sleepsOn: ends[thread], wakes: ends[1 - thread]) }
        }
        let medians = try found.map { try $0.get() }
        return medians[0]
    }

    /// One of the two threads: wakes the other, sleeps, wakes, … The first one also keeps the time.
    private static func bounce(first: Bool, sleepsOn: Int32, wakes: Int32) throws -> Double {
        let ring = try LimitRing(bytes: 4_096, files: [sleepsOn])
        _ = trm_ring_poll_multishot(ring.ring, 0, UInt32(POLLIN), 1)
        var trips = Histogram<UInt64>(highestTrackableValue: 10_000_000_000, numberOfSignificantValueDigits: .three)
        let end = trm_monotonic_nanoseconds() + UInt64(seconds * 1e9)
        // The second one goes on until the first one has stopped for sure.
        let mine = first ? end : end + 200_000_000
        var sent = trm_monotonic_nanoseconds()
        if first { _ = trm_event_signal(wakes) }
        while sent < mine {
            ring.wait(milliseconds: 50)
            var isAwake = false
            ring.completions { completion in
                isAwake = true
                if !completion.more { _ = trm_ring_poll_multishot(ring.ring, 0, UInt32(POLLIN), 1) }
            }
            let now = trm_monotonic_nanoseconds()
            guard isAwake, trm_event_drain(sleepsOn) > 0 else {
                sent = now
                continue
            }
            if first { trips.record(now - sent) }
            sent = now
            _ = trm_event_signal(wakes)
        }
        return Double(trips.valueAtPercentile(50)) / 2_000
    }
}
