// How the engine holds a state machine whose type it does not know: one dynamic call a batch, none a command.

/// A state machine of any type. Owned by the thread that executes.
package class AnyStateMachine {
    fileprivate init() {}

    /// Holds `machine`. The type is known inside, so its own `apply` is compiled for it.
    package static func make<Machine: StateMachine & ~Copyable>(_ machine: consuming Machine) -> AnyStateMachine {
        StateMachineBox(machine)
    }

    package func apply(_ batch: borrowing CommandBatch, replies: inout ReplyWriter) { fatalError("abstract") }
    package func snapshot(to writer: inout SnapshotWriter) throws { fatalError("abstract") }
    package func restore(from reader: inout SnapshotReader) throws { fatalError("abstract") }
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
    override func snapshot(to writer: inout SnapshotWriter) throws { try machine.snapshot(to: &writer) }
    override func restore(from reader: inout SnapshotReader) throws { try machine.restore(from: &reader) }
    override var digest: UInt64 { machine.digest }
}
