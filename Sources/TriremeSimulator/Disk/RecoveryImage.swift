// What a start makes of a disk: read from equal copies twice, it must be the same, and leave the same bytes (PROTOCOL §9).
import TriremeCore
import TriremeRuntime
import TriremeStorage

enum RecoveryImage {
    /// A sentence if two starts from equal copies of a crashed disk find different things, `nil` if not.
    static func readTwice(_ image: DiskImage, _ scenario: Scenario, _ replica: ReplicaID) -> String? {
        let first = fingerprint(image, scenario, replica)
        let second = fingerprint(image, scenario, replica)
        return first == second ? nil : "replica \(replica): two starts from equal disks find \(first) and \(second)"
    }

    /// A hash over all that a start is told, in order, and over the bytes that it leaves.
    private static func fingerprint(_ image: DiskImage, _ scenario: Scenario, _ replica: ReplicaID) -> String {
        let copy = DiskImage(
            replica: replica, queue: EventQueue(), random: CoreRandom(seed: 1),
            referee: Referee(seed: scenario.seed, queue: EventQueue()), segments: scenario.segments,
            segmentBytes: scenario.segmentBytes)
        copy.files = image.files
        copy.start(incarnation: 1)
        var hash: UInt64 = 0
        do {
            let log = try Log.open(
                SimulatedDisk(copy), identity: scenario.identity(replica), geometry: scenario.geometry,
                members: scenario.members, options: scenario.logOptions
            ) { (event) throws(StorageError) in hash = mixed(hash, Self.hash(of: event)) }
            hash = mixed(hash, log.generation.rawValue)
            hash = mixed(hash, log.endOffset)
        } catch {
            return "\(error)"
        }
        for file in copy.files { hash = file.bytes.withUnsafeBytes { mixed(hash, hashed($0)) } }
        return String(hash, radix: 16)
    }
    private static func hash(of event: RecoveryEvent) -> UInt64 {
        switch event {
        case .snapshot(let snapshot): mixed(1, snapshot.slot)
        case .batch(let batch, let offset, let payload): mixed(hashed(payload, seed: batch.digest), offset)
        case .item(let item): text("\(item)")
        default: text("\(event)")
        }
    }
    private static func text(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { hashed(UnsafeRawBufferPointer($0)) }
    }
}
