// The ring: creation and refusal, files, timeouts, cancellation, wake-ups, full rings.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "files.h"
#include "harness.h"
#include "host.h"
#include "uring_private.h"

static const int64_t second = 1000000000;

static trm_ring *make(trm_ring_options options) {
    char message[512] = "";
    trm_ring *ring = NULL;
    if (trm_ring_create(&ring, &options, message, sizeof message) < 0)
        harness_fail(__FILE__, __LINE__, message);
    return ring;
}

/// Submits, and collects exactly `count` completions.
static bool collect(trm_ring *ring, trm_completion *out, unsigned count) {
    uint64_t end = trm_monotonic_nanoseconds() + 5 * (uint64_t)second;
    for (unsigned have = 0; have < count;) {
        if (trm_ring_submit_and_wait(ring, 1, second) < 0) return false;
        have += trm_ring_completions(ring, out + have, count - have);
        if (trm_monotonic_nanoseconds() > end) return false;
    }
    return true;
}

TEST(uring, explanations_name_what_refused) {
    char m[512];
    trm_ring_explain(-EPERM, 2, 0, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "kernel.io_uring_disabled, which is 2 and must be 0");
    trm_ring_explain(-EPERM, 1, 0, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "kernel.io_uring_group");
    trm_ring_explain(-EPERM, 0, 0, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "seccomp");
    trm_ring_explain(-EPERM, -1, 0, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "is absent");
    trm_ring_explain(-EACCES, 0, 0, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "EACCES");
    trm_ring_explain(-ENOSYS, -1, 0, "5.10.0-8-amd64", m, sizeof m);
    CHECK_SENTENCE(m, "Linux 5.10.0-8-amd64 is too old");
    trm_ring_explain(-ENOSYS, -1, 0, "6.18.4", m, sizeof m);
    CHECK_SENTENCE(m, "CONFIG_IO_URING");
    trm_ring_explain(ENOMEM, 0, 8192 * 1024, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "limit is 8192 KiB");
    trm_ring_explain(-ENOMEM, 0, UINT64_MAX, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "limit is unlimited");
    trm_ring_explain(-EMFILE, 0, 0, "6.1.0", m, sizeof m);
    CHECK_SENTENCE(m, "Too many open files");
    trm_ring_explain(-EPERM, 2, 0, "6.1.0", m, 10);  // cut off, never beyond
    CHECK_EQUAL(strlen(m), 9);
}

static int create_under_seccomp(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),  // the number of the system call
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, 2, &program) < 0) return 77;
    char message[512] = "";
    trm_ring *ring = NULL;
    trm_ring_options options = trm_ring_default_options(8);
    int error = trm_ring_create(&ring, &options, message, sizeof message);
    return error == -EPERM && !ring && strstr(message, "seccomp") ? 0 : 1;
}

TEST(uring, a_seccomp_filter_is_named) {
    int status = harness_child(create_under_seccomp);
    if (status == 77) harness_skip("this kernel has no seccomp filters");
    else CHECK_EQUAL(status, 0);
}

TEST(uring, creation_uses_what_there_is_and_falls_back) {
    trm_ring *best = make(trm_ring_default_options(16));
    REQUIRE(best != NULL);
    printf("    features %#x\n", trm_ring_features(best));
    trm_ring_destroy(best);
    trm_ring *plain = make((trm_ring_options){.entries = 16});
    REQUIRE(plain != NULL);
    CHECK((trm_ring_features(plain) &
           (TRM_RING_SINGLE_ISSUER | TRM_RING_DEFER_TASKRUN | TRM_RING_WRITEV_FIXED)) == 0);
    trm_ring_destroy(plain);
    trm_ring_destroy(NULL);
    char message[512] = "";
    trm_ring *none = NULL;
    trm_ring_options absurd = trm_ring_default_options(1u << 20);
    CHECK_EQUAL(trm_ring_create(&none, &absurd, message, sizeof message), -EINVAL);
    CHECK_SENTENCE(message, "1048576 submission");
}

