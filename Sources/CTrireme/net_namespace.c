// Entering a network namespace by its path: how several replicas of one machine get a network of their own each.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "faults_private.h"
#include "net.h"

int trm_network_namespace_enter(const char *path, char *message, size_t message_capacity) {
    int descriptor = TRM_CALL(namespace_open, open(path, O_RDONLY | O_CLOEXEC));
    if (descriptor < 0) {
        int error = -errno;
        trm_say(message, message_capacity,
                "There is no network namespace at %s (%s); `ip netns add` makes one under /run/netns.", path,
                strerror(-error));
        return error;
    }
    int error = TRM_CALL(namespace_enter, setns(descriptor, CLONE_NEWNET)) < 0 ? -errno : 0;
    close(descriptor);
    if (error < 0)
        trm_say(message, message_capacity, "Cannot enter the network namespace %s: %s; %s.", path,
                strerror(-error),
                error == -EPERM    ? "run as root, CAP_SYS_ADMIN is needed"
                : error == -EINVAL ? "it must be a network namespace, such as `ip netns list` names"
                                   : "see setns(2)");
    return error;
}
