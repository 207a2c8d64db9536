// Every call of the shim to the kernel fails once, with every errno: the caller hears of it or goes on without, no descriptor is
// left open, and nothing is believed that did not happen.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults_private.h"
#include "files.h"
#include "harness.h"
#include "host.h"
#include "net.h"
#include "uring_private.h"

static trm_faults *faults;
static unsigned sentences_missing;

static int open_descriptors(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}
/// A refusal has a sentence.
static bool ok(int result, const char *message) {
    if (result < 0 && (message[0] == 0 || message[strlen(message) - 1] != '.')) sentences_missing++;
    return result >= 0;
}

// MARK: lives that visit the sites

static const int64_t second = 1000000000;

static void take(trm_ring *ring, unsigned count) {
    trm_completion done[8];
    for (int turns = 0; count > 0 && turns < 20; turns++) {
        if (trm_ring_submit_and_wait(ring, 1, second / 50) < 0) continue;
        unsigned got = trm_ring_completions(ring, done, 8);
        count = got < count ? count - got : 0;
    }
}

static void ring_life(void) {
    char message[512] = "";
    trm_ring *ring = NULL;
    trm_ring_options options = trm_ring_default_options(16);
    if (!ok(trm_ring_create(&ring, &options, message, sizeof message), message)) {
        if (ring) sentences_missing++;
        return;
    }
    message[0] = 0;
    trm_direct_file file;
    unlink(harness_path("ring"));
    bool has_file = ok(trm_direct_open(harness_path("ring"), true, &file, message, sizeof message), message);
    int event = trm_event_create();
    int pair[2] = {file.descriptor, event};
    if (has_file && event >= 0 && trm_ring_register_files(ring, (int[]){-1, -1}, 2) == 0 &&
        trm_ring_update_file(ring, 0, pair[0]) == 0 && trm_ring_update_file(ring, 1, pair[1]) == 0) {
        void *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        message[0] = 0;
        ok(trm_ring_register_region(ring, memory, 8192, message, sizeof message), message);
        int error = 0;
        trm_buffers *buffers = trm_ring_buffers_create(ring, 1, 8, &error);
        if (!buffers && error >= 0) sentences_missing++;
        struct iovec piece = {memory, 4096};
        trm_ring_write(ring, 0, &piece, 1, 0, true, 1);
        take(ring, 1);
        trm_ring_read(ring, 0, (char *)memory + 4096, 4096, 0, 2);
        trm_ring_fsync(ring, 0, true, 3);
        trm_ring_poll_multishot(ring, 1, POLLIN, 4);
        trm_ring_timeout(ring, 1000000, 5);
        take(ring, 3);
        trm_ring_cancel(ring, 4, 6);
        take(ring, 2);
        munmap(memory, 8192);
    }
    if (event >= 0) {
        trm_event_signal(event);
        trm_event_drain(event);
        close(event);
    }
    if (has_file) close(file.descriptor);
    trm_ring_destroy(ring);
}

static void file_life(void) {
    char message[512] = "";
    trm_direct_file file;
    unlink(harness_path("file"));
    if (ok(trm_direct_open(harness_path("file"), true, &file, message, sizeof message), message)) {
        message[0] = 0;
        ok(trm_file_fill_zero(file.descriptor, 8192, message, sizeof message), message);
        void *memory = aligned_alloc(4096, 4096);
        memset(memory, 7, 4096);
        trm_file_write(file.descriptor, memory, 4096, 0);
        trm_file_read(file.descriptor, memory, 4096, 0);
        trm_file_sync(file.descriptor);
        free(memory);
        close(file.descriptor);
    }
    uint64_t bytes = 0;
    message[0] = 0;
    int seen = trm_inspect_open(harness_path("file"), &bytes, message, sizeof message);
    if (ok(seen, message)) close(seen);
    message[0] = 0;
    int lock = trm_lock_file(harness_path("fault-lock"), 20, message, sizeof message);
    trm_lock_is_held(harness_path("fault-lock"));
    if (ok(lock, message)) close(lock);
    trm_directory_sync(harness_path(""));
    trm_free_bytes(harness_path(""), &bytes);
    trm_path_is_in_memory(harness_path(""));
    int error = 0;
    unlink(harness_path("fault-page"));
    void *page = trm_shared_page_map(harness_path("fault-page"), 4096, true, &error);
    if (page) trm_shared_page_unmap(page, 4096);
    else if (error >= 0) sentences_missing++;
}

