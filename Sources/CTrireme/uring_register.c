// Files, the region and provided buffers: what is made known to the kernel once, at start.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "message.h"
#include "faults_private.h"
#include "uring_private.h"

int trm_ring_register_files(trm_ring *ring, const int *descriptors, unsigned count) {
    if (ring->has_files) return -EBUSY;
    int error = TRM_CALL_NEGATIVE(ring_register_files, io_uring_register_files(&ring->uring, descriptors, count));
    if (error < 0) return error;
    ring->has_files = true;
    return 0;
}

int trm_ring_update_file(trm_ring *ring, unsigned index, int descriptor) {
    int updated =
        TRM_CALL_NEGATIVE(ring_update_file, io_uring_register_files_update(&ring->uring, index, &descriptor, 1));
    return updated < 0 ? updated : 0;
}

int trm_ring_register_region(trm_ring *ring, void *base, size_t length, char *message,
                             size_t message_capacity) {
    if (ring->region_bytes != 0 || length == 0) {
        trm_say(message, message_capacity, "A ring has one region, of at least one byte.");
        return -EINVAL;
    }
    size_t count = (length + TRM_REGION_PIECE_BYTES - 1) / TRM_REGION_PIECE_BYTES;
    struct iovec *pieces = calloc(count, sizeof *pieces);
    if (!pieces) {
        trm_say(message, message_capacity, "Writes go without registered buffers: out of memory.");
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        size_t from = i * TRM_REGION_PIECE_BYTES, left = length - from;
        pieces[i].iov_base = (char *)base + from;
        pieces[i].iov_len = left < TRM_REGION_PIECE_BYTES ? left : TRM_REGION_PIECE_BYTES;
    }
    int error = TRM_CALL_NEGATIVE(ring_register_region,
                                  io_uring_register_buffers(&ring->uring, pieces, (unsigned)count));
    free(pieces);
    if (error < 0) {
        struct rlimit locked = {0, 0};
        getrlimit(RLIMIT_MEMLOCK, &locked);
        if (error == -ENOMEM && locked.rlim_cur != RLIM_INFINITY)
            trm_say(message, message_capacity,
                    "Writes go without registered buffers: the locked-memory limit (ulimit -l) is %llu KiB and "
                    "must be %llu KiB or more; set LimitMEMLOCK=infinity in the unit or raise memlock in "
                    "/etc/security/limits.conf.",
                    (unsigned long long)locked.rlim_cur / 1024, (unsigned long long)length / 1024);
        else
            trm_say(message, message_capacity,
                    "Writes go without registered buffers: the kernel refused to pin %llu KiB (%s).",
                    (unsigned long long)length / 1024, strerror(-error));
        return error;
    }
    ring->region_base = (uintptr_t)base;
    ring->region_bytes = length;
    ring->features |= TRM_RING_REGION;
    return 0;
}

int trm_ring_region_piece(const trm_ring *ring, const void *base, size_t bytes) {
    // Unsigned: memory before the region gives a huge offset and fails the same test.
    uint64_t first = (uintptr_t)base - ring->region_base;
    if (bytes == 0 || first >= ring->region_bytes || bytes > ring->region_bytes - first) return -1;
    uint64_t piece = first / TRM_REGION_PIECE_BYTES;
    return piece == (first + bytes - 1) / TRM_REGION_PIECE_BYTES ? (int)piece : -1;
}

trm_buffers *trm_ring_buffers_create(trm_ring *ring, uint16_t group, uint32_t entries, int *error) {
    *error = -EINVAL;
    if (entries == 0 || entries > 32768 || (entries & (entries - 1)) != 0) return NULL;
    trm_buffers *buffers = calloc(1, sizeof *buffers);
    *error = -ENOMEM;
    if (!buffers) return NULL;
    buffers->mapped_bytes = entries * sizeof(struct io_uring_buf);
    void *memory = TRM_CALL_MAP(ring_buffers_map, mmap(NULL, buffers->mapped_bytes, PROT_READ | PROT_WRITE,
                                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    if (memory == MAP_FAILED) {
        *error = -errno;
        free(buffers);
        return NULL;
    }
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)memory, .ring_entries = entries, .bgid = group};
    *error = TRM_CALL_NEGATIVE(ring_buffers_register, io_uring_register_buf_ring(&ring->uring, &registration, 0));
    if (*error < 0) {
        munmap(memory, buffers->mapped_bytes);
        free(buffers);
        return NULL;
    }
    buffers->ring = memory;
    buffers->mask = entries - 1;
    buffers->group = group;
    buffers->next = ring->buffers;
    ring->buffers = buffers;
    return buffers;
}

void trm_buffers_add(trm_buffers *buffers, void *address, uint32_t length, uint16_t identifier) {
    io_uring_buf_ring_add(buffers->ring, address, length, identifier, (int)buffers->mask,
                          (int)buffers->unpublished++);
}

void trm_buffers_publish(trm_buffers *buffers) {
    // A store with release: the kernel reads the tail with acquire.
    io_uring_buf_ring_advance(buffers->ring, (int)buffers->unpublished);
    buffers->unpublished = 0;
}
