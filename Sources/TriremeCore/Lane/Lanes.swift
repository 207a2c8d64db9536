// What this replica holds of every lane: per generation, how far without a gap, how far durable, how far others reach
// (PROTOCOL §3, §4 possession). Bookkeeping per batch; no payload.

/// One generation of one lane. A plain value; its rings belong to ``Lanes``.
package struct LaneTrack {
    package fileprivate(set) var generation = Generation.zero
    /// Whether this track is in use.
    package fileprivate(set) var isLive = false
    /// Sequences up to here count as held because the durable snapshot reaches them.
    package fileprivate(set) var base: UInt64 = 0
    /// Every sequence up to here is in this replica's log (or at or below `base`).
    package fileprivate(set) var appended: UInt64 = 0
    package fileprivate(set) var durable: UInt64 = 0
    /// The lowest sequence whose content this replica's disk has lost; its name and digest are known. `.max`: none.
    package fileprivate(set) var lost = UInt64.max
    /// The highest sequence that anybody was heard to have.
    package fileprivate(set) var wanted: UInt64 = 0
    fileprivate let digests: UnsafeMutablePointer<UInt64>
    fileprivate let indexes: UnsafeMutablePointer<LogIndex>
    package var isMissing: Bool { isLive && wanted > appended }
    /// Every sequence up to here is in this replica's log with its content: what possession means (PROTOCOL §4 ◆).
    package var held: UInt64 { lost > appended ? appended : max(lost - 1, base) }
    package var heldDurably: UInt64 { min(durable, held) }
}

/// What a batch's name means to the lane that it arrives for.
package enum Arriving: Equatable, Sendable {
    /// Append it: it is the next one.
    case next
    /// Keep it aside: something before it is missing.
    case early
    /// Known already, or of no use any more.
    case duplicate
    /// The lane's undecided part is as long as it may be (PROTOCOL §3.5), or too many generations are open.
    case refused
}

