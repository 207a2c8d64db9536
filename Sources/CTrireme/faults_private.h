// How a call site asks whether it is to fail (include/faults.h).
#ifndef TRM_FAULTS_PRIVATE_H
#define TRM_FAULTS_PRIVATE_H

#include <errno.h>
#include <stdint.h>

#include "faults.h"
#include "faults_sites.h"

extern _Thread_local trm_faults *trm_faults_here;

#define TRM_ARMED __builtin_expect(trm_faults_here != NULL, 0)

/// Counts the visit and waits if it is to be late. Returns the errno to fail with without the call, or 0.
int trm_faults_before(uint32_t site);

/// What becomes of a result: bytes, or a negative number.
int64_t trm_faults_after(uint32_t site, int64_t result);

/// Fewer bytes than asked for, if so many are all that the call is to do.
uint64_t trm_faults_bytes(uint32_t site, uint64_t asked);

#define TRM_CALL_AS(site, call, failure, takes_errno)                                       \
    __extension__({                                                                         \
        int refused_ = TRM_ARMED ? trm_faults_before(TRM_SITE_##site) : 0;                  \
        __typeof__(call) result_;                                                           \
        if (__builtin_expect(refused_ != 0, 0)) {                                           \
            if (takes_errno) errno = refused_;                                              \
            result_ = (__typeof__(call))(failure);                                          \
        } else {                                                                            \
            result_ = (call);                                                               \
        }                                                                                   \
        result_;                                                                            \
    })

/// A call that answers -1 and sets errno.
#define TRM_CALL(site, call) TRM_CALL_AS(site, call, -1, 1)
/// One that answers -errno; as liburing's do.
#define TRM_CALL_NEGATIVE(site, call) TRM_CALL_AS(site, call, -refused_, 0)
/// One that answers errno; as those of pthreads do.
#define TRM_CALL_CODE(site, call) TRM_CALL_AS(site, call, refused_, 0)
/// mmap.
#define TRM_CALL_MAP(site, call) TRM_CALL_AS(site, call, MAP_FAILED, 1)
/// One that answers null.
#define TRM_CALL_NULL(site, call) TRM_CALL_AS(site, call, 0, 1)

/// pread and pwrite: `length` may become less.
#define TRM_TRANSFER(site, call, descriptor, memory, length, offset)                                    \
    __extension__({                                                                                     \
        size_t bytes_ = (length);                                                                       \
        if (TRM_ARMED) bytes_ = (size_t)trm_faults_bytes(TRM_SITE_##site, bytes_);                      \
        ssize_t done_ = TRM_CALL(site, call(descriptor, memory, bytes_, offset));                       \
        if (TRM_ARMED) done_ = (ssize_t)trm_faults_after(TRM_SITE_##site, done_);                       \
        done_;                                                                                          \
    })

struct io_uring_sqe;
struct trm_ring;
struct trm_completion;

/// An entry that is filled in: it may become another, which does nothing or waits first.
void trm_faults_submission(uint32_t site, struct trm_ring *ring, struct io_uring_sqe *entry);
#define TRM_SUBMISSION(site, ring, entry)                                                    \
    do {                                                                                     \
        if (TRM_ARMED) trm_faults_submission(TRM_SITE_##site, ring, entry);                  \
    } while (0)

/// Completions that have been copied out: those of such entries are changed.
void trm_faults_completions(struct trm_ring *ring, struct trm_completion *out, unsigned count);

#endif
