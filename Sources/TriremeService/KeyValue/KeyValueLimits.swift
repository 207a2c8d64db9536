// The bounds of the key-value service. The state machine's own must be the same at every replica.

/// What a key-value service accepts. A command that exceeds a limit is answered with an error and changes nothing.
package struct KeyValueLimits: Sendable, Equatable {
    /// Most bytes of a key.
    package var keyBytes = 65_536
    /// Most bytes of a value, also of one that grew by APPEND.
    package var valueBytes = 48 * 1_024
    /// Most bytes of memory for keys and values. Beyond it, commands that may need more are refused as Redis refuses them.
    package var memoryBytes = Int.max
    /// Most bytes of one reply. Values are bounded, but one MGET may ask for thousands of them.
    package var replyBytes = 1 << 20

    package init() {}
}
