// The ring's waiting: timeouts, cancellation, wake-ups, submission and completion rings that are full.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "harness_ring.h"
#include "host.h"
#include "uring_private.h"

static const int64_t second = 1000000000;

static void waits_and_returns(trm_ring_options options) {
    trm_ring *ring = harness_ring(options);
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
    trm_ring *ring = harness_ring(trm_ring_default_options(8));
    REQUIRE(ring != NULL);
    uint64_t start = trm_monotonic_nanoseconds();
    CHECK_EQUAL(trm_ring_timeout(ring, 30000000, 1), 0);
    CHECK_EQUAL(trm_ring_timeout(ring, 1000000, 2), 0);
    trm_completion done[2];
    REQUIRE(harness_collect(ring, done, 2));
    CHECK_EQUAL(done[0].token, 2);
    CHECK_EQUAL(done[1].token, 1);
    CHECK(trm_monotonic_nanoseconds() - start >= 30000000);
    trm_ring_destroy(ring);
}

TEST(uring, an_idle_turn_makes_no_system_call) {
    trm_ring *ring = harness_ring(trm_ring_default_options(8));
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
    trm_ring *ring = harness_ring(trm_ring_default_options(4));
    REQUIRE(ring != NULL);
    for (uint64_t i = 0; i < 10; i++) CHECK_EQUAL(trm_ring_timeout(ring, 1, i), 0);
    CHECK_EQUAL(trm_ring_statistics(ring).full_submits, 2);
    trm_completion done[10];
    CHECK(harness_collect(ring, done, 10));
    uint64_t tokens = 0;
    for (int i = 0; i < 10; i++) tokens |= 1ull << done[i].token;
    CHECK_EQUAL(tokens, 1023);
    trm_ring_destroy(ring);
}

TEST(uring, when_the_kernel_takes_nothing_it_is_busy) {
    trm_ring *ring = harness_ring(trm_ring_default_options(4));
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
    CHECK(harness_collect(ring, done, 4));  // nothing was lost
    trm_ring_destroy(ring);
}

TEST(uring, an_overrun_completion_ring_loses_nothing) {
    trm_ring *ring = harness_ring((trm_ring_options){.entries = 8, .cq_entries = 8});
    REQUIRE(ring != NULL);
    for (uint64_t i = 0; i < 60; i++) CHECK_EQUAL(trm_ring_timeout(ring, 1, i), 0);
    trm_ring_submit(ring);
    usleep(20000);
    trm_completion done[60];
    CHECK(harness_collect(ring, done, 60));
    uint64_t tokens = 0;
    for (int i = 0; i < 60; i++) tokens |= 1ull << done[i].token;
    CHECK_EQUAL(tokens, (1ull << 60) - 1);
    CHECK(trm_ring_statistics(ring).overflows > 0);
    trm_ring_destroy(ring);
}

TEST(uring, cancellation_ends_what_waits) {
    trm_ring *ring = harness_ring(trm_ring_default_options(8));
    REQUIRE(ring != NULL);
    trm_completion done[2];
    CHECK_EQUAL(trm_ring_timeout(ring, 60 * (uint64_t)second, 1), 0);
    CHECK_EQUAL(trm_ring_cancel(ring, 1, 2), 0);
    REQUIRE(harness_collect(ring, done, 2));
    for (int i = 0; i < 2; i++) CHECK_EQUAL(done[i].result, done[i].token == 1 ? -ECANCELED : 0);
    CHECK_EQUAL(trm_ring_cancel(ring, 99, 3), 0);
    REQUIRE(harness_collect(ring, done, 1));
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
    trm_ring *ring = harness_ring(trm_ring_default_options(8));
    int event = trm_event_create();
    REQUIRE(ring != NULL && event >= 0);
    CHECK_EQUAL(trm_ring_register_files(ring, &event, 1), 0);
    CHECK_EQUAL(trm_ring_register_files(ring, &event, 1), -EBUSY);
    CHECK_EQUAL(trm_ring_poll_multishot(ring, 0, POLLIN, 9), 0);
    trm_thread thread;
    REQUIRE(trm_thread_start(&thread, signal_thrice, &event, -1, "signals") == 0);
    for (int i = 0; i < 3; i++) {
        trm_completion done;
        REQUIRE(harness_collect(ring, &done, 1));
        CHECK_EQUAL(done.token, 9);
        CHECK(done.more && (done.result & POLLIN));
        CHECK_EQUAL(trm_event_drain(event), 1);
    }
    trm_thread_join(thread);
    trm_ring_destroy(ring);
    close(event);
}
