// Files of the log, locks, the counters page.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "atomics.h"
#include "files.h"
#include "harness.h"
#include "host.h"

TEST(files, direct_open_has_its_flags_and_alignment) {
    char message[256] = "";
    trm_direct_file file;
    REQUIRE(trm_direct_open(harness_path("direct"), true, &file, message, sizeof message) == 0);
    int flags = fcntl(file.descriptor, F_GETFL);
    CHECK((flags & O_DIRECT) && (flags & O_DSYNC));
    CHECK(file.memory_alignment >= 1 && file.memory_alignment <= 4096);
    CHECK(file.offset_alignment >= 512 && file.offset_alignment <= 4096);
    CHECK_EQUAL(file.size_bytes, 0);
    CHECK(fcntl(file.descriptor, F_GETFD) & FD_CLOEXEC);
    close(file.descriptor);
    CHECK_EQUAL(trm_direct_open(harness_path("direct"), true, &file, message, sizeof message), -EEXIST);
    CHECK_SENTENCE(message, "is not overwritten");
    CHECK_EQUAL(file.descriptor, -1);
    CHECK_EQUAL(trm_direct_open(harness_path("absent"), false, &file, message, sizeof message), -ENOENT);
    CHECK_SENTENCE(message, "absent: No such file");
    CHECK_EQUAL(trm_direct_open("/proc/self/maps", false, &file, message, sizeof message) < 0, 1);
    CHECK_SENTENCE(message, "/proc/self/maps");
}

TEST(files, zeros_are_really_written) {
    const uint64_t bytes = (3u << 20) + 4096;
    char message[256] = "";
    trm_direct_file file;
    REQUIRE(trm_direct_open(harness_path("zeros"), true, &file, message, sizeof message) == 0);
    CHECK_EQUAL(trm_file_fill_zero(file.descriptor, bytes, message, sizeof message), 0);
    struct stat status;
    REQUIRE(fstat(file.descriptor, &status) == 0);
    CHECK_EQUAL(status.st_size, bytes);
    CHECK((uint64_t)status.st_blocks * 512 >= bytes);  // no holes
    CHECK_EQUAL(trm_file_fill_zero(file.descriptor, 100, message, sizeof message), -EINVAL);
    CHECK_SENTENCE(message, "zeros: ");
    CHECK_EQUAL(trm_file_sync(file.descriptor), 0);
    CHECK_EQUAL(trm_directory_sync(harness_path("")), 0);
    CHECK_EQUAL(trm_directory_sync(harness_path("absent")), -ENOENT);
    close(file.descriptor);
    CHECK_EQUAL(trm_file_sync(file.descriptor), -EBADF);
}

TEST(files, a_full_disk_is_a_sentence) {
    char message[256] = "";
    int full = open("/dev/full", O_RDWR | O_CLOEXEC);
    REQUIRE(full >= 0);
    CHECK_EQUAL(trm_file_fill_zero(full, 4096, message, sizeof message), -ENOSPC);
    CHECK_SENTENCE(message, "the disk is full");
    close(full);
    uint64_t free_bytes = 0;
    CHECK_EQUAL(trm_free_bytes(harness_path(""), &free_bytes), 0);
    CHECK(free_bytes > 0);
    CHECK_EQUAL(trm_free_bytes("/no/such/place", &free_bytes), -ENOENT);
}

static int lock_to_release = -1;
static void release_later(void *unused) {
    (void)unused;
    usleep(50000);
    close(lock_to_release);
}

TEST(files, a_lock_excludes_and_patience_helps) {
    char message[256] = "";
    int first = trm_lock_file(harness_path("lock"), 0, message, sizeof message);
    REQUIRE(first >= 0);
    uint64_t start = trm_monotonic_nanoseconds();
    CHECK_EQUAL(trm_lock_file(harness_path("lock"), 30, message, sizeof message), -EWOULDBLOCK);
    CHECK(trm_monotonic_nanoseconds() - start >= 30000000);
    CHECK_SENTENCE(message, "another process");
    lock_to_release = first;
    trm_thread thread;
    REQUIRE(trm_thread_start(&thread, release_later, NULL, -1, "release") == 0);
    int second = trm_lock_file(harness_path("lock"), 5000, message, sizeof message);
    CHECK(second >= 0);
    trm_thread_join(thread);
    close(second);
}

TEST(files, a_page_is_shared_by_writer_and_reader) {
    int error = 0;
    CHECK(trm_shared_page_map(harness_path("page"), 4096, false, &error) == NULL);
    CHECK_EQUAL(error, -ENOENT);
    uint64_t *writer = trm_shared_page_map(harness_path("page"), 4096, true, &error);
    REQUIRE(writer != NULL && error == 0);
    CHECK(trm_shared_page_map(harness_path("page"), 8192, false, &error) == NULL);
    CHECK_EQUAL(error, -ENODATA);
    uint64_t *reader = trm_shared_page_map(harness_path("page"), 4096, false, &error);
    REQUIRE(reader != NULL);
    trm_store_release_u64(&writer[7], 99);
    CHECK_EQUAL(trm_load_acquire_u64(&reader[7]), 99);
    trm_shared_page_unmap(reader, 4096);
    trm_shared_page_unmap(writer, 4096);
}
