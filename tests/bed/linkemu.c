/* SPDX-License-Identifier: MIT */
/*
 * Link emulator: joins TUN devices of two network namespaces, in user space, for kernels without
 * netem. One process carries all links of a test bed.
 *
 *   linkemu CONTROL-SOCKET CLIENT-NETNS SERVER-NETNS LINKS [SEED]
 *
 * creates devices link1..linkN in both namespaces (paths such as /run/netns/x), writes "ready" and
 * serves until "quit", SIGTERM or SIGINT. The devices vanish with the process.
 */
#include "control.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_LINKS   8
#define PACKET_SIZE 2048 /* MTU 1500 devices */
#define READ_BATCH  256
/* Sleep at least this long between rounds, so that one wake-up serves many packets. */
#define GRAIN_NS 100000

struct emulator {
    struct bed_links links;
    struct bed_link link[MAX_LINKS];
    int tun[MAX_LINKS][BED_DIRS]; /* [i][d]: the device where direction d enters */
    int listener;
};

static struct bed_packet *free_packets;
static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
    stopped = 1;
}

static struct bed_packet *packet_get(void)
{
    struct bed_packet *packet = free_packets;

    if (packet)
        free_packets = packet->next;
    else
        packet = malloc(sizeof(*packet) + PACKET_SIZE);
    return packet;
}

static void packet_put(struct bed_packet *packet)
{
    packet->next = free_packets;
    free_packets = packet;
}

static void release_list(struct bed_packet *packet)
{
    while (packet) {
        struct bed_packet *next = packet->next;

        packet_put(packet);
        packet = next;
    }
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

static int die(const char *what)
{
    fprintf(stderr, "linkemu: %s: %s\n", what, strerror(errno));
    return -1;
}

/* The device belongs to the namespace in which /dev/net/tun was opened. */
static int open_tun(const char *netns, const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int ns = open(netns, O_RDONLY | O_CLOEXEC), fd;

    if (ns < 0)
        return die(netns);
    if (setns(ns, CLONE_NEWNET) < 0) {
        close(ns);
        return die("setns");
    }
    close(ns);
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return die("/dev/net/tun");
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        close(fd);
        return die("TUNSETIFF");
    }
    return fd;
}

static int open_listener(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return die("socket");
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return die(path);
    }
    strcpy(address.sun_path, path);
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
        return die(path);
    return fd;
}

/* One request and one reply; the client writes at once, so a short wait is enough. */
static void serve_control(struct emulator *emu)
{
    static char reply[8192];
    char command[512];
    int fd = accept4(emu->listener, NULL, NULL, SOCK_CLOEXEC);
    struct timeval wait = {.tv_usec = 100000};
    ssize_t len;

    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    len = recv(fd, command, sizeof(command) - 1, 0);
    if (len > 0) {
        command[len] = '\0';
        (void)bed_control_run(&emu->links, now_ns(), command, reply, sizeof(reply));
        (void)send(fd, reply, strlen(reply), MSG_NOSIGNAL);
    }
    close(fd);
}

static void read_packets(struct emulator *emu, size_t i, int d)
{
    for (int n = 0; n < READ_BATCH; n++) {
        struct bed_packet *packet = packet_get();
        ssize_t len;

        if (!packet)
            return;
        len = read(emu->tun[i][d], packet->data, PACKET_SIZE);
        if (len <= 0) {
            packet_put(packet);
            return;
        }
        packet->len = (uint32_t)len;
        if (!bed_dir_push(&emu->link[i].dir[d], now_ns(), packet))
            packet_put(packet);
    }
}

static void write_packets(struct emulator *emu, size_t i, int d)
{
    struct bed_packet *packet;

    while ((packet = bed_dir_pop(&emu->link[i].dir[d], now_ns()))) {
        ssize_t ignored;

        bed_box_pass(&emu->link[i].box[d], &emu->link[i].box[!d], packet->data, &packet->len,
                     PACKET_SIZE);
        /* A device that is down loses packets, as a link would. */
        ignored = write(emu->tun[i][!d], packet->data, packet->len);
        (void)ignored;
        packet_put(packet);
    }
}

static void sleep_ns(uint64_t ns)
{
    struct timespec ts = {.tv_nsec = (long)ns};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static void run(struct emulator *emu)
{
    struct pollfd fds[MAX_LINKS * BED_DIRS + 1];
    size_t count = emu->links.count;

    for (size_t i = 0; i < count * BED_DIRS; i++)
        fds[i] = (struct pollfd){.fd = emu->tun[i / 2][i % 2], .events = POLLIN};
    fds[count * BED_DIRS] = (struct pollfd){.fd = emu->listener, .events = POLLIN};

    while (!stopped && !emu->links.quit) {
        uint64_t next = BED_NEVER, now;
        struct timespec wait, *timeout = NULL;

        for (size_t i = 0; i < count * BED_DIRS; i++) {
            uint64_t at = bed_dir_next(&emu->link[i / 2].dir[i % 2]);

            next = at < next ? at : next;
        }
        now = now_ns();
        if (next != BED_NEVER) {
            uint64_t ns = next > now ? next - now : 0;

            wait.tv_sec = (time_t)(ns / 1000000000ULL);
            wait.tv_nsec = (long)(ns % 1000000000ULL);
            timeout = &wait;
        }
        if (ppoll(fds, count * BED_DIRS + 1, timeout, NULL) < 0 && errno != EINTR)
            return;
        for (size_t i = 0; i < count * BED_DIRS; i++) {
            if (fds[i].revents)
                read_packets(emu, i / 2, (int)(i % 2));
            write_packets(emu, i / 2, (int)(i % 2));
        }
        if (fds[count * BED_DIRS].revents)
            serve_control(emu);
        sleep_ns(GRAIN_NS);
    }
}

int main(int argc, char **argv)
{
    static struct emulator emu;
    struct sigaction action = {.sa_handler = on_signal};
    struct sched_param param = {.sched_priority = 1};
    long links = argc >= 5 ? strtol(argv[4], NULL, 10) : 0;
    uint64_t seed = argc >= 6 ? strtoull(argv[5], NULL, 10) : 1;

    if (links < 1 || links > MAX_LINKS) {
        fprintf(stderr, "usage: linkemu CONTROL CLIENT-NETNS SERVER-NETNS LINKS [SEED]\n");
        return 2;
    }
    emu.links = (struct bed_links){.link = emu.link, .release = release_list};
    for (size_t i = 0; i < (size_t)links; i++) {
        snprintf(emu.link[i].name, sizeof(emu.link[i].name), "link%zu", i + 1);
        for (int d = 0; d < BED_DIRS; d++) {
            bed_dir_init(&emu.link[i].dir[d], seed * 16 + i * 2 + (uint64_t)d);
            emu.tun[i][d] = open_tun(argv[2 + d], emu.link[i].name);
            if (emu.tun[i][d] < 0)
                return 1;
        }
        emu.links.count++;
    }
    emu.listener = open_listener(argv[1]);
    if (emu.listener < 0)
        return 1;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    /* No emulator is left behind when the script that started it is killed. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_TIMERSLACK, 1UL);
    /* Timing matters more than fairness here; unprivileged it goes without. */
    (void)sched_setscheduler(0, SCHED_RR, &param);
    printf("ready\n");
    fflush(stdout);
    run(&emu);
    unlink(argv[1]);
    return 0;
}
