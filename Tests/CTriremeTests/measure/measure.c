// usage: shim-measure DIRECTORY: speeds of checksum, rings, io_uring and filling on this machine.
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crc32c.h"
#include "files.h"
#include "host.h"
#include "rings.h"
#include "uring.h"

static void measure_checksum(const uint8_t *data, size_t most) {
    const char *const names[] = {"table", "sse4.2", "armv8", "avx512"};
    const size_t sizes[] = {64, 128, 256, 1024, 4096, 61440, 1 << 20, 256 << 20};
    for (int n = 0; n < 4; n++) {
        trm_crc32c_function crc = trm_crc32c_named(names[n]);
        for (size_t i = 0; crc && i < sizeof sizes / sizeof *sizes && sizes[i] <= most; i++) {
            size_t rounds = ((n ? 1u << 30 : 1u << 27) + sizes[i] - 1) / sizes[i];
            double best = 1e18;
            uint32_t hash = 0;
            for (int repeat = 0; repeat < 3; repeat++) {
                uint64_t start = trm_monotonic_nanoseconds();
                for (size_t r = 0; r < rounds; r++) hash = crc(hash, data, sizes[i]);
                double each = (double)(trm_monotonic_nanoseconds() - start) / (double)rounds;
                if (each < best) best = each;
            }
            printf("crc32c %-7s %10zu B %12.1f ns %7.2f GB/s  (%08x)\n", names[n], sizes[i], best,
                   (double)sizes[i] / best, hash);
        }
    }
    // The memory's own speed, to compare with.
    uint64_t start = trm_monotonic_nanoseconds(), sum = 0;
    for (size_t i = 0; i < most; i += 8) sum += *(const uint64_t *)(const void *)(data + i);
    printf("reading %zu B once: %.2f GB/s (%llx)\n", most,
           (double)most / (double)(trm_monotonic_nanoseconds() - start), (unsigned long long)sum);
}

enum { ELEMENTS = 20000000 };

static void produce(void *argument) {
    uint64_t element[8] = {0};
    for (uint64_t n = 0; n < ELEMENTS;) {
        element[0] = n;
        if (trm_spsc_try_push(argument, element)) n++;
        else sched_yield();
    }
}

static void measure_rings(void) {
    static trm_spsc ring;
    void *storage = malloc(trm_spsc_storage_bytes(64, 1024));
    uint64_t element[8] = {0}, sum = 0;
    if (!storage || trm_spsc_init(&ring, storage, 64, 1024) < 0) exit(1);
    uint64_t start = trm_monotonic_nanoseconds();
    for (int n = 0; n < ELEMENTS; n++) {
        trm_spsc_try_push(&ring, element);
        trm_spsc_try_pop(&ring, element);
    }
    printf("spsc, one thread: %.1f ns a push and pop of 64 B\n",
           (double)(trm_monotonic_nanoseconds() - start) / ELEMENTS);
    int cpus[2] = {-1, -1};
    trm_cpu_list(cpus, 2);
    trm_thread thread;
    trm_thread_pin(cpus[0]);
    start = trm_monotonic_nanoseconds();
    if (trm_thread_start(&thread, produce, &ring, cpus[1], "produce") < 0) exit(1);
    for (uint64_t n = 0; n < ELEMENTS;) {
        if (trm_spsc_try_pop(&ring, element)) sum += element[0], n++;
        else sched_yield();
    }
    trm_thread_join(thread);
    trm_thread_pin(-1);
    printf("spsc, two threads: %.1f ns an element of 64 B (%llx)\n",
           (double)(trm_monotonic_nanoseconds() - start) / ELEMENTS, (unsigned long long)sum);
    free(storage);
}

static void measure_writes(trm_region *region, const char *directory) {
    char message[512] = "", path[512];
    snprintf(path, sizeof path, "%s/measure-%d", directory, (int)getpid());
    trm_direct_file file;
    trm_ring_options options = trm_ring_default_options(64);
    trm_ring *ring = NULL;
    const uint64_t bytes = 64 << 20;
    if (trm_direct_open(path, true, &file, message, sizeof message) < 0 ||
        trm_ring_create(&ring, &options, message, sizeof message) < 0 ||
        trm_ring_register_files(ring, &file.descriptor, 1) < 0) {
        printf("%s\n", message);
        exit(1);
    }
    unlink(path);
    uint64_t start = trm_monotonic_nanoseconds();
    trm_file_fill_zero(file.descriptor, bytes, message, sizeof message);
    printf("fill with zeros: %.2f GB/s\n", (double)bytes / (double)(trm_monotonic_nanoseconds() - start));
    if (trm_ring_register_region(ring, region->base, region->bytes, message, sizeof message) < 0)
        printf("%s\n", message);
    const uint32_t sizes[] = {4096, 65536, 1 << 20};
    for (int s = 0; s < 3; s++)
        for (unsigned depth = 1; depth <= 8; depth *= 8) {
            trm_completion done[8];
            struct iovec halves[2] = {{region->base, sizes[s] / 2}, {region->base, sizes[s] - sizes[s] / 2}};
            halves[1].iov_base = (char *)region->base + (16 << 20);
            unsigned flying = 0, pieces = sizes[s] >= 8192 ? 2 : 1;
            if (pieces == 1) halves[0].iov_len = sizes[s];
            uint64_t at = 0, written = 0, count = 0;
            uint64_t calls = trm_ring_statistics(ring).enter_calls;
            start = trm_monotonic_nanoseconds();
            while (trm_monotonic_nanoseconds() - start < 500000000 || flying) {
                while (flying < depth && trm_monotonic_nanoseconds() - start < 500000000) {
                    trm_ring_write(ring, 0, halves, pieces, at, true, 1);
                    at = (at + sizes[s]) % bytes;
                    flying++;
                }
                trm_ring_submit_and_wait(ring, 1, -1);
                unsigned n = trm_ring_completions(ring, done, 8);
                for (unsigned i = 0; i < n; i++) written += done[i].result > 0 ? (uint64_t)done[i].result : 0;
                flying -= n;
                count += n;
            }
            double seconds = (double)(trm_monotonic_nanoseconds() - start) / 1e9;
            printf("durable writes of %7u B, %u in flight: %7.1f MB/s, %6.1f us each, %.2f calls a write\n",
                   sizes[s], depth, (double)written / seconds / 1e6, seconds * 1e6 / (double)count * depth,
                   (double)(trm_ring_statistics(ring).enter_calls - calls) / (double)count);
        }
    trm_ring_destroy(ring);
    close(file.descriptor);
}

int main(int count, char **arguments) {
    trm_region_options options = {.node = -1};
    trm_region region;
    if (trm_region_map(256u << 20, &options, &region) < 0) return 1;
    memset(region.base, 0x5a, region.bytes);
    measure_checksum(region.base, region.bytes);
    measure_rings();
    measure_writes(&region, count > 1 ? arguments[1] : ".");
    trm_region_unmap(&region);
    return 0;
}
