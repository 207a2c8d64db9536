// Everything between the replicas: who hears what, how often and when. One object for the whole world.
import Glibc
import TriremeCore
import TriremeTransport

/// How the links behave for a while. Each receiver of a multicast is decided for singly.
package struct LinkConditions: Sendable {
    package var lossPerMillion: UInt32 = 0
    package var duplicatePerMillion: UInt32 = 0
    /// Typical one-way delay and its tail come from this; what is above reorders.
    package var delayNanoseconds: UInt64 = 30_000
    /// Every datagram takes just that long.
    package var isExact = false
    /// Now and then a datagram takes this much longer.
    package var spikePerMillion: UInt32 = 0
    package var spikeNanoseconds: UInt64 = 20_000_000
    /// Bits of a datagram change on the way.
    package var flipPerMillion: UInt32 = 0
    package init() {}
}

package final class Wire {
    struct Departure {
        var datagram: UInt32
        var payload: UnsafeRawPointer
        var token: UInt32
        var incarnation: Int
    }
    package struct Counts: Sendable {
        package var sent = 0
        package var delivered = 0
        package var lost = 0
        package var duplicated = 0
        package var overflowed = 0
        package var repairs = 0
        package var snapshotPieces = 0
        /// Datagrams whose bits changed, and those that were refused for it, by reason.
        package var flipped = 0
        package var refused = [Int](repeating: 0, count: Refusal.allCases.count)
        /// Old datagrams that came once more, and those of them whose sender had started anew meanwhile.
        package var replayed = 0
        package var replayedFormer = 0
        package init() {}
    }
    let queue: EventQueue
    package let pool: DatagramPool
    let members: Int
    package var random: CoreRandom
    package var conditions = LinkConditions()
    package var counts = Counts()
    /// What names of batches stand for.
    package let names: BatchNames
    package let witness: Witness
    /// Datagrams of each kind that were sent.
    package private(set) var kinds = [Int](repeating: 0, count: 32)
    let referee: Referee
    package var trace: Trace?
    /// Where memory flips, what repair sends may be other than it was; a receiver's checksum tells (Wire+Flips.swift).
    var checksPayloads = false
    /// Old datagrams that may come again, if any are kept (Wire+Replay.swift).
    var archive: Archive?
    let mangler: Mangler
    @exclusivity(unchecked) private var blocked: [Bool]
    @exclusivity(unchecked) private var departures: [Departure] = []
    @exclusivity(unchecked) private var freeDepartures: [UInt32] = []

    package init(queue: EventQueue, members: Int, batchBytes: Int, random: CoreRandom, referee: Referee) {
        self.queue = queue
        self.members = members
        self.random = random
        self.referee = referee
        names = BatchNames(referee: referee)
        witness = Witness(referee: referee, members: members)
        pool = DatagramPool(batchBytes: batchBytes)
        mangler = Mangler(members: members, batchBytes: batchBytes)
        blocked = [Bool](repeating: false, count: members * members)
    }
    package func setLink(from: Int, to: Int, open: Bool) { blocked[from * members + to] = !open }
    package func isOpen(from: Int, to: Int) -> Bool { !blocked[from * members + to] }
    package func openAllLinks() { for i in blocked.indices { blocked[i] = false } }

    func demand(_ holds: Bool, _ sentence: @autoclosure () -> String) {
        if !holds { referee.report(sentence()) }
    }

    /// What a request asks for, for the trace.
    private func name(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer) -> String {
        switch kind {
        case .repair:
            guard let r = BatchRequest.decode(body, members: members) else { return "" }
            return " \(r.lane)/\(r.generation):\(r.first)…\(r.last)"
        case .entryRequest: return EntryRequest.decode(body).map { " \($0.first)…\($0.last)" } ?? ""
        default: return ""
        }
    }

    func send(_ kind: DatagramKind, _ body: UnsafeRawBufferPointer, from: Endpoint, to: ReplicaID?) {
        demand(
            body.count <= Limits.controlBodyBytes,
            "replica \(from.replica) sends a \(kind) of \(body.count) bytes; \(Limits.controlBodyBytes) fit")
        demand(kind.rawValue >= 16, "replica \(from.replica) sends a \(kind), which is the transport's")
        kinds[Int(kind.rawValue)] += 1
        witness.sent(kind, body, from: from.replica)
        let index = pool.take(kind, from: from.replica, batch: .none, copying: body)
        trace?.note(
            queue.now, from.replica.index,
            "send \(kind)\(name(kind, body)) \(body.count) bytes to \(to.map(\.description) ?? "all")")
        dispatch(index, from: from.replica.index, to: to)
        if archive != nil { keep(index, incarnation: from.incarnation) }
        pool.release(index)
    }
    func send(_ batch: BatchDescriptor, _ payload: UnsafeRawPointer, from: Endpoint, to: ReplicaID?, token: UInt32) {
        let bytes = UnsafeRawBufferPointer(start: payload, count: Int(batch.payloadBytes))
        let isWhole = !checksPayloads || mangler.holds(batch, payload)
        if batch.lane.index == Limits.snapshotLane {
            demand(to != nil, "replica \(from.replica) sends a piece of a snapshot to all")
            counts.snapshotPieces += 1
        } else {
            if isWhole { names.sent(batch, bytes, from: from.replica, again: to != nil) }
            if to != nil { counts.repairs += 1 }
        }
        let index = pool.take(.batch, from: from.replica, batch: batch, copying: bytes)
        trace?.note(queue.now, from.replica.index, "send batch \(batch.name) to \(to.map(\.description) ?? "all")")
        if isWhole {
            dispatch(index, from: from.replica.index, to: to)
            if archive != nil { keep(index, incarnation: from.incarnation) }
        } else {
            counts.refused[Refusal.payloadChecksum.rawValue] += 1
        }
        // The sender keeps its bytes as they are until they have left: compared then.
        let departure = Departure(datagram: index, payload: payload, token: token, incarnation: from.incarnation)
        let place: UInt32
        if let free = freeDepartures.popLast() {
            place = free
            departures[Int(place)] = departure
        } else {
            place = UInt32(departures.count)
            departures.append(departure)
        }
        let time = queue.now + random.tailed(4_000)
        queue.schedule(
            WorldEvent(.sent, at: time, replica: from.replica.index, incarnation: from.incarnation, index: place))
    }

    private func dispatch(_ index: UInt32, from: Int, to: ReplicaID?) {
        counts.sent += 1
        if let to {
            demand(to.index != from && to.index < members, "replica \(from) sends to \(to)")
            deliver(index, from: from, to: to.index)
        } else {
            for member in 0..<members where member != from { deliver(index, from: from, to: member) }
        }
    }
    private func deliver(_ index: UInt32, from: Int, to: Int) {
        if !isOpen(from: from, to: to) || random.chance(conditions.lossPerMillion) {
            counts.lost += 1
            return
        }
        var copies = 1
        while copies < 3, random.chance(conditions.duplicatePerMillion) { copies += 1 }
        counts.duplicated += copies - 1
        for _ in 0..<copies {
            if conditions.flipPerMillion > 0, random.chance(conditions.flipPerMillion) {
                mangle(index, to: to)
                continue
            }
            var delay = conditions.isExact ? conditions.delayNanoseconds : random.tailed(conditions.delayNanoseconds)
            if random.chance(conditions.spikePerMillion) { delay += random.below(conditions.spikeNanoseconds) }
            pool.hold(index)
            queue.schedule(WorldEvent(.delivery, at: queue.now + delay, replica: to, index: index))
        }
    }

    /// A delivery is due. `endpoint` is `nil` where the receiver is down.
    package func arrive(_ index: UInt32, at endpoint: Endpoint?) -> Bool {
        guard let endpoint else {
            counts.lost += 1
            pool.release(index)
            return false
        }
        guard endpoint.accept(index) else {
            counts.overflowed += 1
            pool.release(index)
            return false
        }
        counts.delivered += 1
        return true
    }
    /// A batch has left its sender's memory, if that sender still lives.
    package func departed(_ place: UInt32, endpoint: Endpoint?) -> Bool {
        let departure = departures[Int(place)]
        freeDepartures.append(place)
        defer { pool.release(departure.datagram) }
        guard let endpoint, endpoint.incarnation == departure.incarnation else { return false }
        let length = pool[departure.datagram].length
        demand(
            checksPayloads || memcmp(departure.payload, pool[departure.datagram].bytes, length) == 0,
            "replica \(endpoint.replica) touched batch \(pool[departure.datagram].batch.name) while it was being sent")
        endpoint.left(token: departure.token)
        return true
    }
}

extension BatchDescriptor {
    /// What names it: lane, generation, sequence.
    package var name: String { "\(lane)/\(generation):\(sequence)" }
}
