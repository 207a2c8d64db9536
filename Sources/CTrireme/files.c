// Files as the log needs them. Any thread; everything here may wait for the disk.
#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "faults_private.h"
#include "message.h"

static int refuse(int error, const char *what, const char *path, const char *mend, char *message,
                  size_t capacity) {
    trm_say(message, capacity, "Cannot %s %s: %s%s%s.", what, path, strerror(-error), mend[0] ? "; " : "",
            mend);
    return error;
}

int trm_direct_open(const char *path, bool create, trm_direct_file *out, char *message,
                    size_t message_capacity) {
    *out = (trm_direct_file){.descriptor = -1};
    const int needed = O_DIRECT | O_DSYNC;
    int flags = O_RDWR | O_CLOEXEC | needed | (create ? O_CREAT | O_EXCL : 0);
    int descriptor = TRM_CALL(direct_open, open(path, flags, 0600));
    if (descriptor < 0) {
        int error = -errno;
        const char *mend = error == -EINVAL ? "its file system has no O_DIRECT, so use ext4 or xfs"
                           : error == -EEXIST ? "it is there already, and is not overwritten"
                                              : "";
        return refuse(error, "open", path, mend, message, message_capacity);
    }
    // Asked, not hoped for: some file systems accept flags and forget them.
    int found = TRM_CALL(direct_flags, fcntl(descriptor, F_GETFL));
    if (found < 0 || (found & needed) != needed) {
        close(descriptor);
        trm_say(message, message_capacity,
                "The file system of %s dropped O_DIRECT or O_DSYNC: writes would not be durable; use ext4 or xfs.",
                path);
        return -ENOTSUP;
    }
    out->memory_alignment = out->offset_alignment = 4096;
#ifdef STATX_DIOALIGN
    struct statx direct;
    if (statx(descriptor, "", AT_EMPTY_PATH, STATX_DIOALIGN, &direct) == 0 &&
        (direct.stx_mask & STATX_DIOALIGN) && direct.stx_dio_offset_align != 0) {
        out->memory_alignment = direct.stx_dio_mem_align;
        out->offset_alignment = direct.stx_dio_offset_align;
    }
#endif
    struct stat status;
    if (TRM_CALL(direct_stat, fstat(descriptor, &status)) < 0) {
        int error = -errno;
        close(descriptor);
        return refuse(error, "examine", path, "", message, message_capacity);
    }
    out->size_bytes = (uint64_t)status.st_size;
    out->descriptor = descriptor;
    return 0;
}

