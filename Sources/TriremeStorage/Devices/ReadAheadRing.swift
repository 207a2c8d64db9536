// Reads under way ahead of a scan, through an io_uring of its own that lives only as long as the scan. Start and tools only.
import CTrireme
import Glibc

/// Belongs to the thread that makes it.
struct ReadAheadRing: ~Copyable {
    /// Two readers of eight pieces (StreamReader).
    private static let capacity = 16
    private let ring: OpaquePointer
    private var results = [Int32?](repeating: nil, count: Self.capacity)
    private var free = Array(0..<Self.capacity)

    /// Nil where the kernel has no ring to give: it is then read without, one after another.
    init?(_ descriptors: [Int32]) {
        var text = [CChar](repeating: 0, count: 512)
        var options = trm_ring_default_options(UInt32(Self.capacity))
        var made: OpaquePointer?
        guard trm_ring_create(&made, &options, &text, text.count) == 0, let made else { return nil }
        guard trm_ring_register_files(made, descriptors, UInt32(descriptors.count)) == 0 else {
            trm_ring_destroy(made)
            return nil
        }
        ring = made
    }
    deinit { trm_ring_destroy(ring) }

    /// Begins a read of a registered file; nil where too many are under way.
    mutating func begin(_ file: Int, _ offset: UInt64, _ into: UnsafeMutableRawBufferPointer) -> Int? {
        guard let slot = free.popLast() else { return nil }
        results[slot] = nil
        guard
            trm_ring_read(ring, UInt32(file), into.baseAddress!, UInt32(into.count), offset, UInt64(slot)) == 0
        else {
            free.append(slot)
            return nil
        }
        _ = trm_ring_submit(ring)
        return slot
    }
    /// Waits for it. Bytes read, or −errno.
    mutating func end(_ slot: Int) -> Int {
        while results[slot] == nil { collect() }
        free.append(slot)
        return Int(results[slot]!)
    }
    private mutating func collect() {
        _ = trm_ring_submit_and_wait(ring, 1, 1_000_000_000)
        var completion = trm_completion()
        while trm_ring_completions(ring, &completion, 1) == 1 { results[Int(completion.token)] = completion.result }
    }

    /// Flushes so many registered files, several at a time. 0 or the first −errno; nil where nothing could be begun. Nothing
    /// else is under way.
    mutating func flush(_ files: Int) -> Int32? {
        var failure: Int32 = 0
        var next = 0
        while next < files {
            let count = min(Self.capacity, files - next)
            for slot in 0..<count {
                results[slot] = nil
                guard trm_ring_fsync(ring, UInt32(next + slot), false, UInt64(slot)) == 0 else { return nil }
            }
            for slot in 0..<count {
                while results[slot] == nil { collect() }
                if failure == 0 { failure = results[slot]! }
            }
            next += count
        }
        return failure
    }
}
