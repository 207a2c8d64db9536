// What was worked out once: from two numbers to a third.

/// A map from pairs of words to a word that is not 0. It only grows.
struct PairTable: ~Copyable {
    private var keys: UnsafeMutablePointer<UInt64>
    private var values: UnsafeMutablePointer<UInt32>
    private var mask: Int
    private(set) var count = 0

    init() {
        mask = (1 << 12) - 1
        keys = .allocate(capacity: mask + 1)
        values = .allocate(capacity: mask + 1)
        values.initialize(repeating: 0, count: mask + 1)
    }
    deinit {
        keys.deallocate()
        values.deallocate()
    }

    private func place(_ key: UInt64) -> Int {
        var place = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask
        while values[place] != 0, keys[place] != key { place = (place + 1) & mask }
        return place
    }
    /// 0 where nothing is known.
    subscript(_ first: UInt32, _ second: UInt32) -> UInt32 {
        get { values[place(UInt64(first) << 32 | UInt64(second))] }
        set {
            precondition(newValue != 0)
            let key = UInt64(first) << 32 | UInt64(second)
            let place = place(key)
            if values[place] == 0 { count += 1 }
            keys[place] = key
            values[place] = newValue
            if count * 3 > mask * 2 { grow() }
        }
    }
    private mutating func grow() {
        let (oldKeys, oldValues, oldMask) = (keys, values, mask)
        mask = mask * 2 + 1
        keys = .allocate(capacity: mask + 1)
        values = .allocate(capacity: mask + 1)
        values.initialize(repeating: 0, count: mask + 1)
        for i in 0...oldMask where oldValues[i] != 0 {
            let place = place(oldKeys[i])
            keys[place] = oldKeys[i]
            values[place] = oldValues[i]
        }
        oldKeys.deallocate()
        oldValues.deallocate()
    }
}
