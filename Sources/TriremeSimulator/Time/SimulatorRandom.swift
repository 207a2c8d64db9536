// Chance: everything that a run leaves open is drawn from generators forked off its seed.
import TriremeCore

extension CoreRandom {
    /// True with a probability of `perMillion` in a million.
    package mutating func chance(_ perMillion: UInt32) -> Bool { below(1_000_000) < UInt64(perMillion) }
    /// Uniform in `range`, both ends included.
    package mutating func between(_ low: UInt64, _ high: UInt64) -> UInt64 { low + below(high - low + 1) }
    package mutating func between(_ low: Int, _ high: Int) -> Int { low + Int(below(UInt64(high - low + 1))) }
    package mutating func pick<T>(_ choices: [T]) -> T { choices[Int(below(UInt64(choices.count)))] }
    /// A generator of its own, so that one part's draws do not shift another's.
    package mutating func fork() -> CoreRandom { CoreRandom(seed: next()) }
    /// Mostly near `typical`, now and then up to sixteen times as much: waiting times have tails.
    package mutating func tailed(_ typical: UInt64) -> UInt64 {
        var bound = typical
        while bound < typical &* 16, below(8) == 0 { bound &*= 2 }
        return typical / 2 + below(bound + 1)
    }
}

/// One step of the hash that checkers chain over what they saw. Not for adversaries.
@inlinable package func mixed(_ hash: UInt64, _ word: UInt64) -> UInt64 {
    var h = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
    h ^= h >> 32
    return h &* 0xD6E8_FEB8_6659_FD93
}

/// A hash of bytes, eight at a time.
package func hashed(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
    var h = seed ^ UInt64(bytes.count)
    var i = 0
    while i + 8 <= bytes.count {
        h = mixed(h, bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self))
        i += 8
    }
    var rest: UInt64 = 0
    while i < bytes.count {
        rest = rest << 8 | UInt64(bytes[i])
        i += 1
    }
    return mixed(h, rest)
}
