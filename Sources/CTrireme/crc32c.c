// CRC32C: the choice among implementations, made once before main, and combination of checksums.
#include "crc32c.h"

#include "crc32c_private.h"

uint32_t trm_crc32c_multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit != 0; bit >>= 1) {
        if (a & bit) product ^= b;
        b = (b >> 1) ^ ((b & 1) ? TRM_CRC32C_POLYNOMIAL : 0);
    }
    return product;
}

uint32_t trm_crc32c_power(uint64_t exponent) {
    uint32_t power = 1u << 31, square = 1u << 30;  // x^0 and x^1
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1) power = trm_crc32c_multiply(power, square);
        square = trm_crc32c_multiply(square, square);
    }
    return power;
}

uint32_t trm_crc32c_shift[2 * TRM_CRC32C_LANE_WORDS + 1];

void trm_crc32c_shift_prepare(void) {
    // To move a remainder across w words means to multiply by x^(64w). Of this the 8-byte step gives
    // x^32, and a carry-less product in reflected order gives x.
    for (uint64_t w = 1; w <= 2 * TRM_CRC32C_LANE_WORDS; w++)
        trm_crc32c_shift[w] = trm_crc32c_power(64 * w - 33);
}

static trm_crc32c_function chosen = trm_crc32c_table;
static const char *chosen_name = "table";

__attribute__((constructor)) static void choose(void) {
    trm_crc32c_table_prepare();
    trm_crc32c_shift_prepare();
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (trm_crc32c_avx512_usable()) trm_crc32c_avx512_prepare();
#endif
    static const char *const best_first[] = {"avx512", "sse4.2", "armv8"};
    for (size_t i = 0; i < sizeof best_first / sizeof *best_first; i++) {
        trm_crc32c_function function = trm_crc32c_named(best_first[i]);
        if (!function) continue;
        chosen = function;
        chosen_name = best_first[i];
        return;
    }
}

trm_crc32c_function trm_crc32c_named(const char *name) {
    if (strcmp(name, "table") == 0) return trm_crc32c_table;
#if defined(__x86_64__)
    if (strcmp(name, "avx512") == 0 && trm_crc32c_avx512_usable()) return trm_crc32c_avx512;
    if (strcmp(name, "sse4.2") == 0 && trm_crc32c_sse42_usable()) return trm_crc32c_sse42;
#elif defined(__aarch64__)
    if (strcmp(name, "armv8") == 0 && trm_crc32c_armv8_usable()) return trm_crc32c_armv8;
#endif
    return NULL;
}

uint32_t trm_crc32c(uint32_t seed_crc, const void *data, size_t bytes) {
    return chosen(seed_crc, data, bytes);
}

const char *trm_crc32c_implementation(void) { return chosen_name; }

uint32_t trm_crc32c_combine(uint32_t first_crc, uint32_t second_crc, uint64_t second_bytes) {
    return trm_crc32c_multiply(first_crc, trm_crc32c_power(8 * second_bytes)) ^ second_crc;
}
