// Bits that change on the way: the datagram is made as the transport makes it, damaged, and judged as a receiver judges it.
import CTrireme
import TriremeCore
import TriremeTransport

/// Room for one datagram, and the judgement of each receiver.
final class Mangler {
    private let origins: [DatagramOrigin]
    private let verifiers: [DatagramVerifier]
    private let bytes: UnsafeMutableRawPointer
    private let capacity: Int

    init(members: Int, batchBytes: Int) {
        let cluster = ClusterID(low: 0x5349_4D55, high: 1)
        origins = (0..<members).map { DatagramOrigin(cluster: cluster, group: 0, me: ReplicaID($0)) }
        verifiers = origins.map {
            DatagramVerifier(origin: $0, members: MemberSet.first(members).bits, batchBytes: batchBytes)
        }
        capacity = max(batchBytes, Limits.datagramHeaderBytes + Limits.controlBodyBytes)
        bytes = .allocate(byteCount: capacity, alignment: 64)
    }
    deinit { bytes.deallocate() }

    /// Whether a payload is what its descriptor says.
    func holds(_ batch: BatchDescriptor, _ payload: UnsafeRawPointer) -> Bool {
        trm_crc32c(0, payload, Int(batch.payloadBytes)) == batch.payloadChecksum
    }

    /// Makes the whole datagram. Returns its length.
    private func make(_ datagram: Datagram) -> Int {
        let origin = origins[datagram.from.index]
        let isBatch = datagram.kind == .batch
        let header = isBatch ? Limits.headerBytes : Limits.datagramHeaderBytes
        (bytes + header).copyMemory(from: datagram.bytes, byteCount: datagram.length)
        if isBatch {
            BatchHeader.write(to: bytes, datagram.batch, from: origin)
        } else {
            DatagramHeader.write(
                to: bytes, datagram.kind, from: origin, lane: datagram.from, payloadBytes: datagram.length)
            DatagramHeader.seal(bytes, count: header + datagram.length)
        }
        return header + datagram.length
    }

    /// Why a receiver refuses the datagram after one or two of its bits changed; `nil` if it takes it.
    func refusal(_ datagram: Datagram, to receiver: Int, random: inout CoreRandom) -> Refusal? {
        let length = make(datagram)
        let bits = UInt64(length) * 8
        let first = random.below(bits)
        let second = (first + 1 + random.below(bits - 1)) % bits
        for bit in random.below(2) == 0 ? [first] : [first, second] {
            let at = bytes + Int(bit / 8)
            at.storeBytes(of: at.load(as: UInt8.self) ^ (1 << UInt8(bit % 8)), as: UInt8.self)
        }
        if case .refused(let reason) = verifiers[receiver].verify(bytes, count: length) { return reason }
        return nil
    }
}

extension Wire {
    /// A copy for one receiver is damaged: it is refused and counted, and nothing of it reaches an engine.
    func mangle(_ index: UInt32, to: Int) {
        counts.flipped += 1
        guard let reason = mangler.refusal(pool[index], to: to, random: &random) else {
            referee.report(
                "replica \(to) takes a \(pool[index].kind) of replica \(pool[index].from) whose bits changed on the way"
            )
            return
        }
        counts.refused[reason.rawValue] += 1
    }
}
