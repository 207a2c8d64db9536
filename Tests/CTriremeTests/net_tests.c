// Addresses, interfaces and UDP sockets, over loopback.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "net.h"

static const uint32_t loopback = 0x7f000001, group = 0xef4d6301;  // 239.77.99.1

TEST(net, addresses_are_read_and_written) {
    uint32_t address = 0;
    CHECK(trm_ipv4_parse("239.77.1.2", &address));
    CHECK_EQUAL(address, 0xef4d0102);
    char text[TRM_IPV4_TEXT_BYTES];
    trm_ipv4_format(address + 14, text);
    CHECK(strcmp(text, "239.77.1.16") == 0);
    const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "lo", "::1", "1.2.3.4 "};
    for (size_t i = 0; i < 7; i++) CHECK(!trm_ipv4_parse(bad[i], &address));
    CHECK(trm_ipv4_is_multicast(group) && !trm_ipv4_is_multicast(loopback));
}

TEST(net, loopback_is_found_by_name_and_by_address) {
    char message[512] = "";
    trm_interface by_name, by_address;
    REQUIRE(trm_interface_find("lo", &by_name, message, sizeof message) == 0);
    REQUIRE(trm_interface_find("127.0.0.1", &by_address, message, sizeof message) == 0);
    CHECK(memcmp(&by_name, &by_address, sizeof by_name) == 0);
    CHECK(by_name.loopback && by_name.up && by_name.index > 0);
    CHECK_EQUAL(by_name.address, loopback);
    CHECK_EQUAL(by_name.netmask, 0xff000000);
    CHECK(by_name.mtu_bytes >= 1500);
    // Loopback has no link, and its driver says so.
    CHECK_EQUAL(by_name.megabits, 0);
    CHECK_EQUAL(trm_interface_find("nosuch0", &by_name, message, sizeof message), -ENODEV);
    CHECK_SENTENCE(message, "lo (127.0.0.1)");
}

/// An unconnected receiver of `group` on loopback; returns its port in `port`.
static int receiver(uint32_t joined, uint16_t *port) {
    char message[512] = "";
    trm_udp_options options = {.interface_index = 1, .interface_address = loopback, .groups = &joined,
                               .group_count = 1, .reuse_address = true, .bind_port = *port,
                               .receive_buffer_bytes = 1 << 20};
    int descriptor = trm_udp_open(&options, message, sizeof message);
    if (descriptor < 0) harness_fail(__FILE__, __LINE__, message);
    trm_udp_buffers granted = {0};
    CHECK_EQUAL(trm_udp_granted(descriptor, &granted), 0);
    CHECK(granted.receive_bytes >= 65536 && granted.receive_limit_bytes > 0 && granted.port != 0);
    *port = granted.port;
    return descriptor;
}

static int sender(uint32_t to, uint16_t port, bool loop) {
    char message[512] = "";
    trm_udp_options options = {.interface_index = 1, .interface_address = loopback, .loop = loop,
                               .connect_address = to, .connect_port = port};
    int descriptor = trm_udp_open(&options, message, sizeof message);
    if (descriptor < 0) harness_fail(__FILE__, __LINE__, message);
    return descriptor;
}

/// Bytes of the next datagram, or -1 if none comes within a moment.
static ssize_t next(int descriptor) {
    char buffer[2048];
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    return poll(&wait, 1, 100) == 1 ? recv(descriptor, buffer, sizeof buffer, 0) : -1;
}

TEST(net, multicast_reaches_who_joined_and_nobody_else) {
    uint16_t port = 0;
    int first = receiver(group, &port), second = receiver(group, &port), other = receiver(group + 1, &port);
    int out = sender(group, port, true);
    CHECK_EQUAL(send(out, "hello", 5, 0), 5);
    CHECK_EQUAL(next(first), 5);
    CHECK_EQUAL(next(second), 5);
    CHECK_EQUAL(next(other), -1);  // IP_MULTICAST_ALL off
    CHECK_EQUAL(trm_udp_drops(first), 0);
    close(first), close(second), close(other), close(out);
}

TEST(net, a_sender_has_loop_off_and_one_hop) {
    uint16_t port = 0;
    int in = receiver(group, &port), out = sender(group, port, false);
    int loop = -1;
    socklen_t length = sizeof loop;
    CHECK_EQUAL(getsockopt(out, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, &length), 0);
    CHECK_EQUAL(loop, 0);
    int ttl = -1;
    CHECK_EQUAL(getsockopt(out, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, &length), 0);
    CHECK_EQUAL(ttl, 1);
    close(in), close(out);
}

TEST(net, dont_fragment_refuses_what_is_too_long) {
    char message[512] = "";
    trm_udp_options options = {.dont_fragment = true, .connect_address = loopback, .connect_port = 9};
    int out = trm_udp_open(&options, message, sizeof message);
    REQUIRE(out >= 0);
    static char bytes[65508];
    CHECK(send(out, bytes, sizeof bytes, 0) < 0 && errno == EMSGSIZE);
    close(out);
}

TEST(net, drops_are_counted) {
    uint16_t port = 0;
    int in = receiver(group, &port), out = sender(group, port, true);
    int small = 4096;
    CHECK_EQUAL(setsockopt(in, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    static char bytes[1400];
    for (int i = 0; i < 100; i++) CHECK_EQUAL(send(out, bytes, sizeof bytes, 0), sizeof bytes);
    CHECK(trm_udp_drops(in) > 50);
    close(in), close(out);
}

TEST(net, refusals_are_sentences) {
    char message[512] = "";
    trm_udp_options options = {.bind_address = loopback};
    int holder = trm_udp_open(&options, message, sizeof message);
    REQUIRE(holder >= 0);
    trm_udp_buffers granted;
    CHECK_EQUAL(trm_udp_granted(holder, &granted), 0);

    options.bind_port = granted.port;
    CHECK_EQUAL(trm_udp_open(&options, message, sizeof message), -EADDRINUSE);
    CHECK_SENTENCE(message, "ss -ulpn");
    options = (trm_udp_options){.bind_address = 0xc6336401};  // 198.51.100.1
    CHECK_EQUAL(trm_udp_open(&options, message, sizeof message), -EADDRNOTAVAIL);
    CHECK_SENTENCE(message, "198.51.100.1");
    uint32_t no_group = loopback;
    options = (trm_udp_options){.groups = &no_group, .group_count = 1, .interface_index = 1};
    CHECK_EQUAL(trm_udp_open(&options, message, sizeof message), -EINVAL);
    CHECK_SENTENCE(message, "224.0.0.0");
    options = (trm_udp_options){.groups = &group, .group_count = 1, .interface_index = 9999};
    CHECK(trm_udp_open(&options, message, sizeof message) < 0);
    CHECK_SENTENCE(message, "interface 9999");
    uint32_t many[1000];
    for (uint32_t i = 0; i < 1000; i++) many[i] = group + i;
    options = (trm_udp_options){.groups = many, .group_count = 1000, .interface_index = 1};
    CHECK_EQUAL(trm_udp_open(&options, message, sizeof message), -ENOBUFS);
    CHECK_SENTENCE(message, "igmp_max_memberships");
    CHECK_EQUAL(trm_udp_granted(-1, &granted), -EBADF);
    close(holder);
}
