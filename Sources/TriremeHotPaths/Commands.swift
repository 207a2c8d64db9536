// From a client thread to a sealed batch, and from a batch to the state machine.
import CTrireme
import Trireme
import TriremeBench
import TriremeCore
import TriremeRuntime
import TriremeTransport

extension HotPath {
    /// Bytes of a full batch's payload, in whole commands of 64 bytes.
    static let payloadBytes = (Limits.batchBytesMaximum - Limits.headerBytes) / 64 * 64
    static let commands = payloadBytes / 64

    private final class Nobody: ReplySink {
        var wantsReplies: Bool { false }
        var executed = 0
        func executed(count: Int, replies: UnsafeRawBufferPointer) { executed += count }
        func skipped(batches: Int) {}
    }

    /// Page-aligned memory with one batch of the counter service: room for its header, then commands.
    static func batch(from load: inout CounterLoad) -> UnsafeMutableRawPointer {
        let frame = UnsafeMutableRawPointer.allocate(
            byteCount: Limits.batchBytesMaximum, alignment: Limits.pageBytes)
        frame.initializeMemory(as: UInt8.self, repeating: 0, count: Limits.batchBytesMaximum)
        load.fill(frame + Limits.headerBytes, count: commands)
        return frame
    }
    static let origin = DatagramOrigin(
        cluster: TriremeTransport.ClusterID(low: 1, high: 2), group: 0, me: ReplicaID(0))

    static func descriptor(_ payload: UnsafeRawPointer, sequence: UInt64, digest: UInt64) -> BatchDescriptor {
        let checksum = trm_crc32c(0, payload, payloadBytes)
        return BatchDescriptor(
            lane: ReplicaID(0), generation: Generation(epoch: 0, counter: 1), sequence: sequence,
            payloadBytes: UInt32(payloadBytes), payloadChecksum: checksum, count: UInt32(commands), stride: 64,
            digest: BatchDescriptor.chain(digest, checksum: checksum, payloadBytes: UInt32(payloadBytes)))
    }

    /// The client's side and the reactor's, without the wait between them.
    static let append = HotPath(
        "append",
        "a command of 64 bytes is copied into the open batch of a client port, and full batches are taken out",
        operations: 100_000
    ) {
        let pool = BufferPool(batchBytes: Limits.batchBytesMaximum, own: 8, receive: 0, reserve: 0)
        let gateway = ClientGateway(pool: pool, windowBatches: 8, wake: {})
        let port = gateway.makePort(capacity: 1 << 20)!
        var hash: UInt64 = 0
        var command = [UInt8](repeating: 7, count: 64)
        return { operations in
            for number in 0..<operations {
                command[0] = UInt8(truncatingIfNeeded: number)
                while !command.withUnsafeBytes({ port.append($0) }) {
                    while let batch = gateway.poll(now: 0, mustSeal: false, pool: pool) {
                        hash = mix(hash, UInt64(batch.payloadBytes) &+ UInt64(batch.count))
                        hash = mix(hash, pool.payload(batch.buffer).load(fromByteOffset: 4, as: UInt64.self))
                        // Executed, so that the gateway forgets it, and empty again.
                        gateway.executed(count: batch.count, replies: UnsafeRawBufferPointer(start: nil, count: 0))
                        _ = port.drain(limit: batch.count) { _ in }
                        _ = pool.drop(batch.buffer, .filling)
                    }
                }
            }
            return hash
        }
    }

    static let seal = HotPath(
        "seal", "a full batch of 60 KiB gets its checksum, its place in the lane's digest and its header",
        operations: 200
    ) {
        var load = CounterLoad(lane: 0, commandBytes: 64)
        let frame = batch(from: &load)
        var sequence: UInt64 = 0
        var digest: UInt64 = 0
        return { operations in
            for _ in 0..<operations {
                sequence += 1
                frame.storeBytes(of: sequence, toByteOffset: Limits.headerBytes, as: UInt64.self)
                let batch = descriptor(frame + Limits.headerBytes, sequence: sequence, digest: digest)
                digest = batch.digest
                BatchHeader.write(to: frame, batch, from: origin)
            }
            return mix(digest, UnsafeRawPointer(frame).word64(32))
        }
    }

    static let verify = HotPath(
        "verify", "a received batch of 60 KiB is checked in the order of refusal and decoded", operations: 200
    ) {
        var load = CounterLoad(lane: 0, commandBytes: 64)
        let frame = batch(from: &load)
        BatchHeader.write(to: frame, descriptor(frame + Limits.headerBytes, sequence: 1, digest: 0), from: origin)
        var reader = origin
        reader.me = ReplicaID(1)
        let verifier = DatagramVerifier(origin: reader, members: 0b111, batchBytes: Limits.batchBytesMaximum)
        var hash: UInt64 = 0
        return { operations in
            for _ in 0..<operations {
                guard
                    case .batch(let batch, let from) = verifier.verify(frame, count: Limits.headerBytes + payloadBytes)
                else { fatalError("a right batch was refused") }
                hash = mix(hash, batch.digest &+ UInt64(from.rawValue))
            }
            return hash
        }
    }

    static let apply = HotPath(
        "apply",
        "a command of the counter service is executed: a table of 2^19 keys in use, batches of \(commands) commands",
        operations: 100 * commands
    ) {
        var load = CounterLoad(lane: 0, commandBytes: 64)
        // More than the caches hold.
        let frames = (0..<512).map { _ in batch(from: &load) }
        let host = StateMachineHost(AnyStateMachine.make(Counter()), sink: Nobody())
        var next = 0
        return { operations in
            for _ in 0..<operations / commands {
                let frame = frames[next % frames.count]
                next += 1
                host.apply(
                    BatchDescriptor(
                        lane: ReplicaID(0), generation: Generation(epoch: 0, counter: 1), sequence: UInt64(next),
                        payloadBytes: UInt32(payloadBytes), payloadChecksum: 0, count: UInt32(commands), stride: 64,
                        digest: 0),
                    payload: frame + Limits.headerBytes, slot: UInt64(next), timestamp: 0, isOwn: false)
            }
            return host.stateDigest
        }
    }
}
