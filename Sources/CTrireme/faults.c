// The faults themselves: which visit of which site fails, and how. Tests only; see include/faults.h.
#define _GNU_SOURCE
#include "faults_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "uring_private.h"

/// A submission whose completion is to say something else.
struct pending {
    const struct trm_ring *ring;
    uint64_t token;
    uint32_t kind;
    uint64_t value;
};

struct trm_faults {
    trm_fault fault;
    uint64_t visits[TRM_SITE_COUNT];
    uint64_t hits;
    // The ring's thread only.
    struct pending pending[64];
};

_Thread_local trm_faults *trm_faults_here;

#define TRM_SITE_TEXT(name) #name,
static const char *const names[] = {TRM_SITES(TRM_SITE_TEXT)};

uint32_t trm_site_count(void) { return TRM_SITE_COUNT; }
const char *trm_site_name(uint32_t site) { return site < TRM_SITE_COUNT ? names[site] : "none"; }
uint32_t trm_site_find(const char *name) {
    uint32_t site = 0;
    while (site < TRM_SITE_COUNT && strcmp(names[site], name) != 0) site++;
    return site;
}

trm_faults *trm_faults_create(void) { return calloc(1, sizeof(trm_faults)); }
void trm_faults_destroy(trm_faults *faults) { free(faults); }
void trm_faults_adopt(trm_faults *faults) { trm_faults_here = faults; }

void trm_faults_arm(trm_faults *faults, const trm_fault *fault) {
    // Without a fault first, so that another thread never sees half of one.
    __atomic_store_n(&faults->fault.kind, TRM_FAULT_NONE, __ATOMIC_SEQ_CST);
    for (uint32_t site = 0; site < TRM_SITE_COUNT; site++)
        __atomic_store_n(&faults->visits[site], 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&faults->hits, 0, __ATOMIC_SEQ_CST);
    faults->fault.site = fault->site;
    faults->fault.value = fault->value;
    faults->fault.skip = fault->skip;
    faults->fault.times = fault->times;
    __atomic_store_n(&faults->fault.kind, fault->kind, __ATOMIC_SEQ_CST);
}
uint64_t trm_faults_visits(const trm_faults *faults, uint32_t site) {
    return __atomic_load_n(&faults->visits[site], __ATOMIC_SEQ_CST);
}
uint64_t trm_faults_hits(const trm_faults *faults) { return __atomic_load_n(&faults->hits, __ATOMIC_SEQ_CST); }

/// Whether the visit of that number is one that is to fail in this way.
static bool strikes(const trm_faults *faults, uint32_t site, uint64_t visit, uint32_t kind) {
    const trm_fault *fault = &faults->fault;
    return __atomic_load_n(&fault->kind, __ATOMIC_SEQ_CST) == kind && fault->site == site && visit >= fault->skip &&
           (fault->times == 0 || visit - fault->skip < fault->times);
}
/// The visit's number, counted.
static uint64_t count_visit(trm_faults *faults, uint32_t site) {
    return __atomic_fetch_add(&faults->visits[site], 1, __ATOMIC_SEQ_CST);
}
static void count_hit(trm_faults *faults) { __atomic_fetch_add(&faults->hits, 1, __ATOMIC_SEQ_CST); }

int trm_faults_before(uint32_t site) {
    trm_faults *faults = trm_faults_here;
    uint64_t visit = count_visit(faults, site);
    if (strikes(faults, site, visit, TRM_FAULT_DELAY)) {
        struct timespec pause = {.tv_sec = (time_t)(faults->fault.value / 1000000000),
                                 .tv_nsec = (long)(faults->fault.value % 1000000000)};
        count_hit(faults);
        nanosleep(&pause, NULL);
    }
    if (!strikes(faults, site, visit, TRM_FAULT_ERROR)) return 0;
    count_hit(faults);
    return (int)faults->fault.value;
}

