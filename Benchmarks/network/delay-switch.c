// A switch with distances between its ports: each port is a TAP device, each frame is passed on after the one-way delay between the
// port it came from and the one it goes to, in order. For kernels without netem. See Benchmarks/network/run --delay.
//
//   delay-switch DELAY DEVICE...
//     DELAY    milliseconds, such as 5 or 0.5, between any two ports; or a row for each port: "0,5,9;5,0,5;9,5,0"
//     DEVICE   names of the TAP devices to make; they are gone when this process ends
//
// Prints "ready" when the devices exist: they may then be moved into other network namespaces. Ends on SIGTERM, SIGINT, or with its
// parent, and prints what it has passed on, dropped, and how late. Sleeps while nothing is due.
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    PORTS = 16,
    FRAME_BYTES = 65536 + 18,
    // Of one port before the others and what is due are looked at.
    FRAMES_AT_ONCE = 128,
    ADDRESSES = 64,
};
// Room for frames under way, all together: 5 ms of 100 Gbit/s and more.
static const uint64_t room_bytes = 512ull << 20;

typedef struct {
    uint64_t arrived;
    uint32_t bytes, uses;
    uint8_t data[];
} Frame;

// Frames between two ports. The delay is the same for all, so the first one is due first.
typedef struct {
    Frame **frames;
    uint64_t first, end, capacity;
} Queue;

typedef struct {
    uint8_t bytes[6];
    int port;
} Address;

static int ports, taps[PORTS];
static uint64_t delay[PORTS][PORTS];
static Queue queues[PORTS][PORTS];
static Address addresses[ADDRESSES];
static int address_count;
static uint64_t held_bytes, passed, dropped, refused, late_sum, late_most;
static volatile sig_atomic_t ended;

static void fail(const char *what) {
    fprintf(stderr, "delay-switch: %s: %s\n", what, strerror(errno));
    exit(1);
}
static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static void end(int signal) {
    (void)signal;
    ended = 1;
}

static void release(Frame *frame) {
    if (--frame->uses > 0) return;
    held_bytes -= frame->bytes;
    free(frame);
}
static void append(Queue *queue, Frame *frame) {
    if (queue->end - queue->first == queue->capacity) {
        uint64_t capacity = queue->capacity ? 2 * queue->capacity : 1024;
        Frame **frames = malloc(capacity * sizeof *frames);
        if (!frames) fail("no memory");
        for (uint64_t i = queue->first; i < queue->end; i++) {
            frames[i & (capacity - 1)] = queue->frames[i & (queue->capacity - 1)];
        }
        free(queue->frames);
        queue->frames = frames;
        queue->capacity = capacity;
    }
    queue->frames[queue->end++ & (queue->capacity - 1)] = frame;
    frame->uses++;
}
static Frame *head(const Queue *queue) {
    return queue->first < queue->end ? queue->frames[queue->first & (queue->capacity - 1)] : NULL;
}

// The port behind an address, -1 while it is unknown.
static int port_of(const uint8_t *address) {
    for (int i = 0; i < address_count; i++) {
        if (memcmp(addresses[i].bytes, address, 6) == 0) return addresses[i].port;
    }
    return -1;
}
static void learn(const uint8_t *address, int port) {
    if (address[0] & 1 || port_of(address) >= 0 || address_count == ADDRESSES) return;
    memcpy(addresses[address_count].bytes, address, 6);
    addresses[address_count++].port = port;
}

// Takes what a port has sent. A frame for all is held once.
static void take(int from, uint8_t *buffer) {
    for (int count = 0; count < FRAMES_AT_ONCE; count++) {
        ssize_t bytes = read(taps[from], buffer, FRAME_BYTES);
        if (bytes < 14) {
            if (bytes < 0 && errno != EAGAIN && errno != EINTR && errno != EIO) fail("read");
            return;
        }
        if (held_bytes + (uint64_t)bytes > room_bytes) {
            dropped++;
            continue;
        }
        learn(buffer + 6, from);
        int to = buffer[0] & 1 ? -1 : port_of(buffer);
        Frame *frame = malloc(sizeof *frame + (size_t)bytes);
        if (!frame) fail("no memory");
        *frame = (Frame){.arrived = now(), .bytes = (uint32_t)bytes, .uses = 1};
        memcpy(frame->data, buffer, (size_t)bytes);
        held_bytes += (uint64_t)bytes;
        for (int port = 0; port < ports; port++) {
            if (port != from && (to < 0 || to == port)) append(&queues[from][port], frame);
        }
        release(frame);
    }
}

