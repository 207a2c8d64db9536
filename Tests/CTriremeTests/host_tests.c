// Threads, memory, clocks, wake-ups.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

TEST(host, clocks_advance) {
    uint64_t before = trm_monotonic_nanoseconds(), cpu = trm_thread_cpu_nanoseconds();
    uint64_t process = trm_process_cpu_nanoseconds();
    for (volatile int i = 0; i < 3000000; i++) {}
    CHECK(trm_monotonic_nanoseconds() > before);
    CHECK(trm_thread_cpu_nanoseconds() > cpu);
    CHECK(trm_process_cpu_nanoseconds() > process);
    CHECK(trm_realtime_nanoseconds() > 1600000000ull * 1000000000u);
}

typedef struct seen {
    int cpu;
    char name[16];
    bool term_blocked, segv_blocked;
} seen;

static void look_around(void *argument) {
    seen *s = argument;
    s->cpu = trm_current_cpu();
    pthread_getname_np(pthread_self(), s->name, sizeof s->name);
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    s->term_blocked = sigismember(&blocked, SIGTERM) == 1;
    s->segv_blocked = sigismember(&blocked, SIGSEGV) == 1;
}

TEST(host, threads_start_pinned_named_and_deaf_to_signals) {
    int cpus[1024], count = trm_cpu_list(cpus, 1024);
    CHECK_EQUAL(count, trm_cpu_count());
    REQUIRE(count >= 1);
    for (int i = 0; i < count && i < 4; i++) {
        trm_thread thread;
        seen s = {.cpu = -1};
        REQUIRE(trm_thread_start(&thread, look_around, &s, cpus[i], "a name that is too long") == 0);
        CHECK_EQUAL(trm_thread_join(thread), 0);
        CHECK_EQUAL(s.cpu, cpus[i]);
        CHECK(strcmp(s.name, "a name that is ") == 0);
        CHECK(s.term_blocked && !s.segv_blocked);
    }
}

TEST(host, an_unusable_processor_is_refused) {
    trm_thread thread;
    seen s;
    CHECK_EQUAL(trm_thread_start(&thread, look_around, &s, 1023, "x"), -EINVAL);
    CHECK_EQUAL(trm_thread_start(&thread, look_around, &s, 100000, "x"), -EINVAL);
    CHECK_EQUAL(trm_thread_pin(100000), -EINVAL);
}

TEST(host, the_main_thread_pins_and_unpins) {
    int last[1024], count = trm_cpu_list(last, 1024);
    REQUIRE(trm_thread_pin(last[count - 1]) == 0);
    CHECK_EQUAL(trm_current_cpu(), last[count - 1]);
    CHECK_EQUAL(trm_cpu_count(), count);  // of the process, not of the thread
    CHECK_EQUAL(trm_thread_pin(-1), 0);
    cpu_set_t mask;
    CHECK_EQUAL(sched_getaffinity(0, sizeof mask, &mask), 0);
    CHECK_EQUAL(CPU_COUNT(&mask), count);
}

TEST(host, nodes_are_known) {
    CHECK(trm_node_count() >= 1);
    int cpus[1024], count = trm_cpu_list(cpus, 1024);
    for (int i = 0; i < count; i++) CHECK(trm_cpu_node(cpus[i]) >= 0);
    CHECK_EQUAL(trm_cpu_node(-1), 0);
}

TEST(host, a_region_is_aligned_zeroed_present_and_given_back) {
    const size_t asked = (8u << 20) + 5;
    uint64_t before = trm_resident_bytes();
    trm_region_options options = {.node = trm_cpu_node(trm_current_cpu())};
    trm_region region;
    REQUIRE(trm_region_map(asked, &options, &region) == 0);
    CHECK_EQUAL((uintptr_t)region.base % (2u << 20), 0);
    CHECK_EQUAL(region.bytes, 10u << 20);
    CHECK(trm_resident_bytes() >= before + (9u << 20));
    CHECK(region.huge_bytes <= region.bytes && !region.from_huge_table);
    for (size_t i = 0; i < region.bytes; i += 4096) CHECK_EQUAL(((char *)region.base)[i], 0);
    memset(region.base, 1, region.bytes);
    printf("    %zu of %zu KiB on huge pages, node %d\n", region.huge_bytes >> 10, region.bytes >> 10,
           region.node);
    trm_region_unmap(&region);
    CHECK(region.base == NULL);
    CHECK(trm_resident_bytes() < before + (5u << 20));
    trm_region_unmap(&region);  // harmless
}

TEST(host, a_region_falls_back_from_reserved_huge_pages_and_absent_nodes) {
    trm_region_options options = {.node = 999, .huge_table = true};
    trm_region region;
    REQUIRE(trm_region_map(2u << 20, &options, &region) == 0);
    CHECK_EQUAL(region.node, -1);
    ((char *)region.base)[(2u << 20) - 1] = 1;
    trm_region_unmap(&region);
    CHECK_EQUAL(trm_region_map(0, &options, &region), -EINVAL);
    CHECK_EQUAL(trm_region_map(SIZE_MAX, &options, &region), -EINVAL);
    CHECK_EQUAL(trm_region_map((size_t)1 << 60, &options, &region), -ENOMEM);
}

static char *shared_byte;
static int write_shared_byte(void) {
    *shared_byte = 42;
    return 0;
}

TEST(host, a_shared_region_reaches_children) {
    trm_region_options options = {.node = -1, .shared = true};
    trm_region region;
    REQUIRE(trm_region_map(1, &options, &region) == 0);
    shared_byte = region.base;
    CHECK_EQUAL(harness_child(write_shared_byte), 0);
    CHECK_EQUAL(*shared_byte, 42);
    trm_region_unmap(&region);
}

TEST(host, events_count_and_never_wait) {
    int event = trm_event_create();
    REQUIRE(event >= 0);
    CHECK_EQUAL(trm_event_drain(event), 0);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(trm_event_signal(event), 0);
    CHECK_EQUAL(trm_event_drain(event), 3);
    CHECK_EQUAL(trm_event_drain(event), 0);
    uint64_t full = UINT64_MAX - 1;
    CHECK_EQUAL(write(event, &full, sizeof full), sizeof full);
    CHECK_EQUAL(trm_event_signal(event), 0);  // full is signalled too
    close(event);
    CHECK_EQUAL(trm_event_signal(event), -EBADF);
}

TEST(host, timer_slack_is_set) {
    CHECK_EQUAL(trm_set_timer_slack(1000), 0);
    CHECK_EQUAL(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 1000);
    CHECK_EQUAL(trm_set_timer_slack(50000), 0);
}

static int raise_limit_without_privileges(void) {
    struct rlimit limit = {1 << 16, 1 << 20};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 || setuid(65534) < 0) return 77;
    return trm_raise_locked_memory_limit() == 1 << 20 ? 0 : 1;
}

TEST(host, the_locked_memory_limit_rises_to_the_hard_one) {
    if (geteuid() != 0) {
        harness_skip("needs root to drop privileges");
        return;
    }
    CHECK_EQUAL(harness_child(raise_limit_without_privileges), 0);
}
