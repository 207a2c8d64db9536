// Messages between the cores: what effects become, and what arrives.
import TriremeCore

extension Cluster {
    func carryOut(_ node: Node) {
        for i in 0..<node.effects.count {
            switch node.effects[i] {
            case .append(let item):
                node.log.append(.item(item))
                say("\(node.id): append \(item.text(members))")
            case .immediate(let message, let destination): send(message, from: node, destination)
            case .afterDurable(let index, let message, let destination):
                node.gate.append((index, message, destination))
            }
        }
        node.effects.removeAll()
        openGate(node)
    }

    func openGate(_ node: Node) {
        while let first = node.gate.first, first.index <= node.core.durable {
            node.gate.removeFirst()
            switch first.message {
            case .prepare(let prepare):
                send(
                    .prepare, from: node.id, first.destination, Packet.bytes { prepare.encode(into: &$0) },
                    "prepare \(prepare.ballot) from \(prepare.from)")
            case .promise(let ballot, let from):
                let parts = node.core.promiseParts(ballot: ballot, from: from)
                for part in 0..<parts {
                    let body = Packet.bytes {
                        node.core.encodePromise(ballot: ballot, from: from, part: part, parts: parts, into: &$0)
                    }
                    send(
                        .promise, from: node.id, first.destination, body,
                        "promise \(ballot)\(parts > 1 ? " part \(part + 1)/\(parts)" : "") votes "
                            + votes(body) + " commit \(node.core.commitIndex)")
                }
            }
        }
    }

    private func votes(_ body: [UInt8]) -> String {
        body.withUnsafeBytes { bytes in
            var r = WireReader(bytes)
            guard let header = PromiseHeader.decode(&r, members: members), header.votes > 0 else { return "none" }
            return (0..<header.votes).compactMap { _ in ReportedVote.decode(&r, members: members) }
                .map { "\($0.slot)@\($0.ballot)" }.joined(separator: " ")
        }
    }

    private func send(_ message: FreeMessage, from node: Node, _ destination: Destination) {
        switch message {
        case .propose(let p):
            send(
                .propose, from: node.id, destination, Packet.bytes { p.encode(into: &$0, members: members) },
                "propose \(p.ballot)\(p.half == .fast ? " half 0" : "") slot \(p.slot) \(p.entry.text(members))")
        case .close(let close):
            send(
                .close, from: node.id, destination, Packet.bytes { close.encode(into: &$0) },
                "closes \(close.ballot) slots \(close.first)…\(close.last)")
        case .reject(let reject):
            send(
                .reject, from: node.id, destination, Packet.bytes { reject.encode(into: &$0) },
                "reject \(reject.ballot), promised \(reject.promise)")
        case .entryRequest(let request):
            send(
                .entryRequest, from: node.id, destination, Packet.bytes { request.encode(into: &$0) },
                "asks for slots \(request.first)…\(request.last)")
        case .entries(let first, let count):
            let body = Packet.bytes { node.core.encodeEntries(first: first, count: count, into: &$0) }
            send(
                .entries, from: node.id, destination, body, "entries of slots \(first)…\(first + UInt64(count) - 1)")
        case .handOver(let handOver):
            send(
                .handOver, from: node.id, destination, Packet.bytes { handOver.encode(into: &$0) },
                "hands \(handOver.ballot) over to \(handOver.successor)")
        // The exchange of a start goes on beside what a transcript tells.
        case .recall(let recall):
            let body = Packet.bytes { recall.encode(into: &$0) }
            for to in targets(destination, node.id) {
                send(Packet(kind: .recall, from: node.id, to: to, body: body, text: "recall"))
            }
        case .memory(let member, let asked):
            let body = Packet.bytes { node.core.encodeMemory(of: member, asked: asked, into: &$0) }
            send(Packet(kind: .memory, from: node.id, to: member, body: body, text: "memory"))
        }
    }

    func send(
        _ kind: DatagramKind, from: ReplicaID, _ destination: Destination, _ body: [UInt8], _ text: String
    ) {
        say("\(from) → \(name(destination)): \(text)")
        for to in targets(destination, from) {
            send(Packet(kind: kind, from: from, to: to, body: body, text: text))
        }
    }
    func send(_ batch: BatchDescriptor, from: ReplicaID, _ destination: Destination) {
        let text = "batch \(batch.lane)/\(batch.position)"
        say("\(from) → \(name(destination)): \(text)")
        for to in targets(destination, from) {
            send(Packet(kind: .batch, from: from, to: to, batch: batch, text: text))
        }
    }
    private func name(_ destination: Destination) -> String {
        if case .one(let id) = destination { return "\(id)" }
        return "all"
    }
    /// The number of messages under way is bounded, as a socket's buffer is.
    func send(_ packet: Packet) { if network.count < 5_000 { network.append(packet) } }

