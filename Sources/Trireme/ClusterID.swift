// The name of a cluster: what tells its datagrams and its logs from those of every other.

/// 128 bits, best random.
public struct ClusterID: Hashable, Sendable, CustomStringConvertible, LosslessStringConvertible {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From 32 hexadecimal digits; hyphens are ignored, so that a UUID is one too. `nil` for anything else.
    public init?(_ description: String) {
        let digits = description.utf8.filter { $0 != UInt8(ascii: "-") }
        guard digits.count == 32 else { return nil }
        let text = String(decoding: digits, as: UTF8.self)
        guard text.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }), let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// A new one.
    public static func random() -> ClusterID {
        ClusterID(high: .random(in: .min ... .max), low: .random(in: 1 ... .max))
    }

    /// 32 hexadecimal digits.
    public var description: String { Self.hex(high) + Self.hex(low) }

    private static func hex(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
