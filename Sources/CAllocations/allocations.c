// The allocator's front door. Every thread counts in a cell of its own, so that threads do not share a cache line.
#include "allocations.h"

#include <errno.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define TRM_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRM_SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(TRM_SANITIZED)

// The C library's own names for what it also calls malloc, calloc, …: interposing by definition needs no dlsym, which
// allocates itself.
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);

#define CELLS 64u
static struct {
    uint64_t count;
    uint64_t padding[15];
} cells[CELLS];
static uint32_t threads;
/// 1 + the cell of this thread; 0 at first.
static __thread uint32_t cell;

static inline void count(void) {
    if (cell == 0) cell = 1 + __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED) % CELLS;
    uint64_t *word = &cells[cell - 1].count;
    // Once there have been more threads than cells, two may share one.
    if (__atomic_load_n(&threads, __ATOMIC_RELAXED) > CELLS) __atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
    else __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

void *malloc(size_t bytes) {
    count();
    return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes) {
    count();
    return __libc_calloc(number, bytes);
}

void *realloc(void *memory, size_t bytes) {
    count();
    return __libc_realloc(memory, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    count();
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    count();
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes) {
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    count();
    void *memory = __libc_memalign(alignment, bytes);
    if (memory == NULL) return ENOMEM;
    *out = memory;
    return 0;
}

uint64_t trm_allocations(void) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < CELLS; i++) sum += __atomic_load_n(&cells[i].count, __ATOMIC_RELAXED);
    return sum;
}

uint64_t trm_thread_allocations(void) {
    return cell == 0 ? 0 : __atomic_load_n(&cells[cell - 1].count, __ATOMIC_RELAXED);
}

#else

uint64_t trm_allocations(void) { return UINT64_MAX; }
uint64_t trm_thread_allocations(void) { return UINT64_MAX; }

#endif
