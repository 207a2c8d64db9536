// Load for the key-value service: SET and GET by turns, on as many keys as the counter service has.
import Trireme
import TriremeBench
import TriremeService

/// Writes encoded commands. A SET has the length asked for; a GET is as short as it is.
final class KeyValueSource: LoadSource {
    static let keyBytes = 16
    /// Least bytes of a SET: the encoded header, two lengths, the key.
    static let commandBytesMinimum = 4 + 2 * 4 + keyBytes

    private let keys: UInt64
    /// Keys that are written in turn before any other command.
    private var filling: Range<UInt64>
    private let valueBytes: Int
    private let value: UnsafeMutableRawBufferPointer
    private let key: UnsafeMutableRawBufferPointer
    private var encoder: KeyValueEncoder
    private var random: UInt64
    private var written: UInt64 = 0

    init(lane: Int, commandBytes: Int, keys: UInt64 = 1 << 19, filling: Range<UInt64> = 0..<0) {
        self.keys = keys
        self.filling = filling
        valueBytes = commandBytes - Self.commandBytesMinimum
        value = .allocate(byteCount: max(1, valueBytes), alignment: 8)
        key = .allocate(byteCount: Self.keyBytes, alignment: 8)
        encoder = KeyValueEncoder(bytesMaximum: commandBytes + 64)
        random = 88_172_645_463_325_252 &* UInt64(lane + 1)
        for place in 0..<value.count { value[place] = UInt8(truncatingIfNeeded: 33 + place % 90) }
        for (place, byte) in "key:000000000000".utf8.enumerated() { key[place] = byte }
    }
    deinit {
        value.deallocate()
        key.deallocate()
    }

    var stride: Int { 0 }
    private var pairBytes: Int {
        CommandLayout.footprint(Self.commandBytesMinimum + valueBytes) + CommandLayout.footprint(4 + 4 + Self.keyBytes)
    }
    func count(fitting bytes: Int) -> Int {
        filling.isEmpty
            ? bytes / pairBytes * 2 : bytes / CommandLayout.footprint(Self.commandBytesMinimum + valueBytes)
    }

    func fill(_ target: UnsafeMutableRawPointer, count: Int) -> Int {
        var offset = 0
        for _ in 0..<count {
            let fills = !filling.isEmpty
            if fills { setKey(filling.removeFirst()) } else { setKey(nextRandom() % keys) }
            if fills || written % 2 == 0 {
                encoder.begin(.set, count: 2)
                encoder.add(UnsafeRawBufferPointer(key))
                encoder.add(UnsafeRawBufferPointer(rebasing: value[..<valueBytes]))
            } else {
                encoder.begin(.get, count: 1)
                encoder.add(UnsafeRawBufferPointer(key))
            }
            offset += CommandLayout.store(encoder.command, at: target + offset)
            written &+= 1
        }
        return offset
    }

    private func nextRandom() -> UInt64 {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        return random
    }
    /// The key in digits, as redis-benchmark writes them.
    private func setKey(_ key: UInt64) {
        var number = key
        for place in stride(from: Self.keyBytes - 1, to: 3, by: -1) {
            self.key[place] = UInt8(truncatingIfNeeded: 48 + number % 10)
            number /= 10
        }
    }
    private func stride(from: Int, to: Int, by: Int) -> StrideTo<Int> { Swift.stride(from: from, to: to, by: by) }
}

extension BenchService {
    /// The key-value service that `trireme serve` runs.
    static let keyValue = BenchService(
        name: "kv", wantsReplies: true, commandBytesMinimum: KeyValueSource.commandBytesMinimum,
        // The keys of the load with their values, once all of them are there.
        stateBytes: 64 << 20, machine: { KeyValueStore() },
        source: { KeyValueSource(lane: $0, commandBytes: $1) })
}

extension StateService {
    /// The same, over as many keys as are asked for.
    static let keyValue = StateService(
        keyBytes: 8 + KeyValueSource.keyBytes, machine: { KeyValueStore() },
        source: { lane, keys, valueBytes, filling in
            KeyValueSource(
                lane: lane, commandBytes: KeyValueSource.commandBytesMinimum + valueBytes, keys: keys, filling: filling)
        })
}
