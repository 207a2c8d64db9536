// The hot paths as closures, for the package in Benchmarks: what they call is `package`, which other packages do not see.
// A product of its own, so that whoever embeds Trireme builds nothing of it.

/// One hot path, made ready to be run.
public struct HotPath: Sendable {
    public let name: String
    /// What is done once per operation.
    public let about: String
    /// Operations in one measured step: enough to be well above the clock's resolution.
    public let operations: Int
    /// Makes the state that it works on, and returns what does so many operations and a hash of all that came out.
    public let make: @Sendable () -> (_ operations: Int) -> UInt64

    init(
        _ name: String, _ about: String, operations: Int, make: @escaping @Sendable () -> (Int) -> UInt64
    ) {
        self.name = name
        self.about = about
        self.operations = operations
        self.make = make
    }

    /// All of them, in the order of a command's way.
    public static var all: [HotPath] {
        [.append, .seal, .verify, .logAppend, .status, .quorum, .cut, .apply, .ringHop, .checksum]
    }

    /// Mixes a value into a hash, so that no part of the work can be left out.
    @inline(__always)
    static func mix(_ hash: UInt64, _ value: UInt64) -> UInt64 { (hash ^ value) &* 0x9E37_79B9_7F4A_7C15 }
}
