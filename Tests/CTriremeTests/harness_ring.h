// What the ring's tests share.
#ifndef HARNESS_RING_H
#define HARNESS_RING_H

#include "harness.h"
#include "uring.h"

/// A ring with these options; where it is refused the test fails and there is none.
trm_ring *harness_ring(trm_ring_options options);

/// Submits, and collects exactly `count` completions within five seconds.
bool harness_collect(trm_ring *ring, trm_completion *out, unsigned count);

#endif
