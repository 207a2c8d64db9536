// What a service embeds: one replica of its state machine.
import Synchronization
import TriremeRuntime

/// One replica of a replicated state machine, running on threads of its own.
///
/// ```swift
/// let replica = try await Replica(configuration, id: 0, dataDirectory: "/var/lib/ledger/0", stateMachine: Ledger())
/// let reply = try await replica.submit(bytes)
/// ```
///
/// A replica that ends by itself (a failing disk, say) stops answering; ``failure`` then says why.
public final class Replica: Sendable {
    private let host: ReplicaHost
    private let submitter: AsyncSubmitter
    /// Those of the classes that want more copies, by how many: each has a client of its own, from its first command on.
    private let patient = Mutex<[Int: AsyncSubmitter]>([:])

    /// Opens the data directory, recovers from it, and joins the others. Returns once the replica runs, which does not mean that
    /// a quorum of them does.
    ///
    /// - Parameters:
    ///   - configuration: the same at every replica.
    ///   - id: which of its members this is.
    ///   - dataDirectory: this replica's own; locked while it runs.
    ///   - format: the operator's word that this identity is new: an absent or empty directory is prepared. Without it an
    ///     unformatted directory is refused, since a lost directory is amnesia and not a fresh start (PROTOCOL §9).
    ///   - stateMachine: in its initial state; restored from the snapshot where there is one.
    /// - Throws: ``TriremeError`` with one sentence: what, found, needed, how to mend it. Nothing then runs.
    public init<Machine: StateMachine & ~Copyable & Sendable>(
        _ configuration: Configuration, id: Int, dataDirectory: String, format: Bool = false,
        stateMachine: consuming Machine
    ) async throws(TriremeError) {
        let machine = AnyStateMachine.make(stateMachine)
        host = try ReplicaHost.start(
            configuration, replica: id, dataDirectory: dataDirectory, format: format, machine: machine, load: nil,
            countersPath: dataDirectory + "/counters")
        let submitter = AsyncSubmitter()
        self.submitter = submitter
        submitter.attach(try host.client(outstanding: 4_096) { submitter.replied() })
    }

    /// Submits one command and waits for its reply.
    ///
    /// Costs a lock, a continuation and a dictionary entry: a microsecond or two beyond the replication itself. A busy thread
    /// uses ``client(outstanding:durability:)``.
    ///
    /// - Parameter durability: whether the reply waits until more members than a quorum hold the command. Each class goes its own
    ///   way: two commands of different classes are ordered only where one is submitted after the other's reply. A class takes
    ///   one of the replica's 64 clients, from its first command on.
    /// - Throws: ``TriremeError`` `overloaded` (with `.fail`, or when a class finds no client left), `commandTooLarge`,
    ///   `unattainableDurability`, `stopped`, or `outcomeUnknown` when the replica ended with the command under way.
    public func submit(
        _ command: [UInt8], durability: ReplyDurability = .quorum, whenFull: WhenFull = .wait
    ) async throws(TriremeError) -> [UInt8] {
        try await submitter(of: durability).submit(command, whenFull: whenFull)
    }

    private func submitter(of durability: ReplyDurability) throws(TriremeError) -> AsyncSubmitter {
        guard durability.more != 0 else { return submitter }
        let made = patient.withLock { patient -> Result<AsyncSubmitter, TriremeError> in
            if let known = patient[durability.more] { return .success(known) }
            do throws(TriremeError) {
                let new = AsyncSubmitter()
                new.attach(try host.client(outstanding: 4_096, durability: durability) { new.replied() })
                patient[durability.more] = new
                return .success(new)
            } catch {
                return .failure(error)
            }
        }
        return try made.get()
    }

    /// A client for one thread: no lock, no allocation.
    ///
    /// The class belongs to the client and not to the request: a client's commands share batches, so that a batch has one class
    /// and a command costs nothing for it; and replies come in order, where one that waits would hold up those behind it. A thread
    /// that needs two classes takes two clients.
    ///
    /// - Parameters:
    ///   - outstanding: commands that may be unanswered at a time. With ``ReplyDurability/quorumPlus(_:)`` they may wait for long;
    ///     their replies take memory meanwhile.
    ///   - durability: whether its replies wait until more members than a quorum hold the commands.
    /// - Throws: `overloaded` when there are too many clients (64); `unattainableDurability` when there are not so many members.
    public func client(
        outstanding: Int = 4_096, durability: ReplyDurability = .quorum
    ) throws(TriremeError) -> Client {
        try host.client(outstanding: outstanding, durability: durability, onReplies: nil)
    }

    /// Asks this replica, if it is the sequencer, to let go in favour of another member (PROTOCOL §4).
    public func handOver(to member: Int) { host.handOver(to: member) }

    /// Why the replica ended by itself, if it did.
    public var failure: String? { host.failure }

    /// Ends the replica and waits for its threads. Commands under way get ``TriremeError/Code/outcomeUnknown``.
    public func stop() { host.stop() }
}
