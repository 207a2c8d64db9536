// A cut: one position per lane (PROTOCOL §2). Its size is the same at any load.

/// One position per lane, a timestamp and the epoch that it was made in. Cuts form a lattice under ``join(_:)``.
///
/// A plain value of fixed size (about 400 bytes) without references; lanes beyond the configuration are empty.
package struct Cut: Sendable {
    package var positions: InlineArray<16, Position>
    /// Microseconds since 1970, proposed by the sequencer's clock; execution makes it monotone and bounds its steps.
    package var timestamp: UInt64
    package var epoch: UInt32

    @inlinable package init(epoch: UInt32 = 0) {
        positions = InlineArray(repeating: .empty)
        timestamp = 0
        self.epoch = epoch
    }
    @inlinable package subscript(lane: Int) -> Position {
        get { positions[lane] }
        set { positions[lane] = newValue }
    }
    /// The component-wise maximum, and the later timestamp. Cost: one pass over the lanes.
    package mutating func join(_ other: Cut) {
        for lane in 0..<Limits.members where positions[lane] < other.positions[lane] {
            positions[lane] = other.positions[lane]
        }
        timestamp = max(timestamp, other.timestamp)
        epoch = max(epoch, other.epoch)
    }
    /// Whether every position of `other` is at or below this cut's.
    package func covers(_ other: Cut) -> Bool {
        for lane in 0..<Limits.members where positions[lane] < other.positions[lane] { return false }
        return true
    }
}

extension Cut: Equatable {
    package static func == (a: Cut, b: Cut) -> Bool {
        guard a.timestamp == b.timestamp, a.epoch == b.epoch else { return false }
        for lane in 0..<Limits.members where a.positions[lane] != b.positions[lane] { return false }
        return true
    }
}

/// What a slot decides: a cut or nothing. (A configuration is the third kind; its number is reserved.)
package struct Entry: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case nothing = 0
        case cut = 1
        case configuration = 2
    }
    package var kind: Kind
    package var cut: Cut

    @inlinable package init(_ cut: Cut) {
        kind = .cut
        self.cut = cut
    }
    @inlinable package init() {
        kind = .nothing
        cut = Cut()
    }
    @inlinable package static var nothing: Entry { Entry() }
}
