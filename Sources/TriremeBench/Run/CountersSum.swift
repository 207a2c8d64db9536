// The replicas' counters at one moment, and what was counted between two.
import TriremeRuntime

package struct CountersSum: Sendable {
    /// Values that are no counts, so that differences of them mean nothing.
    private static let gauges: Set<String> = [
        "commitIndex", "executedSlot", "stateHash", "isSequencer", "ballotRound", "ballotOwner", "isForgetful",
        "isStranded", "snapshotSlot", "ownBatchesInFlight", "logAppendedIndex", "logDurableIndex", "logEndOffset",
        "logFreeBytes", "residentBytes", "configuredBytes", "paceBytesPerSecond", "isFast",
    ]
    /// Highest values since the start of a replica.
    private static let peaks: Set<String> = ["completionsPeak", "submissionsPeak", "snapshotPauseNanoseconds"]

    private var replicas: [[(name: String, value: UInt64)]]

    package init() { replicas = [] }
    package init(_ readers: [CountersReader]) { replicas = readers.map(\.entries) }
    init(_ run: BenchRun) { self.init(run.counters) }

    /// What these replicas counted since `earlier`, added up; of peaks the highest.
    package func counted(since earlier: CountersSum, by chosen: [Int]) -> Counted {
        var counted = Counted()
        for replica in chosen where replica < replicas.count && replica < earlier.replicas.count {
            for (now, then) in zip(replicas[replica], earlier.replicas[replica]) where !Self.gauges.contains(now.name) {
                if Self.peaks.contains(now.name) {
                    counted.raise(now.name, to: now.value)
                } else {
                    counted.add(now.name, now.value &- then.value)
                }
            }
        }
        return counted
    }
}

/// Counters by name, in the order of the counters page.
package struct Counted: Sendable {
    package private(set) var entries: [(name: String, value: UInt64)]
    private var places: [String: Int] = [:]

    package init(_ entries: [(name: String, value: UInt64)] = []) {
        self.entries = []
        for (name, value) in entries { add(name, value) }
    }

    package mutating func add(_ name: String, _ value: UInt64) {
        let place = place(name)
        entries[place].value &+= value
    }
    package mutating func raise(_ name: String, to value: UInt64) {
        let place = place(name)
        entries[place].value = max(entries[place].value, value)
    }
    private mutating func place(_ name: String) -> Int {
        if let place = places[name] { return place }
        places[name] = entries.count
        entries.append((name, 0))
        return entries.count - 1
    }

    /// 0 for a name that the replicas do not count.
    package subscript(name: String) -> UInt64 { places[name].map { entries[$0].value } ?? 0 }
}
