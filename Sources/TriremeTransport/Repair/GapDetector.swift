// Says when to ask for missing batches (PROTOCOL §3, step 4). Used by the engine, in its reactor's thread; time is a value,
// in nanoseconds.
import TriremeCore

/// One missing range per lane: the lowest, for batches above it are of no use before it is filled. Sequences are those
/// of one generation; when a lane's generation rises, ``forget(lane:)`` it.
package struct GapDetector: Sendable {
    /// A range to ask for. `attempt` counts from 0; see ``target(lane:attempt:holders:me:)``.
    package struct Request: Equatable, Sendable {
        package var lane: ReplicaID
        package var first: UInt64
        package var last: UInt64
        package var attempt: Int

        package init(lane: ReplicaID, first: UInt64, last: UInt64, attempt: Int) {
            self.lane = lane
            self.first = first
            self.last = last
            self.attempt = attempt
        }
    }

    private struct Gap {
        var first: UInt64 = 0
        var last: UInt64 = 0
        var attempt = 0
        var dueAt = UInt64.max
    }

    private let shortestNanoseconds: UInt64
    private let longestNanoseconds: UInt64
    private var gaps: InlineArray<16, Gap> = InlineArray(repeating: Gap())
    /// The lane that is looked at first, so that one lane's asking does not delay another's.
    private var turn = 0
    private var random: UInt64

    /// The first wait is random between half of `shortest` and all of it: datagrams that only overtook each other
    /// arrive meanwhile, and receivers that lost the same datagram do not all ask at once. Each further wait is twice
    /// the one before, up to `longest`.
    package init(shortestNanoseconds: UInt64 = 200_000, longestNanoseconds: UInt64 = 20_000_000, seed: UInt64) {
        precondition(shortestNanoseconds >= 2 && longestNanoseconds >= shortestNanoseconds)
        self.shortestNanoseconds = shortestNanoseconds
        self.longestNanoseconds = longestNanoseconds
        random = seed
    }

    /// `first … last` of a lane is known to exist and is not here. Said again with the same `first` it keeps its time;
    /// another `first` is another gap.
    package mutating func noticed(lane: ReplicaID, missing range: ClosedRange<UInt64>, now: UInt64) {
        let known = gaps[lane.index].dueAt != .max && gaps[lane.index].first == range.lowerBound
        gaps[lane.index].last = range.upperBound
        guard !known else { return }
        gaps[lane.index].first = range.lowerBound
        gaps[lane.index].attempt = 0
        gaps[lane.index].dueAt = now &+ wait(attempt: 0)
    }

    /// Everything of the lane up to `sequence` is here. What remains of a gap is waited for anew: repair is under way.
    package mutating func filled(lane: ReplicaID, upTo sequence: UInt64, now: UInt64) {
        guard gaps[lane.index].dueAt != .max, sequence >= gaps[lane.index].first else { return }
        guard sequence < gaps[lane.index].last else { return forget(lane: lane) }
        gaps[lane.index].first = sequence + 1
        gaps[lane.index].attempt = 0
        gaps[lane.index].dueAt = now &+ wait(attempt: 0)
    }

    /// The lane has no gap any more, or one in another generation.
    package mutating func forget(lane: ReplicaID) { gaps[lane.index] = Gap() }

    /// A range to ask for now, if any; call until nil.
    package mutating func due(now: UInt64) -> Request? {
        for step in 0..<Limits.members {
            let lane = (turn + step) % Limits.members
            guard gaps[lane].dueAt <= now else { continue }
            let attempt = gaps[lane].attempt
            gaps[lane].attempt += 1
            gaps[lane].dueAt = now &+ wait(attempt: attempt + 1)
            turn = lane + 1
            return Request(lane: ReplicaID(lane), first: gaps[lane].first, last: gaps[lane].last, attempt: attempt)
        }
        return nil
    }

    /// When ``due(now:)`` will have something; the far future where there is no gap.
    package var deadline: UInt64 {
        var least = UInt64.max
        for lane in 0..<Limits.members { least = min(least, gaps[lane].dueAt) }
        return least
    }

    package var hasGaps: Bool { deadline != .max }

    /// Whom to ask: the owner first, then in turn those that say they hold the batch (bit i of `holders`: replica i),
    /// the owner among them if it does. Where nobody else holds it, the owner again.
    package static func target(lane: ReplicaID, attempt: Int, holders: UInt16, me: ReplicaID) -> ReplicaID {
        let others = holders & ~(1 << UInt16(me.rawValue))
        guard others != 0, attempt > 0 || lane == me else { return lane }
        var index = lane.index
        for _ in 0..<max(attempt - 1, 0) % others.nonzeroBitCount + 1 {
            repeat { index = (index + 1) % 16 } while others & (1 << UInt16(index)) == 0
        }
        return ReplicaID(index)
    }

    private mutating func wait(attempt: Int) -> UInt64 {
        let longest = min(shortestNanoseconds << UInt64(min(attempt, 20)), longestNanoseconds)
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return longest / 2 + (random >> 33) % (longest - longest / 2 + 1)
    }
}
