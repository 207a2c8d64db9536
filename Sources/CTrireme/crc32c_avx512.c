// CRC32C by folding with VPCLMULQDQ, 64 bytes an instruction (Gopal and others, "Fast CRC
// computation using PCLMULQDQ"). Ice Lake, Zen 4 and later. Short inputs go the SSE4.2 way.
#include "crc32c_private.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLDING __attribute__((target("avx512f,avx512vl,avx512bw,vpclmulqdq,pclmul,sse4.2")))

// The first loads take this much; there it is already the faster way (measured).
#define SHORTEST 256

// To fold 16 bytes across D bits means to multiply its earlier half by x^(D+64) and its later half by
// x^D. A 32-bit constant in the low half of a 64-bit operand stands for its product with x^32, and a
// carry-less product in reflected order for its product with x: so x^(D+31) and x^(D-33).
typedef struct fold {
    uint64_t earlier, later;
} fold;

static fold across_256, across_64, across_lanes[4];

static fold fold_across(uint64_t bytes) {
    fold result = {trm_crc32c_power(8 * bytes + 31), trm_crc32c_power(8 * bytes - 33)};
    return result;
}

void trm_crc32c_avx512_prepare(void) {
    across_256 = fold_across(256);
    across_64 = fold_across(64);
    for (uint64_t lane = 0; lane < 3; lane++) across_lanes[lane] = fold_across(48 - 16 * lane);
    // The last lane stays where it is: zeros, and it is added by itself.
    across_lanes[3] = (fold){0, 0};
}

bool trm_crc32c_avx512_usable(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("vpclmulqdq") &&
           trm_crc32c_sse42_usable();
}

FOLDING static inline __m512i constant(fold f) {
    return _mm512_broadcast_i32x4(_mm_set_epi64x((long long)f.later, (long long)f.earlier));
}

FOLDING static inline __m512i folded(__m512i value, __m512i by, __m512i onto) {
    __m512i earlier = _mm512_clmulepi64_epi128(value, by, 0x00);
    __m512i later = _mm512_clmulepi64_epi128(value, by, 0x11);
    return _mm512_ternarylogic_epi64(earlier, later, onto, 0x96);  // exclusive or of three
}

FOLDING static uint32_t fold_all(uint32_t crc, const uint8_t *data, size_t bytes) {
    __m512i a = _mm512_loadu_si512(data), b = _mm512_loadu_si512(data + 64);
    __m512i c = _mm512_loadu_si512(data + 128), d = _mm512_loadu_si512(data + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
    data += 256;
    bytes -= 256;

    __m512i by = constant(across_256);
    for (; bytes >= 256; bytes -= 256, data += 256) {
        a = folded(a, by, _mm512_loadu_si512(data));
        b = folded(b, by, _mm512_loadu_si512(data + 64));
        c = folded(c, by, _mm512_loadu_si512(data + 128));
        d = folded(d, by, _mm512_loadu_si512(data + 192));
    }
    by = constant(across_64);
    d = folded(folded(folded(a, by, b), by, c), by, d);
    for (; bytes >= 64; bytes -= 64, data += 64) d = folded(d, by, _mm512_loadu_si512(data));

    __m512i joined = folded(d, _mm512_loadu_si512(across_lanes), _mm512_setzero_si512());
    __m128i sum = _mm_xor_si128(
        _mm_xor_si128(_mm512_castsi512_si128(joined), _mm512_extracti32x4_epi32(joined, 1)),
        _mm_xor_si128(_mm512_extracti32x4_epi32(joined, 2), _mm512_extracti32x4_epi32(d, 3)));
    // The instruction on 16 bytes that begin from 0 is their remainder, which is what is wanted.
    uint64_t rest = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(sum));
    rest = _mm_crc32_u64(rest, (uint64_t)_mm_extract_epi64(sum, 1));
    return trm_crc32c_sse42_raw((uint32_t)rest, data, bytes);
}

uint32_t trm_crc32c_avx512(uint32_t seed, const void *data, size_t bytes) {
    if (bytes < SHORTEST) return trm_crc32c_sse42(seed, data, bytes);
    return ~fold_all(~seed, data, bytes);
}
#endif