// Passes on what is due, and returns when the next frame is; 0 if there is none.
static uint64_t give(void) {
    uint64_t next = 0;
    for (int from = 0; from < ports; from++) {
        for (int to = 0; to < ports; to++) {
            Queue *queue = &queues[from][to];
            for (Frame *frame; (frame = head(queue));) {
                uint64_t due = frame->arrived + delay[from][to], time = now();
                if (due > time) {
                    if (next == 0 || due < next) next = due;
                    break;
                }
                // A device that is down refuses; a full one drops, as a port would.
                if (write(taps[to], frame->data, frame->bytes) < 0) refused++;
                else passed++;
                late_sum += time - due;
                if (time - due > late_most) late_most = time - due;
                queue->first++;
                release(frame);
            }
        }
    }
    return next;
}

static uint64_t milliseconds(const char **text) {
    char *after;
    double value = strtod(*text, &after);
    if (after == *text || !(value >= 0 && value <= 10000)) {
        fprintf(stderr, "delay-switch: \"%s\" is no delay of 0 to 10000 milliseconds\n", *text);
        exit(2);
    }
    *text = after;
    return (uint64_t)(value * 1e6 + 0.5);
}
static void read_delays(const char *text) {
    const char *rest = text;
    uint64_t one = milliseconds(&rest);
    if (*rest == 0) {
        for (int i = 0; i < PORTS * PORTS; i++) delay[i / PORTS][i % PORTS] = one;
        return;
    }
    rest = text;
    for (int i = 0; i < ports * ports; i++) {
        delay[i / ports][i % ports] = milliseconds(&rest);
        char expected = i + 1 == ports * ports ? 0 : (i + 1) % ports ? ',' : ';';
        if (*rest != expected) {
            fprintf(stderr, "delay-switch: \"%s\" has not %d rows of %d delays\n", text, ports, ports);
            exit(2);
        }
        if (expected) rest++;
    }
}

static int tap(const char *name) {
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) < 0) fail(name);
    return fd;
}

int main(int count, char **words) {
    if (count < 3 || count - 2 > PORTS) {
        fprintf(stderr, "usage: delay-switch DELAY DEVICE... (at most %d)\n", PORTS);
        return 2;
    }
    ports = count - 2;
    read_delays(words[1]);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    // A link does not wait for a processor. Without the right to this, frames are later on a busy machine, and that is reported.
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1});
    int epoll = epoll_create1(EPOLL_CLOEXEC), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (epoll < 0 || timer < 0) fail("epoll, timerfd");
    for (int i = 0; i <= ports; i++) {
        if (i < ports) taps[i] = tap(words[2 + i]);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, i < ports ? taps[i] : timer, &event) < 0) fail("epoll_ctl");
    }
    printf("ready\n");
    fflush(stdout);

    uint8_t *buffer = malloc(FRAME_BYTES);
    uint64_t armed = 0;
    while (!ended) {
        struct epoll_event events[PORTS + 1];
        int ready = epoll_wait(epoll, events, PORTS + 1, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u32 < (uint32_t)ports) {
                take((int)events[i].data.u32, buffer);
            } else {
                uint64_t expirations;
                if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer");
                armed = 0;
            }
        }
        uint64_t next = give();
        if (next != armed) {
            struct itimerspec spec = {.it_value = {(time_t)(next / 1000000000), (long)(next % 1000000000)}};
            if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL) < 0) fail("timerfd_settime");
            armed = next;
        }
    }
    uint64_t all = passed + refused;
    printf("the switch passed on %llu frames, dropped %llu; behind their delay by %.3f ms in the mean, %.3f ms at most\n",
        (unsigned long long)passed, (unsigned long long)(dropped + refused), all ? (double)late_sum / (double)all / 1e6 : 0,
        (double)late_most / 1e6);
    return 0;
}
