// What the implementations of CRC32C share: arithmetic with polynomials modulo P, and their names.
//
// Reflected order throughout, as the instructions have it: bit 31 of a word is the coefficient of
// x^0. Functions ending in `_raw` leave out the inversion before and after.
#ifndef TRM_CRC32C_PRIVATE_H
#define TRM_CRC32C_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TRM_CRC32C_POLYNOMIAL 0x82f63b78u

/// x^exponent modulo P.
uint32_t trm_crc32c_power(uint64_t exponent);

/// a times b modulo P.
uint32_t trm_crc32c_multiply(uint32_t a, uint32_t b);

// Each family: whether this processor has it, preparation of its constants (once, before use), and
// the function.
#if defined(__x86_64__)
bool trm_crc32c_sse42_usable(void);
bool trm_crc32c_avx512_usable(void);
void trm_crc32c_avx512_prepare(void);
uint32_t trm_crc32c_sse42_raw(uint32_t crc, const uint8_t *data, size_t bytes);
uint32_t trm_crc32c_sse42(uint32_t seed, const void *data, size_t bytes);
uint32_t trm_crc32c_avx512(uint32_t seed, const void *data, size_t bytes);
#elif defined(__aarch64__)
bool trm_crc32c_armv8_usable(void);
uint32_t trm_crc32c_armv8(uint32_t seed, const void *data, size_t bytes);
#endif

void trm_crc32c_table_prepare(void);
uint32_t trm_crc32c_table(uint32_t seed, const void *data, size_t bytes);

/// Longest lane of the three-way loop, in 8-byte words. Longer ones gain nothing in cache and lose from
/// memory (measured).
#define TRM_CRC32C_LANE_WORDS 64

/// Entry w: the constant that moves a remainder across w words (see crc32c_threeway.h).
extern uint32_t trm_crc32c_shift[2 * TRM_CRC32C_LANE_WORDS + 1];
void trm_crc32c_shift_prepare(void);

static inline uint64_t trm_crc32c_word(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

#endif
