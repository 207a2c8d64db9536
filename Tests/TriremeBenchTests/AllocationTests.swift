import CAllocations
import Glibc
import Testing

@Suite struct AllocationTests {
    /// Every way to the heap is counted, on whatever thread; giving back is not.
    @Test func everyAllocationIsCounted() {
        guard trm_allocations() != .max else { return }  // Under a sanitizer nothing is.
        func counted(_ body: () -> Void) -> UInt64 {
            let before = trm_allocations()
            body()
            return trm_allocations() - before
        }
        var kept: [UnsafeMutableRawPointer?] = []
        kept.reserveCapacity(5_000)
        // Other tests run meanwhile: at least so many.
        #expect(counted { for _ in 0..<1_000 { kept.append(malloc(24)) } } >= 1_000)
        #expect(counted { for _ in 0..<1_000 { kept.append(calloc(3, 8)) } } >= 1_000)
        #expect(counted { for _ in 0..<1_000 { kept.append(aligned_alloc(64, 128)) } } >= 1_000)
        #expect(
            counted {
                for _ in 0..<1_000 {
                    var memory: UnsafeMutableRawPointer?
                    _ = posix_memalign(&memory, 4_096, 100)
                    kept.append(memory)
                }
            } >= 1_000)
        #expect(kept.allSatisfy { $0 != nil })
        #expect(Int(bitPattern: kept[3_500]) % 4_096 == 0 && Int(bitPattern: kept[2_500]) % 64 == 0)
        kept[0] = realloc(kept[0], 100_000)
        for memory in kept { free(memory) }
        var refused: UnsafeMutableRawPointer?
        #expect(posix_memalign(&refused, 24, 100) == EINVAL && refused == nil)
    }
}
