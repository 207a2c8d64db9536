// Datagrams through the ring: loopback multicast into provided buffers, GSO and GRO.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "files.h"
#include "harness.h"
#include "host.h"
#include "net.h"
#include "uring.h"

enum { RECEIVER, SENDER, LOG, FILES, BUFFERS = 4, STRIDE = 96 << 10 };

static const uint32_t loopback = 0x7f000001, group = 0xef4d6305;  // 239.77.99.5
static const uint16_t buffer_group = 3;

/// One ring with a receiver and a sender of one multicast group.
typedef struct bench {
    trm_ring *ring;
    trm_buffers *buffers;
    trm_region region;
    uint32_t shape;
    uint32_t buffer_bytes;
    int descriptors[FILES];
} bench;

/// A buffer starts so that its payload lies on a page boundary.
static uint8_t *buffer_of(bench *b, int identifier) {
    return (uint8_t *)b->region.base + (size_t)identifier * STRIDE + 4096 - trm_receive_prefix_bytes(b->shape);
}

static void provide(bench *b, int identifier) {
    trm_buffers_add(b->buffers, buffer_of(b, identifier), b->buffer_bytes, (uint16_t)identifier);
}

static bool open_bench(bench *b, uint32_t shape, uint32_t buffer_bytes, bool gro, uint16_t segment_bytes) {
    char message[512] = "";
    *b = (bench){.shape = shape, .buffer_bytes = buffer_bytes, .descriptors = {-1, -1, -1}};
    trm_ring_options ring_options = trm_ring_default_options(32);
    trm_region_options region_options = {.node = -1};
    if (trm_ring_create(&b->ring, &ring_options, message, sizeof message) < 0 ||
        trm_region_map((size_t)BUFFERS * STRIDE, &region_options, &b->region) < 0)
        goto refused;
    trm_udp_options in = {.interface_index = 1, .interface_address = loopback, .groups = &group,
                          .group_count = 1, .reuse_address = true, .gro = gro,
                          .arrival_times = (shape & TRM_RECEIVE_TIME) != 0,
                          .receive_buffer_bytes = 4 << 20};
    b->descriptors[RECEIVER] = trm_udp_open(&in, message, sizeof message);
    trm_udp_buffers granted = {0};
    trm_udp_granted(b->descriptors[RECEIVER], &granted);
    trm_udp_options out = {.interface_index = 1, .interface_address = loopback, .loop = true,
                           .connect_address = group, .connect_port = granted.port,
                           .segment_bytes = segment_bytes, .send_buffer_bytes = 4 << 20};
    b->descriptors[SENDER] = trm_udp_open(&out, message, sizeof message);
    if (b->descriptors[RECEIVER] < 0 || b->descriptors[SENDER] < 0) goto refused;
    int error = trm_ring_register_files(b->ring, b->descriptors, FILES);
    if (error == 0) trm_ring_register_region(b->ring, b->region.base, b->region.bytes, message, sizeof message);
    b->buffers = trm_ring_buffers_create(b->ring, buffer_group, BUFFERS, &error);
    if (!b->buffers) goto refused;
    for (int i = 0; i < BUFFERS; i++) provide(b, i);
    trm_buffers_publish(b->buffers);
    return trm_ring_receive_multishot(b->ring, RECEIVER, buffer_group, shape, 1) == 0;
refused:
    harness_fail(__FILE__, __LINE__, message);
    return false;
}

static void close_bench(bench *b) {
    trm_ring_destroy(b->ring);
    for (int i = 0; i < FILES; i++)
        if (b->descriptors[i] >= 0) close(b->descriptors[i]);
    trm_region_unmap(&b->region);
}

/// The next completion with this token; others are dropped.
static bool next(bench *b, uint64_t token, trm_completion *out) {
    for (int tries = 0; tries < 100; tries++) {
        if (trm_ring_completions(b->ring, out, 1) == 1) {
            if (out->token == token) return true;
            continue;
        }
        if (trm_ring_submit_and_wait(b->ring, 1, 100000000) < 0) return false;
    }
    return false;
}

static void send_message(bench *b, const void *first, size_t first_bytes, const void *second,
                         size_t second_bytes) {
    struct iovec pieces[2] = {{(void *)first, first_bytes}, {(void *)second, second_bytes}};
    struct msghdr header = {.msg_iov = pieces, .msg_iovlen = second_bytes ? 2 : 1};
    CHECK_EQUAL(trm_ring_sendmsg(b->ring, SENDER, &header, 0, 2), 0);
    CHECK(trm_ring_submit(b->ring) >= 0);
    memset(&header, 0xff, sizeof header);  // SUBMIT_STABLE
    memset(pieces, 0xff, sizeof pieces);
    trm_completion sent;
    REQUIRE(next(b, 2, &sent));
    CHECK_EQUAL(sent.result, first_bytes + second_bytes);
}

