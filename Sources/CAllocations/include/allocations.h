// Counts this program's heap allocations, so that "nothing is allocated in steady state" is a figure and no promise.
//
// Linking this target puts malloc and its relatives in front of the C library's: each adds one to a word of the calling
// thread's and goes on to the C library. That is about a nanosecond an allocation; freeing costs nothing. Only the command
// line links it: a service that embeds Trireme keeps the allocator it has.
#ifndef TRM_ALLOCATIONS_H
#define TRM_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/// Allocations of all threads since the start. UINT64_MAX where nothing is counted: under a sanitizer, which brings an
/// allocator of its own, and on C libraries other than glibc.
uint64_t trm_allocations(void);

/// Those of the calling thread, as long as the process has had no more than 64 threads.
uint64_t trm_thread_allocations(void);

#endif
