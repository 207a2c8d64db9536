import CAllocations
import Glibc
import Testing

@Suite struct AllocationTests {
    /// Every way to the heap is counted, by the thread that goes it and for the process; giving back is not.
    @Test func everyAllocationIsCounted() {
        guard trm_allocations() != .max else { return }  // Under a sanitizer nothing is.
        let calls = 1_000
        let kept = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: calls)
        defer { kept.deallocate() }
        func counted(_ name: String, _ body: () -> UnsafeMutableRawPointer?) {
            let here = trm_thread_allocations()
            let all = trm_allocations()
            for call in 0..<calls { kept[call] = body() }
            #expect(trm_thread_allocations() - here == UInt64(calls), "\(name)")
            // Other tests run meanwhile.
            #expect(trm_allocations() - all >= UInt64(calls), "\(name)")
            for call in 0..<calls {
                #expect(kept[call] != nil, "\(name)")
                free(kept[call])
            }
        }
        counted("malloc") { malloc(24) }
        counted("calloc") { calloc(3, 8) }
        counted("realloc") { realloc(nil, 24) }
        counted("aligned_alloc") { aligned_alloc(64, 128) }
        counted("posix_memalign") {
            var memory: UnsafeMutableRawPointer?
            _ = posix_memalign(&memory, 4_096, 100)
            return memory
        }
        let before = trm_thread_allocations()
        free(nil)
        #expect(trm_thread_allocations() == before)
    }

    @Test func alignmentIsAsAsked() {
        for alignment in [16, 64, 4_096] {
            var memory: UnsafeMutableRawPointer?
            #expect(posix_memalign(&memory, alignment, 100) == 0 && Int(bitPattern: memory) % alignment == 0)
            free(memory)
        }
        var refused: UnsafeMutableRawPointer?
        #expect(posix_memalign(&refused, 24, 100) == EINVAL && refused == nil)
    }
}