static void socket_life(void) {
    char message[512] = "";
    trm_interface lo;
    if (!ok(trm_interface_find("lo", &lo, message, sizeof message), message)) return;
    uint32_t group = (239u << 24) | (77u << 16) | (9u << 8) | 9u;
    trm_udp_options options = {.bind_address = group,
                               .bind_port = 29871,
                               .reuse_address = true,
                               .interface_index = lo.index,
                               .groups = &group,
                               .group_count = 1,
                               .receive_buffer_bytes = 65536,
                               .send_buffer_bytes = 65536,
                               .gro = true,
                               .arrival_times = true,
                               .dont_fragment = true,
                               .ttl = 1};
    message[0] = 0;
    int receiver = trm_udp_open(&options, message, sizeof message);
    if (ok(receiver, message)) {
        trm_udp_buffers granted;
        trm_udp_granted(receiver, &granted);
        trm_udp_drops(receiver);
    }
    trm_udp_options out = {.connect_address = group, .connect_port = 29871, .interface_index = lo.index, .loop = true};
    message[0] = 0;
    int sender = trm_udp_open(&out, message, sizeof message);
    if (ok(sender, message) && receiver >= 0) {
        trm_ring *ring = NULL;
        trm_ring_options ring_options = trm_ring_default_options(8);
        message[0] = 0;
        if (ok(trm_ring_create(&ring, &ring_options, message, sizeof message), message)) {
            static char memory[4][4096];
            int error = 0;
            if (trm_ring_register_files(ring, (int[]){receiver, sender}, 2) == 0) {
                trm_buffers *buffers = trm_ring_buffers_create(ring, 2, 4, &error);
                if (buffers) {
                    for (uint16_t i = 0; i < 4; i++) trm_buffers_add(buffers, memory[i], 4096, i);
                    trm_buffers_publish(buffers);
                    struct iovec piece = {"faults", 6};
                    struct msghdr header = {.msg_iov = &piece, .msg_iovlen = 1};
                    trm_ring_receive_multishot(ring, 0, 2, TRM_RECEIVE_SOURCE, 1);
                    trm_ring_sendmsg(ring, 1, &header, 0, 2);
                    take(ring, 2);
                }
            }
            trm_ring_destroy(ring);
        }
    }
    if (receiver >= 0) close(receiver);
    if (sender >= 0) close(sender);
}

static void nothing(void *unused) { (void)unused; }
static void host_life(void) {
    char message[512] = "";
    trm_resident_bytes();
    trm_uring_disabled_sysctl();
    trm_region region;
    trm_region_options options = {.node = -1, .huge_table = true, .shared = false};
    if (trm_region_map(4096, &options, &region) == 0) trm_region_unmap(&region);
    else if (region.base) sentences_missing++;
    // Where there are huge pages, this is the way without.
    options.huge_table = false;
    if (trm_region_map(4096, &options, &region) == 0) trm_region_unmap(&region);
    trm_thread thread;
    if (trm_thread_start(&thread, nothing, NULL, -1, "fault") == 0) trm_thread_join(thread);
    // Its own namespace, so that nothing changes; without privileges it is refused.
    ok(trm_network_namespace_enter("/proc/self/ns/net", message, sizeof message), message);
}

static void (*const lives[])(void) = {ring_life, file_life, socket_life, host_life};
static const size_t life_count = sizeof lives / sizeof *lives;

