// Spreads a replica's batches over time where a link on their way carries less than it would send. The reactor's thread.
import TriremeCore

/// The sender's half of pacing: each receiver may advise a rate (``RateAdvisor``); the lowest holds. While nobody advises
/// anything, which is so wherever no link is full, it costs one comparison a batch; but a start goes up a ramp.
package struct Pacer: Sendable {
    /// What a late turn may catch up with: reactors are late by less, and a switch has room for some frames at once.
    package static let creditNanoseconds: UInt64 = 2_000_000
    static let creditBytes: UInt64 = 4 * 61_440
    /// An advice that is not repeated for so long is void: its receiver may be gone.
    package static let validNanoseconds: UInt64 = 500_000_000

    /// The rate to begin with where nothing is known of the links, in bytes a second, and what is sent before it rises by half: a
    /// receiver needs up to 1 MiB of arrivals to see a queue, and meanwhile none shall run over. (Doubling after 256 KiB lost 40
    /// to 100 frames at links of 1 Gbit/s with queues of 1 MB.) Beyond `rampEnd` there is no link that this could spare. A start
    /// at full load reaches 1 GB/s after 7 MiB, 0.4 s.
    static let rampStart: UInt64 = 4_000_000
    static let rampEnd: UInt64 = 8_000_000_000
    static let rampBytes = 512 << 10

    private var rates: InlineArray<16, UInt64> = InlineArray(repeating: 0)
    private var until: InlineArray<16, UInt64> = InlineArray(repeating: 0)
    private var expiresAt = UInt64.max
    /// When everything that was sent would have left at the advised rate.
    private var freeAt: UInt64 = 0

    /// What a start, or the end of an advice, allows; 0 beyond the end of the ramp.
    private var ramp: UInt64
    private var rampLeft = Self.rampBytes
    /// The lowest rate that a receiver advises at present; 0 for none.
    package private(set) var advice: UInt64 = 0

    /// Bytes of frames a second; 0 for as many as there are.
    package private(set) var bytesPerSecond: UInt64

    /// - Parameter ramps: whether the links are unknown; false where there is none.
    package init(ramps: Bool = true) {
        ramp = ramps ? Self.rampStart : 0
        bytesPerSecond = ramp
    }

    /// A receiver advises a rate, or with 0 takes its advice back.
    package mutating func advised(_ rate: UInt64, by peer: ReplicaID, now: UInt64) {
        rates[peer.index] = rate
        until[peer.index] = now &+ Self.validNanoseconds
        choose(now: now)
    }

    /// Drops advice that has run out.
    package mutating func tick(now: UInt64) { if now >= expiresAt { choose(now: now) } }

    private mutating func choose(now: UInt64) {
        var least = UInt64.max
        expiresAt = .max
        for peer in 0..<Limits.members where rates[peer] > 0 {
            guard until[peer] > now else {
                rates[peer] = 0
                continue
            }
            least = min(least, rates[peer])
            expiresAt = min(expiresAt, until[peer])
        }
        advice = least == .max ? 0 : least
        // When it ends the rate rises from there.
        if advice > 0 { climb(to: advice) }
        bytesPerSecond = advice > 0 ? advice : ramp
    }

    private mutating func climb(to rate: UInt64) {
        ramp = rate >= Self.rampEnd ? 0 : rate
        rampLeft = Self.rampBytes
    }

    /// Whether the next frame may leave now.
    package func mayLeave(now: UInt64) -> Bool { bytesPerSecond == 0 || freeAt <= now }

    /// When the next frame may leave, where that is not now.
    package var deadline: UInt64 { freeAt }

    /// A frame has left.
    package mutating func left(bytes: Int, now: UInt64) {
        guard bytesPerSecond > 0 else { return }
        // A frame has 61,440 bytes at most: the product fits a word.
        let credit = min(Self.creditNanoseconds, Self.creditBytes * 1_000_000_000 / bytesPerSecond)
        freeAt = max(freeAt, now - min(now, credit)) + UInt64(bytes) * 1_000_000_000 / bytesPerSecond
        guard advice == 0 else { return }
        rampLeft -= bytes
        if rampLeft <= 0 {
            climb(to: ramp + ramp / 2)
            bytesPerSecond = ramp
        }
    }
}
