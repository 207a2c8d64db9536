// Atomic access to 64-bit words in memory that Swift shares between threads or processes, and the
// two hints a polling loop needs. All are static inline, so Swift compiles them to one instruction.
#ifndef TRM_ATOMICS_H
#define TRM_ATOMICS_H

#include <stdbool.h>
#include <stdint.h>

#include "annotations.h"

TRM_ASSUME_NONNULL_BEGIN

/// Reads a word; what its writer did before the matching release is visible afterwards.
static inline uint64_t trm_load_acquire_u64(const uint64_t *word) {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/// Reads a word without ordering anything else: for counters.
static inline uint64_t trm_load_relaxed_u64(const uint64_t *word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/// Publishes a word: who reads it with acquire sees everything written before it.
static inline void trm_store_release_u64(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/// Writes a word without ordering anything else: for counters with one writer.
static inline void trm_store_relaxed_u64(uint64_t *word, uint64_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

/// Sets bits and returns the word as it was before. Acquire and release.
static inline uint64_t trm_fetch_or_u64(uint64_t *word, uint64_t bits) {
    return __atomic_fetch_or(word, bits, __ATOMIC_ACQ_REL);
}

/// Keeps only `bits` and returns the word as it was before. Acquire and release.
static inline uint64_t trm_fetch_and_u64(uint64_t *word, uint64_t bits) {
    return __atomic_fetch_and(word, bits, __ATOMIC_ACQ_REL);
}

/// Adds and returns the word as it was before. Acquire and release.
static inline uint64_t trm_fetch_add_u64(uint64_t *word, uint64_t addend) {
    return __atomic_fetch_add(word, addend, __ATOMIC_ACQ_REL);
}

/// Stores a word and returns the one that was there. Acquire and release.
static inline uint64_t trm_exchange_u64(uint64_t *word, uint64_t value) {
    return __atomic_exchange_n(word, value, __ATOMIC_ACQ_REL);
}

/// Replaces `*expected` by `desired`. Where the word differs, returns false and stores what was
/// found in `*expected`. Strong (never fails without cause); acquire and release.
static inline bool trm_cas_u64(uint64_t *word, uint64_t *expected, uint64_t desired) {
    return __atomic_compare_exchange_n(word, expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/// A full fence. Needed where two threads each write one word and then read the other's: "I sleep"
/// against "there is work". Release and acquire do not order a store before a later load.
static inline void trm_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/// Asks for the cache line of `address`, to be read soon. Never faults.
static inline void trm_prefetch_read(const void *address) { __builtin_prefetch(address, 0, 3); }

/// Asks for the cache line of `address`, to be written soon. Never faults.
static inline void trm_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }

/// One step of a spin loop: yields the core's resources to its sibling for a few cycles.
static inline void trm_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

TRM_ASSUME_NONNULL_END

#endif