static void arm(trm_fault fault) { trm_faults_arm(faults, &fault); }

TEST(faults, every_site_is_visited_and_may_fail) {
    faults = trm_faults_create();
    REQUIRE(faults != NULL);
    trm_faults_adopt(faults);
    for (size_t life = 0; life < life_count; life++) lives[life]();  // what is kept once is kept from here on
    uint64_t visits[TRM_SITE_COUNT][sizeof lives / sizeof *lives];
    unsigned cases = 0;
    for (size_t life = 0; life < life_count; life++) {
        arm((trm_fault){.kind = TRM_FAULT_NONE});
        lives[life]();
        for (uint32_t site = 0; site < TRM_SITE_COUNT; site++) visits[site][life] = trm_faults_visits(faults, site);
    }
    for (uint32_t site = 0; site < TRM_SITE_COUNT; site++) {
        bool is_visited = false;
        for (size_t life = 0; life < life_count; life++) is_visited |= visits[site][life] > 0;
        if (!is_visited) harness_fail(__FILE__, __LINE__, trm_site_name(site));
    }
    int before = open_descriptors();
    for (uint32_t site = 0; site < TRM_SITE_COUNT; site++)
        for (size_t life = 0; life < life_count; life++)
            for (uint32_t visit = 0; visit < visits[site][life] && visit < 12; visit++) {
                // All errnos at the first visit, the likely ones at the others.
                static const int likely[] = {EIO, ENOSPC, ENOMEM, EINTR, EAGAIN, EPERM, EINVAL, EMFILE};
                // In a life with a ring a visit waits for completions that do not come, so not all.
                int count = visit == 0 && life != 0 && life != 2 ? 133 : (int)(sizeof likely / sizeof *likely);
                for (int i = 0; i < count; i++) {
                    int error = count == 133 ? i + 1 : likely[i];
                    arm((trm_fault){.site = site, .kind = TRM_FAULT_ERROR, .value = (uint64_t)error, .skip = visit, .times = 1});
                    lives[life]();
                    cases++;
                    if (trm_faults_hits(faults) != 1) harness_fail(__FILE__, __LINE__, trm_site_name(site));
                    if (sentences_missing || open_descriptors() != before) {
                        char text[128];
                        snprintf(text, sizeof text, "%s, visit %u, errno %d: %u without a sentence, %d descriptors more",
                                 trm_site_name(site), visit, error, sentences_missing, open_descriptors() - before);
                        harness_fail(__FILE__, __LINE__, text);
                        sentences_missing = 0;
                        before = open_descriptors();
                    }
                }
            }
    printf("    %u sites, %u faults\n", (unsigned)TRM_SITE_COUNT, cases);
    trm_faults_adopt(NULL);
    trm_faults_destroy(faults);
}

/// What a ring says of one operation under a fault.
static int32_t result_of(uint32_t kind, uint64_t value, bool write, uint64_t *nanoseconds) {
    char message[512] = "";
    int32_t result = INT32_MAX;
    trm_ring *ring = NULL;
    trm_ring_options options = trm_ring_default_options(8);
    trm_faults *mine = trm_faults_create();
    trm_faults_adopt(mine);
    trm_fault fault = {.site = write ? TRM_SITE_ring_write : TRM_SITE_ring_read, .kind = kind, .value = value, .times = 1};
    trm_direct_file file;
    unlink(harness_path("result"));
    if (trm_ring_create(&ring, &options, message, sizeof message) == 0 &&
        trm_direct_open(harness_path("result"), true, &file, message, sizeof message) == 0) {
        void *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(memory, 1, 8192);
        trm_file_write(file.descriptor, memory, 8192, 0);
        memset(memory, 9, 8192);
        trm_ring_register_files(ring, &file.descriptor, 1);
        trm_faults_arm(mine, &fault);
        struct iovec piece = {memory, 8192};
        if (write) trm_ring_write(ring, 0, &piece, 1, 0, false, 42);
        else trm_ring_read(ring, 0, memory, 8192, 0, 42);
        trm_completion done = {0};
        uint64_t start = trm_monotonic_nanoseconds();
        for (int i = 0; i < 50 && trm_ring_completions(ring, &done, 1) == 0; i++)
            trm_ring_submit_and_wait(ring, 1, second / 10);
        *nanoseconds = trm_monotonic_nanoseconds() - start;
        if (done.token == 42) result = done.result;
        // What lies in the file: 9 where the write was carried out.
        trm_faults_arm(mine, &(trm_fault){.kind = TRM_FAULT_NONE});
        trm_file_read(file.descriptor, memory, 8192, 0);
        if (write && ((unsigned char *)memory)[0] == 9) result |= 1 << 30;
        munmap(memory, 8192);
        close(file.descriptor);
    }
    trm_ring_destroy(ring);
    trm_faults_adopt(NULL);
    trm_faults_destroy(mine);
    return result;
}

