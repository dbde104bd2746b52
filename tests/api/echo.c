/* SPDX-License-Identifier: MIT */
/* Server and client in one program: 8 MiB there and back, over 127.0.0.1 and 127.0.0.2. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <mptcpshim/mptcpshim.h>

#define TOTAL (8u << 20)

static unsigned char expected(size_t position)
{
    return (unsigned char)(position ^ position >> 8 ^ position >> 16);
}

/* How many bytes a non-blocking read or write moved; 0 if it would have to wait. */
static size_t moved(ssize_t n, const char *what)
{
    if (n < 0 && errno != EAGAIN)
        err(1, "%s", what);
    if (n == 0)
        errx(1, "%s: the connection has ended", what);
    return n < 0 ? 0 : (size_t)n;
}

struct server {
    unsigned char buf[65536];
    size_t start, end; /* what waits to be echoed */
};

static void serve(int fd, struct server *s)
{
    if (s->start == s->end) {
        s->start = 0;
        s->end = moved(read(fd, s->buf, sizeof(s->buf)), "server: read");
    }
    if (s->start < s->end)
        s->start += moved(write(fd, s->buf + s->start, s->end - s->start), "server: write");
}

struct client {
    size_t sent, received;
};

static void use(int fd, struct client *c)
{
    unsigned char buf[65536];
    size_t n = TOTAL - c->sent < sizeof(buf) ? TOTAL - c->sent : sizeof(buf);

    for (size_t i = 0; i < n; i++)
        buf[i] = expected(c->sent + i);
    if (n > 0)
        c->sent += moved(write(fd, buf, n), "client: write");
    n = moved(read(fd, buf, sizeof(buf)), "client: read");
    for (size_t i = 0; i < n; i++) {
        if (buf[i] != expected(c->received + i))
            errx(1, "client: byte %zu is wrong", c->received + i);
    }
    c->received += n;
}

/* The subflows that carry data now; all are in `list`, the rest of which is cleared. */
static int subflows(int fd, struct mptcpshim_subflow list[8])
{
    int active = 0;

    memset(list, 0, 8 * sizeof(list[0]));
    if (mptcpshim_subflows(fd, list, 8) < 0)
        errx(1, "subflows: %s", mptcpshim_strerror(errno));
    for (int i = 0; i < 8; i++)
        active += list[i].state == MPTCPSHIM_ESTABLISHED;
    return active;
}

/* Wait, at most five seconds, until two subflows carry data. */
static void wait_for_subflows(int fd)
{
    struct timespec pause = {.tv_nsec = 10000000};
    struct mptcpshim_subflow list[8];

    for (int i = 0; subflows(fd, list) < 2; i++) {
        if (i == 500)
            errx(1, "there is no second subflow");
        nanosleep(&pause, NULL);
    }
}

static void report(int fd)
{
    struct mptcpshim_subflow list[8];
    int used = 0;

    subflows(fd, list);
    for (int i = 0; i < 8; i++) {
        char from[INET_ADDRSTRLEN] = "";

        if (list[i].state != MPTCPSHIM_ESTABLISHED)
            continue;
        inet_ntop(AF_INET, &((struct sockaddr_in *)&list[i].local)->sin_addr, from, sizeof(from));
        printf("subflow %u from %s: %llu bytes sent\n", (unsigned)list[i].id, from,
               (unsigned long long)list[i].bytes_sent);
        used += list[i].bytes_sent > 0;
    }
    if (used < 2)
        errx(1, "only one subflow carried data");
}

int main(void)
{
    struct sockaddr_storage local[2];
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    struct mptcpshim_options opts;
    static struct server server;
    struct client client = {0, 0};
    struct pollfd fds[2];
    int listener;

    memset(local, 0, sizeof(local));
    for (int i = 0; i < 2; i++) {
        local[i].ss_family = AF_INET;
        ((struct sockaddr_in *)&local[i])->sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)i);
    }
    mptcpshim_options_init(&opts, sizeof(opts));
    opts.flags = MPTCPSHIM_REQUIRED;
    opts.scheduler = "roundrobin";
    opts.local = local;
    opts.n_local = 2;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = mptcpshim_listen((struct sockaddr *)&at, sizeof(at), 5, SOCK_CLOEXEC, &opts);
    if (listener < 0 || mptcpshim_getsockname(listener, (struct sockaddr *)&at, &len) < 0)
        err(1, "listen");
    fds[0].fd = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), SOCK_NONBLOCK, &opts);
    if (fds[0].fd < 0)
        err(1, "connect");
    fds[0].events = POLLOUT;
    if (poll(fds, 1, 5000) != 1 || mptcpshim_adopt(fds[0].fd, MPTCPSHIM_CLIENT, &opts) < 0)
        errx(1, "connect: %s", mptcpshim_strerror(errno));
    fds[1].fd = mptcpshim_accept(listener, NULL, NULL, SOCK_NONBLOCK, &opts);
    if (fds[1].fd < 0)
        errx(1, "accept: %s", mptcpshim_strerror(errno));
    wait_for_subflows(fds[0].fd);

    while (client.received < TOTAL) {
        fds[0].events = client.sent < TOTAL ? POLLIN | POLLOUT : POLLIN;
        fds[1].events = server.start < server.end ? POLLOUT : POLLIN;
        if (poll(fds, 2, 5000) <= 0)
            errx(1, "no progress");
        if (fds[0].revents)
            use(fds[0].fd, &client);
        if (fds[1].revents)
            serve(fds[1].fd, &server);
    }
    report(fds[0].fd);
    printf("%zu bytes echoed\n", client.received);
    close(fds[0].fd);
    close(fds[1].fd);
    close(listener);
    return 0;
}
