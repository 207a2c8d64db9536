// Faults on purpose, for tests: any call of the shim to the kernel can be made to fail, to end short or
// to come late. Armed for the thread that adopts them and for the threads that it starts with
// trm_thread_start; nobody else notices. Where nothing is armed a call site costs one load of a
// thread's own word, once per system call or submission and never per command.
#ifndef TRM_FAULTS_H
#define TRM_FAULTS_H

#include <stdint.h>

#include "annotations.h"

TRM_ASSUME_NONNULL_BEGIN

typedef struct trm_faults trm_faults;

#define TRM_FAULT_NONE 0u          ///< only counts visits
#define TRM_FAULT_ERROR 1u         ///< the call is not made and fails with the errno `value`
#define TRM_FAULT_LOST_RESULT 2u   ///< the call is made, and fails with the errno `value` all the same
#define TRM_FAULT_SHORT 3u         ///< the call does at most `value` bytes
#define TRM_FAULT_DELAY 4u         ///< the call is made `value` nanoseconds late

typedef struct trm_fault {
    uint32_t site;
    uint32_t kind;
    uint64_t value;
    uint32_t skip;    ///< visits of the site that go well first, counted from the arming
    uint32_t times;   ///< visits that do not after that; 0: all
} trm_fault;

/// Sites, and their names; `trm_site_find` gives the count for a name that there is not.
uint32_t trm_site_count(void);
const char *trm_site_name(uint32_t site);
uint32_t trm_site_find(const char *name);

/// Never freed by the shim while a thread may still use it: `trm_faults_destroy` is the caller's.
trm_faults *TRM_NULLABLE trm_faults_create(void);
void trm_faults_destroy(trm_faults *TRM_NULLABLE faults);

/// Makes the calling thread one that has these faults, or none.
void trm_faults_adopt(trm_faults *TRM_NULLABLE faults);

/// The one fault that there is from now on. Counts start again. Any thread.
void trm_faults_arm(trm_faults *faults, const trm_fault *fault);

/// Visits of a site since the arming, and how many of all visits were made to fail. Any thread.
uint64_t trm_faults_visits(const trm_faults *faults, uint32_t site);
uint64_t trm_faults_hits(const trm_faults *faults);

TRM_ASSUME_NONNULL_END

#endif
