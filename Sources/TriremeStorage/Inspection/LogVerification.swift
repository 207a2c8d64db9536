// Whether a log is whole: every byte that matters is looked at, and what a start would do with it is asked of recovery itself.
import CTrireme
import TriremeCore

/// Something that is not as it was written.
package struct LogProblem: Sendable, Equatable {
    package var file: StorageFile
    /// First byte of the file, and how many are not to be trusted.
    package var byte: UInt64
    package var bytes: UInt64
    package var what: String
}

/// A start that goes on: what lies behind `endOffset` is cut off.
package struct StartOutcome: Sendable, Equatable {
    package var endOffset: UInt64
    package var records: UInt64
    /// Its own generation will be above this one.
    package var highestGeneration: Generation
    /// Batches whose payload is damaged and of which no other copy is read: they are fetched from the other members.
    package var damagedBatches = 0
    /// Why this start would make it forgetful, in one sentence: from then on it observes, for ever (PROTOCOL §9 ◆).
    package var loss: String?
    /// It is that already.
    package var isForgetful = false
    /// Why the named snapshot cannot be read, in one sentence: one is fetched from another member; a replica that is alone refuses.
    package var unreadableSnapshot: String?
    package var takesAll: Bool { damagedBatches == 0 && loss == nil && unreadableSnapshot == nil }
}

/// What a replica would do at its start with this directory.
package enum StartVerdict: Sendable, Equatable {
    case starts(StartOutcome)
    /// A replica runs there: what a start would do is asked of a directory at rest.
    case runs
    /// It refuses, with this sentence.
    case refuses(String)
}

package struct LogVerification: Sendable {
    package internal(set) var problems: [LogProblem] = []
    /// Where the log ends, and how; nil where its superblock lets nothing be said.
    package internal(set) var end: (offset: UInt64, end: LogEnd)?
    package internal(set) var durableMark: UInt64 = 0
    package internal(set) var statistics: LogStatistics
    package internal(set) var verdict = StartVerdict.refuses("")
    package var isWhole: Bool { problems.isEmpty }
}

extension LogInspection where Device: ~Copyable {
    /// Reads everything: superblock, snapshot, log. Bytes that do not matter are the padding of records, what lies behind the
    /// end of the log and before its start, and the snapshot file that the superblock does not name.
    package mutating func verify(isInUse: Bool = false) throws(StorageError) -> LogVerification {
        var result = LogVerification(statistics: LogStatistics(superblock))
        checkCopies(&result)
        if let snapshot = superblock.snapshot { try check(snapshot, &result) }
        try checkLog(&result)
        result.verdict = isInUse ? .runs : try verdict()
        return result
    }

    private func checkCopies(_ result: inout LogVerification) {
        for (i, copy) in copies.enumerated() {
            let what: String
            switch copy {
            case .readable(let superblock) where superblock.identity != self.superblock.identity:
                what = "superblock copy \(i) is of another replica"
            case .readable: continue
            case .empty: what = "superblock copy \(i) is empty; the next start writes it anew"
            case .unreadable:
                what =
                    "superblock copy \(i) is not its checksum's (an update that was cut off looks the same); the next start "
                    + "writes it anew"
            }
            result.problems.append(
                LogProblem(
                    file: .superblock, byte: UInt64(i * Limits.pageBytes), bytes: UInt64(Limits.pageBytes), what: what))
        }
    }

    private mutating func check(_ snapshot: SnapshotDescription, _ result: inout LogVerification) throws(StorageError) {
        do throws(StorageError) {
            try read(snapshot, try device.snapshotFile(snapshot, identity: superblock.identity))
        } catch {
            guard error.code == .damaged else { throw error }
            result.problems.append(
                LogProblem(
                    file: .snapshot(snapshot.file), byte: 0, bytes: UInt64(Limits.pageBytes) + snapshot.lengthBytes,
                    what: error.message))
        }
    }

    private mutating func read(_ snapshot: SnapshotDescription, _ file: SnapshotFile?) throws(StorageError) {
        guard let file else { throw snapshot.unreadableHeader }
        try device.readSnapshot(file) { (_, _) throws(StorageError) in }
    }

