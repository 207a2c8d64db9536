// What a turn costs besides batches: statuses, cuts, log records, rings, checksums.
import CTrireme
import TriremeCore
import TriremeStorage

extension HotPath {
    private static let members = 3

    private static func cut(_ sequence: UInt64) -> Cut {
        var cut = Cut(epoch: 1)
        cut.timestamp = sequence
        for lane in 0..<members {
            cut[lane] = Position(Generation(epoch: 0, counter: 1), sequence, digest: sequence &* 31)
        }
        return cut
    }

    static let status = HotPath(
        "status", "a status of three members is encoded and decoded", operations: 10_000
    ) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Limits.controlBodyBytes, alignment: 16)
        var status = Status()
        status.sequencing = Ballot(epoch: 1, round: 1, owner: ReplicaID(0))
        var hash: UInt64 = 0
        return { operations in
            for _ in 0..<operations {
                status.number.counter += 1
                status.commitIndex += 1
                for lane in 0..<members {
                    status.received[lane].sequence += 2
                    status.durable[lane].sequence += 1
                    status.received[lane].digest = hash
                }
                var writer = WireWriter(buffer)
                status.encode(into: &writer, members: members)
                guard let read = Status.decode(writer.bytes, members: members) else {
                    fatalError("a status that was just encoded cannot be decoded")
                }
                hash = mix(hash, read.number.counter &+ read.received[2].sequence &+ read.received[1].digest)
            }
            return hash
        }
    }

    static let quorum = HotPath(
        "quorum",
        "fifteen members in five groups of three vote one by one, and after each it is judged whether they decide",
        operations: 100_000
    ) {
        guard
            let quorums = try? Quorums.groups(Quorums.groups(of: 3, count: 5))
        else { preconditionFailure("five groups of three are safe") }
        var order: UInt64 = 1
        var hash: UInt64 = 0
        return { operations in
            var voters = MemberSet()
            for _ in 0..<operations {
                order = order &* 6_364_136_223_846_793_005 &+ 1
                voters.insert(ReplicaID(Int(order >> 33) % 15))
                if quorums.isClassic(voters) {
                    hash = mix(hash, UInt64(voters.bits))
                    voters = MemberSet()
                }
            }
            return hash
        }
    }

    static let cut = HotPath(
        "cut", "a decided cut that is two batches further in each of three lanes becomes its three ranges of batches",
        operations: 10_000
    ) {
        var executor = Executor(members: members, timestampStep: 1_000_000)
        var sequence: UInt64 = 0
        var hash: UInt64 = 0
        return { operations in
            for _ in 0..<operations {
                sequence += 2
                let entry = Entry(cut(sequence))
                while let step = executor.pull({ entry }) {
                    guard case .batches(_, let lane, _, let first, let last, _) = step else { break }
                    hash = mix(hash, first &+ last &+ UInt64(lane.rawValue))
                }
            }
            return mix(hash, executor.slot)
        }
    }

    /// Both kinds of record, as full load makes them: four batches and one vote.
    static let logAppend = HotPath(
        "log append", "a batch of 60 KiB is appended to the log, with a vote for every fourth, over a device of memory",
        operations: 400
    ) {
        var load = CounterFrames()
        var log = Log(
            volatile: MemoryDevice(), identity: LogIdentity(clusterLow: 1, clusterHigh: 2, replica: ReplicaID(0)),
            generation: Generation(epoch: 0, counter: 1), members: members)
        var sequence: UInt64 = 0
        var digest: UInt64 = 0
        var hash: UInt64 = 0
        return { operations in
            for number in 0..<operations {
                sequence += 1
                let frame = load.next()
                let batch = BatchDescriptor(
                    lane: ReplicaID(0), generation: Generation(epoch: 0, counter: 1), sequence: sequence,
                    payloadBytes: UInt32(payloadBytes), payloadChecksum: UInt32(truncatingIfNeeded: sequence),
                    count: UInt32(commands), stride: 64, digest: digest)
                digest = BatchDescriptor.chain(
                    digest, checksum: batch.payloadChecksum, payloadBytes: batch.payloadBytes)
                _ = log.append(batch, frame: frame, buffer: UInt32(number % 64))
                if number % 4 == 3 {
                    _ = log.append(
                        .vote(
                            slot: sequence / 4, ballot: Ballot(epoch: 1, round: 1, owner: ReplicaID(0)), half: .classic,
                            entry: Entry(cut(sequence))))
                }
                log.pump()
                while let event = log.next() {
                    if case .durable(let index) = event { hash = mix(hash, index) }
                }
                hash = mix(hash, UnsafeRawPointer(frame).loadUnaligned(fromByteOffset: 32, as: UInt64.self))
            }
            return mix(hash, log.endOffset)
        }
    }

    static let ringHop = HotPath(
        "ring hop", "an element of 16 bytes goes through a ring of one producer and one consumer", operations: 1_000_000
    ) {
        let ring = UnsafeMutablePointer<trm_spsc>.allocate(capacity: 1)
        ring.initialize(to: trm_spsc())
        let storage = UnsafeMutableRawPointer.allocate(
            byteCount: trm_spsc_storage_bytes(16, 64), alignment: 64)
        trm_spsc_init(ring, storage, 16, 64)
        var hash: UInt64 = 0
        return { operations in
            var element: (UInt64, UInt64) = (0, 0)
            for number in 0..<UInt64(operations) {
                element = (number, hash)
                let pushed = trm_spsc_try_push(ring, &element)
                element = (0, 0)
                guard pushed, trm_spsc_try_pop(ring, &element) else { fatalError("the ring lost an element") }
                hash = mix(element.1, element.0)
            }
            return hash
        }
    }

    static let checksum = HotPath(
        "checksum", "CRC32C of 60 KiB that lie in the cache", operations: 1_000
    ) {
        var load = CounterFrames(count: 1)
        let frame = load.next()
        var crc: UInt32 = 0
        return { operations in
            for _ in 0..<operations { crc = trm_crc32c(crc, frame, Limits.batchBytesMaximum) }
            return UInt64(crc)
        }
    }
}
