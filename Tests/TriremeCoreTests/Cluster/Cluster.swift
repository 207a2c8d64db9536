// n cores whose messages, disks and clocks move only when told to; it checks agreement and possession as they go.
import TriremeCore

final class Cluster {
    let members: Int
    let quorums: Quorums
    var nodes: [Node] = []
    var network: [Packet] = []
    var now: UInt64 = 1_000_000
    /// What happened, in words, since it was last taken.
    var trace: [String] = []
    var traces = true
    /// The first finding against the protocol.
    var violation: String?
    var decided: [UInt64: Entry] = [:]
    var cuts: [UInt64: Cut] = [:]
    var highestDecided: UInt64 = 0
    var executed: [UInt64: [BatchName]] = [:]
    var counted: [UInt64]
    let timing: Timing

    init(
        _ n: Int, q1: Int? = nil, q2: Int? = nil, qf: Int? = nil, seed: UInt64 = 1, historySlots: Int = 1_024,
        forgetful: Set<Int> = [], orderings: [Ordering] = [.classic], announced: Int = 0
    ) {
        members = n
        let standard = try! Quorums.standard(members: n)
        let phase1 = q1 ?? standard.phase1
        quorums = try! Quorums(
            members: n, phase1: phase1, classic: q2 ?? standard.classic,
            fast: qf ?? Quorums.smallestFast(members: n, phase1: phase1), allowSingleCopy: true)
        timing = Timing()
        counted = Array(repeating: 0, count: n)
        for i in 0..<n {
            let configuration = CoreConfiguration(
                quorums: quorums, me: ReplicaID(i), timing: timing, entryHistorySlots: historySlots,
                ordering: orderings[i % orderings.count], announced: announced)
            nodes.append(Node(configuration, seed: seed &* 31 &+ UInt64(i), isForgetful: forgetful.contains(i)))
        }
    }

    func say(_ line: @autoclosure () -> String) { if traces { trace.append(line()) } }
    func fail(_ finding: String) { if violation == nil { violation = finding } }

    // MARK: Turns

    /// One turn of a live node.
    func turn(_ i: Int) {
        let node = nodes[i]
        guard node.isUp else { return }
        node.core.step(.tick(now: now, wallClock: now / 1_000), into: &node.effects)
        carryOut(node)
        finish(node)
    }

    func finish(_ node: Node) {
        node.core.endTurn(into: &node.effects)
        carryOut(node)
        check(node)
        execute(node)
        ask(node)
        if node.core.isStatusDue {
            let status = node.core.takeStatus()
            let body = Packet.bytes { status.encode(into: &$0, members: members) }
            send(.status, from: node.id, .all, body, status.text(members))
        }
        if let fatal = node.core.fatal { fail("replica \(node.id): \(fatal)") }
    }

    /// Time passes, in steps of a millisecond; every live node has a turn in each.
    func advance(milliseconds: Int) {
        for _ in 0..<milliseconds {
            now += 1_000_000
            for i in 0..<members { turn(i) }
        }
    }

    func step(_ node: Node, _ event: Event) {
        node.core.step(event, into: &node.effects)
        carryOut(node)
    }

    // MARK: Disks and lives

    func makeDurable(_ i: Int, upTo count: Int? = nil) {
        let node = nodes[i]
        guard node.isUp else { return }
        let target = min(count ?? node.log.count, node.log.count)
        guard target > node.durable else { return }
        node.durable = target
        if target > node.recovered { step(node, .durable(LogIndex(target - node.recovered))) }
        openGate(node)
        finish(node)
    }

    func crash(_ i: Int) {
        guard nodes[i].isUp else { return }
        nodes[i].crash()
        say("\(i): crashes, \(nodes[i].log.count) records are durable")
    }

    func restart(_ i: Int, forgetful: Bool = false) {
        guard !nodes[i].isUp else { return }
        nodes[i].start(isForgetful: forgetful)
        counted[i] = 0
        say("\(i): starts as \(nodes[i].generation)")
        turn(i)
    }

    func takeSnapshot(_ i: Int, recycling: Bool = true) {
        let node = nodes[i]
        let executor = node.core.executor
        guard node.isUp, executor.isBetweenSlots, executor.slot > node.core.snapshotSlot, node.pending.isEmpty else {
            return
        }
        node.snapshot = (executor.slot, executor.cut)
        let end = node.log.count
        step(node, .snapshotDurable(slot: executor.slot, cut: executor.cut))
        guard recycling else { return }
        makeDurable(i)
        node.recycle(before: end)
    }

    // MARK: Own batches

    func seal(_ i: Int, payload: UInt32? = nil) {
        let node = nodes[i]
        guard node.isUp, node.core.isProven,
            node.core.lanes.arriving(
                node.id, node.generation, node.sealed + 1, committed: node.core.committed[i]) == .next
        else { return }
        node.sealed += 1
        let checksum = payload ?? UInt32(truncatingIfNeeded: node.sealed &* 2_654_435_761 &+ UInt64(i))
        node.digest = BatchDescriptor.chain(node.digest, checksum: checksum, payloadBytes: 64)
        let batch = BatchDescriptor(
            lane: node.id, generation: node.generation, sequence: node.sealed, payloadBytes: 64,
            payloadChecksum: checksum, count: 1, stride: 64, digest: node.digest)
        node.core.sentSequence = node.sealed
        send(batch, from: node.id, .all)
        append(batch, node)
        finish(node)
    }

    func append(_ batch: BatchDescriptor, _ node: Node) {
        node.log.append(.batch(batch))
        node.batches[BatchName(batch)] = batch
        say("\(node.id): append batch \(batch.lane)/\(batch.position)")
        step(node, .appended(batch))
    }
}
