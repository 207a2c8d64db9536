// Why the kernel refused a ring, in one sentence. Pure, so that every case can be tested anywhere.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "faults_private.h"
#include "uring_private.h"

int trm_uring_disabled_sysctl(void) {
    int descriptor = TRM_CALL(sysctl_open, open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC));
    if (descriptor < 0) return -1;
    char text[8] = {0};
    ssize_t count = TRM_CALL(sysctl_read, read(descriptor, text, sizeof text - 1));
    close(descriptor);
    return count > 0 ? atoi(text) : -1;
}

/// "6.18.44-generic" is at least 6.0?
static bool is_new_enough(const char *kernel) { return atoi(kernel) >= 6; }

void trm_ring_explain(int error, int sysctl_value, uint64_t locked_memory_bytes, const char *kernel,
                      char *message, size_t message_capacity) {
    int code = error < 0 ? -error : error;
    if (code == EPERM && sysctl_value == 2) {
        trm_say(message, message_capacity,
                "io_uring is switched off by the setting kernel.io_uring_disabled, which is 2 and must be 0: "
                "run sysctl -w kernel.io_uring_disabled=0.");
    } else if (code == EPERM && sysctl_value == 1) {
        trm_say(message, message_capacity,
                "io_uring is reserved for the group of kernel.io_uring_group by the setting "
                "kernel.io_uring_disabled, which is 1 and must be 0: run sysctl -w "
                "kernel.io_uring_disabled=0, or add this user to that group.");
    } else if (code == EPERM || code == EACCES) {
        char found[32] = "absent";
        if (sysctl_value >= 0) trm_say(found, sizeof found, "%d", sysctl_value);
        trm_say(message, message_capacity,
                "io_uring_setup was refused (%s) although the setting kernel.io_uring_disabled is %s, so a "
                "seccomp filter or a security module forbids it: allow io_uring_setup, io_uring_enter and "
                "io_uring_register, for a container with --security-opt seccomp=unconfined.",
                code == EPERM ? "EPERM" : "EACCES", found);
    } else if (code == ENOSYS && is_new_enough(kernel)) {
        trm_say(message, message_capacity,
                "Linux %s does not offer io_uring with multishot recvmsg (ENOSYS) although it is new enough: it "
                "was built without CONFIG_IO_URING, or a seccomp filter hides it; allow io_uring_setup, "
                "io_uring_enter and io_uring_register.",
                kernel);
    } else if (code == ENOSYS) {
        trm_say(message, message_capacity,
                "Linux %s is too old for io_uring with multishot recvmsg: Linux 6.0 or newer is needed, so "
                "boot a newer kernel.",
                kernel);
    } else if (code == ENOMEM) {
        char limit[48] = "unlimited";
        if (locked_memory_bytes != UINT64_MAX)
            trm_say(limit, sizeof limit, "%llu KiB", (unsigned long long)locked_memory_bytes / 1024);
        trm_say(message, message_capacity,
                "The kernel found no memory for io_uring (ENOMEM); the locked-memory limit is %s: raise it "
                "with ulimit -l unlimited (LimitMEMLOCK=infinity in a systemd unit), or raise the memory limit "
                "of the container.",
                limit);
    } else {
        trm_say(message, message_capacity, "io_uring_setup failed: %s (errno %d) on Linux %s.",
                strerror(code), code, kernel);
    }
}
