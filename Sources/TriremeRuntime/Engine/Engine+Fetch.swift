// Catching up by another replica's snapshot (PROTOCOL §8): the side that receives. It asks who has one, pulls it piece by piece
// into its own file, and what an interruption left there is kept.
import TriremeCore
import TriremeStorage
import TriremeTransport

struct SnapshotFetch: ~Copyable {
    enum Phase {
        case idle
        /// Asks one member after another for an offer.
        case asking
        /// Reads what an earlier attempt has left of the same snapshot.
        case resuming
        case pulling
        /// Everything is here: header and superblock are being written. From here on execution waits.
        case naming
        /// The state machine takes the state.
        case restoring
    }
    var phase = Phase.idle
    /// Since when this replica cannot catch up from logs, or since when it can again.
    var since: UInt64?
    var donor = ReplicaID(0)
    /// What is fetched, as the donor describes it.
    var file: SnapshotFile
    /// Pieces of the present block that are here, and those that were asked for last.
    var pieces = InlineArray<8, UInt64>(repeating: 0)
    var asked: (first: Int, end: Int) = (0, 0)
    /// When to ask again.
    var dueAt: UInt64 = 0
    var attempts: UInt64 = 0
    /// Whether the donor has given anything since its offer.
    var hasGiven = false
    /// Whom the first question of this round goes to.
    var firstAsked = 0
    /// Who offered one and then gave none of it, stopped giving, or gave one that was not whole: the others are asked first.
    var shunned = MemberSet()
    /// How often the donor had taken a newer one before all of it was here, since this replica last caught up.
    var replaced = 0
    /// A block is being read back.
    var isReading = false
    var readAt: UInt64 = 0
    /// How far the state machine has taken it: whole blocks, and bytes of the next one, which lies in ``memory`` if it `isLoaded`.
    var restored: UInt64 = 0
    var restoredBytes = 0
    var isLoaded = false
    let memory: UnsafeMutableRawPointer

    init(blockBytes: Int) {
        memory = .allocate(byteCount: blockBytes, alignment: Limits.pageBytes)
        file = SnapshotFile(
            description: SnapshotDescription(file: 0, slot: 0, cut: Cut(), lengthBytes: 0, checksum: 0),
            name: SnapshotName(origin: ReplicaID(0), generation: .zero, slot: 0), blockBytes: blockBytes)
    }
    deinit { memory.deallocate() }

