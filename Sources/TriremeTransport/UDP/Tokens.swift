// The tokens of this network's submissions in the ring that it shares with storage.

/// Layout of a token: class in the top byte, kind in the next, index in the low half.
package enum TransportToken {
    /// Completions whose token has this top byte belong to ``UDPNetwork/complete(_:)``.
    package static let ringClass: UInt64 = 0x01

    enum Kind: UInt64 {
        case receive = 0
        case sendControl = 1
        case sendBatch = 2
    }

    @inlinable package static func isOurs(_ token: UInt64) -> Bool { token >> 56 == ringClass }
    static func make(_ kind: Kind, _ index: Int) -> UInt64 {
        ringClass << 56 | kind.rawValue << 48 | UInt64(UInt32(truncatingIfNeeded: index))
    }
    static func kind(of token: UInt64) -> Kind? { Kind(rawValue: token >> 48 & 0xFF) }
    static func index(of token: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: token)) }
}
