// Stands in for CTrireme's atomics.h and host.h until they are in the package.
#pragma once
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
static inline void trm_prefetch_write(const void *address) { __builtin_prefetch(address, 1, 3); }
