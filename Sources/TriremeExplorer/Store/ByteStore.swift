// Every distinct string of bytes once, under a dense number: states, sets of messages, messages.

/// Numbers strings of bytes from 0 on, in the order in which they come. Equal bytes get equal numbers, exactly: what is found by its
/// hash is compared.
final class ByteStore {
    private var bytes: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var ends: [UInt64] = []
    private var table: UnsafeMutablePointer<UInt32>
    private var mask: Int
    private static let empty = UInt32.max

    init() {
        capacity = 1 << 16
        bytes = .allocate(capacity: capacity)
        mask = (1 << 10) - 1
        table = .allocate(capacity: mask + 1)
        table.initialize(repeating: Self.empty, count: mask + 1)
    }
    deinit {
        bytes.deallocate()
        table.deallocate()
    }

    var count: Int { ends.count }
    var byteCount: Int { Int(ends.last ?? 0) }

    subscript(_ number: UInt32) -> UnsafeBufferPointer<UInt8> {
        let start = number == 0 ? 0 : Int(ends[Int(number) - 1])
        return UnsafeBufferPointer(start: bytes + start, count: Int(ends[Int(number)]) - start)
    }

    /// The number of `string`, and whether it is new.
    func insert(_ string: UnsafeBufferPointer<UInt8>) -> (number: UInt32, isNew: Bool) {
        var place = Self.hash(string) & mask
        while table[place] != Self.empty {
            let known = self[table[place]]
            if known.count == string.count,
                string.isEmpty || memoryEquals(known.baseAddress!, string.baseAddress!, string.count)
            {
                return (table[place], false)
            }
            place = (place + 1) & mask
        }
        let number = UInt32(ends.count)
        precondition(number < Self.empty, "more states than numbers")
        table[place] = number
        append(string)
        if ends.count * 3 > mask * 2 { grow() }
        return (number, true)
    }

    private func append(_ string: UnsafeBufferPointer<UInt8>) {
        let end = byteCount + string.count
        if end > capacity {
            while capacity < end { capacity *= 2 }
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
            larger.update(from: bytes, count: byteCount)
            bytes.deallocate()
            bytes = larger
        }
        if let base = string.baseAddress { (bytes + byteCount).update(from: base, count: string.count) }
        ends.append(UInt64(end))
    }

    private func grow() {
        table.deallocate()
        mask = mask * 2 + 1
        table = .allocate(capacity: mask + 1)
        table.initialize(repeating: Self.empty, count: mask + 1)
        for number in 0..<UInt32(ends.count) {
            var place = Self.hash(self[number]) & mask
            while table[place] != Self.empty { place = (place + 1) & mask }
            table[place] = number
        }
    }

    private static func hash(_ string: UnsafeBufferPointer<UInt8>) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: UnsafeRawBufferPointer(string))
        return hasher.finalize()
    }
    private func memoryEquals(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        for i in 0..<count where a[i] != b[i] { return false }
        return true
    }
}

extension ByteStore {
    func insert(_ string: [UInt8]) -> (number: UInt32, isNew: Bool) {
        string.withUnsafeBufferPointer { insert($0) }
    }
    /// Words as bytes.
    func insert(words: UnsafeBufferPointer<UInt32>) -> (number: UInt32, isNew: Bool) {
        words.withMemoryRebound(to: UInt8.self) { insert($0) }
    }
    /// The string as words.
    func words(_ number: UInt32) -> [UInt32] {
        let bytes = UnsafeRawBufferPointer(self[number])
        return stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self) }
    }
}
