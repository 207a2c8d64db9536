// The log's own memory: pages for items, and for superblocks and snapshot headers on their way. Taken once; the
// runtime may hand it in so that it lies in the region that io_uring knows.
import TriremeCore

struct LogMemory: ~Copyable {
    /// Two for the superblock copies that are being written, one for a snapshot's header.
    static let extraPages = 3
    let base: UnsafeMutableRawPointer
    private let owned: Bool
    private let pages: Int
    private let free: UnsafeMutablePointer<UInt32>
    private(set) var freeCount: Int

    static func bytes(_ options: LogOptions) -> Int { (options.itemPages + extraPages) * Limits.pageBytes }

    init(_ options: LogOptions, given: UnsafeMutableRawBufferPointer?) {
        let bytes = Self.bytes(options)
        if let given {
            precondition(given.count >= bytes, "log memory: \(given.count) bytes given, \(bytes) needed")
            base = given.baseAddress!
            owned = false
        } else {
            base = .allocate(byteCount: bytes, alignment: Limits.pageBytes)
            owned = true
        }
        precondition(Int(bitPattern: base) % Limits.pageBytes == 0, "log memory is not page-aligned")
        base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        pages = options.itemPages
        free = .allocate(capacity: pages)
        for i in 0..<pages { (free + i).initialize(to: UInt32(pages - 1 - i)) }
        freeCount = pages
    }
    deinit {
        free.deallocate()
        if owned { base.deallocate() }
    }
    func page(_ i: UInt32) -> UnsafeMutableRawPointer { base + Int(i) * Limits.pageBytes }
    var superblock: UnsafeMutableRawPointer { page(UInt32(pages)) }
    var snapshotHeader: UnsafeMutableRawPointer { page(UInt32(pages + 2)) }

    mutating func take() -> UInt32? {
        guard freeCount > 0 else { return nil }
        freeCount -= 1
        return free[freeCount]
    }
    mutating func giveBack(_ page: UInt32) {
        free[freeCount] = page
        freeCount += 1
    }
}
