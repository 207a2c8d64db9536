// How the engine holds a state machine whose type it does not know: one dynamic call a batch, none a command.

/// A state machine of any type. Owned by the thread that executes.
package class AnyStateMachine {
    fileprivate init() {}

    /// Holds `machine`. The type is known inside, so its own `apply` is compiled for it.
    package static func make<Machine: StateMachine & ~Copyable>(_ machine: consuming Machine) -> AnyStateMachine {
        StateMachineBox(machine)
    }

    package func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) { fatalError("abstract") }
    package func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress { fatalError("abstract") }
    package func continueSnapshot(to writer: inout SnapshotWriter, budgetBytes: Int) throws -> SnapshotProgress {
        fatalError("abstract")
    }
    package func endSnapshot() { fatalError("abstract") }
    package var snapshotBacklogBytes: Int { fatalError("abstract") }
    package func beginRestore() throws { fatalError("abstract") }
    package func continueRestore(from reader: inout SnapshotReader) throws { fatalError("abstract") }
    package func endRestore() throws { fatalError("abstract") }
    package var digest: UInt64 { fatalError("abstract") }
}

private final class StateMachineBox<Machine: StateMachine & ~Copyable>: AnyStateMachine {
    @exclusivity(unchecked) private var machine: Machine

    init(_ machine: consuming Machine) {
        self.machine = machine
        super.init()
    }

    override func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) {
        machine.apply(batch, replies: &replies)
    }
    override func beginSnapshot(to writer: inout SnapshotWriter) throws -> SnapshotProgress {
        try machine.beginSnapshot(to: &writer)
    }
    override func continueSnapshot(
        to writer: inout SnapshotWriter, budgetBytes: Int
    ) throws -> SnapshotProgress {
        try machine.continueSnapshot(to: &writer, budgetBytes: budgetBytes)
    }
    override func endSnapshot() { machine.endSnapshot() }
    override var snapshotBacklogBytes: Int { machine.snapshotBacklogBytes }
    override func beginRestore() throws { try machine.beginRestore() }
    override func continueRestore(from reader: inout SnapshotReader) throws {
        try machine.continueRestore(from: &reader)
    }
    override func endRestore() throws { try machine.endRestore() }
    override var digest: UInt64 { machine.digest }
}
