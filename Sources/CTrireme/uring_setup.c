// Creation and end of a ring. Runs on the thread that will own it.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "faults_private.h"
#include "message.h"
#include "uring_private.h"

// From best to plainest; the first that the kernel takes is used. SUBMIT_ALL (5.18): one refused
// entry must not hold back those behind it.
static const struct {
    unsigned setup;
    uint32_t features;
} ways[] = {
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
     TRM_RING_SINGLE_ISSUER | TRM_RING_DEFER_TASKRUN | TRM_RING_TASKRUN_FLAG},
    {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
     TRM_RING_SINGLE_ISSUER | TRM_RING_TASKRUN_FLAG},
    {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, TRM_RING_TASKRUN_FLAG},
    {0, 0},
};

static int set_up(trm_ring *ring, const trm_ring_options *options) {
    int error = -EINVAL;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if ((ways[i].features & TRM_RING_DEFER_TASKRUN) && !options->defer_taskrun) continue;
        if ((ways[i].features & TRM_RING_SINGLE_ISSUER) && !options->single_issuer &&
            !options->defer_taskrun)
            continue;
        struct io_uring_params parameters = {
            .flags = ways[i].setup | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
                     (options->restricted ? IORING_SETUP_R_DISABLED : 0),
            .cq_entries = options->cq_entries ? options->cq_entries : 4 * options->entries,
        };
        error = TRM_CALL_NEGATIVE(ring_setup,
                                  io_uring_queue_init_params(options->entries, &ring->uring, &parameters));
        if (error == 0) {
            ring->features = ways[i].features;
            return 0;
        }
        if (error != -EINVAL) return error;  // only EINVAL says "I do not know this flag"
    }
    return error;
}

/// Whether everything is there that has no fallback. SEND_ZC came with 6.0, as multishot recvmsg did,
/// which cannot be asked for by itself.
static bool kernel_suffices(trm_ring *ring, const trm_ring_options *options) {
    const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG;
    struct io_uring_probe *probe = TRM_CALL_NULL(ring_probe, io_uring_get_probe_ring(&ring->uring));
    if (!probe) return false;
    bool suffices = (ring->uring.features & needed) == needed &&
                    io_uring_opcode_supported(probe, IORING_OP_SEND_ZC);
    if (options->writev_fixed && io_uring_opcode_supported(probe, TRM_OP_WRITEV_FIXED))
        ring->features |= TRM_RING_WRITEV_FIXED;
    io_uring_free_probe(probe);
    return suffices;
}

/// Operations of this shim, all that a process whose ring was taken over could still submit.
static const uint8_t operations[] = {
    IORING_OP_WRITE,   IORING_OP_WRITE_FIXED, IORING_OP_WRITEV,  IORING_OP_READ,     IORING_OP_READ_FIXED,
    IORING_OP_FSYNC,   IORING_OP_SENDMSG,     IORING_OP_RECVMSG, IORING_OP_TIMEOUT,  IORING_OP_POLL_ADD,
    IORING_OP_ASYNC_CANCEL,
};
/// What is registered after the ring is made.
static const uint8_t registrations[] = {
    IORING_REGISTER_FILES,    IORING_REGISTER_FILES_UPDATE, IORING_REGISTER_BUFFERS,
    IORING_REGISTER_PBUF_RING, IORING_UNREGISTER_PBUF_RING,  IORING_REGISTER_RING_FDS,
    IORING_UNREGISTER_RING_FDS,
};

/// Debian's liburing declares the functions for this and does not export them.
static int enroll(trm_ring *ring, unsigned operation, void *argument, unsigned count) {
    return syscall(SYS_io_uring_register, ring->uring.ring_fd, operation, argument, count) < 0 ? -errno : 0;
}