TEST(faults, an_operation_fails_ends_short_or_comes_late) {
    uint64_t took;
    CHECK_EQUAL(result_of(TRM_FAULT_NONE, 0, false, &took), 8192);
    CHECK_EQUAL(result_of(TRM_FAULT_ERROR, EIO, false, &took), -EIO);
    CHECK_EQUAL(result_of(TRM_FAULT_ERROR, ENOSPC, true, &took), -ENOSPC);  // and nothing was written
    CHECK_EQUAL(result_of(TRM_FAULT_LOST_RESULT, EIO, true, &took), -EIO | 1 << 30);
    CHECK_EQUAL(result_of(TRM_FAULT_SHORT, 4096, true, &took), 4096 | 1 << 30);
    CHECK_EQUAL(result_of(TRM_FAULT_SHORT, 4096, false, &took), 4096);
    CHECK_EQUAL(result_of(TRM_FAULT_DELAY, 50000000, false, &took), 8192);
    CHECK(took >= 50000000);
}

TEST(faults, nobody_else_notices) {
    trm_faults *mine = trm_faults_create();
    trm_fault fault = {.site = TRM_SITE_event_create, .kind = TRM_FAULT_ERROR, .value = EMFILE};
    trm_faults_arm(mine, &fault);
    int event = trm_event_create();
    CHECK(event >= 0);
    close(event);
    trm_faults_adopt(mine);
    CHECK_EQUAL(trm_event_create(), -EMFILE);
    trm_faults_adopt(NULL);
    event = trm_event_create();
    CHECK(event >= 0);
    close(event);
    CHECK_EQUAL(trm_faults_hits(mine), 1);
    trm_faults_destroy(mine);
}

TEST(faults, a_restricted_ring_refuses_what_it_does_not_use) {
    char message[512] = "";
    trm_ring *ring = NULL;
    trm_ring_options options = trm_ring_default_options(8);
    REQUIRE(trm_ring_create(&ring, &options, message, sizeof message) == 0);
    if (!(trm_ring_features(ring) & TRM_RING_RESTRICTED)) {
        harness_skip("this kernel does not restrict rings");
        trm_ring_destroy(ring);
        return;
    }
    // Opening a file is what an intruder would like best.
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);
    io_uring_prep_openat(entry, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    entry->user_data = 7;
    trm_completion done = {0};
    CHECK_EQUAL(trm_ring_submit_and_wait(ring, 1, second), 1);
    CHECK_EQUAL(trm_ring_completions(ring, &done, 1), 1);
    CHECK_EQUAL(done.result, -EACCES);
    CHECK_EQUAL(trm_ring_timeout(ring, 1000, 8), 0);
    CHECK_EQUAL(trm_ring_submit_and_wait(ring, 1, second), 1);
    CHECK_EQUAL(trm_ring_completions(ring, &done, 1), 1);
    CHECK_EQUAL(done.result, -ETIME);
    trm_ring_destroy(ring);
}
