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
    /// Commands executed so far: the number of the next one.
    private var executedCommands = 0
    private var outputs: [UInt64] = []
    /// Bytes of a snapshot before its padding.
    private static let stateBytes = 24 + 8 * Registers.count
    package private(set) var snapshots = 0
    package private(set) var restores = 0
    /// The last snapshot, in whole pages.
    private var image: UnsafeMutableRawBufferPointer?

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
    deinit { image?.deallocate() }
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
        if isOwn { ledger.images?.answered(batch, slot: slot, by: replica) }
        ledger.commands.acknowledge(
            bytes, batch: batch, isOwn: isOwn, outputs: outputs, slot: slot, first: executedCommands, by: replica,
            incarnation: incarnation, referee: referee)
        executedCommands += outputs.count
    }

    /// Its whole state as bytes.
    package func snapshot() -> UnsafeRawBufferPointer {
        snapshots += 1
        let length = Self.stateBytes + paddingBytes
        if image == nil {
            let pages = (length + Limits.pageBytes - 1) / Limits.pageBytes * Limits.pageBytes
            image = .allocate(byteCount: pages, alignment: Limits.pageBytes)
            image!.initializeMemory(as: UInt8.self, repeating: 0)
        }
        let bytes = image!
        bytes.storeBytes(of: UInt64(count), as: UInt64.self)
        bytes.storeBytes(of: chain, toByteOffset: 8, as: UInt64.self)
        bytes.storeBytes(of: UInt64(executedCommands), toByteOffset: 16, as: UInt64.self)
        for (i, value) in registers.values.enumerated() {
            bytes.storeBytes(of: value, toByteOffset: 24 + 8 * i, as: UInt64.self)
        }
        for i in 0..<paddingBytes { bytes[Self.stateBytes + i] = Self.padding(chain, i) }
        return UnsafeRawBufferPointer(rebasing: bytes[..<length])
    }
    package func restore(from bytes: UnsafeRawBufferPointer) {
        restores += 1
        guard bytes.count == Self.stateBytes + paddingBytes else {
            referee.report(
                "replica \(replica) is handed a snapshot of \(bytes.count) bytes; it wrote \(Self.stateBytes + paddingBytes)"
            )
            return
        }
        count = Int(truncatingIfNeeded: bytes.loadUnaligned(as: UInt64.self))
        chain = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        executedCommands = Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        for i in 0..<Registers.count {
            registers.values[i] = bytes.loadUnaligned(fromByteOffset: 24 + 8 * i, as: UInt64.self)
        }
        for i in 0..<paddingBytes where bytes[Self.stateBytes + i] != Self.padding(chain, i) {
            referee.report(
                "replica \(replica) is handed a snapshot whose byte \(Self.stateBytes + i) is not what was written")
            return
        }
        ledger.restored(count: count, chain: chain, by: replica)
    }
    private static func padding(_ chain: UInt64, _ i: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (chain >> UInt64(i & 7 * 8)) &+ UInt64(i))
    }
}
