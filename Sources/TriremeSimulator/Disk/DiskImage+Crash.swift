// What a crash leaves on a disk (PROTOCOL §1, §9; RELIABILITY, storage rule 6).
import TriremeCore

extension DiskImage {
    /// How a replica ends.
    package enum Crash: Sendable {
        /// The process dies. Its writes may be seen at once, later, or never, and are not durable before a flush.
        case process
        /// The machine loses power. Whatever was not durable is there or not, sector by sector.
        case power
        /// The machine loses power, and of the writes in flight exactly this is kept.
        case exactly(CrashPattern)
    }
    /// Which sectors of the writes in flight a crash keeps.
    private enum Pattern: CaseIterable { case nothing, everything, prefix, wholeWrites, sectors }

    package func crash(_ kind: Crash) {
        switch kind {
        case .process: crashProcess()
        case .power: crashPower()
        case .exactly(let kept): crashKeeping(kept)
        }
        noteChanges(kind)
        endLife()
    }

    /// Everything readable becomes durable (PROTOCOL §9 ◆: flush what was read before anything is sent).
    func flush() {
        for sector in unsettled where sector.otherWinsAtFlush { put(sector.other, sector.file, sector.offset) }
        unsettled.removeAll(keepingCapacity: true)
        for (file, range) in unsettledRanges { changed?(file, range) }
        unsettledRanges.removeAll(keepingCapacity: true)
    }

    /// Tells of the bytes that a crash may have changed, and remembers those that a flush may change again.
    private func noteChanges(_ kind: Crash) {
        for (file, range) in unsettledRanges { changed?(file, range) }
        if case .process = kind {} else { unsettledRanges.removeAll(keepingCapacity: true) }
        for write in operations where write.isActive && write.isWrite {
            let range = write.offset..<write.offset + write.length
            changed?(write.file, range)
            if case .process = kind { unsettledRanges.append((write.file, range)) }
        }
    }

    private func crashPower() {
        // What an earlier process left and nobody flushed goes one way or the other.
        for sector in unsettled where random.below(2) == 0 { put(sector.other, sector.file, sector.offset) }
        unsettled.removeAll(keepingCapacity: true)
        let pattern = random.pick(Pattern.allCases)
        let writes = operations.filter { $0.isActive && $0.isWrite }
        // For a prefix: all writes before the torn one, in the order of the file, are whole.
        let torn = writes.isEmpty ? 0 : Int(random.below(UInt64(writes.count)))
        let ordered = writes.sorted { ($0.file, $0.offset) < ($1.file, $1.offset) }
        for (i, write) in ordered.enumerated() {
            let sectors = write.length / Self.sectorBytes
            let whole = random.below(2) == 0
            let cut = Int(random.below(UInt64(sectors + 1)))
            var kept = 0
            for sector in 0..<sectors {
                let keeps =
                    switch pattern {
                    case .nothing: false
                    case .everything: true
                    case .prefix: i < torn || (i == torn && sector < cut)
                    case .wholeWrites: whole
                    case .sectors: random.below(2) == 0
                    }
                guard keeps else { continue }
                kept += 1
                store(write, sector * Self.sectorBytes..<(sector + 1) * Self.sectorBytes)
            }
            count(kept, of: sectors)
        }
    }

    private func crashProcess() {
        for write in operations where write.isActive && write.isWrite {
            let sectors = write.length / Self.sectorBytes
            // A process that dies rarely tears a write; it does drop those that it had not handed over.
            let style = random.below(4)
            var kept = 0
            for sector in 0..<sectors {
                let range = sector * Self.sectorBytes..<(sector + 1) * Self.sectorBytes
                let fate = style == 3 ? random.below(3) : style
                guard fate < 2 else { continue }
                kept += 1
                files[write.file].grow(to: write.offset + range.upperBound)
                let at = write.offset + range.lowerBound
                let old = Array(files[write.file].bytes[at..<at + Self.sectorBytes])
                if fate == 0 {
                    store(write, range)
                    unsettled.append(UnsettledSector(file: write.file, offset: at, other: old, otherWinsAtFlush: false))
                } else {
                    let new = Array(UnsafeRawBufferPointer(start: write.copy! + range.lowerBound, count: range.count))
                    unsettled.append(UnsettledSector(file: write.file, offset: at, other: new, otherWinsAtFlush: true))
                }
            }
            count(kept, of: sectors)
        }
    }
    func count(_ kept: Int, of sectors: Int) {
        if kept == 0 { counts.lostWrites += 1 } else if kept < sectors { counts.tornWrites += 1 }
    }
    /// A byte rots in each snapshot file that has any, at a place where that is noticed only when it is read. False if there is none.
    func rotSnapshots() -> Bool {
        var rotten = false
        for file in 1...2 where files[file].bytes.count > Limits.pageBytes {
            files[file].bytes[Limits.pageBytes + 70] ^= 0x5A
            rotten = true
        }
        return rotten
    }
    func put(_ bytes: [UInt8], _ file: Int, _ offset: Int) {
        files[file].grow(to: offset + bytes.count)
        files[file].bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }
}
