// The io_uring of a measurement, with memory that it knows: as a reactor has it.
import CTrireme
import Glibc

/// Belongs to the thread that makes it.
struct LimitRing: ~Copyable {
    let ring: OpaquePointer
    let memory: UnsafeMutableRawPointer
    private var region: trm_region

    init(bytes: Int, files: [Int32]) throws {
        var message = [CChar](repeating: 0, count: 512)
        var options = trm_ring_default_options(1_024)
        options.cq_entries = 8_192
        var ring: OpaquePointer?
        guard trm_ring_create(&ring, &options, &message, message.count) == 0, let ring else {
            throw BenchError(Self.text(message))
        }
        var region = trm_region()
        var regionOptions = trm_region_options(node: -1, huge_table: false, shared: false)
        let mapped = trm_region_map(bytes, &regionOptions, &region)
        guard mapped == 0, let memory = region.base else {
            trm_ring_destroy(ring)
            throw BenchError(
                "\(bytes >> 20) MiB of buffers could not be mapped (\(String(cString: strerror(-mapped))))")
        }
        _ = trm_raise_locked_memory_limit()
        // Without it writes cost more, as in a replica.
        _ = trm_ring_register_region(ring, memory, region.bytes, &message, message.count)
        let registered = trm_ring_register_files(ring, files, UInt32(files.count))
        guard registered == 0 else {
            trm_ring_destroy(ring)
            trm_region_unmap(&region)
            throw BenchError("io_uring cannot register \(files.count) files (errno \(-registered)); raise ulimit -n")
        }
        self.ring = ring
        self.memory = memory
        self.region = region
    }
    deinit {
        trm_ring_destroy(ring)
        var region = region
        trm_region_unmap(&region)
    }

    /// Hands over what is queued, and sleeps until something is complete or the time has passed.
    func wait(milliseconds: Int) {
        _ = trm_ring_submit_and_wait(ring, milliseconds > 0 ? 1 : 0, Int64(milliseconds) * 1_000_000)
    }
    /// Calls `body` for everything that is complete.
    func completions(_ body: (trm_completion) -> Void) {
        withUnsafeTemporaryAllocation(of: trm_completion.self, capacity: 256) { found in
            while true {
                let count = Int(trm_ring_completions(ring, found.baseAddress!, 256))
                for index in 0..<count { body(found[index]) }
                if count < 256 { return }
            }
        }
    }

    static func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
