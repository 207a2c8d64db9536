// CRC32C by tables, eight bytes a step, for processors without an instruction for it; and the
// reference for the others' tests.
#include "crc32c_private.h"

static uint32_t table[8][256];

void trm_crc32c_table_prepare(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) ? TRM_CRC32C_POLYNOMIAL : 0);
        table[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (uint32_t byte = 0; byte < 256; byte++)
            table[k][byte] = (table[k - 1][byte] >> 8) ^ table[0][table[k - 1][byte] & 255];
}

uint32_t trm_crc32c_table(uint32_t seed, const void *data, size_t bytes) {
    const uint8_t *at = data;
    uint32_t crc = ~seed;
    for (; bytes >= 8; bytes -= 8, at += 8) {
        // Little-endian only, as all of Trireme's formats.
        uint64_t word = trm_crc32c_word(at) ^ crc;
        crc = 0;
        for (int k = 0; k < 8; k++) crc ^= table[7 - k][(word >> (8 * k)) & 255];
    }
    for (; bytes > 0; bytes--, at++) crc = (crc >> 8) ^ table[0][(crc ^ *at) & 255];
    return ~crc;
}