    /// Whether it writes a file, or is about to.
    var isActive: Bool { phase != .idle && phase != .asking }
    func has(_ piece: Int) -> Bool { pieces[piece >> 6] & 1 << UInt64(piece & 63) != 0 }
    mutating func mark(_ piece: Int) { pieces[piece >> 6] |= 1 << UInt64(piece & 63) }
}

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    private static var patienceNanoseconds: UInt64 { 20_000_000 }
    private static var askNanoseconds: UInt64 { 20_000_000 }
    /// A pull is repeated after so long without a piece, doubled each time up to sixteen times; then another donor is looked for.
    private static var pullNanoseconds: UInt64 { 50_000_000 }
    private static var attemptsMaximum: UInt64 { 5 }
    /// So many for a donor that has given nothing yet, whose disk may stand still: with another, nothing is lost.
    private static var firstAttemptsMaximum: UInt64 { 2 }
    private static var replacedUntilNotice: Int { 3 }
    /// Pieces asked for at a time: fewer than find buffers in any receiver.
    private static var piecesPerPull: Int { 8 }
    static var fetchToken: UInt32 { 2 }

    var pieceBytes: Int { settings.batchBytes - Limits.headerBytes }
    /// Nothing is executed while another state is on its way in, or while the snapshot has to keep up with what it changes.
    var executionWaits: Bool {
        fetch.phase == .naming || fetch.phase == .restoring || core.lacksSnapshot
            || (snapshots.isTaking && application.snapshotBacklogBytes > Self.backlogBytesMaximum)
    }
    /// The slot above which a snapshot is of use: what was executed; where the own snapshot is lost, one as new as that (§9 ◆).
    private var wantedAbove: UInt64 { core.lacksSnapshot ? core.snapshotSlot - 1 : core.executor.slot }

    mutating func catchUp() {
        switch fetch.phase {
        case .idle: considerFetching()
        case .asking: if stillNeeds() { askForSnapshot() }
        case .resuming: if stillNeeds() { readStored() }
        case .pulling: if stillNeeds() { pull() }
        case .naming: break
        case .restoring: restore()
        }
    }

    /// When snapshots want the next turn.
    var snapshotDue: UInt64 {
        var due = serving.dueAt
        if snapshots.isTaking, log.snapshotRoom != nil { due = min(due, nextPieceAt) }
        switch fetch.phase {
        case .idle: if let since = fetch.since { due = min(due, since + Self.patienceNanoseconds) }
        case .asking: due = min(due, fetch.dueAt)
        case .resuming: if !fetch.isReading { due = min(due, max(now, fetch.dueAt)) }
        case .pulling: if log.snapshotBlock != nil { due = min(due, fetch.dueAt) }
        case .naming: break
        case .restoring: if !fetch.isReading { due = now }
        }
        return due
    }

    private mutating func considerFetching() {
        guard core.isStranded, log.device.isDurable, settings.core.members > 1 else {
            fetch.since = nil
            fetch.replaced = 0
            return
        }
        let since = fetch.since ?? now
        fetch.since = since
        guard now >= since + Self.patienceNanoseconds else { return }
        fetch.since = nil
        fetch.shunned = MemberSet()
        beginAsking()
    }
    private mutating func beginAsking() {
        fetch.phase = .asking
        fetch.attempts = 0
        fetch.firstAsked = Int(core.randomWait(UInt64(settings.core.members - 1)))
        fetch.dueAt = now
    }

    /// Gives up where logs, or another snapshot, have brought this replica further meanwhile.
    private mutating func stillNeeds() -> Bool {
        if core.isStranded { fetch.since = nil } else { fetch.since = fetch.since ?? now }
        let isPassed = fetch.isActive && fetch.file.name.slot <= wantedAbove
        guard isPassed || fetch.since.map({ now - $0 > 10 * Self.patienceNanoseconds }) ?? false else { return true }
        fetch.since = nil
        endFetch()
        return false
    }
    /// What is in the file stays there; the next attempt looks at it.
    private mutating func endFetch() {
        if fetch.isActive, log.isWritingSnapshot { log.abandonSnapshot() }
        fetch.phase = .idle
    }
    /// The disk has no room for it: another attempt follows a while later.
    mutating func fetchRefused() {
        endFetch()
        fetch.since = now + Snapshots.retryNanoseconds
    }
    private mutating func askAnother() {
        fetch.shunned.insert(fetch.donor)
        endFetch()
        beginAsking()
    }
    /// What was being fetched is no more. Time and again means that a snapshot does not last as long as its way takes.
    private mutating func startOver() {
        fetch.replaced += 1
        if fetch.replaced == Self.replacedUntilNotice {
            note(
                "catch-up: \(fetch.replaced) snapshots were replaced by newer ones, the last at member \(fetch.donor), before they were here; "
                    + "raise catchUpPercent (now \(settings.catchUpPercent)), or log.segments of the members, so that a snapshot "
                    + "lasts until it has been fetched")
        }
        endFetch()
        beginAsking()
    }

    // MARK: Who has one

    private mutating func askForSnapshot() {
        // One that is being written, or was given up, ends first.
        guard fetch.dueAt <= now else { return }
        guard snapshots.inFlight == nil, !log.isWritingSnapshot else {
            fetch.dueAt = now + Self.askNanoseconds / 20
            return
        }
        var others = MemberSet.first(settings.core.members)
        others.remove(settings.core.me)
        // All others were asked twice, and have none or are silent: those who failed are better than nobody.
        if fetch.attempts >= 2 * UInt64(others.count) || others.isSubset(of: fetch.shunned) {
            fetch.shunned = MemberSet()
        }
        let members = others.intersection(fetch.shunned.complement(settings.core.members)).members
        let member = ReplicaID(members[(fetch.firstAsked + Int(fetch.attempts)) % members.count])
        var writer = WireWriter(message)
        SnapshotRequest(above: wantedAbove).encode(into: &writer)
        transmit(.snapshotRequest, writer.bytes, to: .one(member))
        fetch.dueAt = now + Self.askNanoseconds << min(fetch.attempts, 3)
        fetch.attempts += 1
    }

    mutating func receive(_ offer: SnapshotOffer, from: ReplicaID) {
        guard offer.name.slot > wantedAbove, Int(offer.blockBytes) == log.snapshotBlockBytes else { return }
        switch fetch.phase {
        case .asking:
            guard snapshots.inFlight == nil, !log.isWritingSnapshot else { return }
            begin(offer, from: from)
        case .pulling:
            // The donor has taken a newer one, and the one that is being fetched is no more.
            guard from == fetch.donor, offer.name != fetch.file.name else { return }
            startOver()
        case .idle, .resuming, .naming, .restoring: break
        }
    }
    private mutating func begin(_ offer: SnapshotOffer, from donor: ReplicaID) {
        if let refusal = log.snapshotRefusal(lengthBytes: offer.lengthBytes) {
            refuse(offer.lengthBytes, refusal)
            return fetchRefused()
        }
        log.beginSnapshot(name: offer.name, cut: offer.cut)
        fetch.donor = donor
        fetch.file = SnapshotFile(
            description: SnapshotDescription(
                file: log.writtenSnapshot.description.file, slot: offer.name.slot, cut: offer.cut,
                lengthBytes: offer.lengthBytes, checksum: offer.checksum),
            name: offer.name, blockBytes: Int(offer.blockBytes))
        fetch.pieces = InlineArray(repeating: 0)
        fetch.asked = (0, 0)
        fetch.attempts = 0
        fetch.hasGiven = false
        fetch.dueAt = now
        fetch.phase = .resuming
        readStored()
    }

    // MARK: What is there already

    private mutating func readStored() {
        guard !fetch.isReading, fetch.dueAt <= now else { return }
        let block = log.snapshotBlocks.taken
        guard block < fetch.file.blocks else { return finishFetch() }
        guard let memory = log.snapshotBlock?.baseAddress else { return }
        fetch.isReading = true
        fetch.readAt = now
        log.readSnapshotBlock(block, of: fetch.file, into: memory, token: Self.fetchToken)
    }
    /// A block was read back: one that an earlier attempt has left, or one for the state machine.
    mutating func fetchedBlockRead(ok: Bool) {
        fetch.isReading = false
        switch fetch.phase {
        case .resuming:
            let block = log.snapshotBlocks.taken
            if ok, log.keepSnapshotBlock(contentBytes: fetch.file.contentBytes(block)) {
                // The share of the disk holds for reading, too.
                fetch.dueAt = now + (now - fetch.readAt) * UInt64(100 / settings.catchUpPercent - 1)
            } else {
                fetch.phase = .pulling
                fetch.dueAt = now
            }
        case .restoring:
            guard ok, log.content(ofBlock: fetch.restored, of: fetch.file, in: fetch.memory) != nil else {
                failure = EngineFailure(
                    "the snapshot of slot \(fetch.file.name.slot), which was just fetched, can no longer be read whole; the "
                        + "disk is losing data: replace it and this replica")
                return
            }
            fetch.isLoaded = true
        case .idle, .asking, .pulling, .naming: break
        }
    }

    // MARK: Pieces

    private var piecesOfBlock: Int {
        (fetch.file.bytes(log.snapshotBlocks.taken) + pieceBytes - 1) / pieceBytes
    }

    private mutating func pull() {
        // The receiver's disk sets the pace where it is the slowest.
        guard log.snapshotBlock != nil else { return }
        let isWaiting = (fetch.asked.first..<fetch.asked.end).contains { !fetch.has($0) }
        if isWaiting {
            guard fetch.dueAt <= now else { return }
            fetch.attempts += 1
            let isSilent = now - core.heardAt(fetch.donor) > 4 * settings.core.timing.suspicionNanoseconds
            let maximum = fetch.hasGiven ? Self.attemptsMaximum : Self.firstAttemptsMaximum
            guard fetch.attempts <= maximum, !isSilent else { return askAnother() }
        }
        let count = piecesOfBlock
        guard let first = (0..<count).first(where: { !fetch.has($0) }) else { return }
        var end = first + 1
        while end < count, end - first < Self.piecesPerPull, !fetch.has(end) { end += 1 }
        let block = log.snapshotBlocks.taken
        let last = min(end * pieceBytes, fetch.file.bytes(block))
        var writer = WireWriter(message)
        SnapshotPull(
            name: fetch.file.name, block: block, offset: UInt32(first * pieceBytes),
            bytes: UInt32(last - first * pieceBytes)
        ).encode(into: &writer)
        transmit(.snapshotPull, writer.bytes, to: .one(fetch.donor))
        fetch.asked = (first, end)
        fetch.dueAt = now + Self.pullNanoseconds << min(fetch.attempts, 4)
    }

    mutating func receive(_ piece: SnapshotPiece, bytes: Int, frame: UnsafeRawPointer, from: ReplicaID) {
        guard fetch.phase == .pulling, piece.tag == fetch.file.name.tag, piece.block == log.snapshotBlocks.taken,
            let block = log.snapshotBlock, Int(piece.offset) % pieceBytes == 0
        else { return }
        let number = Int(piece.offset) / pieceBytes
        guard number < piecesOfBlock, !fetch.has(number),
            bytes == min(pieceBytes, fetch.file.bytes(piece.block) - Int(piece.offset))
        else { return }
        (block.baseAddress! + Int(piece.offset)).copyMemory(from: frame + Limits.headerBytes, byteCount: bytes)
        counters.snapshotPiecesReceived += 1
        fetch.mark(number)
        fetch.hasGiven = true
        fetch.attempts = 0
        fetch.dueAt = now + Self.pullNanoseconds
        guard (0..<piecesOfBlock).allSatisfy({ fetch.has($0) }) else { return }
        fetch.pieces = InlineArray(repeating: 0)
        fetch.asked = (0, 0)
        // Each block is verified before it goes to the disk.
        guard log.takeSnapshotBlock(contentBytes: fetch.file.contentBytes(piece.block)) else { return askAnother() }
        if log.snapshotBlocks.taken == fetch.file.blocks { finishFetch() }
    }

    /// All blocks are here: the whole is verified before the superblock may name it (◆).
    private mutating func finishFetch() {
        guard log.writtenSnapshot.description == fetch.file.description else { return askAnother() }
        fetch.phase = .naming
        log.finishSnapshot()
    }
}
