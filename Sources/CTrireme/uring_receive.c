// Multishot receive into provided buffers, and what the kernel leaves in them.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "uring_private.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

// What the kernel leaves: its header, then as much room for address and for control as the shape
// says (whether used or not), then the payload.
#define HEADER_BYTES sizeof(struct io_uring_recvmsg_out)
#define NAME_BYTES sizeof(struct sockaddr_in)
#define CONTROL_BYTES CMSG_SPACE(sizeof(int))

_Static_assert(HEADER_BYTES == 16 && NAME_BYTES == 16 && CONTROL_BYTES == 24,
               "trm_receive_prefix_bytes relies on these");

// Only the lengths count; static, so there is no lifetime to think of.
static const struct msghdr shapes[4] = {
    {.msg_namelen = 0},
    {.msg_namelen = NAME_BYTES},
    {.msg_controllen = CONTROL_BYTES},
    {.msg_namelen = NAME_BYTES, .msg_controllen = CONTROL_BYTES},
};

int trm_ring_receive_multishot(trm_ring *ring, unsigned file, uint16_t buffer_group, uint32_t shape,
                               uint64_t token) {
    if (shape >= sizeof shapes / sizeof *shapes) return -EINVAL;
    struct io_uring_sqe *entry = trm_ring_entry(ring, IORING_OP_RECVMSG, file, token);
    if (!entry) return -EBUSY;
    entry->addr = (uintptr_t)&shapes[shape];
    entry->len = 1;
    entry->ioprio = IORING_RECV_MULTISHOT;
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = buffer_group;
    return 0;
}

int trm_receive_parse(void *buffer, uint32_t bytes, uint32_t shape, trm_received *out) {
    const size_t prefix = trm_receive_prefix_bytes(shape);
    if (bytes < prefix) return -EBADMSG;
    struct io_uring_recvmsg_out header;
    memcpy(&header, buffer, sizeof header);
    unsigned char *name = (unsigned char *)buffer + HEADER_BYTES;

    *out = (trm_received){
        .payload = (unsigned char *)buffer + prefix,
        // payloadlen may count what did not fit.
        .payload_bytes = header.payloadlen < bytes - prefix ? header.payloadlen : bytes - (uint32_t)prefix,
        .truncated = (header.flags & MSG_TRUNC) != 0,
    };
    if ((shape & TRM_RECEIVE_SOURCE) && header.namelen >= NAME_BYTES) {
        struct sockaddr_in source;
        memcpy(&source, name, sizeof source);
        out->source_address = ntohl(source.sin_addr.s_addr);
        out->source_port = ntohs(source.sin_port);
    }
    if ((shape & TRM_RECEIVE_SEGMENTS) && header.controllen >= CMSG_LEN(sizeof(int))) {
        unsigned char *control = name + ((shape & TRM_RECEIVE_SOURCE) ? NAME_BYTES : 0);
        struct cmsghdr first;  // by copy: the place need not be aligned
        memcpy(&first, control, sizeof first);
        if (first.cmsg_level == IPPROTO_UDP && first.cmsg_type == UDP_GRO) {
            int segment;
            memcpy(&segment, control + CMSG_LEN(0), sizeof segment);
            // GRO reports the size also of a single datagram; then there is nothing to take apart.
            if (segment > 0 && (uint32_t)segment < out->payload_bytes)
                out->segment_bytes = (uint32_t)segment;
        }
    }
    return 0;
}