    private mutating func checkLog(_ result: inout LogVerification) throws(StorageError) {
        var found = result
        let geometry = superblock.geometry
        var chain = DigestChain()
        func problem(_ offset: UInt64, _ bytes: UInt64, _ what: String) {
            found.problems.append(
                LogProblem(
                    file: .segment(geometry.file(offset)), byte: geometry.place(offset), bytes: bytes,
                    what: "stream offset \(offset): \(what)"))
        }
        let end = try walk { (finding) throws(StorageError) in
            switch finding {
            case .gap(let from, let to):
                problem(from, to - from, "no record that continues the log, though what was here had been durable")
            case .record(let record):
                found.statistics.add(record)
                let header = record.header
                if !record.isWhole {
                    problem(
                        header.offset + UInt64(Limits.headerBytes), UInt64(header.content.payloadBytes),
                        "the payload of \(header.summary) is not its checksum's")
                } else if record.items == nil {
                    problem(
                        header.offset + UInt64(Limits.headerBytes), UInt64(header.content.payloadBytes),
                        "an items record holds what this version does not know")
                }
                if header.kind == .batch, !chain.continues(header.content) {
                    problem(
                        header.offset, UInt64(Limits.headerBytes),
                        "the digest of \(header.summary) does not follow from the batch before it")
                }
            }
            return true
        }
        result = found
        if let end {
            result.end = (end.offset, end.end)
            result.durableMark = end.durableMark
        }
    }

    /// Recovery reads the directory as a start would and writes nothing.
    private mutating func verdict() throws(StorageError) -> StartVerdict {
        do throws(StorageError) {
            let superblocks = try device.readSuperblock()
            let newest = superblocks.newest
            var damaged = Set<BatchDescriptor>()
            var whole = Set<BatchDescriptor>()
            let (end, summary, file) = try device.readLog(newest) { (event) throws(StorageError) in
                // Another copy, carried forward or repaired, makes up for it.
                switch event {
                case .damagedBatch(let batch, _): damaged.insert(batch)
                case .batch(let batch, _, _): whole.insert(batch)
                case .snapshot, .item: break
                }
            }
            var outcome = StartOutcome(
                endOffset: end.offset, records: summary.records,
                highestGeneration: max(superblocks.highestGeneration, summary.highestWriter))
            outcome.loss = summary.loss
            outcome.isForgetful = newest.isForgetful
            if let snapshot = newest.snapshot {
                do throws(StorageError) {
                    try read(snapshot, file)
                } catch {
                    guard error.code == .damaged else { throw error }
                    outcome.unreadableSnapshot = error.message
                }
                // What it covers is not needed.
                damaged = damaged.filter { $0.position > snapshot.cut[$0.lane.index] }
            }
            outcome.damagedBatches = damaged.subtracting(whole).count
            return .starts(outcome)
        } catch {
            if error.code == .io { throw error }
            return .refuses(error.message)
        }
    }
}

/// Whether a generation's batches form one chain (PROTOCOL §2): each digest follows from that of the batch before.
private struct DigestChain {
    private struct Name: Hashable {
        var lane: ReplicaID
        var generation: Generation
        var sequence: UInt64
    }
    private var digests: [Name: UInt64] = [:]

    mutating func continues(_ batch: BatchDescriptor) -> Bool {
        let name = Name(lane: batch.lane, generation: batch.generation, sequence: batch.sequence)
        digests[name] = batch.digest
        let before: UInt64?
        if batch.sequence == 1 {
            before = 0
        } else {
            before = digests[Name(lane: batch.lane, generation: batch.generation, sequence: batch.sequence - 1)]
        }
        guard let before else { return true }
        return batch.digest
            == BatchDescriptor.chain(before, checksum: batch.payloadChecksum, payloadBytes: batch.payloadBytes)
    }
}

extension RecordHeader {
    /// A few words for people.
    package var summary: String {
        switch kind {
        case .batch: "batch \(content.generation):\(content.sequence) of lane \(content.lane)"
        case .items: "an items record"
        case .empty: "an empty record"
        case .filler: "a filler"
        }
    }
}