TEST(receive, prefixes_fit_the_kernel_layout) {
    CHECK_EQUAL(trm_receive_prefix_bytes(0), 16);
    CHECK_EQUAL(trm_receive_prefix_bytes(TRM_RECEIVE_SOURCE), 32);
    CHECK_EQUAL(trm_receive_prefix_bytes(TRM_RECEIVE_SEGMENTS), 40);
    CHECK_EQUAL(trm_receive_prefix_bytes(TRM_RECEIVE_SOURCE | TRM_RECEIVE_SEGMENTS), 56);
    CHECK_EQUAL(trm_receive_prefix_bytes(TRM_RECEIVE_TIME), 48);
    CHECK_EQUAL(trm_receive_prefix_bytes(TRM_RECEIVE_SEGMENTS | TRM_RECEIVE_TIME), 72);
    trm_received received;
    char little[64] = {0};
    for (uint32_t shape = 0; shape < 8; shape++)
        CHECK_EQUAL(trm_receive_parse(little, (uint32_t)trm_receive_prefix_bytes(shape) - 1, shape, &received),
                    -EBADMSG);
}

/// A batch: header apart, as the sender has it, received page-aligned and written as it lies.
TEST(receive, a_multicast_batch_lands_page_aligned_and_goes_to_the_log) {
    for (uint32_t shape = 0; shape < 8; shape++) {
        bench b;
        REQUIRE(open_bench(&b, shape, 66000, (shape & TRM_RECEIVE_SEGMENTS) != 0, 0));
        const uint64_t before = trm_realtime_nanoseconds();
        uint8_t frame[128], *body = malloc(61312);
        REQUIRE(body != NULL);
        for (int i = 0; i < 128; i++) frame[i] = (uint8_t)i;
        for (int i = 0; i < 61312; i++) body[i] = (uint8_t)(i * 31 + shape);
        CHECK(trm_ring_submit(b.ring) >= 0);
        send_message(&b, frame, sizeof frame, body, 61312);

        trm_completion arrived;
        trm_received received;
        REQUIRE(next(&b, 1, &arrived));
        REQUIRE(arrived.result > 0 && arrived.more && arrived.buffer >= 0);
        uint8_t *buffer = buffer_of(&b, arrived.buffer);
        REQUIRE(trm_receive_parse(buffer, (uint32_t)arrived.result, shape, &received) == 0);
        CHECK_EQUAL(received.payload_bytes, 61440);
        CHECK_EQUAL((uintptr_t)received.payload % 4096, 0);
        CHECK_EQUAL(received.segment_bytes, 0);
        CHECK(!received.truncated);
        CHECK(memcmp(received.payload, frame, 128) == 0);
        CHECK(memcmp((uint8_t *)received.payload + 128, body, 61312) == 0);
        CHECK_EQUAL(received.source_address, shape & TRM_RECEIVE_SOURCE ? loopback : 0);
        CHECK_EQUAL(received.source_port != 0, (shape & TRM_RECEIVE_SOURCE) != 0);
        if (shape & TRM_RECEIVE_TIME) {
            CHECK(received.arrival_nanoseconds >= before);
            CHECK(received.arrival_nanoseconds <= trm_realtime_nanoseconds());
        } else {
            CHECK_EQUAL(received.arrival_nanoseconds, 0);
        }

        char message[256] = "", name[16];
        snprintf(name, sizeof name, "log%u", shape);
        trm_direct_file log;
        REQUIRE(trm_direct_open(harness_path(name), true, &log, message, sizeof message) == 0);
        b.descriptors[LOG] = log.descriptor;
        CHECK_EQUAL(trm_ring_update_file(b.ring, LOG, log.descriptor), 0);
        struct iovec piece = {received.payload, received.payload_bytes};
        CHECK_EQUAL(trm_ring_write(b.ring, LOG, &piece, 1, 0, true, 3), 0);
        trm_completion written;
        REQUIRE(next(&b, 3, &written));
        CHECK_EQUAL(written.result, 61440);
        // An unprivileged user's limit may be taken by the ring before, which the kernel ends later.
        CHECK_EQUAL(trm_ring_statistics(b.ring).fixed_writes,
                    (trm_ring_features(b.ring) & TRM_RING_REGION) != 0);
        free(body);
        close_bench(&b);
    }
}

TEST(receive, an_empty_group_ends_it_and_it_can_be_armed_again) {
    bench b;
    REQUIRE(open_bench(&b, 0, 2048, false, 0));
    CHECK(trm_ring_submit(b.ring) >= 0);
    char text[16];
    for (int i = 0; i < BUFFERS + 2; i++) {
        int length = snprintf(text, sizeof text, "datagram %d", i);
        CHECK_EQUAL(send(b.descriptors[SENDER], text, (size_t)length, 0), length);
    }
    trm_completion c;
    trm_received received;
    for (int i = 0; i < BUFFERS + 2; i++) {
        REQUIRE(next(&b, 1, &c));
        if (c.result == -ENOBUFS) {
            CHECK_EQUAL(i, BUFFERS);
            CHECK(!c.more && c.buffer == -1);
            for (int k = 0; k < BUFFERS; k++) provide(&b, k);
            trm_buffers_publish(b.buffers);
            CHECK_EQUAL(trm_ring_receive_multishot(b.ring, RECEIVER, buffer_group, 0, 1), 0);
            REQUIRE(next(&b, 1, &c));
        }
        REQUIRE(c.buffer >= 0);
        REQUIRE(trm_receive_parse(buffer_of(&b, c.buffer), (uint32_t)c.result, 0, &received) == 0);
        int length = snprintf(text, sizeof text, "datagram %d", i);
        CHECK_EQUAL(received.payload_bytes, length);
        CHECK(memcmp(received.payload, text, (size_t)length) == 0);
    }
    close_bench(&b);
}

