// Processor time, wake-ups, limits and the memory the process uses.
#define _GNU_SOURCE
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "faults_private.h"

static uint64_t clock_nanoseconds(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) < 0) return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

uint64_t trm_process_cpu_nanoseconds(void) { return clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }

uint64_t trm_thread_cpu_nanoseconds(void) { return clock_nanoseconds(CLOCK_THREAD_CPUTIME_ID); }

int trm_set_timer_slack(uint64_t nanoseconds) {
    // 0 would mean "back to the default".
    unsigned long slack = nanoseconds ? nanoseconds : 1;
    return prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0) < 0 ? -errno : 0;
}

int trm_end_with_parent(int parent, int signal) {
    if (prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0, 0, 0) < 0) return -errno;
    // It may have ended before the kernel was asked.
    return getppid() == parent ? 0 : -ESRCH;
}

uint64_t trm_resident_bytes(void) {
    // Not with stdio, which allocates: a running replica asks ten times a second.
    int file = TRM_CALL(resident_open, open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
    if (file < 0) return 0;
    char line[128];
    ssize_t count = TRM_CALL(resident_read, read(file, line, sizeof line - 1));
    close(file);
    if (count <= 0) return 0;
    line[count] = 0;
    unsigned long total = 0, resident = 0;
    int fields = sscanf(line, "%lu %lu", &total, &resident);
    return fields == 2 ? (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

uint64_t trm_raise_locked_memory_limit(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 && getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_MEMLOCK, &limit);
    }
    if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0) return 0;
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

int trm_event_create(void) {
    int descriptor = TRM_CALL(event_create, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    return descriptor < 0 ? -errno : descriptor;
}

int trm_event_signal(int descriptor) {
    const uint64_t one = 1;
    while (TRM_CALL(event_signal, write(descriptor, &one, sizeof one)) < 0) {
        if (errno == EAGAIN) return 0;  // the counter is full, so it is signalled
        if (errno != EINTR) return -errno;
    }
    return 0;
}

uint64_t trm_event_drain(int descriptor) {
    uint64_t count = 0;
    while (TRM_CALL(event_drain, read(descriptor, &count, sizeof count)) < 0) {
        if (errno != EINTR) return 0;
    }
    return count;
}
