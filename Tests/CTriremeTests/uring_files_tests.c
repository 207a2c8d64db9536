// The ring over files: direct durable writes and reads, with registered memory and without.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "files.h"
#include "harness_ring.h"
#include "host.h"
#include "uring_private.h"

TEST(uring, a_range_belongs_to_one_registered_piece_or_none) {
    trm_ring fake = {.region_base = 0x10000000, .region_bytes = TRM_REGION_PIECE_BYTES + 8192};
#define AT(offset) ((void *)(fake.region_base + (offset)))
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(0), 4096), 0);
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(TRM_REGION_PIECE_BYTES - 4096), 4096), 0);
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(TRM_REGION_PIECE_BYTES - 4096), 4097), -1);
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(TRM_REGION_PIECE_BYTES), 8192), 1);
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(TRM_REGION_PIECE_BYTES), 8193), -1);
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(-1), 1), -1);
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(0), 0), -1);
    CHECK_EQUAL(trm_ring_region_piece(&fake, AT(0), SIZE_MAX), -1);
#undef AT
}

/// The kernel ends a destroyed ring a moment later, and until then its memory counts against the limit
/// of an unprivileged user.
static int register_patiently(trm_ring *ring, const trm_region *region, char *message, size_t capacity) {
    int error = 0;
    for (int tries = 0; tries < 200; tries++) {
        error = trm_ring_register_region(ring, region->base, region->bytes, message, capacity);
        if (error != -ENOMEM) break;
        usleep(10000);
    }
    return error;
}

