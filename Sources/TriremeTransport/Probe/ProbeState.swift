// Which members hear this replica's multicast, found out by asking (issue's start-up probe). Pure: the caller sends what
// is due and reports what came; time is a value, in nanoseconds. One thread.
import TriremeCore

/// The ways by which a probe travels. Data and control go to different multicast groups, and a switch may forward one
/// and not the other, so both are tried.
package enum ProbeWay: UInt8, CaseIterable, Sendable {
    case controlMulticast = 0
    case dataMulticast = 1
    case unicast = 2
}

/// "Do you hear me?" One number goes out by all three ways.
package struct Probe: Equatable, Sendable {
    package static let bytes = 24
    /// Names one run of the sender: numbers start at 1 in each.
    package var boot: UInt64
    package var number: UInt64
    package var way: ProbeWay

    package init(boot: UInt64, number: UInt64, way: ProbeWay) {
        self.boot = boot
        self.number = number
        self.way = way
    }
    package init?(reading body: UnsafeRawBufferPointer) {
        guard body.count == Self.bytes, let base = body.baseAddress,
            let way = ProbeWay(rawValue: base.load(fromByteOffset: 16, as: UInt8.self))
        else { return nil }
        self.init(boot: base.word64(0), number: base.word64(8), way: way)
    }
    package func write(to bytes: UnsafeMutableRawPointer) {
        bytes.store(boot, at: 0)
        bytes.store(number, at: 8)
        bytes.store(UInt64(way.rawValue), at: 16)
    }
}

/// "The last that I heard of you", by each way; 0 for nothing.
package struct ProbeReply: Equatable, Sendable {
    package static let bytes = 32
    package var boot: UInt64
    package var heard: InlineArray<3, UInt64>

    package init(boot: UInt64, heard: InlineArray<3, UInt64>) {
        self.boot = boot
        self.heard = heard
    }
    package init?(reading body: UnsafeRawBufferPointer) {
        guard body.count == Self.bytes, let base = body.baseAddress else { return nil }
        self.init(boot: base.word64(0), heard: [base.word64(8), base.word64(16), base.word64(24)])
    }
    package func write(to bytes: UnsafeMutableRawPointer) {
        bytes.store(boot, at: 0)
        for way in 0..<3 { bytes.store(heard[way], at: 8 + 8 * way) }
    }
    package static func == (a: Self, b: Self) -> Bool {
        a.boot == b.boot && a.heard[0] == b.heard[0] && a.heard[1] == b.heard[1] && a.heard[2] == b.heard[2]
    }
}