static int write_zeros(int descriptor, uint64_t bytes) {
    const size_t block = 1 << 20;
    void *zeros =
        TRM_CALL_MAP(zero_map, mmap(NULL, block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (zeros == MAP_FAILED) return -errno;
    int error = 0;
    for (uint64_t at = 0; at < bytes && error == 0;) {
        size_t length = bytes - at < block ? (size_t)(bytes - at) : block;
        ssize_t written = TRM_TRANSFER(zero_write, pwrite, descriptor, zeros, length, (off_t)at);
        if (written > 0) at += (uint64_t)written;
        else if (written == 0) error = -EIO;
        else if (errno != EINTR) error = -errno;
    }
    munmap(zeros, block);
    return error;
}

int trm_file_fill_zero(int descriptor, uint64_t bytes, char *message, size_t message_capacity) {
    char link[64], path[512] = "a file";
    trm_say(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) path[length] = 0;
    if (bytes % 4096 != 0) return refuse(-EINVAL, "fill", path, "whole pages only", message, message_capacity);

    // Through a descriptor without O_DSYNC: growing a file durably block by block would commit the
    // file system's journal each time. One flush at the end covers all.
    int lazy = TRM_CALL(zero_open, open(link, O_WRONLY | O_DIRECT | O_CLOEXEC));
    int error = write_zeros(lazy >= 0 ? lazy : descriptor, bytes);
    if (error == 0 && TRM_CALL(zero_sync, fsync(descriptor)) < 0) error = -errno;
    if (lazy >= 0) close(lazy);
    if (error == 0) return 0;
    const char *mend = error == -ENOSPC ? "the disk is full: free space, or lower log.segments" : "";
    return refuse(error, "fill", path, mend, message, message_capacity);
}

int trm_lock_file(const char *path, uint32_t patience_milliseconds, char *message,
                  size_t message_capacity) {
    int descriptor = TRM_CALL(lock_open, open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (descriptor < 0) return refuse(-errno, "open", path, "", message, message_capacity);
    const uint32_t step_milliseconds = 10;
    for (uint32_t waited = 0;; waited += step_milliseconds) {
        if (TRM_CALL(lock_take, flock(descriptor, LOCK_EX | LOCK_NB)) == 0) return descriptor;
        int error = -errno;
        if (error == -EINTR) continue;
        if (error != -EWOULDBLOCK || waited >= patience_milliseconds) {
            close(descriptor);
            return refuse(error, "lock", path,
                          error == -EWOULDBLOCK ? "another process uses this directory (lsof shows which)" : "",
                          message, message_capacity);
        }
        struct timespec pause = {.tv_nsec = (long)step_milliseconds * 1000000};
        nanosleep(&pause, NULL);
    }
}

int trm_directory_sync(const char *path) {
    int descriptor = TRM_CALL(directory_open, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor < 0) return -errno;
    int error = TRM_CALL(directory_sync, fsync(descriptor)) < 0 ? -errno : 0;
    close(descriptor);
    return error;
}

int trm_file_sync(int descriptor) { return TRM_CALL(file_sync, fsync(descriptor)) < 0 ? -errno : 0; }

int64_t trm_file_read(int descriptor, void *to, size_t bytes, uint64_t offset) {
    for (;;) {
        ssize_t count = TRM_TRANSFER(file_read, pread, descriptor, to, bytes, (off_t)offset);
        if (count >= 0) return count;
        if (errno != EINTR) return -errno;
    }
}

int64_t trm_file_write(int descriptor, const void *from, size_t bytes, uint64_t offset) {
    // One call, never a second: what a short write left is for recovery to judge.
    ssize_t count = TRM_TRANSFER(file_write, pwrite, descriptor, from, bytes, (off_t)offset);
    return count < 0 ? -errno : count;
}

int trm_inspect_open(const char *path, uint64_t *size_bytes, char *message, size_t message_capacity) {
    int descriptor = TRM_CALL(inspect_open, open(path, O_RDONLY | O_CLOEXEC | O_DIRECT));
    // A copy may lie where there is no direct I/O.
    if (descriptor < 0 && errno == EINVAL) descriptor = TRM_CALL(inspect_open, open(path, O_RDONLY | O_CLOEXEC));
    if (descriptor < 0) return refuse(-errno, "read", path, "", message, message_capacity);
    struct stat status;
    if (TRM_CALL(inspect_stat, fstat(descriptor, &status)) < 0) {
        int error = -errno;
        close(descriptor);
        return refuse(error, "examine", path, "", message, message_capacity);
    }
    *size_bytes = (uint64_t)status.st_size;
    return descriptor;
}

bool trm_lock_is_held(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);  // not a site: it may fail, and is then not held
    if (descriptor < 0) return false;
    // Given back at once; one who starts at this very moment tries for longer.
    bool held = TRM_CALL(inspect_lock, flock(descriptor, LOCK_SH | LOCK_NB)) < 0 && errno == EWOULDBLOCK;
    close(descriptor);
    return held;
}

int trm_free_bytes(const char *path, uint64_t *out) {
    struct statvfs status;
    if (TRM_CALL(free_bytes, statvfs(path, &status)) < 0) return -errno;
    *out = (uint64_t)status.f_bavail * status.f_frsize;
    return 0;
}

bool trm_path_is_in_memory(const char *path) {
    struct statfs about;
    if (TRM_CALL(memory_file_system, statfs(path, &about)) < 0) return false;
    return about.f_type == TMPFS_MAGIC || about.f_type == RAMFS_MAGIC;
}

void *trm_shared_page_map(const char *path, size_t bytes, bool writable, int *error) {
    *error = 0;
    int descriptor =
        TRM_CALL(page_open, open(path, O_CLOEXEC | (writable ? O_RDWR | O_CREAT : O_RDONLY), 0644));
    struct stat status;
    if (descriptor < 0 || TRM_CALL(page_stat, fstat(descriptor, &status)) < 0) *error = -errno;
    // Reading past the end of the file would be SIGBUS.
    if (*error == 0 && (uint64_t)status.st_size < bytes) {
        if (!writable) *error = -ENODATA;
        else if (TRM_CALL(page_grow, ftruncate(descriptor, (off_t)bytes)) < 0) *error = -errno;
    }
    void *page = NULL;
    if (*error == 0) {
        page = TRM_CALL_MAP(
            page_map, mmap(NULL, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, descriptor, 0));
        if (page == MAP_FAILED) {
            *error = -errno;
            page = NULL;
        }
    }
    if (descriptor >= 0) close(descriptor);
    return page;
}

void trm_shared_page_unmap(void *page, size_t bytes) { munmap(page, bytes); }
