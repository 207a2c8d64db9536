// The ring's beginnings: creation and its fall-backs, what refuses it and how that is said, locked memory, its one thread.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness_ring.h"
#include "host.h"
#include "uring_private.h"

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
    trm_ring *best = harness_ring(trm_ring_default_options(16));
    REQUIRE(best != NULL);
    printf("    features %#x\n", trm_ring_features(best));
    trm_ring_destroy(best);
    trm_ring *plain = harness_ring((trm_ring_options){.entries = 16});
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

static trm_ring *ring_of_another;
static int refusal;
static void submit_to_foreign_ring(void *unused) {
    (void)unused;
    refusal = trm_ring_submit(ring_of_another);
}

TEST(uring, another_thread_is_refused) {
    ring_of_another = harness_ring(trm_ring_default_options(8));
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
    trm_ring *ring = harness_ring(trm_ring_default_options(8));
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
