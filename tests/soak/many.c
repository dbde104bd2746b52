/* SPDX-License-Identifier: MIT */
/*
 * Many connections at once, each checked byte by byte at both ends.
 *
 *   many server ADDRESS PORT WORKERS REPORT
 *   many client ADDRESS PORT CONNECTIONS SECONDS SEED REPORT
 *
 * The server forks WORKERS that accept from one listener, and replaces one that dies. The client
 * keeps CONNECTIONS under way for SECONDS, then waits for the last. Both append a line of JSON for
 * each ended connection to REPORT (exchange.h). A connection that has not moved a byte for
 * STALL_S ends as "stalled".
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../bed/stream.h"
#include "exchange.h"

#define STALL_S     70.0 /* longer than any end of a connection may take to be noticed */
#define MAX_WORKERS 64
#define MAX_BYTES   400000u
#define SMALL_BYTES 3000u
#define EVENTS      128
#define TICK_MS     100
#define PAUSE_S     0.1 /* after a failed connect() */

static int epoll_fd, report_fd;
static struct exchange *table;
static size_t slots, in_use;

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

static void open_common(const char *report, size_t n)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    report_fd = open(report, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
    if (report_fd < 0)
        fail(report);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    table = calloc(n, sizeof(*table));
    if (epoll_fd < 0 || !table)
        fail("start");
    slots = n;
    for (size_t i = 0; i < n; i++)
        table[i].fd = -1;
    (void)stream_at(0); /* made before the clock matters */
}

static struct exchange *free_slot(void)
{
    for (size_t i = 0; i < slots; i++) {
        if (table[i].fd < 0)
            return &table[i];
    }
    return NULL;
}

static void watch(struct exchange *x, int op)
{
    unsigned wants = exchange_wants(x);
    struct epoll_event event = {
        .events = (wants & EXCHANGE_IN ? (unsigned)EPOLLIN : 0) |
                  (wants & EXCHANGE_OUT ? (unsigned)EPOLLOUT : 0),
        .data.ptr = x,
    };

    if (epoll_ctl(epoll_fd, op, x->fd, &event) < 0)
        fail("epoll_ctl");
}

static void end(struct exchange *x, const char *how, int error)
{
    exchange_report(x, report_fd, how, error);
    close(x->fd);
    x->fd = -1;
    in_use--;
}

static void step(struct exchange *x)
{
    const char *how;

    if (x->fd < 0) {
        /* Closed, and epoll goes on about it: somebody has a copy. Once is enough to say so. */
        if (!x->stale)
            exchange_report(x, report_fd, "stale_event", 0);
        x->stale = true;
        return;
    }
    how = exchange_step(x);
    if (how)
        end(x, how, strcmp(how, "ok") == 0 ? 0 : errno);
    else
        watch(x, EPOLL_CTL_MOD);
}

/* Once a second is often enough. */
static void end_stalled(void)
{
    static double looked;
    double now = stream_now();

    if (now - looked < 1)
        return;
    looked = now;
    for (size_t i = 0; i < slots; i++) {
        if (table[i].fd >= 0 && now - table[i].moved > STALL_S)
            end(&table[i], "stalled", 0);
    }
}

static void accept_all(int listener)
{
    struct exchange *x;
    int fd;

    while ((x = free_slot()) &&
           (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        exchange_begin_server(x, fd);
        in_use++;
        watch(x, EPOLL_CTL_ADD);
    }
}

_Noreturn static void work(int listener, const char *report)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE}, events[EVENTS];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_common(report, 4096);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll_ctl");
    for (;;) {
        int n = epoll_wait(epoll_fd, events, EVENTS, TICK_MS);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                step(events[i].data.ptr);
            else
                accept_all(listener);
        }
        end_stalled();
    }
}

_Noreturn static void serve(const char *address, const char *port, int workers, const char *report)
{
    int listener = stream_listen(address, port, 0);
    pid_t pids[MAX_WORKERS] = {0};

    if (listen(listener, 1024) < 0 || fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
        fail("listen");
    for (;;) {
        pid_t ended;

        for (int i = 0; i < workers; i++) {
            if (pids[i] == 0 && (pids[i] = fork()) == 0)
                work(listener, report);
        }
        ended = wait(NULL);
        for (int i = 0; i < workers; i++) {
            if (pids[i] == ended)
                pids[i] = 0;
        }
    }
}

static uint64_t random_state;

static uint64_t random_next(void) /* splitmix64 */
{
    uint64_t z = (random_state += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* A third of the transfers are small. */
static uint64_t some_bytes(void)
{
    return random_next() % (random_next() % 3 == 0 ? SMALL_BYTES : MAX_BYTES);
}

/* Begin one; false: not now. */
static bool dial(const struct addrinfo *to)
{
    static uint64_t count;
    struct exchange *x = free_slot();
    int fd = x ? socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    uint64_t upload = some_bytes(), download = some_bytes();

    if (fd < 0)
        return false;
    exchange_begin_client(x, fd, ((uint64_t)getpid() << 32) | count++,
                          (enum exchange_shape)(random_next() % EXCHANGE_SHAPES), upload, download);
    in_use++;
    if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS) {
        end(x, "connect_error", errno);
        return false;
    }
    watch(x, EPOLL_CTL_ADD);
    return true;
}

static int run_client(const struct addrinfo *to, double seconds)
{
    struct epoll_event events[EVENTS];
    double stop = stream_now() + seconds, pause = 0;

    while (stream_now() < stop || in_use > 0) {
        double now = stream_now();
        int n;

        for (unsigned i = 0; i < 16 && now < stop && now >= pause && in_use < slots; i++) {
            if (!dial(to))
                pause = now + PAUSE_S;
        }
        n = epoll_wait(epoll_fd, events, EVENTS, TICK_MS);
        for (int i = 0; i < n; i++) {
            struct exchange *x = events[i].data.ptr;
            int error = 0;
            socklen_t len = sizeof(error);

            if (x->fd >= 0 && x->header_done == 0 &&
                (getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error != 0)) {
                end(x, "connect_error", error);
                pause = now + PAUSE_S;
                continue;
            }
            step(x);
        }
        end_stalled();
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV},
                    *to;
    int workers = argc == 6 ? (int)strtol(argv[4], NULL, 10) : 0;

    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (argc == 6 && strcmp(argv[1], "server") == 0 && workers > 0 && workers <= MAX_WORKERS)
        serve(argv[2], argv[3], workers, argv[5]);
    if (argc != 8 || strcmp(argv[1], "client") != 0 ||
        getaddrinfo(argv[2], argv[3], &hints, &to) != 0) {
        fprintf(stderr, "usage: many server ADDRESS PORT WORKERS REPORT\n"
                        "       many client ADDRESS PORT CONNECTIONS SECONDS SEED REPORT\n");
        return 2;
    }
    random_state = strtoull(argv[6], NULL, 10);
    open_common(argv[7], strtoul(argv[4], NULL, 10));
    return run_client(to, strtod(argv[5], NULL));
}
