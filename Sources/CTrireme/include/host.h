// The machine: clocks, pinned threads, NUMA nodes, huge pages, wake-ups, limits. Errors are -errno.
#ifndef TRM_HOST_H
#define TRM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "annotations.h"

TRM_ASSUME_NONNULL_BEGIN

// MARK: clocks

/// Nanoseconds since some moment of this boot; never goes back. About 20 ns a call.
static inline uint64_t trm_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// Nanoseconds since 1970, as the machine believes. For people and for seeds, never for the protocol.
static inline uint64_t trm_realtime_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// Processor time of the process, user and system.
uint64_t trm_process_cpu_nanoseconds(void);

/// Processor time of the calling thread.
uint64_t trm_thread_cpu_nanoseconds(void);

// MARK: processors and threads

/// Processors this process may run on (its affinity mask, which containers restrict).
int trm_cpu_count(void);

/// Their numbers, ascending, into `cpus`. Returns how many there are, perhaps more than `capacity`.
int trm_cpu_list(int *cpus, int capacity);

/// NUMA nodes; 1 where the machine has no NUMA.
int trm_node_count(void);

/// The node of a processor; 0 where it is not known.
int trm_cpu_node(int cpu);

/// The processor this thread runs on at the moment.
int trm_current_cpu(void);

typedef struct trm_thread {
    uint64_t handle;
} trm_thread;

/// Starts a thread, pinned to `cpu` before its first instruction (-1: not pinned). `name` is cut to
/// 15 bytes. Signals are blocked in it: they belong to the main thread. Returns 0 or -errno.
int trm_thread_start(trm_thread *thread, void (*body)(void *TRM_NULLABLE), void *TRM_NULLABLE argument,
                     int cpu, const char *name);

/// Waits for the end of a thread; once per thread. Returns 0 or -errno.
int trm_thread_join(trm_thread thread);

/// Pins the calling thread; -1 lets it run on every processor of the process's mask. Returns 0 or -errno.
int trm_thread_pin(int cpu);

/// How late the kernel may fire this thread's timers, so that several fire together (50 µs at first;
/// a reactor wants 1). Returns 0 or -errno.
int trm_set_timer_slack(uint64_t nanoseconds);

// MARK: processes

/// Has the kernel send `signal` to this process when the thread that started it ends, so that a parent
/// that was killed leaves nobody behind. Returns 0 or -errno; -ESRCH when `parent` is gone already.
int trm_end_with_parent(int parent, int signal);

// MARK: memory

typedef struct trm_region_options {
    int node;                  ///< NUMA node of the pages; -1: that of the thread which maps
    bool huge_table;           ///< try pages reserved through vm.nr_hugepages first
    bool shared;               ///< survives into child processes as the same memory
} trm_region_options;

typedef struct trm_region {
    void *TRM_NULLABLE base;   ///< aligned to 2 MiB
    size_t bytes;              ///< as asked, rounded up to 2 MiB
    size_t huge_bytes;         ///< of them on huge pages, as far as the kernel tells
    int node;                  ///< the node it was bound to; -1: not bound
    bool from_huge_table;      ///< these are reserved huge pages
} trm_region;

/// Maps zeroed memory, all of it present on return. Huge pages and the node are wishes, and `out`
/// says what was had. Returns 0 or -errno.
int trm_region_map(size_t bytes, const trm_region_options *options, trm_region *out);

/// Unmaps it; `region` is empty afterwards.
void trm_region_unmap(trm_region *region);

/// Physical memory of the process now, as the kernel accounts for it.
uint64_t trm_resident_bytes(void);

/// Raises RLIMIT_MEMLOCK to its hard limit (without limit where privileges allow). Returns the limit
/// now, UINT64_MAX for none.
uint64_t trm_raise_locked_memory_limit(void);

// MARK: wake-ups between threads

/// An eventfd, non-blocking and close-on-exec. Returns the descriptor or -errno.
int trm_event_create(void);

/// Wakes who polls it. Any thread, also from a signal handler. Returns 0 or -errno.
int trm_event_signal(int descriptor);

/// Takes all signals since the last time, without waiting; returns how many.
uint64_t trm_event_drain(int descriptor);

TRM_ASSUME_NONNULL_END

#endif
