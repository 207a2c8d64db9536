// CRC32C with ARMv8's instruction, three lanes joined by PMULL.
#include "crc32c_private.h"

#if defined(__aarch64__)
#include <arm_acle.h>
#include <arm_neon.h>
#include <sys/auxv.h>

#if defined(__clang__)
#define TRM_CRC_TARGET __attribute__((target("crc,aes")))
#else
#define TRM_CRC_TARGET __attribute__((target("+crc+crypto")))
#endif

TRM_CRC_TARGET static inline uint64_t trm_crc_step8(uint64_t crc, uint64_t word) {
    return __crc32cd((uint32_t)crc, word);
}

TRM_CRC_TARGET static inline uint32_t trm_crc_step1(uint32_t crc, uint8_t byte) {
    return __crc32cb(crc, byte);
}

TRM_CRC_TARGET static inline uint64_t trm_crc_carryless(uint32_t a, uint32_t b) {
    return (uint64_t)vmull_p64((poly64_t)a, (poly64_t)b);
}

#include "crc32c_threeway.h"

bool trm_crc32c_armv8_usable(void) {
    const unsigned long pmull = 1ul << 4, crc32 = 1ul << 7;  // HWCAP_PMULL, HWCAP_CRC32
    return (getauxval(AT_HWCAP) & (pmull | crc32)) == (pmull | crc32);
}

uint32_t trm_crc32c_armv8(uint32_t seed, const void *data, size_t bytes) {
    return ~three_way(~seed, data, bytes);
}
#endif
