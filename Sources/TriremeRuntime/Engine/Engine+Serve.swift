// Giving a snapshot to a replica that cannot catch up from logs (PROTOCOL §8): the donor's side. It sends what it is asked for,
// never more, and never more than its share of the link.
import CTrireme
import TriremeCore
import TriremeStorage
import TriremeTransport

/// A token bucket, in bytes.
struct ShareBudget {
    private var tokens: UInt64
    private let burstBytes: UInt64
    private var refilledAt: UInt64 = 0

    init(burstBytes: UInt64) {
        self.burstBytes = burstBytes
        tokens = burstBytes
    }
    mutating func refill(bytesPerSecond: UInt64, now: UInt64) {
        guard now > refilledAt else { return }
        // A second at most, so that the product fits a word.
        let earned = min(now - refilledAt, 1_000_000_000) * bytesPerSecond / 1_000_000_000
        guard earned > 0 else { return }
        tokens = min(burstBytes, tokens + earned)
        refilledAt = now
    }
    mutating func take(_ bytes: Int) -> Bool {
        guard tokens >= UInt64(bytes) else { return false }
        tokens -= UInt64(bytes)
        return true
    }
    /// How long until so many bytes may go, in nanoseconds.
    func wait(for bytes: Int, bytesPerSecond: UInt64) -> UInt64 {
        (UInt64(bytes) - min(UInt64(bytes), tokens)) * 1_000_000_000 / max(1, bytesPerSecond) + 1
    }
}

struct SnapshotServing: ~Copyable {
    /// Tokens of pieces under way, above those of all buffers.
    static let firstToken: UInt32 = 1 << 31
    /// How long after the last pull the former file is kept, and how long in all.
    static let keepNanoseconds: UInt64 = 2_000_000_000
    static let keepLongestNanoseconds: UInt64 = 600_000_000_000
    static let burstBytes: UInt64 = 256 << 10

    struct Block {
        var name: SnapshotName?
        var number: UInt64 = 0
        var isReading = false
        /// Pieces that the network is reading from it.
        var sends = 0
        var usedAt: UInt64 = 0
    }
    struct Job {
        var isActive = false
        var name = SnapshotName(origin: ReplicaID(0), generation: .zero, slot: 0)
        var block: UInt64 = 0
        var offset = 0
        var end = 0
    }
    var blocks: InlineArray<2, Block> = [Block(), Block()]
    var jobs = InlineArray<16, Job>(repeating: Job())
    var active = 0
    var budget = ShareBudget(burstBytes: Self.burstBytes)
    var dueAt = UInt64.max
    /// What is being served, since when, and when it was last asked for.
    var served: SnapshotName?
    var servedSince: UInt64 = 0
    var servedAt: UInt64 = 0
    /// When a snapshot was last taken because somebody asked.
    var takenAt: UInt64 = 0
    /// The rate at which own batches were sent of late.
    var rate: UInt64 = 0
    var measuredAt: UInt64 = 0
    var measuredBytes: UInt64 = 0
    private let memory: UnsafeMutableRawPointer
    private let blockBytes: Int

    init(blockBytes: Int) {
        self.blockBytes = blockBytes
        memory = .allocate(byteCount: 2 * blockBytes, alignment: Limits.pageBytes)
    }
    deinit { memory.deallocate() }

    func base(_ i: Int) -> UnsafeMutableRawPointer { memory + i * blockBytes }
    mutating func sent(_ token: UInt32) { blocks[Int(token - Self.firstToken)].sends -= 1 }