static void waits_and_returns(trm_ring_options options) {
    trm_ring *ring = make(options);
    REQUIRE(ring != NULL);
    trm_completion done;
    uint64_t start = trm_monotonic_nanoseconds();
    CHECK_EQUAL(trm_ring_submit_and_wait(ring, 1, 20000000), 0);  // nothing comes
    uint64_t waited = trm_monotonic_nanoseconds() - start;
    CHECK(waited >= 20000000 && waited < 2000000000);
    CHECK_EQUAL(trm_ring_completions(ring, &done, 1), 0);

    start = trm_monotonic_nanoseconds();
    CHECK_EQUAL(trm_ring_timeout(ring, 10000000, 77), 0);
    CHECK_EQUAL(trm_ring_pending(ring), 1);
    CHECK_EQUAL(trm_ring_submit_and_wait(ring, 1, -1), 1);  // one call: submits, waits without limit
    CHECK_EQUAL(trm_ring_pending(ring), 0);
    CHECK(trm_monotonic_nanoseconds() - start >= 10000000);
    CHECK_EQUAL(trm_ring_completions(ring, &done, 1), 1);
    CHECK_EQUAL(done.token, 77);
    CHECK_EQUAL(done.result, -ETIME);
    CHECK(!done.more && done.buffer == -1);
    trm_ring_counters counters = trm_ring_statistics(ring);
    CHECK_EQUAL(counters.enter_calls, 2);
    CHECK_EQUAL(counters.waits, 2);
    CHECK_EQUAL(counters.submitted, 1);
    CHECK_EQUAL(counters.completed, 1);
    trm_ring_destroy(ring);
}

TEST(uring, waiting_ends_by_time_and_by_completion) {
    waits_and_returns(trm_ring_default_options(8));
    waits_and_returns((trm_ring_options){.entries = 8, .single_issuer = true});
    waits_and_returns((trm_ring_options){.entries = 8});
}

TEST(uring, timeouts_submitted_together_keep_their_own_times) {
    trm_ring *ring = make(trm_ring_default_options(8));
    REQUIRE(ring != NULL);
    uint64_t start = trm_monotonic_nanoseconds();
    CHECK_EQUAL(trm_ring_timeout(ring, 30000000, 1), 0);
    CHECK_EQUAL(trm_ring_timeout(ring, 1000000, 2), 0);
    trm_completion done[2];
    REQUIRE(collect(ring, done, 2));
    CHECK_EQUAL(done[0].token, 2);
    CHECK_EQUAL(done[1].token, 1);
    CHECK(trm_monotonic_nanoseconds() - start >= 30000000);
    trm_ring_destroy(ring);
}

TEST(uring, an_idle_turn_makes_no_system_call) {
    trm_ring *ring = make(trm_ring_default_options(8));
    REQUIRE(ring != NULL);
    for (int i = 0; i < 10; i++) {
        CHECK_EQUAL(trm_ring_submit_and_wait(ring, 0, 0), 0);
        CHECK_EQUAL(trm_ring_submit(ring), 0);
    }
    CHECK_EQUAL(trm_ring_statistics(ring).enter_calls, 0);
    CHECK_EQUAL(trm_ring_statistics(ring).spared_calls, 10);
    // Yet polling alone sees what happens later.
    CHECK_EQUAL(trm_ring_timeout(ring, 1000000, 5), 0);
    trm_completion done;
    uint64_t end = trm_monotonic_nanoseconds() + 2 * (uint64_t)second;
    while (trm_ring_completions(ring, &done, 1) == 0 && trm_monotonic_nanoseconds() < end)
        CHECK(trm_ring_submit_and_wait(ring, 0, 0) >= 0);
    CHECK_EQUAL(done.token, 5);
    CHECK(trm_ring_statistics(ring).enter_calls <= 3);
    trm_ring_destroy(ring);
}

