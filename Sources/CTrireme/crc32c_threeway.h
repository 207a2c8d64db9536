// CRC32C with an instruction that takes 8 bytes: included once per instruction set, which defines
//   TRM_CRC_TARGET            function attribute that allows the instructions
//   trm_crc_step8(crc, word)  the instruction on 8 bytes, trm_crc_step1 on one
//   trm_crc_carryless(a, b)   carry-less product of two 32-bit words
//
// The instruction has a latency of three cycles and a throughput of one, so three lanes run side by
// side. They are joined by x^(8·L): the product of a remainder with the constant for w words is 64
// bits wide, and is fed into the last step of the third lane instead of being reduced by itself.

TRM_CRC_TARGET static uint32_t three_lanes(uint32_t crc, const uint8_t *data, size_t words) {
    uint64_t a = crc, b = 0, c = 0;
    const uint8_t *second = data + words * 8, *third = second + words * 8;
    size_t last = words - 1;
    for (size_t i = 0; i < last; i++) {
        a = trm_crc_step8(a, trm_crc32c_word(data + 8 * i));
        b = trm_crc_step8(b, trm_crc32c_word(second + 8 * i));
        c = trm_crc_step8(c, trm_crc32c_word(third + 8 * i));
    }
    a = trm_crc_step8(a, trm_crc32c_word(data + 8 * last));
    b = trm_crc_step8(b, trm_crc32c_word(second + 8 * last));
    uint64_t moved = trm_crc_carryless((uint32_t)a, trm_crc32c_shift[2 * words]) ^
                     trm_crc_carryless((uint32_t)b, trm_crc32c_shift[words]);
    return (uint32_t)trm_crc_step8(c, trm_crc32c_word(third + 8 * last) ^ moved);
}

TRM_CRC_TARGET static uint32_t three_way(uint32_t crc, const uint8_t *data, size_t bytes) {
    const size_t longest = 3 * 8 * TRM_CRC32C_LANE_WORDS;
    while (bytes >= longest) {
        // Three streams confuse the processor's own prefetching (half the speed from memory), so the
        // next block is asked for, in order. Past the end this fetches a few lines in vain; it never faults.
        for (size_t line = 0; line < longest; line += 64) __builtin_prefetch(data + longest + line);
        crc = three_lanes(crc, data, TRM_CRC32C_LANE_WORDS);
        data += longest;
        bytes -= longest;
    }
    // Below about 72 bytes joining costs more than it saves.
    if (bytes >= 72) {
        size_t words = bytes / 24;
        crc = three_lanes(crc, data, words);
        data += words * 24;
        bytes -= words * 24;
    }
    uint64_t wide = crc;
    for (; bytes >= 8; bytes -= 8, data += 8) wide = trm_crc_step8(wide, trm_crc32c_word(data));
    crc = (uint32_t)wide;
    for (; bytes > 0; bytes--, data++) crc = trm_crc_step1(crc, *data);
    return crc;
}
