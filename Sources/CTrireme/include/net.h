// UDP over IPv4: sockets for multicast and unicast, set up completely or refused with one sentence.
// Addresses are in host byte order, so that "the group of lane i" is group + i. Any thread.
#ifndef TRM_NET_H
#define TRM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "annotations.h"

TRM_ASSUME_NONNULL_BEGIN

#define TRM_IPV4_TEXT_BYTES 16u

/// Reads a dotted address. Returns false for anything else.
bool trm_ipv4_parse(const char *text, uint32_t *address);

/// Writes a dotted address; `text` has room for TRM_IPV4_TEXT_BYTES.
void trm_ipv4_format(uint32_t address, char *text);

/// True for 224.0.0.0/4.
static inline bool trm_ipv4_is_multicast(uint32_t address) { return (address >> 28) == 14; }

typedef struct trm_interface {
    char name[16];
    uint32_t index;
    uint32_t address;      ///< its first IPv4 address
    uint32_t netmask;
    uint32_t mtu_bytes;    ///< payload of one unfragmented datagram is this minus 28, at most 65507
    bool up;
    bool loopback;
    bool multicast;        ///< the flag; Linux's `lo` does not have it and multicasts nevertheless
    uint32_t megabits;     ///< what its link carries each second, in 10^6 bits; 0 where the driver does not say
} trm_interface;

/// Describes the interface with this name, or the one that holds this dotted address. Returns 0, or
/// -errno and one sentence that names the interfaces there are.
int trm_interface_find(const char *name_or_address, trm_interface *out, char *message,
                       size_t message_capacity);

/// Moves the calling thread, and those that it starts afterwards, into the network namespace at this
/// path, such as /run/netns/NAME. Returns 0, or -errno and one sentence.
int trm_network_namespace_enter(const char *path, char *message, size_t message_capacity);

typedef struct trm_udp_options {
    uint32_t bind_address;            ///< 0: any
    uint16_t bind_port;               ///< 0: the kernel chooses (or none, if only `connect_port` is set)
    uint32_t connect_address;         ///< the only destination, where `connect_port` is not 0
    uint16_t connect_port;
    bool reuse_address;               ///< needed by several receivers of a group on one machine
    uint32_t interface_index;         ///< joins and multicast sends use only this one; 0: the routing table's
    uint32_t interface_address;       ///< source address of multicast
    const uint32_t *TRM_NULLABLE groups;  ///< groups to join on that interface
    uint32_t group_count;
    bool loop;                        ///< receivers on this machine get what it multicasts
    uint8_t ttl;                      ///< of multicast; 0 means 1
    uint16_t segment_bytes;           ///< GSO: long sends are cut into datagrams of this payload; 0: off
    bool gro;                         ///< GRO: datagrams of one flow may arrive joined
    bool arrival_times;               ///< SO_TIMESTAMPNS: each datagram carries the time at which it came
    bool dont_fragment;               ///< IP_PMTUDISC_DO: refuse (-EMSGSIZE) instead of fragmenting
    uint32_t receive_buffer_bytes;    ///< wanted; 0: leave as it is
    uint32_t send_buffer_bytes;       ///< wanted; 0: leave as it is
} trm_udp_options;

/// Opens a socket: non-blocking, close-on-exec, IP_MULTICAST_ALL off (only joined groups arrive).
/// Buffer sizes are forced where privileges allow, else taken as far as the sysctl allows: see
/// `trm_udp_granted`. Returns the descriptor, or -errno and one sentence in `message`.
int trm_udp_open(const trm_udp_options *options, char *message, size_t message_capacity);

typedef struct trm_udp_buffers {
    uint32_t receive_bytes;           ///< usable payload, that is half of what the kernel reports
    uint32_t send_bytes;
    uint32_t receive_limit_bytes;     ///< net.core.rmem_max
    uint32_t send_limit_bytes;        ///< net.core.wmem_max
    uint16_t port;                    ///< the port it is bound to
} trm_udp_buffers;

/// What the kernel granted. It charges a datagram with its overhead as well, which for small ones is
/// more than their bytes; therefore it reserves twice of what was asked. Returns 0 or -errno.
int trm_udp_granted(int descriptor, trm_udp_buffers *out);

/// Datagrams that the kernel dropped at this socket because its buffer was full (SO_MEMINFO). 0 if unknown.
uint64_t trm_udp_drops(int descriptor);

TRM_ASSUME_NONNULL_END

#endif
