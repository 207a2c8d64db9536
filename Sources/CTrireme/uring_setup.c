// Creation and end of a ring. Runs on the thread that will own it.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>

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
            .flags = ways[i].setup | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE,
            .cq_entries = options->cq_entries ? options->cq_entries : 4 * options->entries,
        };
        error = io_uring_queue_init_params(options->entries, &ring->uring, &parameters);
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
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->uring);
    if (!probe) return false;
    bool suffices = (ring->uring.features & needed) == needed &&
                    io_uring_opcode_supported(probe, IORING_OP_SEND_ZC);
    if (options->writev_fixed && io_uring_opcode_supported(probe, TRM_OP_WRITEV_FIXED))
        ring->features |= TRM_RING_WRITEV_FIXED;
    io_uring_free_probe(probe);
    return suffices;
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
    if (error < 0) {
        trm_ring_destroy(ring);
        return error;
    }
    // Spares looking up the descriptor on each entry; a matter of speed only.
    if (io_uring_register_ring_fd(&ring->uring) == 1) {
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
