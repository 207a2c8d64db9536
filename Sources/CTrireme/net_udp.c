// UDP sockets, set up completely or refused with one sentence.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"
#include "faults_private.h"
#include "net.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

/// Where a sentence goes. Each step below returns 0, or -errno after it has said what is wrong.
typedef struct refusal {
    char *message;
    size_t capacity;
} refusal;

static int set(int descriptor, int level, int option, int value) {
    return TRM_CALL(socket_option, setsockopt(descriptor, level, option, &value, sizeof value)) < 0 ? -errno : 0;
}

static struct sockaddr_in ipv4(uint32_t address, uint16_t port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr = {.s_addr = htonl(address)}};
}

static int apply(int descriptor, int level, int option, int value, const char *what, const char *mend,
                 refusal r) {
    int error = set(descriptor, level, option, value);
    if (error < 0)
        trm_say(r.message, r.capacity, "The kernel refused %s = %d on a UDP socket: %s; %s.", what, value,
                strerror(-error), mend);
    return error;
}

static int bind_to(int descriptor, const trm_udp_options *o, refusal r) {
    if (o->reuse_address) {
        int error = apply(descriptor, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", "see socket(7)", r);
        if (error < 0) return error;
    }
    struct sockaddr_in own = ipv4(o->bind_address, o->bind_port);
    if (TRM_CALL(socket_bind, bind(descriptor, (struct sockaddr *)&own, sizeof own)) == 0) return 0;
    int error = -errno;
    char text[TRM_IPV4_TEXT_BYTES];
    trm_ipv4_format(o->bind_address, text);
    const char *mend = error == -EADDRINUSE      ? "choose another port, or end what uses it (ss -ulpn)"
                       : error == -EADDRNOTAVAIL ? "no interface of this machine has that address (ip address)"
                       : error == -EACCES        ? "ports below 1024 need privileges"
                                                 : "see bind(2)";
    trm_say(r.message, r.capacity, "Cannot bind UDP to %s:%u: %s; %s.", text, o->bind_port,
            strerror(-error), mend);
    return error;
}

static int join(int descriptor, const trm_udp_options *o, refusal r) {
    for (uint32_t i = 0; i < o->group_count; i++) {
        struct ip_mreqn membership = {.imr_multiaddr = {.s_addr = htonl(o->groups[i])},
                                      .imr_address = {.s_addr = htonl(o->interface_address)},
                                      .imr_ifindex = (int)o->interface_index};
        if (TRM_CALL(socket_join, setsockopt(descriptor, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership,
                                             sizeof membership)) == 0)
            continue;
        int error = -errno;
        char text[TRM_IPV4_TEXT_BYTES];
        trm_ipv4_format(o->groups[i], text);
        const char *mend =
            error == -ENOBUFS  ? "raise net.ipv4.igmp_max_memberships, which is smaller than the number of groups"
            : error == -EINVAL ? "groups lie between 224.0.0.0 and 239.255.255.255"
                               : "check that the interface exists and is up (ip link)";
        trm_say(r.message, r.capacity, "Cannot join the multicast group %s on interface %u: %s; %s.", text,
                o->interface_index, strerror(-error), mend);
        return error;
    }
    return 0;
}

static int set_up_multicast(int descriptor, const trm_udp_options *o, refusal r) {
    // Otherwise a socket gets what any process of the machine has joined.
    int error = apply(descriptor, IPPROTO_IP, IP_MULTICAST_ALL, 0, "IP_MULTICAST_ALL",
                      "Linux 2.6.31 has it", r);
    if (error < 0) return error;
    error = apply(descriptor, IPPROTO_IP, IP_MULTICAST_TTL, o->ttl ? o->ttl : 1, "IP_MULTICAST_TTL",
                  "1 to 255 are possible", r);
    if (error < 0) return error;
    error = apply(descriptor, IPPROTO_IP, IP_MULTICAST_LOOP, o->loop, "IP_MULTICAST_LOOP",
                  "0 and 1 are possible", r);
    if (error < 0) return error;
    if (o->interface_index == 0 && o->interface_address == 0) return 0;
    struct ip_mreqn interface = {.imr_address = {.s_addr = htonl(o->interface_address)},
                                 .imr_ifindex = (int)o->interface_index};
    if (TRM_CALL(socket_interface,
                 setsockopt(descriptor, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface)) == 0)
        return 0;
    error = -errno;
    trm_say(r.message, r.capacity,
            "Cannot multicast through interface %u: %s; check that it exists and is up (ip link).",
            o->interface_index, strerror(-error));
    return error;
}

static int set_up_datagrams(int descriptor, const trm_udp_options *o, refusal r) {
    int error = 0;
    if (o->dont_fragment)
        error = apply(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, "IP_MTU_DISCOVER", "see ip(7)", r);
    if (error == 0 && o->segment_bytes)
        error = apply(descriptor, IPPROTO_UDP, UDP_SEGMENT, o->segment_bytes, "UDP_SEGMENT",
                      "Linux 4.18 or newer is needed", r);
    if (error == 0 && o->gro)
        error = apply(descriptor, IPPROTO_UDP, UDP_GRO, 1, "UDP_GRO", "Linux 5.0 or newer is needed", r);
    if (error == 0 && o->arrival_times)
        error = apply(descriptor, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS", "Linux 2.6.22 has it", r);
    return error;
}

/// Forced where CAP_NET_ADMIN allows, else as far as the sysctl does: the caller looks at what was
/// granted and decides.
static void size_buffers(int descriptor, const trm_udp_options *o) {
    const uint32_t most = INT32_MAX / 2;  // the kernel doubles the value
    if (o->receive_buffer_bytes) {
        int bytes = (int)(o->receive_buffer_bytes < most ? o->receive_buffer_bytes : most);
        if (set(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, bytes) < 0)
            set(descriptor, SOL_SOCKET, SO_RCVBUF, bytes);
    }
    if (o->send_buffer_bytes) {
        int bytes = (int)(o->send_buffer_bytes < most ? o->send_buffer_bytes : most);
        if (set(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, bytes) < 0)
            set(descriptor, SOL_SOCKET, SO_SNDBUF, bytes);
    }
}

static int connect_to(int descriptor, const trm_udp_options *o, refusal r) {
    struct sockaddr_in destination = ipv4(o->connect_address, o->connect_port);
    if (TRM_CALL(socket_connect, connect(descriptor, (struct sockaddr *)&destination, sizeof destination)) == 0)
        return 0;
    int error = -errno;
    char text[TRM_IPV4_TEXT_BYTES];
    trm_ipv4_format(o->connect_address, text);
    trm_say(r.message, r.capacity, "Cannot send UDP to %s:%u: %s; check the routes (ip route get %s).", text,
            o->connect_port, strerror(-error), text);
    return error;
}

int trm_udp_open(const trm_udp_options *options, char *message, size_t message_capacity) {
    refusal r = {message, message_capacity};
    int descriptor = TRM_CALL(socket, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (descriptor < 0) {
        int error = -errno;
        trm_say(message, message_capacity, "Cannot make a UDP socket: %s.", strerror(-error));
        return error;
    }
    // Buffers before joining: nothing arrives before there is room for it.
    size_buffers(descriptor, options);
    int error = set_up_multicast(descriptor, options, r);
    if (error == 0) error = set_up_datagrams(descriptor, options, r);
    if (error == 0 && (options->bind_port || options->bind_address || !options->connect_port))
        error = bind_to(descriptor, options, r);
    if (error == 0) error = join(descriptor, options, r);
    if (error == 0 && options->connect_port) error = connect_to(descriptor, options, r);
    if (error == 0) return descriptor;
    close(descriptor);
    return error;
}

static uint32_t setting(const char *path) {
    char text[32] = {0};
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    uint32_t value = fgets(text, sizeof text, file) ? (uint32_t)strtoul(text, NULL, 10) : 0;
    fclose(file);
    return value;
}

int trm_udp_granted(int descriptor, trm_udp_buffers *out) {
    int receive = 0, send = 0;
    socklen_t length = sizeof receive;
    if (TRM_CALL(socket_receive_granted, getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receive, &length)) < 0)
        return -errno;
    if (TRM_CALL(socket_send_granted, getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &send, &length)) < 0)
        return -errno;
    struct sockaddr_in own = {0};
    length = sizeof own;
    if (TRM_CALL(socket_name, getsockname(descriptor, (struct sockaddr *)&own, &length)) < 0) return -errno;
    *out = (trm_udp_buffers){.receive_bytes = (uint32_t)receive / 2,
                             .send_bytes = (uint32_t)send / 2,
                             .receive_limit_bytes = setting("/proc/sys/net/core/rmem_max"),
                             .send_limit_bytes = setting("/proc/sys/net/core/wmem_max"),
                             .port = ntohs(own.sin_port)};
    return 0;
}

uint64_t trm_udp_drops(int descriptor) {
    uint32_t information[16] = {0};
    socklen_t length = sizeof information;
    const size_t drops = 8;  // SK_MEMINFO_DROPS
    if (TRM_CALL(socket_drops, getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, information, &length)) < 0) return 0;
    return length > drops * sizeof *information ? information[drops] : 0;
}
