// A state machine whose snapshots are watched. Three looks at clocks for each batch.
import CTrireme
import Trireme

struct WatchedMachine<Machine: StateMachine & ~Copyable>: StateMachine, ~Copyable {
    private var machine: Machine
    private let watch: SnapshotWatch

    init(_ machine: consuming Machine, watch: SnapshotWatch) {
        self.machine = machine
        self.watch = watch
    }

    mutating func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
        let since = trm_thread_cpu_nanoseconds()
        machine.apply(batch, replies: &replies)
        watch.applied(
            processor: trm_thread_cpu_nanoseconds() &- since, setAsideBytes: machine.snapshotBacklogBytes)
    }
    func snapshot(to writer: inout SnapshotWriter) throws { try machine.snapshot(to: &writer) }
    mutating func restore(from reader: inout SnapshotReader) throws { try machine.restore(from: &reader) }
    var digest: UInt64 { machine.digest }
    mutating func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress {
        watch.begins()
        let since = trm_thread_cpu_nanoseconds()
        defer { watch.hasBegun(processor: trm_thread_cpu_nanoseconds() &- since) }
        return try machine.beginSnapshot(to: &writer)
    }
    mutating func continueSnapshot(to writer: inout SnapshotWriter, budgetBytes: Int) throws -> SnapshotProgress {
        let since = trm_thread_cpu_nanoseconds()
        defer { watch.gavePiece(processor: trm_thread_cpu_nanoseconds() &- since) }
        return try machine.continueSnapshot(to: &writer, budgetBytes: budgetBytes)
    }
    mutating func endSnapshot() {
        let since = trm_thread_cpu_nanoseconds()
        machine.endSnapshot()
        watch.hasEnded(processor: trm_thread_cpu_nanoseconds() &- since)
    }
    var snapshotBacklogBytes: Int { machine.snapshotBacklogBytes }
    mutating func beginRestore() throws { try machine.beginRestore() }
    mutating func continueRestore(from reader: inout SnapshotReader) throws {
        try machine.continueRestore(from: &reader)
    }
    mutating func endRestore() throws { try machine.endRestore() }
}

/// A service whose state has a size that is chosen, and a load on all of it.
package struct StateService: Sendable {
    package let machine: @Sendable (SnapshotWatch) -> AnyStateMachine
    /// Writes its part of the state first, then commands on any of it.
    package let source:
        @Sendable (_ lane: Int, _ keys: UInt64, _ valueBytes: Int, _ filling: Range<UInt64>) -> any LoadSource
    /// Bytes of a key's place in a snapshot, beside its value.
    package let keyBytes: Int

    package init<Machine: StateMachine & ~Copyable & SendableMetatype>(
        keyBytes: Int, machine: @escaping @Sendable () -> Machine,
        source: @escaping @Sendable (Int, UInt64, Int, Range<UInt64>) -> any LoadSource
    ) {
        self.keyBytes = keyBytes
        self.machine = { watch in AnyStateMachine.make(WatchedMachine(machine(), watch: watch)) }
        self.source = source
    }
}
