// The adversary: what goes wrong, and when it is put right.
import TriremeCore

extension World {
    func nextFault() {
        guard phase == .faults else { return }
        let next = queue.now + random.tailed(scenario.faultIntervalNanoseconds)
        queue.schedule(WorldEvent(.fault, at: next))
        guard queue.now >= faultsHeldUntil else { return }
        damageSomething()
        // Every third time things get better for a while instead.
        if random.below(3) == 0 {
            wire.openAllLinks()
            wire.conditions = scenario.links
            for node in nodes { node.image.trouble = DiskTrouble() }
            trace.note(queue.now, nil, "links are as usual")
            return
        }
        let fault = random.pick(scenario.faults)
        let node = nodes[Int(random.below(UInt64(nodes.count)))]
        trace.note(queue.now, nil, "fault: \(fault) (\(node.replica))")
        carryOut(fault, node)
    }

    func carryOut(_ fault: Fault, _ node: Node) {
        situations.faults[fault.rawValue] += 1
        let kind: DiskImage.Crash = random.below(3) == 0 ? .process : .power
        switch fault {
        case .loss:
            wire.conditions.lossPerMillion = UInt32(random.between(10_000, 500_000))
            wire.conditions.duplicatePerMillion = UInt32(random.below(300_000))
        case .delay:
            wire.conditions.delayNanoseconds = random.between(50_000, 3_000_000)
            wire.conditions.spikePerMillion = UInt32(random.below(200_000))
            wire.conditions.spikeNanoseconds = random.pick([5_000_000, 100_000_000, 1_000_000_000])
        case .partition: partition()
        case .oneWay:
            situations.partitions += 1
            for from in nodes.indices {
                for to in nodes.indices where from != to {
                    wire.setLink(from: from, to: to, open: random.below(3) != 0)
                }
            }
        case .isolation:
            situations.partitions += 1
            let way = random.below(3)
            for other in nodes.indices where other != node.replica.index {
                if way != 1 { wire.setLink(from: other, to: node.replica.index, open: false) }
                if way != 2 { wire.setLink(from: node.replica.index, to: other, open: false) }
            }
        case .pause: node.pausedUntil = queue.now + random.below(400_000_000)
        case .crash: crash(node, kind, restartAfter: downTime())
        case .crashSequencer:
            crash(nodes.first { $0.role == .sequencer && $0.isUp } ?? node, kind, restartAfter: downTime())
        case .crashAll: crashAll()
        case .crashAtWrite: node.diskEventsUntilCrash = random.between(1, 40)
        case .diskStall: node.image.stalledUntil = queue.now + random.below(300_000_000)
        default: carryOutWide(fault, node)
        }
    }
    /// The faults of the wide mix.
    private func carryOutWide(_ fault: Fault, _ node: Node) {
        switch fault {
        case .slowDisk: node.image.trouble.latencyFactor = random.pick([10, 100, 1_000])
        case .longStall: node.image.stalledUntil = queue.now + random.below(2_000_000_000)
        case .diskFull: node.image.trouble.isFull = true
        case .ioError, .shortWrite:
            node.image.trouble.failure = fault == .ioError ? .ioError : .short
            node.image.trouble.operationsUntilFailure = random.between(1, 20)
        case .clockJump: node.wallOffset = drawWallOffset()
        case .clockRate:
            node.changeRate(random.between(512, 2_048), at: queue.now)
            wake(node, after: 0)
        case .memoryFlip: flipMemory(node)
        case .bitFlips: wire.conditions.flipPerMillion = UInt32(random.between(1_000, 200_000))
        case .replay: wire.replay { self.nodes[$0.index].incarnation }
        case .handOver:
            guard nodes.count > 1, let sequencer = nodes.first(where: { $0.role == .sequencer && $0.isUp }) else {
                return
            }
            sequencer.participant?.handOver(to: node.replica)
            wake(sequencer, after: 0)
        default: break
        }
    }
    private func drawWallOffset() -> Int64 {
        let tenYears: UInt64 = 315_360_000_000_000
        return Int64(random.below(2 * tenYears)) - Int64(tenYears)
    }
    /// One bit changes of a received batch that is on the disk and waits in memory, for its execution or to be sent again.
    private func flipMemory(_ node: Node) {
        guard node.isUp, let written = node.image.writtenFrames, let handed = node.endpoint?.handed else { return }
        let frames = handed.filter {
            $0.payloadBytes > 0 && written.contains($0.frame) && !node.image.isBeingWritten($0.frame)
        }
        guard !frames.isEmpty else { return }
        // Rather one that came lately: older ones were executed long ago.
        let frame = frames[frames.count - 1 - Int(random.below(UInt64(min(frames.count, 8))))]
        let bit = random.below(UInt64(frame.payloadBytes) * 8)
        let at = frame.frame + Limits.headerBytes + Int(bit / 8)
        at.storeBytes(of: at.load(as: UInt8.self) ^ (1 << UInt8(bit % 8)), as: UInt8.self)
        node.image.flips += 1
        situations.memoryFlips += 1
    }
    private func partition() {
        situations.partitions += 1
        let side = nodes.map { _ in random.below(2) == 0 }
        for from in nodes.indices {
            for to in nodes.indices where from != to { wire.setLink(from: from, to: to, open: side[from] == side[to]) }
        }
    }
    /// The power of the whole room goes.
    func crashAll() {
        situations.crashesOfAll += 1
        for node in nodes { crash(node, .power, restartAfter: random.below(60_000_000)) }
    }
}
