// Every distinct state of the whole once, under a dense number.

/// Numbers tuples of `width` words from 0 on, in the order in which they come. Four bytes a word, and eight to twelve for the table.
final class WordStore {
    let width: Int
    private(set) var count = 0
    private var words: UnsafeMutablePointer<UInt32>
    private var capacity = 1 << 12
    private var table: UnsafeMutablePointer<UInt32>
    private var mask = (1 << 13) - 1
    private static let empty = UInt32.max

    init(width: Int) {
        self.width = width
        words = .allocate(capacity: capacity * width)
        table = .allocate(capacity: mask + 1)
        table.initialize(repeating: Self.empty, count: mask + 1)
    }
    deinit {
        words.deallocate()
        table.deallocate()
    }

    /// In place until the next insertion.
    subscript(_ number: UInt32) -> UnsafePointer<UInt32> { UnsafePointer(words + Int(number) * width) }

    /// Whether the tuple is new; it has the number `count - 1` then.
    func insert(_ tuple: UnsafePointer<UInt32>) -> Bool {
        var place = hash(tuple) & mask
        while table[place] != Self.empty {
            if equals(words + Int(table[place]) * width, tuple) { return false }
            place = (place + 1) & mask
        }
        precondition(count < Int(Self.empty), "more states than numbers")
        table[place] = UInt32(count)
        if count == capacity { growWords() }
        (words + count * width).update(from: tuple, count: width)
        count += 1
        if count * 2 > mask { growTable() }
        return true
    }

    private func growWords() {
        capacity *= 2
        let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: capacity * width)
        larger.update(from: words, count: count * width)
        words.deallocate()
        words = larger
    }
    private func growTable() {
        table.deallocate()
        mask = mask * 2 + 1
        table = .allocate(capacity: mask + 1)
        table.initialize(repeating: Self.empty, count: mask + 1)
        for number in 0..<count {
            var place = hash(words + number * width) & mask
            while table[place] != Self.empty { place = (place + 1) & mask }
            table[place] = UInt32(number)
        }
    }

    /// Each word is mixed into 64 bits and multiplied through; equality is judged by the words.
    private func hash(_ tuple: UnsafePointer<UInt32>) -> Int {
        var h: UInt64 = 0
        for i in 0..<width {
            h = (h ^ UInt64(tuple[i])) &* 0x9E37_79B9_7F4A_7C15
            h ^= h >> 29
        }
        return Int(truncatingIfNeeded: h >> 8)
    }
    private func equals(_ a: UnsafePointer<UInt32>, _ b: UnsafePointer<UInt32>) -> Bool {
        for i in 0..<width where a[i] != b[i] { return false }
        return true
    }
}