TEST(uring, a_full_submission_ring_submits_by_itself) {
    trm_ring *ring = make(trm_ring_default_options(4));
    REQUIRE(ring != NULL);
    for (uint64_t i = 0; i < 10; i++) CHECK_EQUAL(trm_ring_timeout(ring, 1, i), 0);
    CHECK_EQUAL(trm_ring_statistics(ring).full_submits, 2);
    trm_completion done[10];
    CHECK(collect(ring, done, 10));
    uint64_t tokens = 0;
    for (int i = 0; i < 10; i++) tokens |= 1ull << done[i].token;
    CHECK_EQUAL(tokens, 1023);
    trm_ring_destroy(ring);
}

TEST(uring, when_the_kernel_takes_nothing_it_is_busy) {
    trm_ring *ring = make(trm_ring_default_options(4));
    REQUIRE(ring != NULL);
    for (uint64_t i = 0; i < 4; i++) CHECK_EQUAL(trm_ring_timeout(ring, 1, i), 0);
    int descriptor = ring->enter_descriptor;
    ring->enter_descriptor = 1000000;  // entering fails now
    CHECK_EQUAL(trm_ring_timeout(ring, 1, 4), -EBUSY);
    CHECK_EQUAL(trm_ring_cancel(ring, 1, 4), -EBUSY);
    CHECK(trm_ring_submit(ring) < 0);
    CHECK_EQUAL(trm_ring_pending(ring), 4);
    ring->enter_descriptor = descriptor;
    trm_completion done[4];
    CHECK(collect(ring, done, 4));  // nothing was lost
    trm_ring_destroy(ring);
}

TEST(uring, an_overrun_completion_ring_loses_nothing) {
    trm_ring *ring = make((trm_ring_options){.entries = 8, .cq_entries = 8});
    REQUIRE(ring != NULL);
    for (uint64_t i = 0; i < 60; i++) CHECK_EQUAL(trm_ring_timeout(ring, 1, i), 0);
    trm_ring_submit(ring);
    usleep(20000);
    trm_completion done[60];
    CHECK(collect(ring, done, 60));
    uint64_t tokens = 0;
    for (int i = 0; i < 60; i++) tokens |= 1ull << done[i].token;
    CHECK_EQUAL(tokens, (1ull << 60) - 1);
    CHECK(trm_ring_statistics(ring).overflows > 0);
    trm_ring_destroy(ring);
}

TEST(uring, cancellation_ends_what_waits) {
    trm_ring *ring = make(trm_ring_default_options(8));
    REQUIRE(ring != NULL);
    trm_completion done[2];
    CHECK_EQUAL(trm_ring_timeout(ring, 60 * (uint64_t)second, 1), 0);
    CHECK_EQUAL(trm_ring_cancel(ring, 1, 2), 0);
    REQUIRE(collect(ring, done, 2));
    for (int i = 0; i < 2; i++) CHECK_EQUAL(done[i].result, done[i].token == 1 ? -ECANCELED : 0);
    CHECK_EQUAL(trm_ring_cancel(ring, 99, 3), 0);
    REQUIRE(collect(ring, done, 1));
    CHECK_EQUAL(done[0].result, -ENOENT);
    trm_ring_destroy(ring);
}

static void signal_thrice(void *argument) {
    for (int i = 0; i < 3; i++) {
        usleep(20000);
        trm_event_signal(*(int *)argument);
    }
}

TEST(uring, an_event_wakes_a_sleeping_ring_each_time) {
    trm_ring *ring = make(trm_ring_default_options(8));
    int event = trm_event_create();
    REQUIRE(ring != NULL && event >= 0);
    CHECK_EQUAL(trm_ring_register_files(ring, &event, 1), 0);
    CHECK_EQUAL(trm_ring_register_files(ring, &event, 1), -EBUSY);
    CHECK_EQUAL(trm_ring_poll_multishot(ring, 0, POLLIN, 9), 0);
    trm_thread thread;
    REQUIRE(trm_thread_start(&thread, signal_thrice, &event, -1, "signals") == 0);
    for (int i = 0; i < 3; i++) {
        trm_completion done;
        REQUIRE(collect(ring, &done, 1));
        CHECK_EQUAL(done.token, 9);
        CHECK(done.more && (done.result & POLLIN));
        CHECK_EQUAL(trm_event_drain(event), 1);
    }
    trm_thread_join(thread);
    trm_ring_destroy(ring);
    close(event);
}

