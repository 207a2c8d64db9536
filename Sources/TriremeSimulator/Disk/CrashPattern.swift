// What exactly a loss of power leaves of the writes in flight, for a search through all possibilities.
import TriremeCore

/// Of the writes in flight, by file and offset: whole ones, and at most one torn within.
package struct CrashPattern: Equatable, Sendable {
    /// How the torn write is left.
    package enum Tear: CaseIterable, Sendable {
        /// Its first sector alone; all but its last; all but its first; its first half.
        case first, butLast, butFirst, half

        func keeps(_ sector: Int, of sectors: Int) -> Bool {
            switch self {
            case .first: sector == 0
            case .butLast: sector < sectors - 1
            case .butFirst: sector > 0
            case .half: sector < sectors / 2
            }
        }
    }
    /// Bit i: the i-th write is whole.
    package var whole: UInt32
    package var torn: (write: Int, tear: Tear)?

    /// Most writes in flight of which every subset is tried; of more, prefixes alone.
    package static let subsetsOf = 4

    /// Everything that is tried for `writes` in flight: every subset of whole writes, and every prefix with the write after it
    /// torn in each way.
    package static func all(writes: Int) -> [CrashPattern] {
        var patterns: [CrashPattern] = []
        if writes <= subsetsOf {
            for subset in 0..<UInt32(1) << UInt32(writes) { patterns.append(CrashPattern(whole: subset)) }
        } else {
            for prefix in 0...writes { patterns.append(CrashPattern(whole: (UInt32(1) << UInt32(prefix)) - 1)) }
        }
        for torn in 0..<writes {
            for tear in Tear.allCases {
                patterns.append(CrashPattern(whole: (UInt32(1) << UInt32(torn)) - 1, torn: (torn, tear)))
            }
        }
        return patterns
    }
    package static let nothing = CrashPattern(whole: 0)
    package static let everything = CrashPattern(whole: .max)

    init(whole: UInt32, torn: (write: Int, tear: Tear)? = nil) {
        self.whole = whole
        self.torn = torn
    }
    package static func == (a: Self, b: Self) -> Bool {
        a.whole == b.whole && a.torn?.write == b.torn?.write && a.torn?.tear == b.torn?.tear
    }
    func keeps(write: Int, sector: Int, of sectors: Int) -> Bool {
        if let torn, torn.write == write { return torn.tear.keeps(sector, of: sectors) }
        return write < 32 && whole >> UInt32(write) & 1 != 0
    }
}

extension DiskImage {
    /// Writes in flight.
    package var writesInFlight: Int { operations.reduce(0) { $0 + ($1.isActive && $1.isWrite ? 1 : 0) } }

    func crashKeeping(_ pattern: CrashPattern) {
        // What an earlier process left and nobody flushed is lost.
        for sector in unsettled where !sector.otherWinsAtFlush { put(sector.other, sector.file, sector.offset) }
        unsettled.removeAll(keepingCapacity: true)
        let writes = operations.filter { $0.isActive && $0.isWrite }.sorted {
            ($0.file, $0.offset) < ($1.file, $1.offset)
        }
        for (i, write) in writes.enumerated() {
            let sectors = write.length / Self.sectorBytes
            var kept = 0
            for sector in 0..<sectors where pattern.keeps(write: i, sector: sector, of: sectors) {
                kept += 1
                store(write, sector * Self.sectorBytes..<(sector + 1) * Self.sectorBytes)
            }
            count(kept, of: sectors)
        }
    }
}