package struct Lanes: ~Copyable {
    private let pinned = Pinned()
    /// Sequences of one track that lie above the committed cut: the most that a lane may be undecided.
    package static let span: UInt64 = 4_096
    /// One more than may be undecided: the generation that execution needs next finds a place whatever else came before it.
    package static let tracksPerLane = Limits.generationsPerLane + 1
    private let members: Int
    private let tracks: UnsafeMutablePointer<LaneTrack>
    private let digests: UnsafeMutablePointer<UInt64>
    private let indexes: UnsafeMutablePointer<LogIndex>
    private let count: Int
    /// Per lane, how far execution has come: lower generations are of no more use.
    private var executed = InlineArray<16, Position>(repeating: .empty)
    /// What tracks that were given up had reached: a reported position never falls.
    private var receivedFloor = InlineArray<16, Position>(repeating: .empty)
    private var durableFloor = InlineArray<16, Position>(repeating: .empty)

    init(members: Int) {
        self.members = members
        count = members * Self.tracksPerLane
        digests = .allocate(capacity: count * Int(Self.span))
        indexes = .allocate(capacity: count * Int(Self.span))
        // Cells are read only where an append has written them, so that tracks without use take no memory.
        tracks = .allocate(capacity: count)
        for i in 0..<count {
            (tracks + i).initialize(
                to: LaneTrack(digests: digests + i * Int(Self.span), indexes: indexes + i * Int(Self.span)))
        }
    }
    deinit {
        tracks.deallocate()
        digests.deallocate()
        indexes.deallocate()
    }

    private func slots(_ lane: ReplicaID) -> Range<Int> {
        let first = lane.index * Self.tracksPerLane
        return first..<first + Self.tracksPerLane
    }
    private func find(_ lane: ReplicaID, _ generation: Generation) -> Int? {
        for i in slots(lane) where tracks[i].isLive && tracks[i].generation == generation { return i }
        return nil
    }
    /// The track of a generation, if it is open.
    package func track(_ lane: ReplicaID, _ generation: Generation) -> LaneTrack? {
        find(lane, generation).map { tracks[$0] }
    }
    /// Calls `body` with every open track of a lane.
    package func forEach(_ lane: ReplicaID, _ body: (LaneTrack) -> Void) {
        for i in slots(lane) where tracks[i].isLive { body(tracks[i]) }
    }
    /// The open track of the highest generation of which anything is held.
    private func newest(_ lane: ReplicaID) -> Int? {
        var best: Int?
        for i in slots(lane) where tracks[i].isLive && tracks[i].held > 0 {
            if best == nil || tracks[best!].generation < tracks[i].generation { best = i }
        }
        return best
    }
    private static func ring(_ sequence: UInt64) -> Int { Int(sequence & (span - 1)) }

    private func digest(_ i: Int, at sequence: UInt64) -> UInt64 { tracks[i].digests[Self.ring(sequence)] }
    /// What a status says of a sequence that may lie a lap below the last one.
    private func reported(_ i: Int, at sequence: UInt64) -> Position {
        let isKnown = tracks[i].appended - min(sequence, tracks[i].appended) < Self.span
        return Position(tracks[i].generation, sequence, digest: isKnown ? digest(i, at: sequence) : 0)
    }

    /// The highest contiguous position received, as the status reports it (PROTOCOL §3.3).
    package func received(_ lane: ReplicaID) -> Position {
        guard let i = newest(lane) else { return receivedFloor[lane.index] }
        return max(position(lastOf: i), receivedFloor[lane.index])
    }
    private func position(lastOf i: Int) -> Position {
        reported(i, at: tracks[i].held)
    }
    private func position(durableOf i: Int) -> Position {
        reported(i, at: tracks[i].heldDurably)
    }
    package func durable(_ lane: ReplicaID) -> Position {
        var best = durableFloor[lane.index]
        for i in slots(lane) where tracks[i].isLive && tracks[i].heldDurably > 0 {
            best = max(best, position(durableOf: i))
        }
        return best
    }
    /// The position (generation, sequence) with its digest, if it is held and not so old that the digest is forgotten.
    package func position(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64) -> Position? {
        guard let i = find(lane, generation), sequence > 0, sequence <= tracks[i].appended,
            sequence >= tracks[i].base, tracks[i].appended - sequence < Self.span
        else { return nil }
        return Position(generation, sequence, digest: digest(i, at: sequence))
    }
    /// The lowest open generation of the lane that is above `generation` and of which something is held.
    package func generationHeld(_ lane: ReplicaID, above generation: Generation) -> Generation? {
        var best: Generation?
        for i in slots(lane) where tracks[i].isLive && tracks[i].held > 0 && generation < tracks[i].generation {
            if best == nil || tracks[i].generation < best! { best = tracks[i].generation }
        }
        return best
    }

    /// Execution has reached `cut`: what it passed of earlier generations is abandoned for good (PROTOCOL §5). What is only
    /// decided still has to be executed, so its generations stay open.
    mutating func executed(_ cut: Cut) {
        for lane in 0..<members { executed[lane] = cut[lane] }
    }

    /// The track that a generation has or would get. When all are taken, one that execution has passed goes; else one of an
    /// earlier generation of which nothing is held and nothing decided, whose batches may be nowhere any more.
    private func place(_ lane: ReplicaID, _ generation: Generation, committed: Position) -> Int? {
        guard generation >= executed[lane.index].generation else { return nil }
        if let i = find(lane, generation) { return i }
        var passed: Int?
        var empty: Int?
        for i in slots(lane).dropLast() {
            let track = tracks[i]
            if !track.isLive { return i }
            if track.generation < executed[lane.index].generation { passed = i }
            if track.appended == 0, track.generation > committed.generation, track.generation < generation { empty = i }
        }
        return passed ?? empty
    }

    /// Execution needs the batches of a generation, and of no lower one any more.
    mutating func openForExecution(_ lane: ReplicaID, _ generation: Generation, committed: Position) {
        if open(lane, generation, committed: committed) == nil { openReserve(lane, generation) }
    }
    private mutating func openReserve(_ lane: ReplicaID, _ generation: Generation) {
        let i = slots(lane).upperBound - 1
        if !tracks[i].isLive || tracks[i].generation < generation { begin(i, lane, generation) }
    }

    /// Recovery only: a generation that the log holds had a place when it was begun. If there is none now, the lowest one
    /// held had been passed by what was then known; or it is lower still, and execution had asked for it.
    mutating func makeRoom(_ lane: ReplicaID, _ generation: Generation, committed: Position) {
        guard generation >= executed[lane.index].generation, place(lane, generation, committed: committed) == nil else {
            return
        }
        var lowest = slots(lane).lowerBound
        for i in slots(lane).dropLast() where tracks[i].generation < tracks[lowest].generation { lowest = i }
        if generation < tracks[lowest].generation { openReserve(lane, generation) } else { giveUp(lowest, lane) }
    }

    private mutating func giveUp(_ i: Int, _ lane: ReplicaID) {
        if tracks[i].isLive, tracks[i].held > 0 {
            receivedFloor[lane.index] = max(receivedFloor[lane.index], position(lastOf: i))
        }
        if tracks[i].isLive, tracks[i].heldDurably > 0 {
            durableFloor[lane.index] = max(durableFloor[lane.index], position(durableOf: i))
        }
        tracks[i].isLive = false
    }

    /// Opens the track of a generation, if there is a place.
    private mutating func open(_ lane: ReplicaID, _ generation: Generation, committed: Position) -> Int? {
        if let i = find(lane, generation) { return i }
        guard let i = place(lane, generation, committed: committed) else { return nil }
        begin(i, lane, generation)
        return i
    }
    private mutating func begin(_ i: Int, _ lane: ReplicaID, _ generation: Generation) {
        giveUp(i, lane)
        tracks[i].generation = generation
        tracks[i].isLive = true
        tracks[i].base = 0
        tracks[i].appended = 0
        tracks[i].durable = 0
        tracks[i].wanted = 0
        tracks[i].lost = .max
        tracks[i].digests[0] = 0
    }

    package func arriving(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64, committed: Position)
        -> Arriving
    {
        guard generation >= executed[lane.index].generation, sequence > 0 else { return .duplicate }
        guard let i = find(lane, generation) else {
            guard place(lane, generation, committed: committed) != nil, sequence < Self.span else { return .refused }
            return sequence == 1 ? .next : .early
        }
        if sequence <= tracks[i].appended { return .duplicate }
        var floor = tracks[i].base
        if generation == committed.generation { floor = max(floor, committed.sequence) }
        if generation == executed[lane.index].generation { floor = max(floor, executed[lane.index].sequence) }
        if sequence > floor, sequence - floor >= Self.span { return .refused }
        return sequence == tracks[i].appended + 1 ? .next : .early
    }

    /// Notes a batch that was appended to this replica's log. It must be the next of its generation.
    mutating func append(_ batch: BatchDescriptor, index: LogIndex, committed: Position) {
        guard let i = open(batch.lane, batch.generation, committed: committed) else {
            preconditionFailure("a batch was appended to a generation that is not open")
        }
        precondition(batch.sequence == tracks[i].appended + 1, "a batch was appended out of order")
        tracks[i].appended = batch.sequence
        tracks[i].wanted = max(tracks[i].wanted, batch.sequence)
        tracks[i].digests[Self.ring(batch.sequence)] = batch.digest
        tracks[i].indexes[Self.ring(batch.sequence)] = index
    }

    /// Batches of a lane, of all its generations, that are known to be somewhere and are not decided (PROTOCOL §3.5).
    package func undecided(_ lane: ReplicaID, committed: Position) -> UInt64 {
        var total: UInt64 = 0
        for i in slots(lane) where tracks[i].isLive && tracks[i].generation >= committed.generation {
            let decided = tracks[i].generation == committed.generation ? committed.sequence : 0
            let known = max(tracks[i].appended, tracks[i].wanted)
            total += known - min(known, decided)
        }
        return total
    }

    /// Somebody was heard to have the batches up to `sequence`.
    mutating func want(_ lane: ReplicaID, _ generation: Generation, _ sequence: UInt64, committed: Position) {
        guard sequence > 0, let i = open(lane, generation, committed: committed) else { return }
        tracks[i].wanted = max(tracks[i].wanted, sequence)
    }

    /// The log is durable up to `index`. Returns whether any position moved.
    mutating func advanceDurable(_ index: LogIndex) -> Bool {
        var moved = false
        for i in 0..<count where tracks[i].isLive {
            var sequence = tracks[i].durable
            while sequence < tracks[i].appended, tracks[i].indexes[Self.ring(sequence + 1)] <= index { sequence += 1 }
            moved = moved || sequence != tracks[i].durable
            tracks[i].durable = sequence
        }
        return moved
    }

    /// The durable snapshot reaches `position`: everything up to it counts as held.
    mutating func rebase(_ lane: ReplicaID, to position: Position, committed: Position) {
        guard !position.isEmpty else { return }
        if open(lane, position.generation, committed: committed) == nil { openReserve(lane, position.generation) }
        guard let i = find(lane, position.generation) else { return }
        tracks[i].base = max(tracks[i].base, position.sequence)
        guard tracks[i].appended < position.sequence else { return }
        tracks[i].appended = position.sequence
        tracks[i].durable = position.sequence
        tracks[i].wanted = max(tracks[i].wanted, position.sequence)
        tracks[i].digests[Self.ring(position.sequence)] = position.digest
    }

    /// Whether any open generation has lost content.
    package private(set) var hasLost = false
    /// The lowest sequence of a generation whose content is lost; nil when all of it is here (again).
    mutating func setLost(_ lane: ReplicaID, _ generation: Generation, from sequence: UInt64?) {
        if let i = find(lane, generation) { tracks[i].lost = sequence ?? .max }
        hasLost = (0..<count).contains { tracks[$0].isLive && tracks[$0].lost < .max }
    }

    package enum Possession: Equatable {
        case held, lacking
        case conflicting(lane: Int)
    }

    /// Whether the log holds every batch that the cut covers (PROTOCOL §4 ◆, judged batch by batch within each
    /// generation). Positions that the durable snapshot reaches or passes count as held; so do those of a generation
    /// that `passed`, a decided cut of a lower slot, has passed, since such a position has no effect.
    package func possesses(_ cut: Cut, snapshot: Cut, passed: Cut) -> Possession {
        var result = Possession.held
        for lane in 0..<members {
            let position = cut[lane]
            if position.isEmpty || position <= snapshot[lane] || position.generation < passed[lane].generation {
                continue
            }
            guard let i = find(ReplicaID(lane), position.generation), tracks[i].held >= position.sequence else {
                result = .lacking
                continue
            }
            if tracks[i].appended - position.sequence < Self.span,
                digest(i, at: position.sequence) != position.digest
            {
                return .conflicting(lane: lane)
            }
        }
        return result
    }
}

extension Lanes {
    /// Open tracks with their places, since a place decides which goes first when all are taken; of their rings what may still be
    /// read.
    mutating func walk(_ w: inout StateWalk) {
        for i in 0..<count {
            w.visit(&tracks[i].isLive)
            if tracks[i].isLive { tracks[i].walk(&w) }
        }
        w.visit(&executed)
        w.visit(&receivedFloor)
        w.visit(&durableFloor)
        w.visit(&hasLost)
    }
}

extension LaneTrack {
    fileprivate mutating func walk(_ w: inout StateWalk) {
        w.visit(&generation)
        w.visit(&base)
        w.visit(&appended)
        w.visit(&durable)
        w.visit(&lost)
        w.visit(&wanted)
        let first = max(base, appended - min(appended, Lanes.span - 1))
        for sequence in first...appended {
            w.visit(&digests[Int(sequence & (Lanes.span - 1))])
            if sequence > base { w.visit(index: &indexes[Int(sequence & (Lanes.span - 1))]) }
        }
    }
}
