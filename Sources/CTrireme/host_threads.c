// Pinned threads and the processors and nodes to pin them to.
#define _GNU_SOURCE
#include <errno.h>
#include <numa.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "faults_private.h"
#include "host.h"

// The mask the process was started with: later the main thread itself may be pinned.
static cpu_set_t allowed;

__attribute__((constructor)) static void remember_allowed(void) {
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) CPU_SET(0, &allowed);
}

int trm_cpu_count(void) { return CPU_COUNT(&allowed); }

int trm_cpu_list(int *cpus, int capacity) {
    int count = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) continue;
        if (count < capacity) cpus[count] = cpu;
        count++;
    }
    return count;
}

int trm_current_cpu(void) { return sched_getcpu(); }

int trm_node_count(void) { return numa_available() < 0 ? 1 : numa_num_configured_nodes(); }

int trm_cpu_node(int cpu) {
    if (numa_available() < 0 || cpu < 0) return 0;
    int node = numa_node_of_cpu(cpu);
    return node < 0 ? 0 : node;
}

static int mask_of(int cpu, cpu_set_t *mask) {
    if (cpu < 0) {
        *mask = allowed;
        return 0;
    }
    if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &allowed)) return -EINVAL;
    CPU_ZERO(mask);
    CPU_SET(cpu, mask);
    return 0;
}

int trm_thread_pin(int cpu) {
    cpu_set_t mask;
    int error = mask_of(cpu, &mask);
    if (error < 0) return error;
    return -pthread_setaffinity_np(pthread_self(), sizeof mask, &mask);
}

typedef struct start {
    void (*body)(void *);
    void *argument;
    char name[16];
    trm_faults *faults;
} start;

static void *run(void *from) {
    start s = *(start *)from;
    free(from);
    pthread_setname_np(pthread_self(), s.name);
    trm_faults_adopt(s.faults);
    s.body(s.argument);
    return NULL;
}

int trm_thread_start(trm_thread *thread, void (*body)(void *), void *argument, int cpu,
                     const char *name) {
    cpu_set_t mask;
    int error = mask_of(cpu, &mask);
    if (error < 0) return error;
    start *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    s->body = body;
    s->argument = argument;
    s->faults = trm_faults_here;
    strncpy(s->name, name, sizeof s->name - 1);  // calloc left the last byte 0

    // All signals but those that report a fault of the thread itself.
    sigset_t blocked;
    sigfillset(&blocked);
    const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
    for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++) sigdelset(&blocked, own_faults[i]);

    pthread_attr_t attributes;
    pthread_t handle;
    error = pthread_attr_init(&attributes);
    if (error == 0) {
        // Set before the start: a thread's first page faults decide where its stack lies.
        error = pthread_attr_setaffinity_np(&attributes, sizeof mask, &mask);
        if (error == 0) error = pthread_attr_setsigmask_np(&attributes, &blocked);
        if (error == 0) error = TRM_CALL_CODE(thread_create, pthread_create(&handle, &attributes, run, s));
        pthread_attr_destroy(&attributes);
    }
    if (error != 0) {
        free(s);
        return -error;
    }
    thread->handle = (uint64_t)handle;
    return 0;
}

int trm_thread_join(trm_thread thread) { return -pthread_join((pthread_t)thread.handle, NULL); }
