// How often runs met what they are there to meet: printed, and watched by the soak.
import TriremeCore

/// Counts of one run, or of many together.
package struct Situations: Sendable {
    package var elections = 0
    package var handOvers = 0
    package var crashes = 0
    package var crashesOfAll = 0
    package var refusedStarts = 0
    package var tornWrites = 0
    package var lostWrites = 0
    package var repairs = 0
    package var snapshots = 0
    package var restores = 0
    package var carriedSegments = 0
    package var catchUps = 0
    package var stranded = 0
    /// Snapshots that were fetched from others and taken over.
    package var installs = 0
    /// Replicas whose snapshots had become unreadable.
    package var lostSnapshots = 0
    package var partitions = 0
    package var batches = 0
    package var executed = 0
    package var acknowledged = 0
    /// Batches of which more copies than a quorum's were wanted.
    package var heldAnswers = 0
    package var slots = 0
    // Of bad disks: sectors that rotted, writes that went astray, crashes that forgot; starts that knew it, starts to which others
    // told it; batches found damaged, and mended.
    package var rots = 0
    package var strayWrites = 0
    package var forgotten = 0
    package var forgetful = 0
    package var exposures = 0
    package var damagedBatches = 0
    package var mendedBatches = 0
    // What the faults of the wide mix did.
    package var failedWrites = 0
    package var failedReads = 0
    package var shortWrites = 0
    package var fullWrites = 0
    package var endedByDisk = 0
    package var memoryFlips = 0
    package var endedByFlip = 0
    package var flippedDatagrams = 0
    package var refusedDatagrams = 0
    package var replayed = 0
    package var replayedFormer = 0
    package var lost = 0
    package var duplicated = 0
    package var overflowed = 0
    /// Runs in which a quorum healed first and made progress by itself.
    package var quorumsAlone = 0
    /// Registers of which the search found an order by itself.
    package var searched = 0
    /// Faults that were carried out, by kind.
    package var faults = [Int](repeating: 0, count: Fault.allCases.count)
    // What a run was excused from, by reason.
    /// Replicas with a bad disk that were given up.
    package var retired = 0
    /// Replicas that are stranded at the end where nobody has a disk, and so no snapshot to give.
    package var strandedWithoutDisks = 0
    /// Runs after which no quorum was left that had kept everything: at the end, and where a quorum healed first.
    package var hopeless = 0
    package var hopelessQuorums = 0
    /// Of fast rounds.
    package var fast = FastCounts()
    package init() {}

    /// Every count with its name. The first part is what must happen in any soak; the excuses may well be 0.
    package nonisolated(unsafe) static let wanted: [(name: String, count: WritableKeyPath<Situations, Int>)] = [
        ("elections", \.elections), ("hand-overs", \.handOvers), ("crashes", \.crashes),
        ("crashes of all", \.crashesOfAll), ("stops while starting", \.refusedStarts), ("torn writes", \.tornWrites),
        ("lost writes", \.lostWrites), ("repairs", \.repairs), ("snapshots", \.snapshots), ("restored", \.restores),
        ("carried segments", \.carriedSegments), ("catch-ups", \.catchUps), ("times stranded", \.stranded),
        ("snapshots fetched", \.installs), ("snapshots lost", \.lostSnapshots), ("partitions", \.partitions),
        ("rot", \.rots), ("stray writes", \.strayWrites), ("forgotten", \.forgotten),
        ("damaged batches", \.damagedBatches), ("mended", \.mendedBatches), ("forgetful starts", \.forgetful),
        ("exposed by others", \.exposures),
        ("datagrams lost", \.lost), ("duplicated", \.duplicated), ("without room", \.overflowed),
        ("flipped", \.flippedDatagrams), ("refused", \.refusedDatagrams), ("replayed", \.replayed),
        ("of former starts", \.replayedFormer), ("failed writes", \.failedWrites), ("failed reads", \.failedReads),
        ("short writes", \.shortWrites), ("writes to a full disk", \.fullWrites), ("ended by the disk", \.endedByDisk),
        ("memory flips", \.memoryFlips), ("ended by one", \.endedByFlip), ("quorums alone", \.quorumsAlone),
        ("registers searched", \.searched), ("batches", \.batches), ("slots", \.slots), ("executed", \.executed),
        ("acknowledged", \.acknowledged), ("held for copies", \.heldAnswers),
    ]
    package nonisolated(unsafe) static let excuses: [(name: String, count: WritableKeyPath<Situations, Int>)] = [
        ("given up", \.retired), ("stranded without disks", \.strandedWithoutDisks),
        ("runs with no quorum left", \.hopeless),
        ("quorums alone with none left", \.hopelessQuorums),
    ]

    package mutating func add(_ other: Situations) {
        for (_, count) in Self.wanted + Self.excuses { self[keyPath: count] += other[keyPath: count] }
        for i in faults.indices { faults[i] += other.faults[i] }
        fast.add(other.fast)
    }

    /// What of it never happened. Faults and disks of the wide mix are not asked of the standard one.
    package func missing(of mix: Mix) -> [String] {
        let faults = mix == .standard ? Fault.standard : Fault.allCases
        let none =
            Self.wanted.filter { self[keyPath: $0.count] == 0 }.map(\.name) + (mix == .mixed ? fast.missing : [])
        return none + faults.filter { self.faults[$0.rawValue] == 0 }.map { "fault \($0)" }
    }
    /// All counts, in lines of about a hundred characters.
    package var lines: [String] {
        let counts = Self.wanted.map { "\($0.name) \(self[keyPath: $0.count])" }
        let faults = Fault.allCases.map { "\($0) \(self.faults[$0.rawValue])" }
        let excuses = Self.excuses.map { "\($0.name) \(self[keyPath: $0.count])" }
        let fast = FastCounts.all.map { "\($0.name) \(self.fast[keyPath: $0.count])" }
        return Self.wrapped("situations:", counts) + Self.wrapped("fast rounds:", fast)
            + Self.wrapped("faults:", faults) + Self.wrapped("excused:", excuses)
    }
    private static func wrapped(_ head: String, _ parts: [String]) -> [String] {
        var lines = [head]
        for (i, part) in parts.enumerated() {
            let text = " " + part + (i + 1 < parts.count ? "," : "")
            if lines[lines.count - 1].count + text.count > 118 { lines.append(" ") }
            lines[lines.count - 1] += text
        }
        return lines
    }
}
