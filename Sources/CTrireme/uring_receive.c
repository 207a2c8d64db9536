// Multishot receive into provided buffers, and what the kernel leaves in them.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "faults_private.h"
#include "uring_private.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

// What the kernel leaves: its header, then as much room for address and for control as the shape
// says (whether used or not), then the payload.
#define HEADER_BYTES sizeof(struct io_uring_recvmsg_out)
#define NAME_BYTES sizeof(struct sockaddr_in)
#define SEGMENTS_BYTES CMSG_SPACE(sizeof(int))
#define TIME_BYTES CMSG_SPACE(sizeof(struct timespec))

_Static_assert(HEADER_BYTES == 16 && NAME_BYTES == 16 && SEGMENTS_BYTES == 24 && TIME_BYTES == 32,
               "trm_receive_prefix_bytes relies on these");

// Only the lengths count; static, so there is no lifetime to think of.
static const struct msghdr shapes[8] = {
    {.msg_namelen = 0},
    {.msg_namelen = NAME_BYTES},
    {.msg_controllen = SEGMENTS_BYTES},
    {.msg_namelen = NAME_BYTES, .msg_controllen = SEGMENTS_BYTES},
    {.msg_controllen = TIME_BYTES},
    {.msg_namelen = NAME_BYTES, .msg_controllen = TIME_BYTES},
    {.msg_controllen = SEGMENTS_BYTES + TIME_BYTES},
    {.msg_namelen = NAME_BYTES, .msg_controllen = SEGMENTS_BYTES + TIME_BYTES},
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
    TRM_SUBMISSION(ring_receive, ring, entry);
    return 0;
}

// Takes one control message; what it holds may lie unaligned, so it is copied out.
static void take_control(const unsigned char *data, const struct cmsghdr *about, trm_received *out) {
    if (about->cmsg_level == IPPROTO_UDP && about->cmsg_type == UDP_GRO &&
        about->cmsg_len >= CMSG_LEN(sizeof(int))) {
        int segment;
        memcpy(&segment, data, sizeof segment);
        // GRO reports the size also of a single datagram; then there is nothing to take apart.
        if (segment > 0 && (uint32_t)segment < out->payload_bytes) out->segment_bytes = (uint32_t)segment;
    } else if (about->cmsg_level == SOL_SOCKET && about->cmsg_type == SCM_TIMESTAMPNS &&
               about->cmsg_len >= CMSG_LEN(sizeof(struct timespec))) {
        struct timespec came;
        memcpy(&came, data, sizeof came);
        out->arrival_nanoseconds = (uint64_t)came.tv_sec * 1000000000u + (uint64_t)came.tv_nsec;
    }
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
    const unsigned char *control = name + ((shape & TRM_RECEIVE_SOURCE) ? NAME_BYTES : 0);
    const size_t room = (size_t)((unsigned char *)out->payload - control);
    const size_t given = header.controllen < room ? header.controllen : room;
    for (size_t at = 0; at + CMSG_LEN(0) <= given;) {
        struct cmsghdr about;
        memcpy(&about, control + at, sizeof about);
        if (about.cmsg_len < CMSG_LEN(0) || about.cmsg_len > given - at) break;
        take_control(control + at + CMSG_LEN(0), &about, out);
        at += CMSG_ALIGN(about.cmsg_len);
    }
    return 0;
}
