// Entering the kernel and taking completions: once per turn of the reactor, on its thread.
//
// liburing's own submit-and-wait may enter twice; this way it is one system call, and it is counted.
#define _GNU_SOURCE
#include <errno.h>

#include "faults_private.h"
#include "uring_private.h"

/// Publishes filled entries to the kernel; returns how many it has not taken.
static unsigned flush(struct io_uring *uring) {
    struct io_uring_sq *sq = &uring->sq;
    if (sq->sqe_head != sq->sqe_tail) {
        sq->sqe_head = sq->sqe_tail;
        // Without SQPOLL the kernel reads the tail within our own system call.
        io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
    }
    return sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
}

int trm_ring_enter(trm_ring *ring, unsigned wait_for, unsigned flags, void *argument, size_t bytes) {
    unsigned to_submit = flush(&ring->uring);
    ring->counters.enter_calls++;
    int taken = TRM_CALL_NEGATIVE(ring_enter,
                                  io_uring_enter2((unsigned)ring->enter_descriptor, to_submit, wait_for,
                                                  flags | ring->enter_flags, argument, bytes));
    if (taken > 0) ring->counters.submitted += (unsigned)taken;
    return taken;
}

/// The kernel has completions that only an entry with GETEVENTS brings: deferred task work, or what
/// did not fit into the completion ring.
static bool kernel_holds_completions(const trm_ring *ring) {
    unsigned flags = IO_URING_READ_ONCE(*ring->uring.sq.kflags);
    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

unsigned trm_ring_pending(const trm_ring *ring) {
    const struct io_uring_sq *sq = &ring->uring.sq;
    return sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
}

int trm_ring_submit(trm_ring *ring) {
    if (trm_ring_pending(ring) == 0) return 0;
    return trm_ring_enter(ring, 0, 0, NULL, 0);
}

int trm_ring_submit_and_wait(trm_ring *ring, unsigned wait_for, int64_t timeout_nanoseconds) {
    bool may_sleep = wait_for > 0 && timeout_nanoseconds != 0 && trm_ring_ready(ring) < wait_for;
    if (!may_sleep && trm_ring_pending(ring) == 0 && !kernel_holds_completions(ring)) {
        ring->counters.spared_calls++;
        return 0;
    }
    int taken;
    if (!may_sleep) {
        taken = trm_ring_enter(ring, 0, IORING_ENTER_GETEVENTS, NULL, 0);
    } else if (timeout_nanoseconds < 0) {
        ring->counters.waits++;
        taken = trm_ring_enter(ring, wait_for, IORING_ENTER_GETEVENTS, NULL, _NSIG / 8);
    } else {
        struct __kernel_timespec time = {.tv_sec = timeout_nanoseconds / 1000000000,
                                         .tv_nsec = timeout_nanoseconds % 1000000000};
        struct io_uring_getevents_arg argument = {.sigmask_sz = _NSIG / 8, .ts = (uintptr_t)&time};
        ring->counters.waits++;
        taken = trm_ring_enter(ring, wait_for, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
                               &argument, sizeof argument);
    }
    return taken == -ETIME || taken == -EINTR ? 0 : taken;
}

unsigned trm_ring_ready(const trm_ring *ring) {
    const struct io_uring_cq *cq = &ring->uring.cq;
    return io_uring_smp_load_acquire(cq->ktail) - *cq->khead;
}

unsigned trm_ring_completions(trm_ring *ring, trm_completion *out, unsigned capacity) {
    struct io_uring_cq *cq = &ring->uring.cq;
    unsigned head = *cq->khead, mask = cq->ring_mask;
    unsigned count = io_uring_smp_load_acquire(cq->ktail) - head;
    if (count > capacity) count = capacity;
    for (unsigned i = 0; i < count; i++) {
        const struct io_uring_cqe *entry = &cq->cqes[(head + i) & mask];
        bool has_buffer = (entry->flags & IORING_CQE_F_BUFFER) != 0;
        out[i] = (trm_completion){
            .token = entry->user_data,
            .result = entry->res,
            .flags = entry->flags,
            .buffer = has_buffer ? (int32_t)(entry->flags >> IORING_CQE_BUFFER_SHIFT) : -1,
            .more = (entry->flags & IORING_CQE_F_MORE) != 0,
        };
    }
    // Release: the kernel may overwrite the entries only after they have been read.
    io_uring_smp_store_release(cq->khead, head + count);
    ring->counters.completed += count;
    if (TRM_ARMED) trm_faults_completions(ring, out, count);
    if (IO_URING_READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_CQ_OVERFLOW) ring->counters.overflows++;
    return count;
}

trm_ring_counters trm_ring_statistics(const trm_ring *ring) { return ring->counters; }
