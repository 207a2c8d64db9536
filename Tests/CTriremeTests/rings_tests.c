// The rings, alone and between threads. The threaded ones are what ThreadSanitizer looks at.
#include <sched.h>
#include <stdlib.h>

#include "harness.h"
#include "host.h"
#include "rings.h"

#if defined(__has_feature)  // clang; gcc says it with a macro of its own
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define ROUNDS 20000
#else
#define ROUNDS 100000
#endif

enum { PRODUCERS = 3, SMALL = 8 };

typedef struct element {
    uint64_t words[8];
} element;

/// Every word of an element follows from its number, so a torn one is noticed.
static void fill(element *e, uint64_t number, size_t bytes) {
    for (size_t i = 0; i < bytes / 8; i++) e->words[i] = number * 0x9e3779b97f4a7c15u + i;
}

static bool is_filled(const element *e, uint64_t number, size_t bytes) {
    for (size_t i = 0; i < bytes / 8; i++)
        if (e->words[i] != number * 0x9e3779b97f4a7c15u + i) return false;
    return true;
}

static void rest(unsigned *tries) {
    if (++*tries % 64 == 0) sched_yield();
    else trm_pause();
}

TEST(rings, rings_refuse_bad_shapes) {
    trm_spsc spsc;
    trm_mpsc mpsc;
    uint64_t storage[1024];
    const size_t bad_elements[] = {0, 4, 12, 72, 128};
    for (size_t i = 0; i < 5; i++) {
        CHECK_EQUAL(trm_spsc_init(&spsc, storage, bad_elements[i], 8), -EINVAL);
        CHECK_EQUAL(trm_mpsc_init(&mpsc, storage, bad_elements[i], 8), -EINVAL);
    }
    const uint64_t bad_capacities[] = {0, 1, 3, 12};
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQUAL(trm_spsc_init(&spsc, storage, 8, bad_capacities[i]), -EINVAL);
        CHECK_EQUAL(trm_mpsc_init(&mpsc, storage, 8, bad_capacities[i]), -EINVAL);
    }
}

TEST(rings, sides_are_128_bytes_apart) {
    CHECK_EQUAL(offsetof(trm_spsc, tail), 128);
    CHECK_EQUAL(offsetof(trm_spsc, head), 256);
    CHECK_EQUAL(sizeof(trm_spsc), 384);
    CHECK_EQUAL(offsetof(trm_mpsc, tail), 128);
    CHECK_EQUAL(offsetof(trm_mpsc, head), 256);
    CHECK_EQUAL(sizeof(trm_mpsc), 384);
    CHECK_EQUAL(trm_mpsc_slot_bytes(8), 16);
    CHECK_EQUAL(trm_mpsc_slot_bytes(56), 64);
    CHECK_EQUAL(trm_mpsc_slot_bytes(64), 128);
}

TEST(rings, spsc_fills_and_empties_at_every_size) {
    for (size_t bytes = 8; bytes <= 64; bytes += 8) {
        element storage[SMALL], e = {{0}};
        trm_spsc ring;
        REQUIRE(trm_spsc_init(&ring, storage, bytes, SMALL) == 0);
        CHECK(!trm_spsc_try_pop(&ring, &e));
        uint64_t pushed = 0, popped = 0;
        for (int round = 0; round < 20; round++) {  // wraps around several times
            while (fill(&e, pushed, bytes), trm_spsc_try_push(&ring, &e)) pushed++;
            CHECK_EQUAL(trm_spsc_count(&ring), SMALL);
            CHECK(trm_spsc_reserve(&ring, 0) == NULL);
            for (int i = 0; i < 3 + round % 6; i++) {
                CHECK(trm_spsc_try_pop(&ring, &e));
                CHECK(is_filled(&e, popped, bytes));
                popped++;
            }
            CHECK_EQUAL(trm_spsc_count(&ring), pushed - popped);
        }
    }
}

TEST(rings, spsc_reserves_and_peeks_several_in_place) {
    element storage[SMALL];
    trm_spsc ring;
    REQUIRE(trm_spsc_init(&ring, storage, 64, SMALL) == 0);
    for (uint64_t start = 0; start < 50; start += 5) {
        for (uint64_t i = 0; i < 5; i++) {
            element *slot = trm_spsc_reserve(&ring, i);
            REQUIRE(slot != NULL);
            fill(slot, start + i, 64);
        }
        CHECK(trm_spsc_reserve(&ring, SMALL) == NULL);
        CHECK(trm_spsc_peek(&ring, 0) == NULL);  // reserved is not published
        trm_spsc_commit(&ring, 5);
        for (uint64_t i = 0; i < 5; i++) {
            element *slot = trm_spsc_peek(&ring, i);
            REQUIRE(slot != NULL);
            CHECK(is_filled(slot, start + i, 64));
        }
        CHECK(trm_spsc_peek(&ring, 5) == NULL);
        trm_spsc_release(&ring, 5);
    }
}