package struct ProbeState: ~Copyable, Sendable {
    private let pinned = Pinned()
    /// What is known of the way from this replica to a peer.
    package enum Reach: UInt8, Sendable { case unknown, multicast, unicast }

    /// Probes follow one another this fast while something is unknown.
    package static let fastNanoseconds: UInt64 = 20_000_000
    /// … and this slowly for ever after, so that a path that breaks or heals is noticed.
    package static let slowNanoseconds: UInt64 = 1_000_000_000
    /// A reply waits for the copies that came by the other ways.
    package static let replyNanoseconds: UInt64 = 2_000_000
    /// Fast probes after a start, and after a peer's: half a second. A member that is down is not called for louder.
    package static let fastRounds = 25
    /// Probes in a row that a way must lose to count as dead. Single ones are lost under load.
    package static let lossesInRow: UInt64 = 3

    private struct Peer {
        var reach = Reach.unknown
        /// Newest number that a reply named.
        var answered: UInt64 = 0
        var boot: UInt64 = 0
        var heard: InlineArray<3, UInt64> = InlineArray(repeating: 0)
        var replyAt = UInt64.max
    }

    private let others: UInt16
    private let boot: UInt64
    private var number: UInt64 = 0
    private var probeAt: UInt64
    private var interval = Self.fastNanoseconds
    private var roundsLeft = Self.fastRounds
    private var peers: InlineArray<16, Peer> = InlineArray(repeating: Peer())

    /// `members`: bit i for member i. `boot` differs from that of any earlier run of this replica.
    package init(me: ReplicaID, members: UInt16, boot: UInt64, now: UInt64) {
        others = members & ~(1 << UInt16(me.rawValue))
        self.boot = boot
        probeAt = now
    }

    package func reach(of peer: ReplicaID) -> Reach { peers[peer.index].reach }

    /// Members that are reached by unicast only: bit i for member i.
    package var unicastMembers: UInt16 { mask { $0 == .unicast } }

    /// Members that multicast is for; an unknown one may well hear it.
    package var multicastMembers: UInt16 { others & ~unicastMembers }

    /// When ``probeDue(now:)`` or ``replyDue(now:)`` will have something.
    package var deadline: UInt64 {
        var least = others == 0 ? UInt64.max : probeAt
        for index in 0..<Limits.members { least = min(least, peers[index].replyAt) }
        return least
    }

    /// The number to send now by every way, to every member.
    package mutating func probeDue(now: UInt64) -> (boot: UInt64, number: UInt64)? {
        guard others != 0, now >= probeAt else { return nil }
        number += 1
        if roundsLeft > 0, mask({ $0 == .unknown }) != 0 || number <= Self.lossesInRow {
            roundsLeft -= 1
            interval = Self.fastNanoseconds
        } else {
            interval = min(interval * 2, Self.slowNanoseconds)
        }
        probeAt = now + interval
        return (boot, number)
    }

    /// A reply to send now, by unicast.
    package mutating func replyDue(now: UInt64) -> (to: ReplicaID, reply: ProbeReply)? {
        for index in 0..<Limits.members where peers[index].replyAt <= now {
            peers[index].replyAt = .max
            return (ReplicaID(index), ProbeReply(boot: peers[index].boot, heard: peers[index].heard))
        }
        return nil
    }

    package mutating func received(_ probe: Probe, from peer: ReplicaID, now: UInt64) {
        guard others & (1 << UInt16(peer.rawValue)) != 0 else { return }
        if peers[peer.index].boot != probe.boot {
            // A late probe of an earlier run may come in between; the next one of the present run puts it right.
            peers[peer.index].boot = probe.boot
            peers[peer.index].heard = InlineArray(repeating: 0)
            startFast(now: now)
        }
        let way = Int(probe.way.rawValue)
        peers[peer.index].heard[way] = max(peers[peer.index].heard[way], probe.number)
        peers[peer.index].replyAt = min(peers[peer.index].replyAt, now + Self.replyNanoseconds)
    }

    package mutating func received(_ reply: ProbeReply, from peer: ReplicaID, now: UInt64) {
        let byMulticast = min(reply.heard[0], reply.heard[1])
        let newest = max(reply.heard[0], reply.heard[1], reply.heard[2])
        guard others & (1 << UInt16(peer.rawValue)) != 0, reply.boot == boot, newest <= number,
            newest > peers[peer.index].answered
        else { return }
        peers[peer.index].answered = newest
        if byMulticast > 0, newest - byMulticast < Self.lossesInRow {
            peers[peer.index].reach = .multicast
        } else if newest >= Self.lossesInRow, newest - reply.heard[2] < Self.lossesInRow {
            // Unicast takes multicast's place only where it does arrive.
            peers[peer.index].reach = .unicast
        }
    }

    private mutating func startFast(now: UInt64) {
        roundsLeft = Self.fastRounds
        interval = Self.fastNanoseconds
        probeAt = min(probeAt, now + interval)
    }

    private func mask(_ condition: (Reach) -> Bool) -> UInt16 {
        var bits: UInt16 = 0
        for index in 0..<Limits.members where others & (1 << UInt16(index)) != 0 && condition(peers[index].reach) {
            bits |= 1 << UInt16(index)
        }
        return bits
    }
}
