// One replica of an exploration: the production core, and around it what an engine is to it: a log that loses what is not durable,
// and the gate for what must be durable first.
import TriremeCore

/// A message that waits for the log.
struct Gated: Equatable {
    /// Records of the log that must be durable.
    var index: LogIndex
    var message: BindingMessage
    var destination: Destination
}

/// Holds one state at a time, and goes from it to the next by one ``Choice``. Its state can be written down and taken back
/// (Node+State.swift). Clocks stand still, so that a turn is a function of state and choice.
final class Node {
    let id: ReplicaID
    let bounds: Bounds
    let vocabulary: Vocabulary
    var core: Replica
    var effects = Effects()

    /// What was appended, as numbers of records; durable up to `durable`.
    var log: [UInt16] = []
    var durable = 0
    /// Whether a crash may still come. If not, what is durable is a set.
    var keepsOrder: Bool
    var gate: [Gated] = []
    /// Starts so far: the present generation.
    var starts: UInt32 = 0
    /// Batches sealed in the present generation.
    var sealed: UInt64 = 0

    /// What the last choice brought about.
    var sent: [MessageID] = []
    var finding: String?
    /// What was appended by the last choice, for whoever tells the story.
    var appended: [UInt16] = []

    /// Where states are written.
    let page: UnsafeMutableBufferPointer<UInt8>
    /// The core as it is before it has read anything.
    private var blank: [UInt8] = []

    init(_ id: ReplicaID, _ bounds: Bounds, _ vocabulary: Vocabulary) {
        self.id = id
        self.bounds = bounds
        self.vocabulary = vocabulary
        keepsOrder = bounds.crashes > 0
        core = Replica(bounds.configuration(id), seed: 0, windowSlots: bounds.windowSlots)
        page = .allocate(capacity: 1 << 16)
        var walk = StateWalk(writingInto: page)
        core.walk(&walk)
        blank = Array(page[..<walk.count])
        start()
    }
    deinit { page.deallocate() }

    var generation: Generation { Generation(epoch: 1, counter: starts) }
    func record(_ place: Int) -> Record { vocabulary.records[Int(log[place])] }
    var durableRecords: some Sequence<Record> { log[..<durable].lazy.map { self.vocabulary.records[Int($0)] } }

    /// Goes on from what is durable (PROTOCOL §9), under a new generation.
    func start() {
        log.removeSubrange(durable...)
        gate = []
        sealed = 0
        starts += 1
        effects.removeAll()
        blank.withUnsafeBufferPointer {
            var walk = StateWalk(reading: $0)
            core.walk(&walk)
        }
        for place in log.indices {
            switch record(place) {
            case .batch(let batch): _ = core.recover(batch)
            case .item(let item): core.recover(item)
            }
        }
        core.finishRecovery(generation: generation)
    }

    /// Takes one choice: afterwards the state is the next one, and ``sent`` and ``finding`` say what came of it.
    func take(_ choice: Choice) {
        sent.removeAll(keepingCapacity: true)
        appended.removeAll(keepingCapacity: true)
        finding = nil
        let told = whatIsTold
        switch choice {
        case .deliver(let message): receive(vocabulary.messages[Int(message)])
        case .durable: advance()
        case .crash:
            let promised = durablePromise
            start()
            checkRestart(promised)
        case .candidacy:
            core.takeBallot(into: &effects)
            carryOut()
        case .batch: seal()
        case .note: pass(Bounds.timing.decidedNoteNanoseconds)
        case .patience:
            pass(Bounds.timing.recallNanoseconds)
            // The same moment as before, as for everybody else.
            reload()
        case .forgetOrder:
            keepsOrder = false
            settle()
        }
        finishTurn(told)
    }

    /// Whether a choice is open to this replica, as far as its own state says; messages and bounds are the explorer's.
    func allows(_ choice: Choice) -> Bool {
        switch choice {
        case .durable: durable < log.count
        case .batch: core.isProven
        case .note: keepsOrder && core.commitIndex > core.noted
        case .patience: !core.isProven
        case .deliver, .crash, .candidacy, .forgetOrder: true
        }
    }
}
