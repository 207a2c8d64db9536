// CRC32C: published vectors, and every implementation against the table.
#include <stdlib.h>

#include "crc32c.h"
#include "harness.h"

static const char *const names[] = {"table", "sse4.2", "avx512", "armv8"};
enum { NAMES = 4 };

TEST(crc32c, vectors_of_rfc_3720) {
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    for (int i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    const uint8_t read_command[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0};
    for (int k = 0; k < NAMES; k++) {
        trm_crc32c_function crc = trm_crc32c_named(names[k]);
        if (!crc) continue;
        CHECK_EQUAL(crc(0, zeros, 32), 0x8a9136aa);
        CHECK_EQUAL(crc(0, ones, 32), 0x62a8ab43);
        CHECK_EQUAL(crc(0, up, 32), 0x46dd794e);
        CHECK_EQUAL(crc(0, down, 32), 0x113fdb5c);
        CHECK_EQUAL(crc(0, read_command, 48), 0xd9963a56);
        CHECK_EQUAL(crc(0, "123456789", 9), 0xe3069283);
        CHECK_EQUAL(crc(0, "", 0), 0);
    }
}

TEST(crc32c, one_implementation_is_chosen) {
    trm_crc32c_function chosen = trm_crc32c_named(trm_crc32c_implementation());
    REQUIRE(chosen != NULL);
    CHECK_EQUAL(trm_crc32c(7, "abc", 3), chosen(7, "abc", 3));
    CHECK(trm_crc32c_named("no such") == NULL);
    printf("    uses %s\n", trm_crc32c_implementation());
}

/// Compares all implementations on exactly `bytes` bytes at an odd address; reading further is a
/// fault under AddressSanitizer.
static void compare(size_t bytes, uint64_t *state) {
    size_t offset = harness_random(state) % 64;
    uint8_t *block = malloc(offset + bytes + 1), *data = block + offset;
    REQUIRE(block != NULL);
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(harness_random(state) >> 24);
    uint8_t *exact = realloc(block, offset + bytes ? offset + bytes : 1);
    REQUIRE(exact != NULL);
    data = exact + offset;
    uint32_t seed = (uint32_t)harness_random(state);
    uint32_t expected = trm_crc32c_named("table")(seed, data, bytes);
    for (int k = 1; k < NAMES; k++) {
        trm_crc32c_function crc = trm_crc32c_named(names[k]);
        if (crc) CHECK_EQUAL(crc(seed, data, bytes), expected);
    }
    free(exact);
}

TEST(crc32c, all_lengths_to_1024_at_random_offsets) {
    uint64_t state = 1;
    for (size_t bytes = 0; bytes <= 1024; bytes++)
        for (int round = 0; round < 4; round++) compare(bytes, &state);
}

TEST(crc32c, long_inputs_around_the_block_sizes) {
    uint64_t state = 2;
    const size_t around[] = {2048, 4096, 6144, 8192, 12288, 61440, 61568, 65536};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++)
        for (size_t bytes = around[i] - 9; bytes <= around[i] + 9; bytes++) compare(bytes, &state);
    for (int i = 0; i < 50; i++) compare(harness_random(&state) % 200000, &state);
}

TEST(crc32c, pieces_and_combination_give_the_whole) {
    uint64_t state = 3;
    uint8_t data[3000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(harness_random(&state) >> 16);
    uint32_t whole = trm_crc32c(0, data, sizeof data);
    for (int round = 0; round < 300; round++) {
        size_t cut = harness_random(&state) % (sizeof data + 1);
        uint32_t first = trm_crc32c(0, data, cut);
        uint32_t second = trm_crc32c(0, data + cut, sizeof data - cut);
        CHECK_EQUAL(trm_crc32c(first, data + cut, sizeof data - cut), whole);
        CHECK_EQUAL(trm_crc32c_combine(first, second, sizeof data - cut), whole);
    }
}

TEST(crc32c, every_flipped_bit_of_a_header_is_seen) {
    uint8_t header[128];
    for (int i = 0; i < 128; i++) header[i] = (uint8_t)(i * 37);
    uint32_t good = trm_crc32c(0, header, sizeof header);
    for (int bit = 0; bit < 1024; bit++) {
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(trm_crc32c(0, header, sizeof header) != good);
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
