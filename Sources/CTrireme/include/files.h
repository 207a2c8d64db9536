// Files as the log needs them: asserted flags, real zeros, locks, and the counters page. Errors are
// -errno; where there is a `message`, one sentence says what is wrong and what to do.
#ifndef TRM_FILES_H
#define TRM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "annotations.h"

TRM_ASSUME_NONNULL_BEGIN

typedef struct trm_direct_file {
    int descriptor;
    uint32_t memory_alignment;    ///< of buffers, as the file system states it (4096 where it does not)
    uint32_t offset_alignment;    ///< of offsets and lengths
    uint64_t size_bytes;
} trm_direct_file;

/// Opens a file for direct and durable I/O: O_DIRECT | O_DSYNC, read back with fcntl and refused if
/// either is missing. `create` makes it if absent and refuses if it exists. Returns 0 or -errno.
int trm_direct_open(const char *path, bool create, trm_direct_file *out, char *message,
                    size_t message_capacity);

/// Writes real zeros to the first `bytes` (a multiple of 4096) and makes them, the size and the
/// extents durable, so that later writes change no metadata. Slow: at the speed of the disk. Returns
/// 0 or -errno.
int trm_file_fill_zero(int descriptor, uint64_t bytes, char *message, size_t message_capacity);

/// Opens (or makes) `path` and takes an exclusive lock on it, trying for `patience_milliseconds`: a
/// process that has just died may hold it a moment longer. Closing the descriptor gives it back.
/// Returns the descriptor or -errno (-EWOULDBLOCK: another process has it).
int trm_lock_file(const char *path, uint32_t patience_milliseconds, char *message,
                  size_t message_capacity);

/// Makes a directory's entries durable: after files are made, renamed, removed. Returns 0 or -errno.
int trm_directory_sync(const char *path);

/// Flushes a file's data and metadata. An error is final: never try again. Returns 0 or -errno.
int trm_file_sync(int descriptor);

/// pread, as often as a signal comes between. Returns bytes or -errno.
int64_t trm_file_read(int descriptor, void *to, size_t bytes, uint64_t offset);

/// pwrite, once. Returns bytes, which may be fewer, or -errno.
int64_t trm_file_write(int descriptor, const void *from, size_t bytes, uint64_t offset);

/// Opens a file to look into it: for reading only, direct where that is possible, without a lock.
/// Returns the descriptor and the file's size, or -errno.
int trm_inspect_open(const char *path, uint64_t *size_bytes, char *message, size_t message_capacity);

/// Whether somebody holds the lock of `trm_lock_file`. Leaves no trace.
bool trm_lock_is_held(const char *path);

/// Bytes that an unprivileged process may still write on the file system of `path`. Returns 0 or -errno.
int trm_free_bytes(const char *path, uint64_t *out);

/// True when `path` lies on a file system that is memory only (tmpfs, ramfs).
bool trm_path_is_in_memory(const char *path);

/// Maps `bytes` of a file as memory shared with whoever else maps it: the counters page. With
/// `writable` the file is made and sized as needed; without, it must be there and be that long.
/// Returns null and -errno in `*error` on failure.
void *TRM_NULLABLE trm_shared_page_map(const char *path, size_t bytes, bool writable, int *error);

/// Unmaps it. The file stays.
void trm_shared_page_unmap(void *page, size_t bytes);

TRM_ASSUME_NONNULL_END

#endif