uint64_t trm_faults_bytes(uint32_t site, uint64_t asked) {
    trm_faults *faults = trm_faults_here;
    // The visit is counted after this.
    uint64_t visit = __atomic_load_n(&faults->visits[site], __ATOMIC_SEQ_CST);
    if (!strikes(faults, site, visit, TRM_FAULT_SHORT) || faults->fault.value >= asked) return asked;
    count_hit(faults);
    return faults->fault.value;
}

int64_t trm_faults_after(uint32_t site, int64_t result) {
    trm_faults *faults = trm_faults_here;
    uint64_t visit = __atomic_load_n(&faults->visits[site], __ATOMIC_SEQ_CST) - 1;
    if (result < 0 || !strikes(faults, site, visit, TRM_FAULT_LOST_RESULT)) return result;
    count_hit(faults);
    errno = (int)faults->fault.value;
    return -1;
}

// MARK: operations of a ring

static void remember(trm_faults *faults, const struct trm_ring *ring, uint64_t token) {
    for (size_t i = 0; i < sizeof faults->pending / sizeof *faults->pending; i++) {
        struct pending *pending = &faults->pending[i];
        if (pending->ring) continue;
        *pending = (struct pending){ring, token, faults->fault.kind, faults->fault.value};
        return;
    }
}

/// Puts a wait in front of an entry: the kernel begins it when that is over.
static void delay(struct trm_ring *ring, struct io_uring_sqe *entry, uint64_t nanoseconds) {
    struct io_uring_sqe *moved = io_uring_get_sqe(&ring->uring);
    if (!moved) return;
    *moved = *entry;
    struct __kernel_timespec *time = &ring->times[entry - ring->uring.sq.sqes];
    time->tv_sec = (int64_t)(nanoseconds / 1000000000);
    time->tv_nsec = (int64_t)(nanoseconds % 1000000000);
    io_uring_prep_timeout(entry, time, 0, IORING_TIMEOUT_ETIME_SUCCESS);
    entry->flags = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = UINT64_MAX;
}

void trm_faults_submission(uint32_t site, struct trm_ring *ring, struct io_uring_sqe *entry) {
    trm_faults *faults = trm_faults_here;
    uint64_t visit = count_visit(faults, site);
    if (strikes(faults, site, visit, TRM_FAULT_DELAY)) {
        count_hit(faults);
        delay(ring, entry, faults->fault.value);
    } else if (strikes(faults, site, visit, TRM_FAULT_ERROR)) {
        count_hit(faults);
        uint64_t token = entry->user_data;
        remember(faults, ring, token);
        io_uring_prep_nop(entry);
        entry->flags = 0;
        entry->user_data = token;
    } else if (strikes(faults, site, visit, TRM_FAULT_LOST_RESULT) ||
               strikes(faults, site, visit, TRM_FAULT_SHORT)) {
        count_hit(faults);
        remember(faults, ring, entry->user_data);
        // One piece is really cut; of several all is done and less is said.
        bool is_single = entry->opcode == IORING_OP_WRITE || entry->opcode == IORING_OP_WRITE_FIXED ||
                         entry->opcode == IORING_OP_READ || entry->opcode == IORING_OP_READ_FIXED;
        if (faults->fault.kind == TRM_FAULT_SHORT && is_single && entry->len > faults->fault.value)
            entry->len = (uint32_t)faults->fault.value;
    }
}

void trm_faults_completions(struct trm_ring *ring, struct trm_completion *out, unsigned count) {
    trm_faults *faults = trm_faults_here;
    for (unsigned i = 0; i < count; i++) {
        for (size_t p = 0; p < sizeof faults->pending / sizeof *faults->pending; p++) {
            struct pending *pending = &faults->pending[p];
            if (pending->ring != ring || pending->token != out[i].token) continue;
            if (pending->kind != TRM_FAULT_SHORT) out[i].result = -(int32_t)pending->value;
            else if (out[i].result > (int64_t)pending->value) out[i].result = (int32_t)pending->value;
            pending->ring = NULL;
            break;
        }
    }
}