typedef struct spsc_work {
    trm_spsc ring;
    size_t bytes;
    bool in_place;
} spsc_work;

static void spsc_producer(void *argument) {
    spsc_work *work = argument;
    unsigned tries = 0;
    for (uint64_t n = 0; n < ROUNDS;) {
        if (work->in_place) {
            uint64_t batch = 0;
            for (; batch < 7 && n + batch < ROUNDS; batch++) {
                element *slot = trm_spsc_reserve(&work->ring, batch);
                if (!slot) break;
                fill(slot, n + batch, work->bytes);
            }
            trm_spsc_commit(&work->ring, batch);
            n += batch;
            if (batch == 0) rest(&tries);
        } else {
            element e;
            fill(&e, n, work->bytes);
            if (trm_spsc_try_push(&work->ring, &e)) n++;
            else rest(&tries);
        }
    }
}

static void spsc_between_threads(size_t bytes, uint64_t capacity, bool in_place) {
    void *storage = malloc(trm_spsc_storage_bytes(bytes, capacity));
    spsc_work work = {.bytes = bytes, .in_place = in_place};
    REQUIRE(storage && trm_spsc_init(&work.ring, storage, bytes, capacity) == 0);
    trm_thread thread;
    REQUIRE(trm_thread_start(&thread, spsc_producer, &work, -1, "producer") == 0);
    unsigned tries = 0;
    for (uint64_t n = 0; n < ROUNDS;) {
        CHECK(trm_spsc_count(&work.ring) <= capacity);
        element e, *slot;
        if (in_place && (slot = trm_spsc_peek(&work.ring, 0))) {
            CHECK(is_filled(slot, n++, bytes));
            trm_spsc_release(&work.ring, 1);
        } else if (!in_place && trm_spsc_try_pop(&work.ring, &e)) {
            CHECK(is_filled(&e, n++, bytes));
        } else {
            rest(&tries);
        }
    }
    CHECK_EQUAL(trm_thread_join(thread), 0);
    CHECK_EQUAL(trm_spsc_count(&work.ring), 0);
    free(storage);
}

TEST(rings, spsc_between_two_threads_by_copy) {
    spsc_between_threads(8, 2, false);
    spsc_between_threads(24, 64, false);
    spsc_between_threads(64, 1024, false);
}

TEST(rings, spsc_between_two_threads_in_place) {
    spsc_between_threads(16, 16, true);
    spsc_between_threads(56, 256, true);
}

TEST(rings, mpsc_fills_and_empties_at_every_size) {
    for (size_t bytes = 8; bytes <= 64; bytes += 8) {
        uint64_t storage[SMALL * 128 / 8];
        element e = {{0}};
        trm_mpsc ring;
        REQUIRE(trm_mpsc_storage_bytes(bytes, SMALL) <= sizeof storage);
        REQUIRE(trm_mpsc_init(&ring, storage, bytes, SMALL) == 0);
        CHECK(!trm_mpsc_try_pop(&ring, &e));
        uint64_t pushed = 0, popped = 0;
        for (int round = 0; round < 20; round++) {
            while (fill(&e, pushed, bytes), trm_mpsc_try_push(&ring, &e)) pushed++;
            CHECK_EQUAL(trm_mpsc_count(&ring), SMALL);
            for (int i = 0; i < 3 + round % 6; i++) {
                element *oldest = trm_mpsc_peek(&ring);
                REQUIRE(oldest != NULL);
                CHECK(is_filled(oldest, popped, bytes));
                CHECK(trm_mpsc_try_pop(&ring, &e));
                CHECK(is_filled(&e, popped, bytes));
                popped++;
            }
            CHECK_EQUAL(trm_mpsc_count(&ring), pushed - popped);
        }
    }
}

typedef struct mpsc_work {
    trm_mpsc *ring;
    uint64_t producer;
    size_t bytes;
} mpsc_work;

static void mpsc_producer(void *argument) {
    mpsc_work *work = argument;
    unsigned tries = 0;
    for (uint64_t n = 0; n < ROUNDS;) {
        element e;
        fill(&e, n, work->bytes);
        e.words[0] = work->producer << 56 | n;  // who and which; the rest follows from `which`
        if (trm_mpsc_try_push(work->ring, &e)) n++;
        else rest(&tries);
    }
}