TEST(receive, a_datagram_longer_than_its_buffer_is_marked) {
    bench b;
    REQUIRE(open_bench(&b, 0, 1024, false, 0));
    static char long_text[3000];
    CHECK(trm_ring_submit(b.ring) >= 0);
    CHECK_EQUAL(send(b.descriptors[SENDER], long_text, sizeof long_text, 0), sizeof long_text);
    trm_completion c;
    trm_received received;
    REQUIRE(next(&b, 1, &c) && c.buffer >= 0);
    CHECK_EQUAL(trm_receive_parse(buffer_of(&b, c.buffer), (uint32_t)c.result, 0, &received), 0);
    CHECK(received.truncated);
    CHECK(received.payload_bytes <= 1024 - 16);
    close_bench(&b);
}

enum { SEGMENT = 1400, SEGMENTED = 10 * SEGMENT + 100 };

static void send_segments(bench *b) {
    static uint8_t bytes[SEGMENTED];
    for (int i = 0; i < SEGMENTED; i++) bytes[i] = (uint8_t)(i / SEGMENT * 7 + i);
    CHECK(trm_ring_submit(b->ring) >= 0);
    send_message(b, bytes, 700, bytes + 700, SEGMENTED - 700);  // an iovec need not end with a segment
}

TEST(receive, gso_and_gro_make_a_round_trip) {
    bench b;
    const uint32_t shape = TRM_RECEIVE_SOURCE | TRM_RECEIVE_SEGMENTS | TRM_RECEIVE_TIME;
    REQUIRE(open_bench(&b, shape, 66000, true, SEGMENT));
    send_segments(&b);
    trm_completion c;
    trm_received received;
    REQUIRE(next(&b, 1, &c) && c.buffer >= 0);
    REQUIRE(trm_receive_parse(buffer_of(&b, c.buffer), (uint32_t)c.result, shape, &received) == 0);
    CHECK_EQUAL(received.payload_bytes, SEGMENTED);
    CHECK_EQUAL(received.segment_bytes, SEGMENT);
    CHECK_EQUAL(received.source_address, loopback);
    for (int i = 0; i < SEGMENTED; i++)
        CHECK_EQUAL(((uint8_t *)received.payload)[i], (uint8_t)(i / SEGMENT * 7 + i));
    close_bench(&b);
}

TEST(receive, gso_without_gro_arrives_in_segments) {
    bench b;
    REQUIRE(open_bench(&b, 0, 2048, false, SEGMENT));
    send_segments(&b);
    trm_completion c;
    trm_received received;
    for (int i = 0; i < 11; i++) {
        REQUIRE(next(&b, 1, &c));
        if (c.result == -ENOBUFS) {
            CHECK_EQUAL(trm_ring_receive_multishot(b.ring, RECEIVER, buffer_group, 0, 1), 0);
            REQUIRE(next(&b, 1, &c));
        }
        REQUIRE(c.buffer >= 0);
        CHECK_EQUAL(trm_receive_parse(buffer_of(&b, c.buffer), (uint32_t)c.result, 0, &received), 0);
        CHECK_EQUAL(received.payload_bytes, i < 10 ? SEGMENT : 100);
        CHECK_EQUAL(*(uint8_t *)received.payload, (uint8_t)(i * 7 + i * SEGMENT));
        provide(&b, c.buffer);
        trm_buffers_publish(b.buffers);
    }
    close_bench(&b);
}

TEST(receive, buffer_rings_of_bad_sizes_are_refused) {
    trm_ring_options options = trm_ring_default_options(8);
    char message[256] = "";
    trm_ring *ring = NULL;
    int error = 0;
    REQUIRE(trm_ring_create(&ring, &options, message, sizeof message) == 0);
    const uint32_t bad[] = {0, 3, 65536};
    for (int i = 0; i < 3; i++) {
        CHECK(trm_ring_buffers_create(ring, 1, bad[i], &error) == NULL);
        CHECK_EQUAL(error, -EINVAL);
    }
    CHECK(trm_ring_buffers_create(ring, 1, 8, &error) != NULL);
    CHECK(trm_ring_buffers_create(ring, 1, 8, &error) == NULL);
    CHECK_EQUAL(error, -EEXIST);
    CHECK_EQUAL(trm_ring_receive_multishot(ring, 0, 1, 8, 1), -EINVAL);
    trm_ring_destroy(ring);
}
