// What a bad disk does to what it holds: sectors rot, writes land elsewhere, and what was durable is forgotten
// (RELIABILITY, fault table).
import TriremeCore
import TriremeStorage

/// A fault of storage. Only the frail replicas of a scenario meet them.
package enum DamageFault: Int, CaseIterable, Sendable {
    /// A few sectors that a later durable record vouches for change.
    case rot
    /// A write is reported as done and lies somewhere else.
    case misdirection
    /// A crash takes back writes that were durable: the last few, or all since an old copy of the directory.
    case forgetting
}

extension DiskImage {
    /// What a write replaced, so that the disk can forget it.
    struct Undo {
        var file: Int
        var offset: Int
        var bytes: [UInt8]
    }

    func remember(_ file: Int, _ range: Range<Int>) {
        guard isFrail else { return }
        files[file].grow(to: range.upperBound)
        undo.append(Undo(file: file, offset: range.lowerBound, bytes: Array(files[file].bytes[range])))
    }
    /// Takes back the last `count` writes.
    func forget(_ count: Int) {
        for _ in 0..<min(count, undo.count) {
            let last = undo.removeLast()
            files[last.file].bytes.replaceSubrange(last.offset..<last.offset + last.bytes.count, with: last.bytes)
        }
        unsettled.removeAll()
    }

    /// A write that is reported as done goes astray.
    func storeElsewhere(_ write: Operation) {
        misdirects = false
        counts.strayWrites += 1
        var stray = write
        (stray.file, stray.offset) = elsewhere(write)
        trace?.note(queue.now, replica.index, "that write goes to \(stray.offset) of file \(stray.file)")
        store(stray, 0..<write.length)
        changed?(stray.file, stray.offset..<stray.offset + stray.length)
    }
    /// A place for a write that goes astray: any page of any file.
    func elsewhere(_ operation: Operation) -> (file: Int, offset: Int) {
        let file = random.below(8) == 0 ? Int(random.below(3)) : Int(random.between(3, UInt64(files.count - 1)))
        let room = max(0, files[file].bytes.count - operation.length) / Limits.pageBytes
        let offset = Int(random.below(UInt64(room + 1))) * Limits.pageBytes
        return files[file].bytes.count < operation.length ? (operation.file, operation.offset) : (file, offset)
    }

    /// Changes a few sectors: of records that a later one vouches for (what is not vouched for is outside the model, PROTOCOL §1),
    /// of one copy of the superblock, or of a snapshot. Returns what it hit.
    func rot() -> String {
        switch random.below(12) {
        case 0:
            let copy = Int(random.below(4))
            flip(0, copy * Limits.pageBytes + Int(random.below(8)) * Self.sectorBytes)
            return "superblock copy \(copy)"
        case 1:
            let file = Int(random.between(1, UInt64(2)))
            let sectors = files[file].bytes.count / Self.sectorBytes
            guard sectors > 0 else { return "nothing" }
            let sector = Int(random.below(UInt64(sectors)))
            flip(file, sector * Self.sectorBytes)
            return "snapshot \(file - 1) sector \(sector)"
        default: break
        }
        let records = vouchedRecords()
        guard !records.isEmpty else { return "nothing" }
        // Mostly payloads of batches: those can be mended.
        let batches = records.filter { $0.kind == .batch }
        let isBatch = random.below(4) != 0 && !batches.isEmpty
        var hit = ""
        for _ in 0..<Int(random.between(1, UInt64(3))) {
            let record = isBatch ? random.pick(batches) : random.pick(records)
            let sectors = record.bytes / Self.sectorBytes
            let first = isBatch ? 1 : 0
            let sector = Int(random.between(UInt64(first), UInt64(sectors - 1)))
            flip(record.file, record.offset + sector * Self.sectorBytes)
            hit += " \(record.kind) in file \(record.file) at \(record.offset) sector \(sector)"
        }
        return hit
    }
    private func flip(_ file: Int, _ offset: Int) {
        settle(file, offset..<offset + Self.sectorBytes)
        let count = random.below(2) == 0 ? Self.sectorBytes : 1
        let at = offset + (count == 1 ? Int(random.below(UInt64(Self.sectorBytes))) : 0)
        for i in at..<at + count { files[file].bytes[i] ^= 0xA5 }
    }

    private struct Record {
        var file: Int
        var offset: Int
        var bytes: Int
        var kind: RecordKind
    }
    private func vouchedRecords() -> [Record] {
        var all: [(Record, UInt64)] = []
        var mark: UInt64 = 0
        for file in 3..<files.count {
            files[file].bytes.withUnsafeBytes { bytes in
                for at in stride(from: 0, to: bytes.count, by: Limits.pageBytes) {
                    guard let header = RecordHeader(bytes.baseAddress! + at) else { continue }
                    mark = max(mark, header.durableMark)
                    let length = min(header.recordBytes, bytes.count - at)
                    all.append((Record(file: file, offset: at, bytes: length, kind: header.kind), header.offset))
                }
            }
        }
        return all.filter { $0.1 < mark }.map(\.0)
    }
}
