/* SPDX-License-Identifier: MIT */
/*
 * Many connections at once: what a server meets when all its clients come back together.
 *
 *   burst answer ADDRESS PORT             answers each connection's 64 bytes by 1259, closes it
 *   burst ask ADDRESS PORT COUNT          COUNT connections, all begun before any is waited for
 *
 * ask: one JSON object: `answered` connections, those that ended by a `reset` or `other`wise before
 * their answer was whole, and the `seconds` that all of them took. Exit status 1 if one failed.
 */
#include "../bed/stream.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST   64   /* bytes */
#define RESPONSE  1259 /* bytes: 1 KiB and a header */
#define BATCH     64
#define PATIENCE  20000 /* ms without any event */
#define SPARE_FDS 16

struct conn {
    bool asked;
    size_t got;
};

struct tally {
    long answered, reset, other;
};

static char buffer[2 * RESPONSE];

static int fail(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int epfd, int op, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};

    if (epoll_ctl(epfd, op, fd, &ev) < 0)
        fail("epoll_ctl");
}

static int epoll(void)
{
    int epfd = epoll_create1(EPOLL_CLOEXEC);

    return epfd >= 0 ? epfd : fail("epoll_create");
}

/* Descriptors for all of them. */
static void allow_fds(long count)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        fail("getrlimit");
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < (rlim_t)count + SPARE_FDS) {
        fprintf(stderr, "burst: %ld descriptors are not allowed\n", count);
        exit(1);
    }
}

static _Noreturn void answer(const char *address, const char *port)
{
    int listener = stream_listen(address, port, 0), epfd = epoll();

    if (listen(listener, 4096) < 0)
        fail("listen");
    watch(epfd, EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[BATCH];
        int n = epoll_wait(epfd, events, BATCH, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd == listener) {
                fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd >= 0)
                    watch(epfd, EPOLL_CTL_ADD, fd, EPOLLIN);
                continue;
            }
            if (recv(fd, buffer, REQUEST, 0) == REQUEST)
                (void)!send(fd, buffer, RESPONSE, MSG_NOSIGNAL);
            close(fd);
        }
    }
}

static int begin(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return fail("socket");
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS)
        return fail("connect");
    return fd;
}

/* One event of a connection; true if it is over. */
static bool go_on(int epfd, int fd, struct conn *conn, struct tally *tally)
{
    ssize_t n;

    if (!conn->asked) {
        n = send(fd, buffer, REQUEST, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return false;
        conn->asked = n == REQUEST;
        if (conn->asked) {
            watch(epfd, EPOLL_CTL_MOD, fd, EPOLLIN);
            return false;
        }
    } else {
        n = recv(fd, buffer, sizeof(buffer), 0);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n > 0) {
            conn->got += (size_t)n;
            return false;
        }
    }
    if (n == 0 && conn->got == RESPONSE)
        tally->answered++;
    else if (n < 0 && (errno == ECONNRESET || errno == EPIPE))
        tally->reset++;
    else
        tally->other++;
    close(fd);
    return true;
}

static int ask(const char *address, const char *port, long count)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    struct conn *conns = calloc((size_t)count + SPARE_FDS, sizeof(*conns));
    double start = stream_now();
    struct tally tally = {0};
    long left = count;
    int epfd = epoll();

    if (!conns || inet_pton(AF_INET, address, &to.sin_addr) != 1)
        return 2;
    for (long i = 0; i < count; i++) {
        int fd = begin(&to);

        if (fd >= count + SPARE_FDS)
            return 2;
        conns[fd] = (struct conn){0};
        watch(epfd, EPOLL_CTL_ADD, fd, EPOLLOUT);
    }
    while (left > 0) {
        struct epoll_event events[BATCH];
        int n = epoll_wait(epfd, events, BATCH, PATIENCE);

        if (n == 0)
            break;
        for (int i = 0; i < n; i++)
            left -= go_on(epfd, events[i].data.fd, &conns[events[i].data.fd], &tally);
    }
    printf("{\"answered\":%ld,\"reset\":%ld,\"other\":%ld,\"seconds\":%.3f,\"ok\":%s}\n",
           tally.answered, tally.reset, tally.other + left, stream_now() - start,
           tally.answered == count ? "true" : "false");
    free(conns);
    return tally.answered != count;
}

int main(int argc, char **argv)
{
    long count = argc == 5 ? strtol(argv[4], NULL, 10) : 0;

    signal(SIGPIPE, SIG_IGN);
    allow_fds(count);
    if (argc == 4 && strcmp(argv[1], "answer") == 0)
        answer(argv[2], argv[3]);
    if (argc == 5 && strcmp(argv[1], "ask") == 0)
        return ask(argv[2], argv[3], count);
    fprintf(stderr, "usage: burst answer ADDRESS PORT | burst ask ADDRESS PORT COUNT\n");
    return 2;
}
