// What the parts of the ring share. liburing is included here and nowhere in a public header.
#ifndef TRM_URING_PRIVATE_H
#define TRM_URING_PRIVATE_H

#include <liburing.h>

#include "uring.h"

// A registered buffer may be 1 GiB long at most, so a longer region is registered in pieces.
#define TRM_REGION_PIECE_BYTES (1ull << 30)

// IORING_OP_WRITEV_FIXED, since Linux 6.15: liburing 2.3 does not know it.
#define TRM_OP_WRITEV_FIXED 61

struct trm_buffers {
    struct io_uring_buf_ring *ring;
    size_t mapped_bytes;
    uint32_t mask;
    uint32_t unpublished;
    uint16_t group;
    struct trm_buffers *next;
};

struct trm_ring {
    struct io_uring uring;
    uint32_t features;               // TRM_RING_ flags
    int enter_descriptor;            // the ring's descriptor, or its registered index
    unsigned enter_flags;            // IORING_ENTER_REGISTERED_RING, or 0
    bool has_files;
    uintptr_t region_base;
    uint64_t region_bytes;           // 0: none registered
    struct __kernel_timespec *times; // one per submission entry: lives as long as the entry does
    trm_buffers *buffers;
    trm_ring_counters counters;
};

/// An entry to fill in, zeroed but for these fields; null when there is none even after a submit.
struct io_uring_sqe *trm_ring_entry(trm_ring *ring, int opcode, unsigned file, uint64_t token);

/// Submits and, with `flags` IORING_ENTER_GETEVENTS, waits. Returns what was taken, or -errno.
int trm_ring_enter(trm_ring *ring, unsigned wait_for, unsigned flags, void *argument, size_t bytes);

/// The registered buffer in which all these bytes lie, or -1.
int trm_ring_region_piece(const trm_ring *ring, const void *base, size_t bytes);

/// The value of kernel.io_uring_disabled; -1 where it cannot be read.
int trm_uring_disabled_sysctl(void);

#endif
