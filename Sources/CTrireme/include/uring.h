// The io_uring of one reactor: submissions by registered file and token, completions copied out.
// liburing stays behind these calls; nothing here includes it.
//
// A ring belongs to the thread that created it; no other thread may call any function on it (the
// kernel enforces this where SINGLE_ISSUER is in use). Errors are -errno.
//
// Lifetimes. What a submission points to (iovec arrays, msghdr) is read when the kernel takes the
// entry, that is until `trm_ring_pending` is 0 after a submit: IORING_FEAT_SUBMIT_STABLE, which
// creation insists on. The bytes themselves must stay until the completion.
#ifndef TRM_URING_H
#define TRM_URING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "annotations.h"

TRM_ASSUME_NONNULL_BEGIN

typedef struct trm_ring trm_ring;
typedef struct trm_buffers trm_buffers;

// MARK: life of a ring

typedef struct trm_ring_options {
    uint32_t entries;          ///< submission entries, rounded up to a power of two by the kernel
    uint32_t cq_entries;       ///< completion entries; 0 takes four times `entries`
    bool single_issuer;        ///< ask for SINGLE_ISSUER (6.0)
    bool defer_taskrun;        ///< ask for DEFER_TASKRUN (6.1); implies `single_issuer`
    bool writev_fixed;         ///< use WRITEV_FIXED (6.15) where the kernel has it
    bool restricted;           ///< let the kernel refuse every operation that the shim does not use
} trm_ring_options;

/// The options that Trireme means: everything that the kernel has.
static inline trm_ring_options trm_ring_default_options(uint32_t entries) {
    trm_ring_options options = {entries, 0, true, true, true, true};
    return options;
}

// What a ring really uses (`trm_ring_features`). Creation falls back silently: these cost only speed.
#define TRM_RING_SINGLE_ISSUER 0x01u
#define TRM_RING_DEFER_TASKRUN 0x02u
#define TRM_RING_TASKRUN_FLAG 0x04u     ///< shared memory tells whether entering would yield anything
#define TRM_RING_REGISTERED_FD 0x08u    ///< the ring's own descriptor is registered
#define TRM_RING_WRITEV_FIXED 0x10u     ///< several pieces of the region in one write without pinning pages
#define TRM_RING_REGION 0x20u           ///< the region is registered
#define TRM_RING_RESTRICTED 0x40u       ///< the kernel refuses what the shim does not use

/// Creates a ring for the calling thread. Returns 0, or -errno and one sentence in `message` that
/// says what refused (sysctl, seccomp, locked memory, the kernel's age), the value found, and how to
/// mend it. Linux 6.0 is needed, for multishot recvmsg.
int trm_ring_create(trm_ring *TRM_NULLABLE *TRM_NULLABLE out, const trm_ring_options *options,
                    char *message, size_t message_capacity);

/// Ends a ring: everything in flight is cancelled and its buffer rings are freed. The kernel may
/// hold files and the region for a moment longer.
void trm_ring_destroy(trm_ring *TRM_NULLABLE ring);

/// The TRM_RING_ flags that are in use.
uint32_t trm_ring_features(const trm_ring *ring);

/// What `trm_ring_create` says for an error, as a pure function. `sysctl_value` is that of
/// kernel.io_uring_disabled, or -1 where it is absent; `locked_memory_bytes` the limit found;
/// `kernel` the release as uname gives it.
void trm_ring_explain(int error, int sysctl_value, uint64_t locked_memory_bytes, const char *kernel,
                      char *message, size_t message_capacity);

// MARK: files and memory

/// Registers descriptors; submissions name them by index. -1 leaves an index empty for
/// `trm_ring_update_file`. Once per ring. Returns 0 or -errno.
int trm_ring_register_files(trm_ring *ring, const int *descriptors, unsigned count);

/// Puts a descriptor, or -1, at a registered index. Returns 0 or -errno.
int trm_ring_update_file(trm_ring *ring, unsigned index, int descriptor);

/// Registers the memory that writes and reads will use (pinned by the kernel once, not on every
/// call). Once per ring; it must stay mapped until the ring is destroyed. Returns 0. Otherwise
/// -errno and one sentence: the ring then works without, only slower.
int trm_ring_register_region(trm_ring *ring, void *base, size_t length, char *message,
                             size_t message_capacity);

// MARK: submissions
//
// All return 0, or -EBUSY when the submission ring is full and the kernel took nothing in the one
// submit they then try themselves. `file` is a registered index. `token` comes back in the completion.

/// Writes pieces one after another at `offset`; `durable` asks for RWF_DSYNC (a file opened with
/// O_DSYNC does not need it). Uses the registered region when all pieces lie in it. -EINVAL for no
/// piece or more than 1024. Result: bytes written.
int trm_ring_write(trm_ring *ring, unsigned file, const struct iovec *pieces, unsigned count,
                   uint64_t offset, bool durable, uint64_t token);

/// Reads up to `length` bytes from `offset`. Result: bytes read.
int trm_ring_read(trm_ring *ring, unsigned file, void *to, uint32_t length, uint64_t offset,
                  uint64_t token);

/// Flushes a file, with `data_only` as fdatasync does. Not ordered after writes in flight.
int trm_ring_fsync(trm_ring *ring, unsigned file, bool data_only, uint64_t token);

/// Sends one message. `header` and its iovec must stay until submitted, the bytes until completed.
/// Result: bytes sent.
int trm_ring_sendmsg(trm_ring *ring, unsigned file, const struct msghdr *header, uint32_t flags,
                     uint64_t token);