static void mpsc_between_threads(size_t bytes, uint64_t capacity) {
    uint64_t *storage = malloc(trm_mpsc_storage_bytes(bytes, capacity));
    trm_mpsc ring;
    REQUIRE(storage && trm_mpsc_init(&ring, storage, bytes, capacity) == 0);
    trm_thread threads[PRODUCERS];
    mpsc_work work[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++) {
        work[i] = (mpsc_work){&ring, (uint64_t)i, bytes};
        REQUIRE(trm_thread_start(&threads[i], mpsc_producer, &work[i], -1, "producer") == 0);
    }
    uint64_t next[PRODUCERS] = {0};
    unsigned tries = 0;
    for (uint64_t n = 0; n < (uint64_t)PRODUCERS * ROUNDS;) {
        element e;
        if (!trm_mpsc_try_pop(&ring, &e)) {
            rest(&tries);
            continue;
        }
        n++;
        uint64_t producer = e.words[0] >> 56, number = e.words[0] << 8 >> 8;
        REQUIRE(producer < PRODUCERS);
        CHECK_EQUAL(number, next[producer]);  // each producer's own order is kept
        next[producer]++;
        e.words[0] = number * 0x9e3779b97f4a7c15u;
        CHECK(is_filled(&e, number, bytes));
    }
    for (int i = 0; i < PRODUCERS; i++) {
        CHECK_EQUAL(trm_thread_join(threads[i]), 0);
        CHECK_EQUAL(next[i], ROUNDS);
    }
    CHECK_EQUAL(trm_mpsc_count(&ring), 0);
    free(storage);
}

TEST(rings, mpsc_between_four_threads) {
    mpsc_between_threads(16, 2);
    mpsc_between_threads(56, 64);
    mpsc_between_threads(64, 1024);
}

typedef struct shared_words {
    uint64_t sum, bits, cas, published;
    uint64_t plain;  // ordered by `published` alone
} shared_words;

static void atomic_worker(void *argument) {
    shared_words *shared = argument;
    for (int i = 0; i < ROUNDS; i++) {
        trm_fetch_add_u64(&shared->sum, 2);
        trm_fetch_or_u64(&shared->bits, 1ull << (i % 64));
        uint64_t seen = trm_load_relaxed_u64(&shared->cas);
        while (!trm_cas_u64(&shared->cas, &seen, seen + 1)) trm_pause();
    }
}

TEST(rings, atomics_lose_nothing_between_threads) {
    shared_words shared = {0};
    trm_thread threads[2];
    for (int i = 0; i < 2; i++)
        REQUIRE(trm_thread_start(&threads[i], atomic_worker, &shared, -1, "atomics") == 0);
    atomic_worker(&shared);
    for (int i = 0; i < 2; i++) trm_thread_join(threads[i]);
    CHECK_EQUAL(shared.sum, 6ull * ROUNDS);
    CHECK_EQUAL(shared.cas, 3ull * ROUNDS);
    CHECK_EQUAL(shared.bits, UINT64_MAX);
}

TEST(rings, atomics_return_what_was_there) {
    uint64_t word = 5;
    CHECK_EQUAL(trm_fetch_or_u64(&word, 8), 5);
    CHECK_EQUAL(trm_fetch_and_u64(&word, 12), 13);
    CHECK_EQUAL(trm_exchange_u64(&word, 1), 12);
    uint64_t expected = 7;
    CHECK(!trm_cas_u64(&word, &expected, 9));
    CHECK_EQUAL(expected, 1);
    CHECK(trm_cas_u64(&word, &expected, 9));
    trm_store_relaxed_u64(&word, trm_load_acquire_u64(&word) + 1);
    CHECK_EQUAL(word, 10);
}

static void publisher(void *argument) {
    shared_words *shared = argument;
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        shared->plain = i;
        trm_store_release_u64(&shared->published, i);
        unsigned tries = 0;
        while (trm_load_acquire_u64(&shared->published) != 0) rest(&tries);
    }
}

TEST(rings, release_publishes_what_was_written_before) {
    static shared_words shared;  // ThreadSanitizer overlooks fields of local structs
    trm_thread thread;
    REQUIRE(trm_thread_start(&thread, publisher, &shared, -1, "publisher") == 0);
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        unsigned tries = 0;
        while (trm_load_acquire_u64(&shared.published) != i) rest(&tries);
        CHECK_EQUAL(shared.plain, i);
        trm_store_release_u64(&shared.published, 0);
    }
    trm_thread_join(thread);
}
