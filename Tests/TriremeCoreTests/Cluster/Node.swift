// One replica of the test cluster: the core, a log in memory that loses what is not durable, and the gate between them.
import TriremeCore

enum Record: Equatable {
    case batch(BatchDescriptor)
    case item(LogItem)
}

struct BatchName: Hashable {
    var lane: ReplicaID
    var generation: Generation
    var sequence: UInt64
}

final class Node {
    let id: ReplicaID
    let configuration: CoreConfiguration
    var core: Replica
    var effects = Effects()
    var isUp = true
    var starts: UInt32 = 0
    var seed: UInt64

    // The log: survives a crash up to `durable`.
    var log: [Record] = []
    var durable = 0
    /// Records of the log that the present core recovered: its index 1 is the next one.
    var recovered = 0
    var snapshot: (slot: UInt64, cut: Cut)?
    var batches: [BatchName: BatchDescriptor] = [:]

    var gate: [(index: LogIndex, message: BindingMessage, destination: Destination)] = []
    var early: [BatchName: BatchDescriptor] = [:]
    var sealed: UInt64 = 0
    var digest: UInt64 = 0
    var askedAt: UInt64 = 0
    /// The batches that the executor handed out and the log did not hold yet, and those executed of the slot under way.
    var pending: [BatchName] = []
    var executing: [BatchName] = []
    var executedSlot: UInt64 = 0

    init(_ configuration: CoreConfiguration, seed: UInt64, isForgetful: Bool = false) {
        id = configuration.me
        self.configuration = configuration
        self.seed = seed
        core = Replica(configuration, isForgetful: isForgetful, seed: seed)
        start(isForgetful: isForgetful)
    }

    var generation: Generation { core.generation }
    var isDurable: Bool { durable == log.count }

    func crash() {
        isUp = false
        log.removeSubrange(durable...)
    }

    /// Starts from what is durable.
    func start(isForgetful: Bool = false) {
        isUp = true
        starts += 1
        seed &+= 0x1_0000
        core = Replica(configuration, isForgetful: isForgetful, seed: seed)
        effects.removeAll()
        gate = []
        early = [:]
        sealed = 0
        digest = 0
        askedAt = 0
        batches = [:]
        pending = []
        executing = []
        executedSlot = 0
        if let snapshot {
            core.recover(snapshotSlot: snapshot.slot, cut: snapshot.cut)
            executedSlot = snapshot.slot
        }
        for record in log {
            switch record {
            case .batch(let batch):
                _ = core.recover(batch)
                batches[BatchName(batch)] = batch
            case .item(let item): core.recover(item)
            }
        }
        recovered = log.count
        core.finishRecovery(generation: Generation(epoch: 1, counter: starts))
    }

    /// Forgets the records before `end`, where the snapshot was taken, up to the first that it does not cover (PROTOCOL §8).
    func recycle(before end: Int) {
        guard let snapshot, durable == log.count else { return }
        var covered = 0
        scan: for record in log[..<end] {
            switch record {
            case .batch(let batch): if snapshot.cut[batch.lane.index] < batch.position { break scan }
            case .item(.vote(let slot, _, _, _)), .item(.decidedEntry(let slot, _)), .item(.decided(_, let slot)),
                .item(.closed(let slot, _)):
                if slot > snapshot.slot { break scan }
            case .item(.promise), .item(.outstanding): break
            }
            covered += 1
        }
        log.removeFirst(covered)
        durable -= covered
        recovered -= covered
    }

    /// Whether the durable log, or the durable snapshot, holds this batch.
    func holdsDurably(_ name: BatchName) -> Bool {
        if let snapshot {
            let position = snapshot.cut[name.lane.index]
            if Position(name.generation, name.sequence, digest: 0) <= position { return true }
        }
        return log[..<durable].contains {
            if case .batch(let batch) = $0 { return BatchName(batch) == name }
            return false
        }
    }
}

extension BatchName {
    init(_ batch: BatchDescriptor) {
        self.init(lane: batch.lane, generation: batch.generation, sequence: batch.sequence)
    }
}