/// Receives datagrams until it ends: each takes a buffer of `buffer_group` and completes with `more`
/// set. A completion without `more` (-ENOBUFS when the group is empty) ends it; submit it again.
/// `shape` is of the TRM_RECEIVE_ flags; see `trm_receive_parse`.
int trm_ring_receive_multishot(trm_ring *ring, unsigned file, uint16_t buffer_group, uint32_t shape,
                               uint64_t token);

/// Completes with -ETIME after `nanoseconds`, or with -ECANCELED.
int trm_ring_timeout(trm_ring *ring, uint64_t nanoseconds, uint64_t token);

/// Completes, with `more`, each time the file becomes ready for `events` (POLLIN, …). For an eventfd:
/// one completion for a signal or for several.
int trm_ring_poll_multishot(trm_ring *ring, unsigned file, uint32_t events, uint64_t token);

/// Cancels the submission with `target_token`, which completes with -ECANCELED unless it was done.
/// Result of the cancellation itself: 0, -ENOENT, or -EALREADY.
int trm_ring_cancel(trm_ring *ring, uint64_t target_token, uint64_t token);

// MARK: entering the kernel

/// Submissions that the kernel has not taken yet.
unsigned trm_ring_pending(const trm_ring *ring);

/// Hands all submissions to the kernel. Returns how many it took, or -errno. No system call when
/// there is nothing to submit.
int trm_ring_submit(trm_ring *ring);

/// Submits and waits until `wait_for` completions are there or the time has passed, in one system
/// call. `timeout_nanoseconds` 0 (or `wait_for` 0): do not wait, only let finished work complete; no
/// system call when there is nothing to do. Negative: wait without limit. Returns how many
/// submissions were taken, or -errno; passing of the time and a signal are no errors.
int trm_ring_submit_and_wait(trm_ring *ring, unsigned wait_for, int64_t timeout_nanoseconds);

typedef struct trm_completion {
    uint64_t token;
    int32_t result;      ///< bytes, or -errno
    uint32_t flags;      ///< as the kernel gave them
    int32_t buffer;      ///< identifier of the provided buffer that holds the data, or -1
    bool more;           ///< the multishot submission goes on
} trm_completion;

/// Copies up to `capacity` completions out, oldest first, and frees their entries. No system call.
unsigned trm_ring_completions(trm_ring *ring, trm_completion *out, unsigned capacity);

/// Completions that wait to be copied out.
unsigned trm_ring_ready(const trm_ring *ring);

typedef struct trm_ring_counters {
    uint64_t enter_calls;      ///< io_uring_enter system calls
    uint64_t waits;            ///< those of them that were allowed to sleep
    uint64_t spared_calls;     ///< calls for which a look into shared memory was enough
    uint64_t submitted;        ///< entries the kernel took
    uint64_t completed;        ///< completions copied out
    uint64_t full_submits;     ///< submits forced by a full submission ring
    uint64_t fixed_writes;     ///< writes that used the registered region
    uint64_t plain_writes;     ///< writes that did not
    uint64_t overflows;        ///< times the completion ring had run over (none is lost, but it is slow)
} trm_ring_counters;

/// Counters since creation.
trm_ring_counters trm_ring_statistics(const trm_ring *ring);

// MARK: provided buffers

/// Makes a ring of `entries` (a power of two, at most 32768) receive buffers, named `group`. It
/// holds none at first. It is freed with the ring. Returns null and -errno in `*error` on failure.
trm_buffers *TRM_NULLABLE trm_ring_buffers_create(trm_ring *ring, uint16_t group, uint32_t entries,
                                                  int *error);

/// Adds a buffer; the kernel sees it after `trm_buffers_publish`. Never add more than `entries` that
/// the kernel has not used.
void trm_buffers_add(trm_buffers *buffers, void *address, uint32_t length, uint16_t identifier);

/// Publishes all buffers added. No system call.
void trm_buffers_publish(trm_buffers *buffers);

// MARK: received datagrams

// What a received datagram is accompanied by.
#define TRM_RECEIVE_SOURCE 1u      ///< the sender's address
#define TRM_RECEIVE_SEGMENTS 2u    ///< the GRO segment size (a socket with `gro` set)
#define TRM_RECEIVE_TIME 4u        ///< when it came (a socket with `arrival_times` set)

/// Bytes in a buffer before the payload. A buffer at a page boundary minus this many has its
/// payload page-aligned. The kernel puts a header of 16 bytes, then room for address and control.
static inline size_t trm_receive_prefix_bytes(uint32_t shape) {
    return 16 + ((shape & TRM_RECEIVE_SOURCE) ? 16u : 0u) + ((shape & TRM_RECEIVE_SEGMENTS) ? 24u : 0u) +
           ((shape & TRM_RECEIVE_TIME) ? 32u : 0u);
}

typedef struct trm_received {
    void *TRM_NULLABLE payload;
    uint32_t payload_bytes;
    uint32_t segment_bytes;       ///< 0, or the payload is datagrams of this size, the last perhaps shorter
    uint32_t source_address;      ///< host byte order; 0 when not asked for
    uint16_t source_port;         ///< host byte order
    uint64_t arrival_nanoseconds; ///< since 1970, when the kernel took it from the device; 0 when not asked for
    bool truncated;               ///< the datagram was longer than the buffer: drop it
} trm_received;

/// Takes apart what a multishot receive left in a buffer. `bytes` is the completion's result.
/// Returns 0, or -EBADMSG when the buffer is shorter than the prefix of its shape.
int trm_receive_parse(void *buffer, uint32_t bytes, uint32_t shape, trm_received *out);

TRM_ASSUME_NONNULL_END

#endif
