#define _GNU_SOURCE
#include "harness_ring.h"

#include "host.h"

static const int64_t second = 1000000000;

trm_ring *harness_ring(trm_ring_options options) {
    char message[512] = "";
    trm_ring *ring = NULL;
    if (trm_ring_create(&ring, &options, message, sizeof message) < 0)
        harness_fail(__FILE__, __LINE__, message);
    return ring;
}

bool harness_collect(trm_ring *ring, trm_completion *out, unsigned count) {
    uint64_t end = trm_monotonic_nanoseconds() + 5 * (uint64_t)second;
    for (unsigned have = 0; have < count;) {
        if (trm_ring_submit_and_wait(ring, 1, second) < 0) return false;
        have += trm_ring_completions(ring, out + have, count - have);
        if (trm_monotonic_nanoseconds() > end) return false;
    }
    return true;
}