static trm_ring *ring_of_another;
static int refusal;
static void submit_to_foreign_ring(void *unused) {
    (void)unused;
    refusal = trm_ring_submit(ring_of_another);
}

TEST(uring, another_thread_is_refused) {
    ring_of_another = make(trm_ring_default_options(8));
    REQUIRE(ring_of_another != NULL);
    CHECK_EQUAL(trm_ring_timeout(ring_of_another, 1, 1), 0);
    trm_thread thread;
    REQUIRE(trm_thread_start(&thread, submit_to_foreign_ring, NULL, -1, "foreign") == 0);
    trm_thread_join(thread);
    CHECK(refusal < 0);
    trm_ring_destroy(ring_of_another);
}

static int register_with_little_locked_memory(void) {
    struct rlimit little = {64 << 10, 64 << 10};
    trm_region_options options = {.node = -1};
    trm_region region;
    if (trm_region_map(8 << 20, &options, &region) < 0) return 77;
    if (setrlimit(RLIMIT_MEMLOCK, &little) < 0 || setuid(65534) < 0) return 77;
    trm_ring *ring = make(trm_ring_default_options(8));
    if (!ring) return 2;
    char message[512] = "";
    int error = trm_ring_register_region(ring, region.base, region.bytes, message, sizeof message);
    return error == -ENOMEM && strstr(message, "is 64 KiB and must be 8192 KiB") ? 0 : 1;
}

TEST(uring, too_little_locked_memory_is_named) {
    if (geteuid() != 0) {
        harness_skip("needs root to drop privileges");
        return;
    }
    CHECK_EQUAL(harness_child(register_with_little_locked_memory), 0);
}

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
    trm_ring *ring = make(options);
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
    REQUIRE(collect(ring, done, 4));
    for (int i = 0; i < 4; i++) CHECK_EQUAL(done[i].result, expected[done[i].token]);
    uint64_t fixed = !with_region ? 0 : (trm_ring_features(ring) & TRM_RING_WRITEV_FIXED) ? 2 : 1;
    CHECK_EQUAL(trm_ring_statistics(ring).fixed_writes, fixed);
    CHECK_EQUAL(trm_ring_statistics(ring).plain_writes, 4 - fixed);

    uint8_t *back = bytes + (2 << 20);
    CHECK_EQUAL(trm_ring_read(ring, 1, back, 1 << 20, 0, 5), 0);
    CHECK_EQUAL(trm_ring_fsync(ring, 1, true, 6), 0);
    CHECK_EQUAL(trm_ring_read(ring, 1, outside, 8192, 4 << 20, 7), 0);  // beyond the end
    CHECK_EQUAL(trm_ring_read(ring, 0, outside, 4096, 0, 8), 0);        // an empty index
    REQUIRE(collect(ring, done, 4));
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
    REQUIRE(collect(ring, done, 1));
    CHECK_EQUAL(done[0].result, -EINVAL);
    CHECK_EQUAL(trm_ring_write(ring, 1, &odd, 0, 0, false, 9), -EINVAL);
    CHECK_EQUAL(trm_ring_write(ring, 1, &odd, 1025, 0, false, 9), -EINVAL);
    trm_ring_destroy(ring);
    close(file.descriptor);
    free(outside);
    trm_region_unmap(&region);
}

TEST(uring, a_durable_write_asks_for_dsync_and_only_that) {
    trm_ring *ring = make(trm_ring_default_options(8));
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
