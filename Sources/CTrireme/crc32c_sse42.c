// CRC32C with SSE4.2's instruction, three lanes joined by PCLMULQDQ. Every x86 server since 2010.
#include "crc32c_private.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TRM_CRC_TARGET __attribute__((target("sse4.2,pclmul")))

TRM_CRC_TARGET static inline uint64_t trm_crc_step8(uint64_t crc, uint64_t word) {
    return _mm_crc32_u64(crc, word);
}

TRM_CRC_TARGET static inline uint32_t trm_crc_step1(uint32_t crc, uint8_t byte) {
    return _mm_crc32_u8(crc, byte);
}

TRM_CRC_TARGET static inline uint64_t trm_crc_carryless(uint32_t a, uint32_t b) {
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)a), _mm_cvtsi32_si128((int)b), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#include "crc32c_threeway.h"

bool trm_crc32c_sse42_usable(void) {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

uint32_t trm_crc32c_sse42_raw(uint32_t crc, const uint8_t *data, size_t bytes) {
    return three_way(crc, data, bytes);
}

uint32_t trm_crc32c_sse42(uint32_t seed, const void *data, size_t bytes) {
    return ~three_way(~seed, data, bytes);
}
#endif
