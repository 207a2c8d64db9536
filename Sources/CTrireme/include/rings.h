// Bounded rings between threads: the only places where Trireme's threads meet. Nothing here
// allocates; the caller supplies ring and storage, both at addresses that do not move.
//
// Elements have one size per ring, a multiple of 8 from 8 to 64 bytes; capacity is a power of two.
// A full ring refuses: that is back-pressure, and the caller's business.
//
// What different threads write is 128 bytes apart (x86 fetches cache lines in pairs). The padding is
// explicit, since Swift does not import structs with aligned(128).
#ifndef TRM_RINGS_H
#define TRM_RINGS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "annotations.h"
#include "atomics.h"

TRM_ASSUME_NONNULL_BEGIN

#define TRM_RING_LARGEST_ELEMENT 64u

/// True when rings can be made of these sizes.
static inline bool trm_ring_shape_is_valid(size_t element_bytes, uint64_t capacity) {
    return element_bytes >= 8 && element_bytes <= TRM_RING_LARGEST_ELEMENT &&
           element_bytes % 8 == 0 && capacity >= 2 && (capacity & (capacity - 1)) == 0;
}

/// Copies one element. The sizes are spelled out because a memcpy of unknown length is a call.
static inline void trm_copy_element(void *to, const void *from, uint64_t bytes) {
    switch (bytes) {
    case 8: memcpy(to, from, 8); break;
    case 16: memcpy(to, from, 16); break;
    case 24: memcpy(to, from, 24); break;
    case 32: memcpy(to, from, 32); break;
    case 40: memcpy(to, from, 40); break;
    case 48: memcpy(to, from, 48); break;
    case 56: memcpy(to, from, 56); break;
    default: memcpy(to, from, 64); break;
    }
}

// MARK: one producer, one consumer

/// A ring with one producing and one consuming thread. Positions count up for ever; a position
/// modulo capacity is a slot. Each side keeps a copy of the other's position and looks at the real
/// one only when the copy says full or empty, so in steady state a cache line moves once per batch.
typedef struct trm_spsc {
    unsigned char *TRM_NULLABLE storage;
    uint64_t element_bytes;
    uint64_t capacity;
    uint64_t padding_0[13];
    uint64_t tail;            ///< written by the producer: elements pushed so far
    uint64_t head_seen;       ///< the producer's copy of `head`
    uint64_t padding_1[14];
    uint64_t head;            ///< written by the consumer: elements taken so far
    uint64_t tail_seen;       ///< the consumer's copy of `tail`
    uint64_t padding_2[14];
} trm_spsc;

/// Bytes of storage for a ring of this shape. Best aligned to 64.
static inline size_t trm_spsc_storage_bytes(size_t element_bytes, uint64_t capacity) {
    return element_bytes * (size_t)capacity;
}

/// Makes an empty ring over `storage`. Returns 0, or -EINVAL for a shape that is not allowed.
/// Other threads may use the ring after they have been started or told with release.
static inline int trm_spsc_init(trm_spsc *ring, void *storage, size_t element_bytes,
                                uint64_t capacity) {
    if (!trm_ring_shape_is_valid(element_bytes, capacity)) return -EINVAL;
    memset(ring, 0, sizeof *ring);
    ring->storage = (unsigned char *)storage;
    ring->element_bytes = element_bytes;
    ring->capacity = capacity;
    return 0;
}

/// Producer: the slot `index` places after the last committed element, to be filled in place, or
/// null when the ring has no such room. Reserving changes nothing; commit does.
static inline void *TRM_NULLABLE trm_spsc_reserve(trm_spsc *ring, uint64_t index) {
    uint64_t position = ring->tail + index;
    if (position - ring->head_seen >= ring->capacity) {
        // Acquire pairs with the consumer's release: it has finished reading the slot.
        ring->head_seen = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
        if (position - ring->head_seen >= ring->capacity) return NULL;
    }
    return ring->storage + (position & (ring->capacity - 1)) * ring->element_bytes;
}

/// Producer: publishes the next `count` reserved slots.
static inline void trm_spsc_commit(trm_spsc *ring, uint64_t count) {
    __atomic_store_n(&ring->tail, ring->tail + count, __ATOMIC_RELEASE);
}

/// Producer: copies one element in. Returns false when the ring is full.
static inline bool trm_spsc_try_push(trm_spsc *ring, const void *element) {
    void *slot = trm_spsc_reserve(ring, 0);
    if (!slot) return false;
    trm_copy_element(slot, element, ring->element_bytes);
    trm_spsc_commit(ring, 1);
    return true;
}

/// Consumer: the element `index` places after the oldest one, in place, or null when there is none.
/// It stays valid until it is released.
static inline void *TRM_NULLABLE trm_spsc_peek(trm_spsc *ring, uint64_t index) {
    uint64_t position = ring->head + index;
    if (position >= ring->tail_seen) {
        // Acquire pairs with the producer's release: the slot is filled.
        ring->tail_seen = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
        if (position >= ring->tail_seen) return NULL;
    }
    return ring->storage + (position & (ring->capacity - 1)) * ring->element_bytes;
}

/// Consumer: gives the oldest `count` slots back to the producer.
static inline void trm_spsc_release(trm_spsc *ring, uint64_t count) {
    __atomic_store_n(&ring->head, ring->head + count, __ATOMIC_RELEASE);
}

