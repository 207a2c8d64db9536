// One entry per slot: what any replica ever held decided is what all hold decided, through every crash (PROTOCOL §12).
import TriremeCore

package final class DecidedEntries {
    private let referee: Referee
    private var entries: [Entry] = []
    private var firstBy: [ReplicaID] = []
    /// `C(s)` by slot, from slot 0 on.
    private var cuts = [Cut()]

    package init(referee: Referee) { self.referee = referee }
    /// Slots 1 … this are known to be decided.
    package var highest: UInt64 { UInt64(entries.count) }
    package func entry(_ slot: UInt64) -> Entry { entries[Int(slot - 1)] }
    /// `C(slot)`, or that of the highest slot known to be decided if that is lower.
    package func cut(_ slot: UInt64) -> Cut { cuts[Int(min(slot, highest))] }

    /// `replica` holds `entry` decided in `slot`. Slots come in order from each replica. True for the first to do so.
    @discardableResult package func decided(_ entry: Entry, slot: UInt64, by replica: ReplicaID) -> Bool {
        if slot == highest + 1 {
            entries.append(entry)
            cuts.append(cuts[cuts.count - 1])
            if entry.kind == .cut { cuts[cuts.count - 1].join(entry.cut) }
            firstBy.append(replica)
            return true
        }
        guard slot <= highest else {
            referee.report(
                "replica \(replica) holds slot \(slot) decided, but nobody holds slot \(highest + 1) decided")
            return false
        }
        let known = entries[Int(slot - 1)]
        referee.demand(
            known == entry,
            "slot \(slot) is decided twice: \(Self.describe(known)) at replica \(firstBy[Int(slot - 1)]), "
                + "\(Self.describe(entry)) at replica \(replica)")
        return false
    }
    package static func describe(_ entry: Entry) -> String {
        switch entry.kind {
        case .nothing: return "nothing"
        case .configuration: return "a configuration"
        case .cut:
            let lanes = (0..<Limits.members).filter { !entry.cut[$0].isEmpty }
            return "cut [" + lanes.map { "\($0)/\(entry.cut[$0])" }.joined(separator: " ")
                + "] at \(entry.cut.timestamp)"
        }
    }
}
