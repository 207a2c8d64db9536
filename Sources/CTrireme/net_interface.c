// Dotted addresses and the machine's interfaces.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"
#include "faults_private.h"
#include "net.h"

bool trm_ipv4_parse(const char *text, uint32_t *address) {
    struct in_addr parsed;
    if (inet_pton(AF_INET, text, &parsed) != 1) return false;
    *address = ntohl(parsed.s_addr);
    return true;
}

void trm_ipv4_format(uint32_t address, char *text) {
    struct in_addr form = {.s_addr = htonl(address)};
    inet_ntop(AF_INET, &form, text, TRM_IPV4_TEXT_BYTES);
}

static uint32_t address_of(const struct sockaddr *from) {
    struct sockaddr_in address;
    memcpy(&address, from, sizeof address);
    return ntohl(address.sin_addr.s_addr);
}

static void name_of(struct ifreq *request, const char *name) {
    memset(request, 0, sizeof *request);
    trm_say(request->ifr_name, sizeof request->ifr_name, "%s", name);
}

/// What only the driver knows: how much fits a datagram, and how fast the link is, where it says that.
static int ask_driver(trm_interface *out) {
    int descriptor = TRM_CALL(interface_socket, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (descriptor < 0) return -errno;
    struct ifreq request;
    name_of(&request, out->name);
    int error = TRM_CALL(interface_mtu, ioctl(descriptor, SIOCGIFMTU, &request)) < 0 ? -errno : 0;
    if (error == 0) out->mtu_bytes = (uint32_t)request.ifr_mtu;
    struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
    name_of(&request, out->name);
    request.ifr_data = (void *)&command;
    if (TRM_CALL(interface_speed, ioctl(descriptor, SIOCETHTOOL, &request)) == 0) {
        uint32_t speed = ethtool_cmd_speed(&command);
        out->megabits = speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
    }
    close(descriptor);
    return error;
}

int trm_interface_find(const char *name_or_address, trm_interface *out, char *message,
                       size_t message_capacity) {
    memset(out, 0, sizeof *out);
    struct ifaddrs *all;
    if (TRM_CALL(interface_list, getifaddrs(&all)) < 0) {
        int error = -errno;
        trm_say(message, message_capacity, "Cannot list the network interfaces: %s.", strerror(-error));
        return error;
    }
    uint32_t wanted = 0;
    bool by_address = trm_ipv4_parse(name_or_address, &wanted);
    char known[256] = "";
    int error = -ENODEV;
    for (struct ifaddrs *i = all; i && error != 0; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET) continue;
        uint32_t address = address_of(i->ifa_addr);
        if (by_address ? address == wanted : strcmp(i->ifa_name, name_or_address) == 0) {
            trm_say(out->name, sizeof out->name, "%s", i->ifa_name);
            out->index = if_nametoindex(i->ifa_name);
            out->address = address;
            out->netmask = i->ifa_netmask ? address_of(i->ifa_netmask) : 0;
            out->up = (i->ifa_flags & IFF_UP) != 0;
            out->loopback = (i->ifa_flags & IFF_LOOPBACK) != 0;
            out->multicast = (i->ifa_flags & IFF_MULTICAST) != 0;
            error = 0;
        } else {
            char text[TRM_IPV4_TEXT_BYTES];
            trm_ipv4_format(address, text);
            size_t used = strlen(known);
            trm_say(known + used, sizeof known - used, "%s%s (%s)", used ? ", " : "", i->ifa_name, text);
        }
    }
    freeifaddrs(all);
    if (error != 0) {
        trm_say(message, message_capacity,
                "There is no interface with an IPv4 address named or numbered \"%s\"; there are: %s.",
                name_or_address, known[0] ? known : "none");
        return error;
    }
    error = ask_driver(out);
    if (error != 0)
        trm_say(message, message_capacity, "Cannot read the MTU of %s: %s.", out->name, strerror(-error));
    return error;
}
