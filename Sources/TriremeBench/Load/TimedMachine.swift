// A state machine that also notes when it was last called: how long a cluster stood still is seen from here.
import CTrireme
import Trireme

/// Any state machine, with a look at the clock for each batch (20 ns).
struct TimedMachine<Machine: StateMachine & ~Copyable>: StateMachine, ~Copyable {
    private var machine: Machine
    private let page: BenchPage
    private var last: UInt64 = 0
    private var longest: UInt64 = 0

    init(_ machine: consuming Machine, page: BenchPage) {
        self.machine = machine
        self.page = page
    }

    mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
        machine.apply(batch, replies: &replies)
        let now = trm_monotonic_nanoseconds()
        page.progressNanoseconds = now
        guard page.phase == .measure else {
            last = 0
            return
        }
        if last == 0 {
            longest = 0
            page.longestGapNanoseconds = 0
        } else if now &- last > longest {
            longest = now &- last
            page.longestGapNanoseconds = longest
        }
        last = now
    }

    func snapshot(to writer: inout SnapshotWriter) throws { try machine.snapshot(to: &writer) }
    mutating func restore(from reader: inout SnapshotReader) throws { try machine.restore(from: &reader) }
    var digest: UInt64 { machine.digest }
    mutating func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress {
        try machine.beginSnapshot(to: &writer)
    }
    mutating func continueSnapshot(to writer: inout SnapshotWriter, budgetBytes: Int) throws -> SnapshotProgress {
        try machine.continueSnapshot(to: &writer, budgetBytes: budgetBytes)
    }
    mutating func endSnapshot() { machine.endSnapshot() }
    var snapshotBacklogBytes: Int { machine.snapshotBacklogBytes }
    mutating func beginRestore() throws { try machine.beginRestore() }
    mutating func continueRestore(from reader: inout SnapshotReader) throws {
        try machine.continueRestore(from: &reader)
    }
    mutating func endRestore() throws { try machine.endRestore() }
}

/// What a load runs against: its state machine, and commands for it.
package struct BenchService: Sendable {
    package let name: String
    /// Whether its replies have any bytes.
    package let wantsReplies: Bool
    /// Least bytes of a command.
    package let commandBytesMinimum: Int
    /// Memory that its state is given at the start.
    package let stateBytes: Int
    package let machine: @Sendable (BenchPage) -> AnyStateMachine
    package let source: @Sendable (_ lane: Int, _ commandBytes: Int) -> any LoadSource

    /// - Parameter machine: makes one in its initial state.
    package init<Machine: StateMachine & ~Copyable & SendableMetatype>(
        name: String, wantsReplies: Bool, commandBytesMinimum: Int, stateBytes: Int,
        machine: @escaping @Sendable () -> Machine, source: @escaping @Sendable (Int, Int) -> any LoadSource
    ) {
        self.name = name
        self.wantsReplies = wantsReplies
        self.commandBytesMinimum = commandBytesMinimum
        self.stateBytes = stateBytes
        self.machine = { page in AnyStateMachine.make(TimedMachine(machine(), page: page)) }
        self.source = source
    }

    /// The contract's default, the work that the figures of other engines are compared by.
    package static let counter = BenchService(
        name: "counter", wantsReplies: false, commandBytesMinimum: CounterCommand.bytesMinimum,
        stateBytes: CounterTable.bytes, machine: { Counter() },
        source: { CounterSource(lane: $0, commandBytes: $1) })
}