/// Consumer: copies the oldest element out. Returns false when the ring is empty.
static inline bool trm_spsc_try_pop(trm_spsc *ring, void *element) {
    void *slot = trm_spsc_peek(ring, 0);
    if (!slot) return false;
    trm_copy_element(element, slot, ring->element_bytes);
    trm_spsc_release(ring, 1);
    return true;
}

/// Elements in the ring. Exact for a thread that owns one end and while the other end rests; else a
/// value that was true a moment ago. Any thread may ask.
static inline uint64_t trm_spsc_count(const trm_spsc *ring) {
    uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    return tail - head;
}

// MARK: many producers, one consumer

/// A ring with any number of producing threads and one consuming thread, after Dmitry Vyukov's
/// bounded queue. A slot begins with a sequence number: equal to a position, it is free for it;
/// equal to the position + 1, it holds its element. A producer that was stopped between taking its
/// slot and filling it holds up the consumer, not the other producers.
typedef struct trm_mpsc {
    unsigned char *TRM_NULLABLE storage;
    uint64_t element_bytes;
    uint64_t slot_bytes;
    uint64_t capacity;
    uint64_t padding_0[12];
    uint64_t tail;            ///< taken by producers with compare-exchange
    uint64_t padding_1[15];
    uint64_t head;            ///< written by the consumer
    uint64_t padding_2[15];
} trm_mpsc;

/// Bytes of one slot: sequence number and element, rounded up to a power of two so that a slot of 64
/// bytes or less lies in one cache line (elements of 56 bytes fill one exactly).
static inline size_t trm_mpsc_slot_bytes(size_t element_bytes) {
    size_t bytes = 16;
    while (bytes < element_bytes + 8) bytes *= 2;
    return bytes;
}

/// Bytes of storage for a ring of this shape. Best aligned to 64; must be aligned to 8.
static inline size_t trm_mpsc_storage_bytes(size_t element_bytes, uint64_t capacity) {
    return trm_mpsc_slot_bytes(element_bytes) * (size_t)capacity;
}

/// The slot of a position; its first word is the sequence number.
static inline uint64_t *trm_mpsc_slot(const trm_mpsc *ring, uint64_t position) {
    return (uint64_t *)(void *)(ring->storage + (position & (ring->capacity - 1)) * ring->slot_bytes);
}

/// Makes an empty ring over `storage`. Returns 0, or -EINVAL for a shape that is not allowed.
static inline int trm_mpsc_init(trm_mpsc *ring, void *storage, size_t element_bytes,
                                uint64_t capacity) {
    if (!trm_ring_shape_is_valid(element_bytes, capacity)) return -EINVAL;
    memset(ring, 0, sizeof *ring);
    ring->storage = (unsigned char *)storage;
    ring->element_bytes = element_bytes;
    ring->slot_bytes = trm_mpsc_slot_bytes(element_bytes);
    ring->capacity = capacity;
    for (uint64_t i = 0; i < capacity; i++) *trm_mpsc_slot(ring, i) = i;
    return 0;
}

/// Any producer: copies one element in. Returns false when the ring is full.
static inline bool trm_mpsc_try_push(trm_mpsc *ring, const void *element) {
    uint64_t position = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
    for (;;) {
        uint64_t *slot = trm_mpsc_slot(ring, position);
        int64_t lead = (int64_t)(__atomic_load_n(slot, __ATOMIC_ACQUIRE) - position);
        if (lead == 0) {
            // Relaxed: the slot's own sequence number orders its contents.
            if (__atomic_compare_exchange_n(&ring->tail, &position, position + 1, true,
                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
                trm_copy_element(slot + 1, element, ring->element_bytes);
                __atomic_store_n(slot, position + 1, __ATOMIC_RELEASE);
                return true;
            }
        } else if (lead < 0) {
            return false;  // the element of one round ago is still there
        } else {
            position = __atomic_load_n(&ring->tail, __ATOMIC_RELAXED);
        }
    }
}

/// Consumer: the oldest element in place, or null when there is none yet. Valid until released.
static inline void *TRM_NULLABLE trm_mpsc_peek(trm_mpsc *ring) {
    uint64_t *slot = trm_mpsc_slot(ring, ring->head);
    if (__atomic_load_n(slot, __ATOMIC_ACQUIRE) != ring->head + 1) return NULL;
    return slot + 1;
}

/// Consumer: gives the oldest slot back to the producers. Only after a peek that found it.
static inline void trm_mpsc_release(trm_mpsc *ring) {
    uint64_t *slot = trm_mpsc_slot(ring, ring->head);
    __atomic_store_n(slot, ring->head + ring->capacity, __ATOMIC_RELEASE);
    __atomic_store_n(&ring->head, ring->head + 1, __ATOMIC_RELEASE);
}

/// Consumer: copies the oldest element out. Returns false when there is none yet.
static inline bool trm_mpsc_try_pop(trm_mpsc *ring, void *element) {
    void *slot = trm_mpsc_peek(ring);
    if (!slot) return false;
    trm_copy_element(element, slot, ring->element_bytes);
    trm_mpsc_release(ring);
    return true;
}

/// Elements in the ring, those included that are being filled. Any thread may ask.
static inline uint64_t trm_mpsc_count(const trm_mpsc *ring) {
    uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    return tail - head;
}

TRM_ASSUME_NONNULL_END

#endif
