// The state machine of a simulated replica: a hash chained over all that it executes, checked at every step.
import TriremeCore
import TriremeRuntime

package final class RecordingApplication: Application {
    package let replica: ReplicaID
    package let incarnation: Int
    private let ledger: Ledger
    private let referee: Referee
    private let trace: Trace?
    /// Bytes that a snapshot has beyond its numbers, so that it spans pages and may be torn.
    private let paddingBytes: Int
    package private(set) var count = 0
    package private(set) var chain: UInt64 = 0
    private var registers = Registers()
    /// Its clients that wait for more than a quorum's copies.
    package let answers = HeldAnswers()
    /// Commands executed so far: the number of the next one.
    private var executedCommands = 0
    private var outputs: [UInt64] = []
    /// Bytes of a snapshot before its padding.
    private static let stateBytes = 24 + 8 * Registers.count
    package private(set) var snapshots = 0
    package private(set) var restores = 0
    /// The snapshot that is being written, and how much of it is; the one that is being read.
    private var writing: [UInt8] = []
    private var written = 0
    private var reading: [UInt8] = []

    package init(
        replica: ReplicaID, incarnation: Int, ledger: Ledger, referee: Referee, paddingBytes: Int, trace: Trace? = nil
    ) {
        self.replica = replica
        self.incarnation = incarnation
        self.ledger = ledger
        self.referee = referee
        self.paddingBytes = paddingBytes
        self.trace = trace
    }
    package var stateDigest: UInt64 { chain }

    package func apply(
        _ batch: BatchDescriptor, payload: UnsafeRawPointer, slot: UInt64, timestamp: UInt64, isOwn: Bool
    ) {
        let bytes = UnsafeRawBufferPointer(start: payload, count: Int(batch.payloadBytes))
        chain = mixed(chain, hashed(bytes, seed: batch.digest))
        chain = mixed(chain, slot &* 31 &+ timestamp)
        ledger.executed(
            batch, bytes, slot: slot, timestamp: timestamp, chain: chain, count: count, by: replica)
        count += 1
        outputs.removeAll(keepingCapacity: true)
        _ = CommandBook.forEach(bytes, count: Int(batch.count), stride: Int(batch.stride)) { command in
            guard command.count >= 8 else { return outputs.append(0) }
            outputs.append(registers.execute(command.loadUnaligned(as: UInt64.self)))
        }
        let first = executedCommands
        executedCommands += outputs.count
        guard isOwn else {
            return ledger.commands.acknowledge(
                bytes, batch: batch, isOwn: false, by: replica, incarnation: incarnation, referee: referee)
        }
        answers.executed(batch.sequence) { [self, payload = Array(bytes), outputs] copies in
            ledger.images?.answered(batch, slot: slot, copies: copies, by: replica)
            payload.withUnsafeBytes {
                ledger.commands.acknowledge(
                    $0, batch: batch, isOwn: true, outputs: outputs, slot: slot, first: first, by: replica,
                    incarnation: incarnation, referee: referee)
            }
        }
    }

    package func skipOwn(batches count: Int) {}

    // MARK: Snapshots

    /// Numbers, registers and padding as they were when the snapshot began.
    package func beginSnapshot() {
        snapshots += 1
        written = 0
        writing = bytes
    }
    package func continueSnapshot(
        into memory: UnsafeMutableRawBufferPointer
    ) -> (bytes: Int, isFinished: Bool) {
        // Now and then less than there is room for.
        let bytes = min(memory.count, writing.count - written, 1 + Int(mixed(chain, UInt64(written)) % 6_000))
        memory.copyBytes(from: writing[written..<written + bytes])
        written += bytes
        return (bytes, written == writing.count)
    }
    package func endSnapshot() {
        // In the middle too: a full disk has no room for the rest.
        writing = []
        written = 0
    }
    package var snapshotBacklogBytes: Int { 0 }

    package func beginRestore() { reading = [] }
    package func restore(_ piece: UnsafeRawBufferPointer, isLast: Bool) {
        reading.append(contentsOf: piece)
        guard isLast else { return }
        restores += 1
        guard reading.count == Self.stateBytes + paddingBytes else {
            referee.report(
                "replica \(replica) is handed a snapshot of \(reading.count) bytes; it wrote \(Self.stateBytes + paddingBytes)"
            )
            return
        }
        reading.withUnsafeBytes { bytes in
            count = Int(truncatingIfNeeded: bytes.loadUnaligned(as: UInt64.self))
            chain = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            executedCommands = Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            for i in 0..<Registers.count {
                registers.values[i] = bytes.loadUnaligned(fromByteOffset: 24 + 8 * i, as: UInt64.self)
            }
        }
        guard reading == bytes else {
            referee.report("replica \(replica) is handed a snapshot that is not what was written")
            return
        }
        reading = []
        ledger.restored(count: count, chain: chain, by: replica)
    }
    /// The whole state as a snapshot holds it.
    private var bytes: [UInt8] {
        var result = [UInt8](repeating: 0, count: Self.stateBytes)
        result.withUnsafeMutableBytes {
            $0.storeBytes(of: UInt64(count), as: UInt64.self)
            $0.storeBytes(of: chain, toByteOffset: 8, as: UInt64.self)
            $0.storeBytes(of: UInt64(executedCommands), toByteOffset: 16, as: UInt64.self)
            for (i, value) in registers.values.enumerated() {
                $0.storeBytes(of: value, toByteOffset: 24 + 8 * i, as: UInt64.self)
            }
        }
        for i in 0..<paddingBytes { result.append(Self.padding(chain, i)) }
        return result
    }
    private static func padding(_ chain: UInt64, _ i: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (chain >> UInt64(i & 7 * 8)) &+ UInt64(i))
    }
}
