// Large regions: present from the start, on huge pages and on a chosen node where that can be had.
#define _GNU_SOURCE
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "faults_private.h"
#include "host.h"

#define HUGE_BYTES ((size_t)2 << 20)

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21 << 26)
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/// Maps at a 2 MiB boundary: maps too much and gives the ends back.
static void *map_aligned(size_t bytes, int flags) {
    char *wide =
        TRM_CALL_MAP(region_map, (char *)mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0));
    if (wide == MAP_FAILED) return MAP_FAILED;
    char *base = (char *)(((uintptr_t)wide + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
    size_t before = (size_t)(base - wide), after = HUGE_BYTES - before;
    if (before) munmap(wide, before);
    if (after) munmap(base + bytes, after);
    return base;
}

static bool bind_to_node(void *base, size_t bytes, int node) {
    if (node < 0 || node >= 1024 || numa_available() < 0 || node > numa_max_node()) return false;
    unsigned long nodes[1024 / (8 * sizeof(unsigned long))] = {0};
    const size_t word_bits = 8 * sizeof(unsigned long);
    nodes[(size_t)node / word_bits] = 1ul << ((size_t)node % word_bits);
    // Preferred, not bound: memory of another node is slow, none at all is the end of the process.
    return mbind(base, bytes, MPOL_PREFERRED, nodes, 1024, 0) == 0;
}

static int populate(char *base, size_t bytes) {
    // Since 5.14; reports want of memory instead of ending the process.
    if (TRM_CALL(region_populate, madvise(base, bytes, MADV_POPULATE_WRITE)) == 0) return 0;
    if (errno != EINVAL) return -errno;
    for (size_t i = 0; i < bytes; i += 4096) *(volatile char *)(base + i) = 0;
    return 0;
}

/// Bytes of this range that lie on transparent huge pages, by /proc/self/smaps. A mapping that the
/// kernel merged with a neighbour counts at most with our length.
static size_t transparent_huge_bytes(const void *base, size_t bytes) {
    FILE *file = fopen("/proc/self/smaps", "re");
    if (!file) return 0;
    char line[512];
    size_t huge = 0;
    bool ours = false;
    while (fgets(line, sizeof line, file)) {
        unsigned long from, to, kilobytes;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            ours = from < (uintptr_t)base + bytes && to > (uintptr_t)base;
        else if (ours && (sscanf(line, "AnonHugePages: %lu kB", &kilobytes) == 1 ||
                          sscanf(line, "ShmemPmdMapped: %lu kB", &kilobytes) == 1))
            huge += (size_t)kilobytes * 1024;
    }
    fclose(file);
    return huge < bytes ? huge : bytes;
}

int trm_region_map(size_t bytes, const trm_region_options *options, trm_region *out) {
    memset(out, 0, sizeof *out);
    out->node = -1;
    if (bytes == 0 || bytes > SIZE_MAX - 2 * HUGE_BYTES) return -EINVAL;
    bytes = (bytes + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1);
    int flags = MAP_ANONYMOUS | (options->shared ? MAP_SHARED : MAP_PRIVATE);

    void *base = MAP_FAILED;
    if (options->huge_table)
        base = TRM_CALL_MAP(region_huge_map, mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                                  flags | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0));
    bool from_huge_table = base != MAP_FAILED;
    if (!from_huge_table) {
        base = map_aligned(bytes, flags);
        if (base == MAP_FAILED) return -errno;
        madvise(base, bytes, MADV_HUGEPAGE);  // advice, not a site
    }
    // Before the first touch, which takes the pages.
    bool bound = bind_to_node(base, bytes, options->node);
    int error = populate(base, bytes);
    if (error < 0) {
        munmap(base, bytes);
        return error;
    }
    *out = (trm_region){.base = base,
                        .bytes = bytes,
                        .huge_bytes = from_huge_table ? bytes : transparent_huge_bytes(base, bytes),
                        .node = bound ? options->node : -1,
                        .from_huge_table = from_huge_table};
    return 0;
}

void trm_region_unmap(trm_region *region) {
    if (region->base) munmap(region->base, region->bytes);
    memset(region, 0, sizeof *region);
    region->node = -1;
}
