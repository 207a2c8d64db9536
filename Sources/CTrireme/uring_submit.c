// Filling submission entries: one function per operation. Nothing here waits.
#define _GNU_SOURCE
#include <errno.h>

#include "faults_private.h"
#include "uring_private.h"

struct io_uring_sqe *trm_ring_entry(trm_ring *ring, int opcode, unsigned file, uint64_t token) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);
    if (!entry) {
        ring->counters.full_submits++;
        trm_ring_enter(ring, 0, 0, NULL, 0);
        entry = io_uring_get_sqe(&ring->uring);
        if (!entry) return NULL;
    }
    io_uring_prep_rw(opcode, entry, (int)file, NULL, 0, 0);
    entry->flags = IOSQE_FIXED_FILE;
    entry->user_data = token;
    return entry;
}

/// The registered buffer in which all pieces lie, or -1: the kernel takes one index for all.
static int common_piece(const trm_ring *ring, const struct iovec *pieces, unsigned count) {
    int common = trm_ring_region_piece(ring, pieces[0].iov_base, pieces[0].iov_len);
    for (unsigned i = 1; i < count && common >= 0; i++)
        if (trm_ring_region_piece(ring, pieces[i].iov_base, pieces[i].iov_len) != common) return -1;
    return common;
}

int trm_ring_write(trm_ring *ring, unsigned file, const struct iovec *pieces, unsigned count,
                   uint64_t offset, bool durable, uint64_t token) {
    // UIO_MAXIOV pieces, and a length in 32 bits.
    if (count == 0 || count > 1024 || pieces[0].iov_len > INT32_MAX) return -EINVAL;
    bool may_be_fixed = count == 1 || (ring->features & TRM_RING_WRITEV_FIXED) != 0;
    int piece = may_be_fixed ? common_piece(ring, pieces, count) : -1;
    int opcode = count == 1 ? (piece >= 0 ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE)
                            : (piece >= 0 ? TRM_OP_WRITEV_FIXED : IORING_OP_WRITEV);
    struct io_uring_sqe *entry = trm_ring_entry(ring, opcode, file, token);
    if (!entry) return -EBUSY;
    if (count == 1) {
        entry->addr = (uintptr_t)pieces[0].iov_base;
        entry->len = (uint32_t)pieces[0].iov_len;
    } else {
        entry->addr = (uintptr_t)pieces;
        entry->len = count;
    }
    entry->off = offset;
    if (piece >= 0) entry->buf_index = (uint16_t)piece;
    if (durable) entry->rw_flags = RWF_DSYNC;
    if (piece >= 0) ring->counters.fixed_writes++;
    else ring->counters.plain_writes++;
    TRM_SUBMISSION(ring_write, ring, entry);
    return 0;
}

int trm_ring_read(trm_ring *ring, unsigned file, void *to, uint32_t length, uint64_t offset,
                  uint64_t token) {
    int piece = trm_ring_region_piece(ring, to, length);
    struct io_uring_sqe *entry =
        trm_ring_entry(ring, piece >= 0 ? IORING_OP_READ_FIXED : IORING_OP_READ, file, token);
    if (!entry) return -EBUSY;
    entry->addr = (uintptr_t)to;
    entry->len = length;
    entry->off = offset;
    if (piece >= 0) entry->buf_index = (uint16_t)piece;
    TRM_SUBMISSION(ring_read, ring, entry);
    return 0;
}

int trm_ring_fsync(trm_ring *ring, unsigned file, bool data_only, uint64_t token) {
    struct io_uring_sqe *entry = trm_ring_entry(ring, IORING_OP_FSYNC, file, token);
    if (!entry) return -EBUSY;
    entry->fsync_flags = data_only ? IORING_FSYNC_DATASYNC : 0;
    TRM_SUBMISSION(ring_fsync, ring, entry);
    return 0;
}

int trm_ring_sendmsg(trm_ring *ring, unsigned file, const struct msghdr *header, uint32_t flags,
                     uint64_t token) {
    struct io_uring_sqe *entry = trm_ring_entry(ring, IORING_OP_SENDMSG, file, token);
    if (!entry) return -EBUSY;
    entry->addr = (uintptr_t)header;
    entry->len = 1;
    entry->msg_flags = flags;
    TRM_SUBMISSION(ring_send, ring, entry);
    return 0;
}

int trm_ring_timeout(trm_ring *ring, uint64_t nanoseconds, uint64_t token) {
    struct io_uring_sqe *entry = trm_ring_entry(ring, IORING_OP_TIMEOUT, 0, token);
    if (!entry) return -EBUSY;
    // The time is read when the entry is, so both can live at the same index.
    struct __kernel_timespec *time = &ring->times[entry - ring->uring.sq.sqes];
    time->tv_sec = (int64_t)(nanoseconds / 1000000000);
    time->tv_nsec = (int64_t)(nanoseconds % 1000000000);
    entry->flags = 0;
    entry->fd = -1;
    entry->addr = (uintptr_t)time;
    entry->len = 1;
    TRM_SUBMISSION(ring_timeout, ring, entry);
    return 0;
}

int trm_ring_poll_multishot(trm_ring *ring, unsigned file, uint32_t events, uint64_t token) {
    struct io_uring_sqe *entry = trm_ring_entry(ring, IORING_OP_POLL_ADD, file, token);
    if (!entry) return -EBUSY;
    entry->len = IORING_POLL_ADD_MULTI;
    entry->poll32_events = events;  // little-endian, as all of Trireme's machines
    TRM_SUBMISSION(ring_poll, ring, entry);
    return 0;
}

int trm_ring_cancel(trm_ring *ring, uint64_t target_token, uint64_t token) {
    struct io_uring_sqe *entry = trm_ring_entry(ring, IORING_OP_ASYNC_CANCEL, 0, token);
    if (!entry) return -EBUSY;
    entry->flags = 0;
    entry->fd = -1;
    entry->addr = target_token;
    TRM_SUBMISSION(ring_cancel, ring, entry);
    return 0;
}