    /// The place of a block, if it is here or on its way.
    func place(_ name: SnapshotName, _ number: UInt64) -> Int? {
        (0..<2).first { blocks[$0].name == name && blocks[$0].number == number }
    }
    /// A place for another block: nobody reads from it, and it was used longest ago.
    func victim() -> Int? {
        (0..<2).filter { !blocks[$0].isReading && blocks[$0].sends == 0 }.min { blocks[$0].usedAt < blocks[$1].usedAt }
    }
    mutating func end(_ member: Int) {
        if jobs[member].isActive { active -= 1 }
        jobs[member].isActive = false
    }
}

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// At most one snapshot is taken on request in so long.
    private static var takeNanoseconds: UInt64 { 100_000_000 }

    mutating func takeSnapshotMessage(_ arrival: Arrival, from: ReplicaID, _ body: UnsafeRawBufferPointer) {
        guard case .control(let kind, _, _) = arrival, from.index < settings.core.members, log.device.isDurable else {
            return
        }
        switch kind {
        case .snapshotRequest: if let request = SnapshotRequest.decode(body) { serve(request, to: from) }
        case .snapshotPull:
            if let pull = SnapshotPull.decode(body, members: settings.core.members) { serve(pull, to: from) }
        default:
            if let offer = SnapshotOffer.decode(body, members: settings.core.members) { receive(offer, from: from) }
        }
    }

    private mutating func serve(_ request: SnapshotRequest, to member: ReplicaID) {
        guard !core.lacksSnapshot else { return }
        if let current = log.currentSnapshot, current.name.slot > request.above {
            offer(current, to: member)
        } else if core.executor.slot > request.above, core.executor.slot > core.snapshotSlot,
            snapshots.inFlight == nil, !log.isWritingSnapshot, !fetch.isActive,
            now >= serving.takenAt + Self.takeNanoseconds
        {
            // What the other lacks has left all logs since the last one was taken.
            serving.takenAt = now
            snapshots.isWanted = true
        }
    }
    private mutating func offer(_ file: SnapshotFile, to member: ReplicaID) {
        var writer = WireWriter(message)
        SnapshotOffer(
            name: file.name, lengthBytes: file.description.lengthBytes, blockBytes: UInt32(file.blockBytes),
            checksum: file.description.checksum, cut: file.description.cut
        ).encode(into: &writer, members: settings.core.members)
        transmit(.snapshotOffer, writer.bytes, to: .one(member))
    }
    private func file(_ name: SnapshotName) -> SnapshotFile? {
        if let current = log.currentSnapshot, current.name == name { return current }
        if let former = log.formerSnapshot, former.name == name { return former }
        return nil
    }

    private mutating func serve(_ pull: SnapshotPull, to member: ReplicaID) {
        guard let file = file(pull.name) else {
            // It is no more: whoever pulls goes over to the present one.
            if let current = log.currentSnapshot, !core.lacksSnapshot { offer(current, to: member) }
            return
        }
        guard pull.block < file.blocks, Int(pull.offset) + Int(pull.bytes) <= file.bytes(pull.block) else { return }
        if !serving.jobs[member.index].isActive { serving.active += 1 }
        serving.jobs[member.index] = SnapshotServing.Job(
            isActive: true, name: pull.name, block: pull.block, offset: Int(pull.offset),
            end: Int(pull.offset) + Int(pull.bytes))
        if serving.served != pull.name {
            serving.served = pull.name
            serving.servedSince = now
        }
        serving.servedAt = now
    }

    /// Whether somebody fetches the snapshot before the present one, whose file the next would take.
    var isServingFormer: Bool {
        guard let former = log.formerSnapshot, serving.served == former.name else { return false }
        return now < serving.servedAt + SnapshotServing.keepNanoseconds
            && now < serving.servedSince + SnapshotServing.keepLongestNanoseconds
    }

    /// The share of what this replica sends; where that is little, of what its link carries at least; never more than the
    /// share of a link that is known to be full.
    private var shareBytesPerSecond: UInt64 {
        let percent = UInt64(settings.catchUpPercent)
        let link = network.linkBytesPerSecond
        let rate = max(serving.rate, settings.catchUpLinkBytesPerSecond)
        return max(1, (link > 0 ? min(link, rate) : rate) / 100 * percent)
    }

    /// Sends what was asked for, as far as the share goes.
    mutating func serveSnapshot() {
        serving.dueAt = .max
        guard serving.active > 0 else { return }
        measureRate()
        let rate = shareBytesPerSecond
        serving.budget.refill(bytesPerSecond: rate, now: now)
        for member in 0..<settings.core.members where serving.jobs[member].isActive {
            let job = serving.jobs[member]
            guard let file = file(job.name) else {
                serving.end(member)
                continue
            }
            guard let i = serving.place(job.name, job.block) else {
                load(job, of: file)
                continue
            }
            guard !serving.blocks[i].isReading else { continue }
            send(member, from: i, rate: rate)
        }
    }
    private mutating func load(_ job: SnapshotServing.Job, of file: SnapshotFile) {
        guard let i = serving.victim() else { return }
        serving.blocks[i] = SnapshotServing.Block(name: job.name, number: job.block, isReading: true, usedAt: now)
        log.readSnapshotBlock(job.block, of: file, into: serving.base(i), token: UInt32(i))
    }
    private mutating func send(_ member: Int, from i: Int, rate: UInt64) {
        serving.blocks[i].usedAt = now
        while serving.jobs[member].offset < serving.jobs[member].end {
            let job = serving.jobs[member]
            let bytes = min(pieceBytes, job.end - job.offset)
            guard serving.budget.take(bytes) else {
                serving.dueAt = min(serving.dueAt, now + serving.budget.wait(for: bytes, bytesPerSecond: rate))
                return
            }
            let payload = serving.base(i) + job.offset
            let piece = SnapshotPiece(tag: job.name.tag, block: job.block, offset: UInt32(job.offset))
            serving.blocks[i].sends += 1
            serving.jobs[member].offset += bytes
            counters.snapshotPiecesSent += 1
            counters.snapshotBytesSent += UInt64(bytes)
            network.send(
                piece.frame(payloadBytes: bytes, checksum: trm_crc32c(0, payload, bytes)), payload: payload,
                to: ReplicaID(member), token: SnapshotServing.firstToken + UInt32(i))
        }
        serving.end(member)
    }
    private mutating func measureRate() {
        let window: UInt64 = 100_000_000
        guard now - serving.measuredAt >= window else { return }
        let bytes = counters.ownPayloadBytes - serving.measuredBytes
        let elapsed = now - serving.measuredAt
        // After a long time without anybody to serve the average says nothing of the present.
        serving.rate = elapsed < 10 * window ? bytes * 1_000 / (elapsed / 1_000_000) : 0
        serving.measuredAt = now
        serving.measuredBytes = counters.ownPayloadBytes
    }

    /// A block of a snapshot was read: for somebody who fetches it, or for this replica itself.
    mutating func snapshotBlockRead(_ token: UInt32, ok: Bool) {
        guard token != Self.fetchToken else { return fetchedBlockRead(ok: ok) }
        let i = Int(token)
        let block = serving.blocks[i]
        serving.blocks[i].isReading = false
        // What the disk has lost is not passed on.
        if let name = block.name, ok, let file = file(name),
            log.content(ofBlock: block.number, of: file, in: serving.base(i)) != nil
        {
            return
        }
        serving.blocks[i].name = nil
        for member in 0..<settings.core.members
        where serving.jobs[member].isActive && serving.jobs[member].block == block.number {
            serving.end(member)
        }
    }
}
