/* SPDX-License-Identifier: MIT */
/*
 * Many connections at once, by an ordinary program.
 *
 *   crowd serve ADDRESS PORT echo|deaf|sink|source   accepts all: says back what it hears,
 *                                                    never reads, only reads, or only sends
 *   crowd hold ADDRESS PORT N                   N connections, a byte there and back on each, then
 *                                               silence
 *   crowd get ADDRESS PORT N SECONDS            N connections, from which it reads
 *
 * Each goes on until it gets SIGTERM, `get` for SECONDS. `hold` prints a line when all are there,
 * and one at the end that says how many are still there; `get` prints a line of JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "stream.h"

#define EVENTS 256
#define BLOCK  65536u

static int epfd;
static char block[BLOCK];
static volatile sig_atomic_t told_to_end;

static void fail(const char *what)
{
    perror(what);
    exit(3);
}

static void allow_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void watch(int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};

    if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
        fail("epoll_ctl");
}

static void set_nonblocking(int fd)
{
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        fail("fcntl");
}

/* ---- the server ---- */

enum service { ECHO_SERVICE, DEAF, SINK, SOURCE };

static const char *const services[] = {"echo", "deaf", "sink", "source"};

/* An unknown word is `echo`. */
static enum service service_of(const char *word)
{
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(word, services[i]) == 0)
            return (enum service)i;
    }
    return ECHO_SERVICE;
}

static void accept_all(int listener, enum service service)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (service == ECHO_SERVICE || service == SINK)
            watch(fd, EPOLLIN);
        else if (service == SOURCE)
            watch(fd, EPOLLOUT);
    }
}

static void serve_one(int fd, enum service service)
{
    ssize_t n = service == SOURCE ? send(fd, block, sizeof(block), MSG_NOSIGNAL)
                                  : recv(fd, block, sizeof(block), 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0 && service == ECHO_SERVICE)
        n = send(fd, block, (size_t)n, MSG_NOSIGNAL);
    if (n <= 0)
        close(fd);
}

static _Noreturn void serve(const char *address, const char *port, enum service service)
{
    int listener = stream_listen(address, port, 0);

    (void)listen(listener, 4096);
    set_nonblocking(listener);
    watch(listener, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epfd, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener, service);
            else
                serve_one(events[i].data.fd, service);
        }
    }
}

/* ---- clients ---- */

static bool has_bytes(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 20000) == 1;
}

/* A byte there and back: the connection works. */
static bool works(int fd)
{
    char byte = 'x';

    return send(fd, &byte, 1, MSG_NOSIGNAL) == 1 && has_bytes(fd) && recv(fd, &byte, 1, 0) == 1 &&
           byte == 'x';
}

/*
 * Each is made when the one before is `there`: a server that accepts too many at once for its agent
 * leaves some of them plain TCP, and its peer then takes it for a plain one for a while.
 */
static int *open_all(const char *address, const char *port, unsigned n, bool (*there)(int fd),
                     unsigned *ret_there)
{
    int *fds = calloc(n, sizeof(*fds));

    if (!fds)
        fail("calloc");
    *ret_there = 0;
    for (unsigned i = 0; i < n; i++) {
        fds[i] = stream_connect(address, port, 0);
        *ret_there += there(fds[i]);
    }
    return fds;
}

static unsigned working(const int *fds, unsigned n)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += works(fds[i]);
    return sum;
}

static void on_term(int sig)
{
    told_to_end = 1;
}

static int hold(const char *address, const char *port, unsigned n)
{
    double start = stream_now();
    unsigned there;
    int *fds = open_all(address, port, n, works, &there);

    printf("held %u of %u, %.1f s\n", there, n, stream_now() - start);
    fflush(stdout);
    while (!told_to_end)
        poll(NULL, 0, 200);
    there = working(fds, n);
    printf("still %u of %u\n", there, n);
    free(fds);
    return there == n ? 0 : 1;
}

static double cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int get(const char *address, const char *port, unsigned n, double seconds)
{
    unsigned there;
    int *fds = open_all(address, port, n, has_bytes, &there);
    double start = stream_now();
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        set_nonblocking(fds[i]);
        watch(fds[i], EPOLLIN);
    }
    while (stream_now() - start < seconds) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epfd, events, EVENTS, 100);

        for (int i = 0; i < ready; i++) {
            ssize_t got = recv(events[i].data.fd, block, sizeof(block), 0);

            if (got == 0 || (got < 0 && errno != EAGAIN)) {
                fprintf(stderr, "crowd: a connection ended: %s\n",
                        got < 0 ? strerror(errno) : "EOF");
                return 1;
            }
            sum += got > 0 ? (uint64_t)got : 0;
        }
    }
    seconds = stream_now() - start;
    printf("{\"connections\":%u,\"bytes\":%llu,\"seconds\":%.3f,\"mbit_s\":%.1f,\"cpu\":%.3f}\n", n,
           (unsigned long long)sum, seconds, (double)sum * 8 / seconds / 1e6, cpu());
    free(fds);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: crowd serve ADDRESS PORT echo|deaf|sink|source\n"
                    "       crowd hold ADDRESS PORT N\n"
                    "       crowd get ADDRESS PORT N SECONDS\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return usage();
    signal(SIGPIPE, SIG_IGN);
    allow_files();
    epfd = epoll_create1(EPOLL_CLOEXEC);
    if (epfd < 0)
        fail("epoll_create1");
    if (strcmp(argv[1], "serve") == 0)
        serve(argv[2], argv[3], service_of(argv[4]));
    if (strcmp(argv[1], "hold") == 0)
        signal(SIGTERM, on_term);
    if (strcmp(argv[1], "hold") == 0)
        return hold(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10));
    if (strcmp(argv[1], "get") == 0 && argc == 6)
        return get(argv[2], argv[3], (unsigned)strtoul(argv[4], NULL, 10), strtod(argv[5], NULL));
    return usage();
}
