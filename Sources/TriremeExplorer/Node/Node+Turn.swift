// What an engine does in a turn, without its limits: effects are carried out, what became durable leaves, a status goes out.
import TriremeCore

extension Node {
    /// Each sequencer's clock shows another time in each ballot, so that no two of them propose equal entries by chance.
    private var wallClock: UInt64 { 1_000 + UInt64(core.currentBallot.round) * 16 + UInt64(id.rawValue) }

    func receive(_ message: Message) {
        if let batch = message.batch { return receive(batch) }
        message.body.withUnsafeBytes {
            core.step(.message(message.kind, from: message.from, body: $0), into: &effects)
        }
        carryOut()
    }

    /// The log is durable one record further.
    func advance() {
        durable += 1
        core.step(.durable(core.durable + 1), into: &effects)
        settle()
        carryOut()
    }

    /// Time passes, and nothing else happens meanwhile.
    func pass(_ nanoseconds: UInt64) {
        core.step(.tick(now: core.now + nanoseconds, wallClock: wallClock), into: &effects)
        carryOut()
        core.endTurn(into: &effects)
        carryOut()
    }

    /// What makes a status worth sending: its votes, what is decided, and that it may be sent at all.
    struct Told: Equatable {
        var votes: VoteRun
        var marks: VoteMarks
        var anyFrom: UInt64
        var commitIndex: UInt64
        var isProven: Bool
    }
    var whatIsTold: Told {
        Told(
            votes: core.reportedVotes, marks: core.ownMarks(), anyFrom: core.anyFrom, commitIndex: core.commitIndex,
            isProven: core.isProven)
    }

    /// Turns until nothing changes any more; then a status, if it would tell more than `told`.
    func finishTurn(_ told: Told) {
        var before: [UInt8] = []
        for round in 0... {
            precondition(round < 16, "a replica that finds no rest")
            core.step(.tick(now: core.now, wallClock: wallClock), into: &effects)
            carryOut()
            core.endTurn(into: &effects)
            carryOut()
            execute()
            // Without a crash to come nobody sees that a record is not durable yet.
            while !keepsOrder, durable < log.count { advance() }
            let after = save()
            if before.elementsEqual(after) { break }
            before = Array(after)
        }
        sendStatus(ifMoreThan: told)
        checkCore()
    }

    func carryOut() {
        for i in 0..<effects.count {
            switch effects[i] {
            case .append(let item): append(.item(item))
            case .immediate(let message, let destination): send(message, to: destination)
            case .afterDurable(let index, let message, let destination):
                let gated = Gated(index: index, message: message, destination: destination)
                // What waits already need not wait twice.
                if !gate.contains(gated) { gate.append(gated) }
            }
        }
        effects.removeAll()
        while let first = gate.first, first.index <= core.durable {
            gate.removeFirst()
            send(first.message, to: first.destination)
        }
    }

    /// Hands out what is decided and held here.
    private func execute() {
        while let entry = core.decidedEntry(core.executor.slot + 1) {
            if entry.kind == .cut,
                core.lanes.possesses(entry.cut, snapshot: Cut(), passed: core.executor.cut) != .held
            {
                return
            }
            let slot = core.executor.slot
            while core.executor.slot == slot, core.nextExecution() != nil {}
        }
    }

    // MARK: The log

    func append(_ record: Record) {
        let number = vocabulary.number(record)
        checkAppend(record)
        log.append(number)
        appended.append(number)
    }

    /// What is durable, once no crash comes any more, is a set; of promises only the highest says anything then, and notes nothing.
    func settle() {
        guard !keepsOrder else { return }
        let promise = durablePromise
        let kept = log[..<durable].filter {
            switch vocabulary.records[Int($0)] {
            case .batch, .item(.vote), .item(.closed): true
            case .item(.promise(let ballot)): ballot == promise
            case .item(.decided), .item(.decidedEntry), .item(.outstanding): false
            }
        }
        let settled = Set(kept).sorted()
        log.replaceSubrange(..<durable, with: settled)
        durable = settled.count
    }

    // MARK: Batches

    func seal() {
        sealed += 1
        let name = (UInt32(id.rawValue) << 16 | starts << 8) + UInt32(sealed)
        var batch = BatchDescriptor(
            lane: id, generation: generation, sequence: sealed, payloadBytes: 64, payloadChecksum: name, count: 1,
            stride: 64, digest: 0)
        let before = core.lanes.position(id, generation, sealed - 1)?.digest ?? 0
        batch.digest = BatchDescriptor.chain(before, checksum: name, payloadBytes: 64)
        send(batch)
        take(batch)
    }
    private func take(_ batch: BatchDescriptor) {
        append(.batch(batch))
        core.step(.appended(batch), into: &effects)
        carryOut()
    }

    /// As the engine takes a batch; one that comes early is taken for lost, since it may come again.
    private func receive(_ batch: BatchDescriptor) {
        if batch.lane == id, batch.generation == generation { return }
        let arriving = core.lanes.arriving(
            batch.lane, batch.generation, batch.sequence, committed: core.committed[batch.lane.index])
        guard arriving == .next else { return }
        let before = core.lanes.position(batch.lane, batch.generation, batch.sequence - 1)?.digest ?? 0
        guard batch.digest == BatchDescriptor.chain(before, checksum: batch.payloadChecksum, payloadBytes: 64) else {
            return
        }
        take(batch)
    }
}
