// What all processors together copy and check, in pieces of a batch.
import CTrireme
import Glibc

enum MemoryLimit {
    private static let seconds = 0.4
    /// Far more than the caches hold, so that bytes come from memory and go there.
    private static let copiedBytes = 64 << 20
    /// As much as a replica has under way: what is checked has just been received.
    private static let checkedBytes = 2 << 20

    /// Bytes a second copied from memory to memory.
    static func copy(batchBytes: Int) throws -> Double {
        try measure(memoryBytes: 2 * copiedBytes) { memory, done in
            let pieces = copiedBytes / batchBytes
            memcpy(memory + copiedBytes + done % pieces * batchBytes, memory + done % pieces * batchBytes, batchBytes)
            return batchBytes
        }
    }

    /// Bytes a second through CRC32C as the engine computes it.
    static func checksum(batchBytes: Int) throws -> Double {
        try measure(memoryBytes: checkedBytes) { memory, done in
            let pieces = checkedBytes / batchBytes
            // The result must be wanted, or the call would go.
            let checksum = trm_crc32c(UInt32(truncatingIfNeeded: done), memory + done % pieces * batchBytes, batchBytes)
            return checksum == 0 && done < 0 ? 0 : batchBytes
        }
    }

    /// - Parameter step: does one piece, the so manieth, and returns its bytes.
    private static func measure(
        memoryBytes: Int, _ step: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Int
    ) throws -> Double {
        let rates = try Workers.run(Int(trm_cpu_count())) { _ -> Double? in
            var region = trm_region()
            var options = trm_region_options(node: -1, huge_table: false, shared: false)
            guard trm_region_map(memoryBytes, &options, &region) == 0, let base = region.base else { return nil }
            defer { trm_region_unmap(&region) }
            // Written once, so that every page has a place of its own.
            memset(base, 1, memoryBytes)
            let start = trm_monotonic_nanoseconds()
            let end = start + UInt64(seconds * 1e9)
            var bytes = 0
            var done = 0
            var now = start
            while now < end {
                for _ in 0..<16 {
                    bytes += step(base, done)
                    done += 1
                }
                now = trm_monotonic_nanoseconds()
            }
            return Double(bytes) / (Double(now - start) / 1e9)
        }
        guard !rates.contains(nil) else {
            throw BenchError(
                "\(memoryBytes >> 20) MiB for each processor could not be mapped: free memory, or leave --limits out")
        }
        return rates.reduce(0) { $0 + $1! }
    }
}