    private func targets(_ destination: Destination, _ from: ReplicaID) -> [ReplicaID] {
        if case .one(let id) = destination { return [id] }
        return (0..<members).map(ReplicaID.init).filter { $0 != from }
    }

    // MARK: Arrival

    func deliver(_ packet: Packet) {
        arrive(packet)
        if nodes[packet.to.index].isUp { finish(nodes[packet.to.index]) }
    }

    private func arrive(_ packet: Packet) {
        let node = nodes[packet.to.index]
        guard node.isUp else { return }
        switch packet.kind {
        case .batch: if let batch = packet.batch { receive(batch, node) }
        case .repair:
            packet.body.withUnsafeBytes {
                guard let request = BatchRequest.decode($0, members: members) else { return }
                for sequence in request.first...min(request.last, request.first + 31) {
                    let name = BatchName(lane: request.lane, generation: request.generation, sequence: sequence)
                    guard let batch = node.batches[name] else { return }
                    send(batch, from: node.id, .one(packet.from))
                }
            }
        default:
            packet.body.withUnsafeBytes { step(node, .message(packet.kind, from: packet.from, body: $0)) }
        }
    }

    private func receive(_ batch: BatchDescriptor, _ node: Node) {
        if batch.lane == node.id, batch.generation == node.generation { return }
        switch node.core.lanes.arriving(
            batch.lane, batch.generation, batch.sequence, committed: node.core.committed[batch.lane.index])
        {
        case .next:
            let track = node.core.lanes.track(batch.lane, batch.generation)
            let before =
                track.flatMap {
                    $0.appended == 0
                        ? 0 : node.core.lanes.position(batch.lane, batch.generation, $0.appended)?.digest
                } ?? 0
            guard
                batch.digest
                    == BatchDescriptor.chain(
                        before, checksum: batch.payloadChecksum, payloadBytes: batch.payloadBytes)
            else { return }
            append(batch, node)
            var next = BatchName(batch)
            next.sequence += 1
            if let following = node.early.removeValue(forKey: next) { receive(following, node) }
        case .early:
            node.early[BatchName(batch)] = batch
            node.core.noteWanted(batch.lane, batch.generation, batch.sequence)
        case .duplicate, .refused: break
        }
    }

    /// Asks everybody for what the lanes lack, every four milliseconds.
    func ask(_ node: Node) {
        guard now >= node.askedAt + 4_000_000 else { return }
        for lane in 0..<members {
            var requests: [BatchRequest] = []
            node.core.lanes.forEach(ReplicaID(lane)) { track in
                guard track.isMissing, track.generation >= node.core.executor.cut[lane].generation,
                    !(lane == node.id.index && track.generation == node.generation)
                else { return }
                requests.append(
                    BatchRequest(
                        lane: ReplicaID(lane), generation: track.generation, first: track.appended + 1,
                        last: track.appended + min(track.wanted - track.appended, 32)))
            }
            for request in requests {
                node.askedAt = now
                send(
                    .repair, from: node.id, .all, Packet.bytes { request.encode(into: &$0) },
                    "asks for batches \(request.lane)/\(request.generation):\(request.first)…\(request.last)")
            }
        }
    }

    /// Delivers, in order, what is under way and matches, with one turn of each receiver; what that gives rise to stays under
    /// way.
    @discardableResult
    func deliver(where matches: (Packet) -> Bool = { _ in true }) -> Int {
        let chosen = network.filter(matches)
        network.removeAll(where: matches)
        for packet in chosen { arrive(packet) }
        for node in nodes where node.isUp && chosen.contains(where: { $0.to == node.id }) { finish(node) }
        return chosen.count
    }

    /// Until nothing is under way and all disks have caught up.
    func settle(rounds: Int = 100, where matches: (Packet) -> Bool = { _ in true }) {
        for _ in 0..<rounds {
            for i in 0..<members { makeDurable(i) }
            if deliver(where: matches) == 0, nodes.allSatisfy({ !$0.isUp || $0.isDurable }) { return }
            network.removeAll { !matches($0) }
        }
    }

    /// Time passes while everything matching is delivered and every disk keeps up.
    func run(milliseconds: Int, where matches: (Packet) -> Bool = { _ in true }) {
        for _ in 0..<milliseconds {
            advance(milliseconds: 1)
            settle(rounds: 4, where: matches)
        }
    }
}