/// Restricts the ring, and enables it, which it was not until then. Where the kernel knows no
/// restrictions, the ring goes without: they are a second line of defence.
static int restrict_and_enable(trm_ring *ring) {
    struct io_uring_restriction rules[sizeof operations + sizeof registrations + 3];
    unsigned count = 0;
    memset(rules, 0, sizeof rules);
    for (size_t i = 0; i < sizeof operations; i++) {
        rules[count].opcode = IORING_RESTRICTION_SQE_OP;
        rules[count++].sqe_op = operations[i];
    }
    if (ring->features & TRM_RING_WRITEV_FIXED) {
        rules[count].opcode = IORING_RESTRICTION_SQE_OP;
        rules[count++].sqe_op = TRM_OP_WRITEV_FIXED;
    }
    if (TRM_ARMED) {  // what faults_submission makes of an entry
        rules[count].opcode = IORING_RESTRICTION_SQE_OP;
        rules[count++].sqe_op = IORING_OP_NOP;
    }
    for (size_t i = 0; i < sizeof registrations; i++) {
        rules[count].opcode = IORING_RESTRICTION_REGISTER_OP;
        rules[count++].register_op = registrations[i];
    }
    rules[count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    rules[count++].sqe_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT |
                               (TRM_ARMED ? IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS : 0);
    int error = TRM_CALL_NEGATIVE(ring_restrict, enroll(ring, IORING_REGISTER_RESTRICTIONS, rules, count));
    if (error == 0) ring->features |= TRM_RING_RESTRICTED;
    return TRM_CALL_NEGATIVE(ring_enable, enroll(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0));
}

static void explain_here(int error, char *message, size_t capacity) {
    struct rlimit locked = {0, 0};
    getrlimit(RLIMIT_MEMLOCK, &locked);
    struct utsname system = {0};
    uname(&system);
    trm_ring_explain(error, trm_uring_disabled_sysctl(), locked.rlim_cur, system.release, message,
                     capacity);
}

int trm_ring_create(trm_ring **out, const trm_ring_options *options, char *message,
                    size_t message_capacity) {
    *out = NULL;
    trm_ring *ring = calloc(1, sizeof *ring);
    if (!ring) {
        explain_here(-ENOMEM, message, message_capacity);
        return -ENOMEM;
    }
    int error = set_up(ring, options);
    if (error == -EINVAL) {
        // All four ways were refused. Either the sizes are out of range, or the kernel is too old.
        trm_say(message, message_capacity,
                "io_uring_setup refused %u submission and %u completion entries (EINVAL): at most "
                "32768 and 65536 are possible, and Linux 6.0 or newer is needed.",
                options->entries, options->cq_entries ? options->cq_entries : 4 * options->entries);
    } else if (error < 0) {
        explain_here(error, message, message_capacity);
    }
    if (error < 0) {
        free(ring);
        return error;
    }
    ring->enter_descriptor = ring->uring.ring_fd;
    if (!kernel_suffices(ring, options)) {
        error = -ENOSYS;
        explain_here(error, message, message_capacity);
    } else {
        ring->times = calloc(ring->uring.sq.ring_entries, sizeof *ring->times);
        if (!ring->times) {
            error = -ENOMEM;
            explain_here(error, message, message_capacity);
        }
    }
    if (error == 0 && options->restricted) {
        error = restrict_and_enable(ring);
        if (error < 0)
            trm_say(message, message_capacity, "io_uring was set up and could not be enabled: %s.",
                    strerror(-error));
    }
    if (error < 0) {
        trm_ring_destroy(ring);
        return error;
    }
    // Spares looking up the descriptor on each entry; a matter of speed only.
    if (TRM_CALL_NEGATIVE(ring_register_self, io_uring_register_ring_fd(&ring->uring)) == 1) {
        ring->features |= TRM_RING_REGISTERED_FD;
        ring->enter_descriptor = ring->uring.enter_ring_fd;
        ring->enter_flags = IORING_ENTER_REGISTERED_RING;
    }
    *out = ring;
    return 0;
}

void trm_ring_destroy(trm_ring *ring) {
    if (!ring) return;
    for (trm_buffers *b = ring->buffers; b; b = b->next)
        io_uring_unregister_buf_ring(&ring->uring, b->group);
    io_uring_queue_exit(&ring->uring);
    while (ring->buffers) {
        trm_buffers *next = ring->buffers->next;
        munmap(ring->buffers->ring, ring->buffers->mapped_bytes);
        free(ring->buffers);
        ring->buffers = next;
    }
    free(ring->times);
    free(ring);
}

uint32_t trm_ring_features(const trm_ring *ring) { return ring->features; }