/// Writes and reads back through a ring with these options: pieces inside and outside the region,
/// one and several.
static void write_and_read(trm_ring_options options, bool with_region, const char *name) {
    char message[512] = "";
    trm_ring *ring = harness_ring(options);
    trm_region_options plain = {.node = -1};
    trm_region region;
    trm_direct_file file;
    REQUIRE(ring && trm_region_map(4 << 20, &plain, &region) == 0);
    REQUIRE(trm_direct_open(harness_path(name), true, &file, message, sizeof message) == 0);
    REQUIRE(trm_file_fill_zero(file.descriptor, 2 << 20, message, sizeof message) == 0);
    int files[] = {-1, -1};
    CHECK_EQUAL(trm_ring_register_files(ring, files, 2), 0);
    CHECK_EQUAL(trm_ring_update_file(ring, 1, file.descriptor), 0);
    if (with_region) {
        CHECK_EQUAL(register_patiently(ring, &region, message, sizeof message), 0);
        CHECK_EQUAL(trm_ring_register_region(ring, region.base, 4096, message, sizeof message), -EINVAL);
        CHECK(trm_ring_features(ring) & TRM_RING_REGION);
    }
    uint8_t *bytes = region.base;
    uint64_t state = 11;
    for (size_t i = 0; i < 1 << 20; i++) bytes[i] = (uint8_t)(harness_random(&state) >> 8);
    void *outside = NULL;
    REQUIRE(posix_memalign(&outside, 4096, 8192) == 0);
    memset(outside, 7, 8192);

    // Several writes in flight, each at its own offset.
    {
        struct iovec one = {bytes, 61440};
        struct iovec several[3] = {{bytes + 65536, 61440}, {bytes + 4096, 4096}, {bytes + 262144, 8192}};
        struct iovec mixed[2] = {{bytes, 4096}, {outside, 8192}};
        struct iovec apart = {outside, 4096};
        CHECK_EQUAL(trm_ring_write(ring, 1, &one, 1, 0, false, 1), 0);
        CHECK_EQUAL(trm_ring_write(ring, 1, several, 3, 65536, true, 2), 0);
        CHECK_EQUAL(trm_ring_write(ring, 1, mixed, 2, 262144, true, 3), 0);
        CHECK_EQUAL(trm_ring_write(ring, 1, &apart, 1, 524288, false, 4), 0);
        CHECK_EQUAL(trm_ring_submit(ring), 4);
        // SUBMIT_STABLE: the arrays may go as soon as they are submitted.
        memset(several, 0xff, sizeof several);
        memset(mixed, 0xff, sizeof mixed);
    }
    const int64_t expected[] = {0, 61440, 61440 + 4096 + 8192, 12288, 4096};
    trm_completion done[4];
    REQUIRE(harness_collect(ring, done, 4));
    for (int i = 0; i < 4; i++) CHECK_EQUAL(done[i].result, expected[done[i].token]);
    uint64_t fixed = !with_region ? 0 : (trm_ring_features(ring) & TRM_RING_WRITEV_FIXED) ? 2 : 1;
    CHECK_EQUAL(trm_ring_statistics(ring).fixed_writes, fixed);
    CHECK_EQUAL(trm_ring_statistics(ring).plain_writes, 4 - fixed);

    uint8_t *back = bytes + (2 << 20);
    CHECK_EQUAL(trm_ring_read(ring, 1, back, 1 << 20, 0, 5), 0);
    CHECK_EQUAL(trm_ring_fsync(ring, 1, true, 6), 0);
    CHECK_EQUAL(trm_ring_read(ring, 1, outside, 8192, 4 << 20, 7), 0);  // beyond the end
    CHECK_EQUAL(trm_ring_read(ring, 0, outside, 4096, 0, 8), 0);        // an empty index
    REQUIRE(harness_collect(ring, done, 4));
    const int64_t read_results[] = {1 << 20, 0, 0, -EBADF};
    for (int i = 0; i < 4; i++) CHECK_EQUAL(done[i].result, read_results[done[i].token - 5]);
    CHECK(memcmp(back, bytes, 61440) == 0);
    CHECK(memcmp(back + 65536, bytes + 65536, 61440) == 0);
    CHECK(memcmp(back + 65536 + 61440, bytes + 4096, 4096) == 0);
    CHECK(memcmp(back + 65536 + 65536, bytes + 262144, 8192) == 0);
    CHECK(memcmp(back + 262144, bytes, 4096) == 0);
    CHECK(back[262144 + 4096] == 7 && back[524288 + 4095] == 7 && back[524288 + 4096] == 0);

    struct iovec odd = {bytes + 1, 4096};  // O_DIRECT minds: the error comes as a result
    CHECK_EQUAL(trm_ring_write(ring, 1, &odd, 1, 100, false, 9), 0);
    REQUIRE(harness_collect(ring, done, 1));
    CHECK_EQUAL(done[0].result, -EINVAL);
    CHECK_EQUAL(trm_ring_write(ring, 1, &odd, 0, 0, false, 9), -EINVAL);
    CHECK_EQUAL(trm_ring_write(ring, 1, &odd, 1025, 0, false, 9), -EINVAL);
    trm_ring_destroy(ring);
    close(file.descriptor);
    free(outside);
    trm_region_unmap(&region);
}

TEST(uring, a_durable_write_asks_for_dsync_and_only_that) {
    trm_ring *ring = harness_ring(trm_ring_default_options(8));
    REQUIRE(ring != NULL);
    char bytes[16];
    struct iovec pieces[2] = {{bytes, 8}, {bytes, 8}};
    for (unsigned count = 1; count <= 2; count++)
        for (int durable = 0; durable < 2; durable++)
            CHECK_EQUAL(trm_ring_write(ring, 0, pieces, count, 0, durable, 1), 0);
    for (int i = 0; i < 4; i++) CHECK_EQUAL(ring->uring.sq.sqes[i].rw_flags, i % 2 ? RWF_DSYNC : 0);
    trm_ring_destroy(ring);
}

TEST(uring, direct_durable_writes_with_the_region) {
    write_and_read(trm_ring_default_options(8), true, "fixed");
}

TEST(uring, direct_durable_writes_without_writev_fixed) {
    trm_ring_options options = trm_ring_default_options(8);
    options.writev_fixed = false;
    write_and_read(options, true, "writev");
}

TEST(uring, direct_durable_writes_without_a_region) {
    write_and_read((trm_ring_options){.entries = 8}, false, "plain");
}
