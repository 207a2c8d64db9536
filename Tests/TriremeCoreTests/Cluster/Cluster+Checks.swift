// What must hold whatever is lost: one entry per slot, possession at a Q2, one order of execution (PROTOCOL §12).
import TriremeCore

extension Cluster {
    func check(_ node: Node) {
        let i = node.id.index
        if let oldest = Optional(node.core.oldestEntry), counted[i] + 1 < oldest { counted[i] = oldest - 1 }
        while counted[i] < node.core.commitIndex {
            let slot = counted[i] + 1
            counted[i] = slot
            guard let entry = node.core.decidedEntry(slot) else { continue }
            if let known = decided[slot] {
                if known != entry {
                    fail(
                        "slot \(slot): \(entry.text(members)) at replica \(i), \(known.text(members)) was decided before"
                    )
                }
                continue
            }
            decided[slot] = entry
            highestDecided = max(highestDecided, slot)
            say("\(i): slot \(slot) is decided: \(entry.text(members))")
            checkPossession(slot, entry)
        }
    }

    /// Every batch under a decided cut is durable at some Q2.
    private func checkPossession(_ slot: UInt64, _ entry: Entry) {
        var before = Cut()
        for earlier in 1..<max(slot, 1) {
            guard let entry = decided[earlier] else { return }
            if entry.kind == .cut { before.join(entry.cut) }
        }
        guard entry.kind == .cut else { return }
        var holders = MemberSet()
        for node in nodes {
            var holds = true
            for lane in 0..<members where before[lane] < entry.cut[lane] {
                let to = entry.cut[lane]
                for sequence in 1...to.sequence {
                    let name = BatchName(lane: ReplicaID(lane), generation: to.generation, sequence: sequence)
                    if !node.holdsDurably(name) {
                        holds = false
                        break
                    }
                }
            }
            if holds { holders.insert(node.id) }
        }
        if !quorums.isClassic(holders), !quorums.isFast(holders) {
            fail("slot \(slot): the batches of \(entry.text(members)) are durable at \(holders) only, no quorum")
        }
    }

    /// Hands out what is decided, as far as the log holds it; the order must be everybody's.
    func execute(_ node: Node) {
        while true {
            while let name = node.pending.first {
                guard node.batches[name] != nil else {
                    node.core.noteWanted(name.lane, name.generation, node.pending.last!.sequence)
                    return
                }
                node.pending.removeFirst()
                node.executing.append(name)
            }
            switch node.core.nextExecution() {
            case .batches(_, let lane, let generation, let first, let last, _):
                node.pending = (first...last).map {
                    BatchName(lane: lane, generation: generation, sequence: $0)
                }
            case .endOfSlot(let slot):
                if let known = executed[slot] {
                    if known != node.executing { fail("slot \(slot): replica \(node.id) executed another order") }
                } else {
                    executed[slot] = node.executing
                }
                node.executing = []
                node.executedSlot = slot
            case nil: return
            }
        }
    }

    /// Every batch executed so far by anybody, in order.
    var history: [BatchName] { executed.keys.sorted().flatMap { executed[$0]! } }
}
