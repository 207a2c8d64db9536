// A fetched snapshot takes the place of everything up to its slot (PROTOCOL §8): the superblock names it, then the core, the
// lanes and the log jump to it, then the state machine takes it in pieces; then execution goes on after it.
import TriremeCore
import TriremeStorage
import TriremeTransport

extension Engine where Device: ~Copyable, Wire: ~Copyable {
    /// Bytes that the state machine takes in one turn.
    private static var restoredBytesPerTurn: Int { 128 << 10 }

    /// The superblock names the fetched snapshot (◆ first of all).
    mutating func install() {
        let slot = fetch.file.name.slot
        let cut = fetch.file.description.cut
        step(.snapshotInstalled(slot: slot, cut: cut))
        forgetCovered(by: cut)
        snapshots.highestMentioned = max(snapshots.highestMentioned, slot)
        snapshots.isWanted = false
        snapshots.takenAt = log.endOffset
        let boundary = boundary(of: slot, cut: cut, from: log.endOffset)
        snapshots.previous = (slot, boundary)
        log.release(before: boundary, after: core.appended)
        counters.snapshotsInstalled += 1
        fetch.restored = 0
        fetch.restoredBytes = 0
        fetch.isLoaded = false
        fetch.isReading = false
        fetch.since = nil
        fetch.phase = .restoring
        do {
            try application.beginRestore()
        } catch {
            restoreFailed(error)
        }
    }

    /// What execution was about to do, and the buffers that it held, is void.
    private mutating func forgetCovered(by cut: Cut) {
        cursor = ExecutionCursor()
        var covered: [UnsafeMutablePointer<StoredBatch>] = []
        store.forEachBuffered(coveredBy: cut) { covered.append($0) }
        for cell in covered {
            guard let buffer = cell.pointee.buffer, pool.holds(buffer).contains(.execution) else { continue }
            if pool.kind(buffer) == .receive { waiting[cell.pointee.batch.lane.index] -= 1 }
            cell.pointee.buffer = nil
            drop(buffer, .execution)
        }
        while let buffer = early.takeCovered(by: cut) { giveBack(buffer) }
        earlyWaits = true
        for lane in 0..<settings.core.members {
            executedGenerations[lane] = max(executedGenerations[lane], cut[lane].generation)
            asks[lane].stop()
        }
        let mine = cut[settings.core.me.index]
        guard mine.generation == settings.generation, mine.sequence > own.executed else { return }
        application.skipOwn(batches: Int(mine.sequence - own.executed))
        own.executed = mine.sequence
    }

    /// Goes on with it: one read, or one piece, a turn.
    mutating func restore() {
        guard !fetch.isReading else { return }
        let blocks = fetch.file.blocks
        guard fetch.isLoaded else {
            guard fetch.restored < blocks else {
                return feed(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true)
            }
            fetch.isReading = true
            log.readSnapshotBlock(fetch.restored, of: fetch.file, into: fetch.memory, token: Self.fetchToken)
            return
        }
        let content = fetch.file.contentBytes(fetch.restored)
        let bytes = min(Self.restoredBytesPerTurn, content - fetch.restoredBytes)
        let piece = UnsafeRawBufferPointer(
            start: fetch.memory + SnapshotBlock.headerBytes + fetch.restoredBytes, count: bytes)
        fetch.restoredBytes += bytes
        let isWhole = fetch.restoredBytes == content
        if isWhole {
            fetch.isLoaded = false
            fetch.restoredBytes = 0
            fetch.restored += 1
        }
        feed(piece, isLast: isWhole && fetch.restored == blocks)
    }
    private mutating func feed(_ piece: UnsafeRawBufferPointer, isLast: Bool) {
        do {
            try application.restore(piece, isLast: isLast)
        } catch {
            return restoreFailed(error)
        }
        if isLast { fetch.phase = .idle }
    }
    private mutating func restoreFailed(_ error: any Error) {
        failure = EngineFailure(
            "the state machine could not take the snapshot of slot \(fetch.file.name.slot): \(error)")
    }

    /// The last slot whose state the application has whole.
    package var restoredSlot: UInt64? { fetch.phase == .restoring || core.lacksSnapshot ? nil : core.executor.slot }
}
