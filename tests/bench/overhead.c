/* SPDX-License-Identifier: MIT */
/*
 * What intercepted calls cost on descriptors that are not ours, run with and without the preload by
 * overhead.sh. The other end is served by direct system calls, which nothing intercepts, so it
 * is a peer without the shim. One JSON line per call: nanoseconds, the best of several batches.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BATCHES     30
#define CALLS       2000 /* per batch */
#define CONNECTIONS 100  /* per batch, within the backlog */

static void check(long rc, const char *what)
{
    if (rc >= 0)
        return;
    fprintf(stderr, "overhead: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void report(const char *name, double best)
{
    printf("{\"call\":\"%s\",\"ns\":%.1f}\n", name, best);
}

static struct sockaddr_in listener_address(int fd)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);

    check(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), "bind");
    check(getsockname(fd, (struct sockaddr *)&sin, &len), "getsockname");
    return sin;
}

/* connect() and close() to a listener without the preload. */
static void measure_connect(void)
{
    int listener = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sin = listener_address(listener);
    double best = 1e18;

    check(syscall(SYS_listen, listener, 4096), "listen");
    for (int b = 0; b < BATCHES; b++) {
        int peer[CONNECTIONS];
        uint64_t start = now_ns(), end;

        for (int i = 0; i < CONNECTIONS; i++) {
            int fd = socket(AF_INET, SOCK_STREAM, 0);

            check(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), "connect");
            check(close(fd), "close");
        }
        end = now_ns();
        for (int i = 0; i < CONNECTIONS; i++) {
            peer[i] = (int)syscall(SYS_accept4, listener, NULL, NULL, 0);
            check(peer[i], "accept");
            check(syscall(SYS_close, peer[i]), "close");
        }
        if ((double)(end - start) / CONNECTIONS < best)
            best = (double)(end - start) / CONNECTIONS;
    }
    syscall(SYS_close, listener);
    report("connect+close", best);
}

/* accept() and close() of connections from a client without the preload. */
static void measure_accept(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in sin = listener_address(listener);
    double best = 1e18;

    check(listen(listener, 4096), "listen");
    for (int b = 0; b < BATCHES; b++) {
        int peer[CONNECTIONS];
        uint64_t start, end;

        for (int i = 0; i < CONNECTIONS; i++) {
            peer[i] = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
            check(syscall(SYS_connect, peer[i], &sin, sizeof(sin)), "connect");
        }
        start = now_ns();
        for (int i = 0; i < CONNECTIONS; i++) {
            int fd = accept(listener, NULL, NULL);

            check(fd, "accept");
            check(close(fd), "close");
        }
        end = now_ns();
        for (int i = 0; i < CONNECTIONS; i++)
            syscall(SYS_close, peer[i]);
        if ((double)(end - start) / CONNECTIONS < best)
            best = (double)(end - start) / CONNECTIONS;
    }
    close(listener);
    report("accept+close", best);
}

static int file, ends[2], udp, tcp, ep, spare;
static char buf[64];

/* X(name, expression that succeeds every time) */
#define MEASURED_CALLS(X)                                                                          \
    X("read file", pread(file, buf, 0, 0) == 0 && read(file, buf, 1) >= 0)                         \
    X("write file", write(file, buf, 1) == 1)                                                      \
    X("write+read pipe", write(ends[1], buf, 1) == 1 && read(ends[0], buf, 1) == 1)                \
    X("writev+readv pipe", writev(ends[1], &vec, 1) == 1 && readv(ends[0], &vec, 1) == 1)          \
    X("sendto udp", sendto(udp, buf, 1, MSG_DONTWAIT, NULL, 0) != 0)                               \
    X("recv udp", recv(udp, buf, 1, MSG_DONTWAIT) >= -1)                                           \
    X("sendmsg udp", sendmsg(udp, &msg, MSG_DONTWAIT) != 0)                                        \
    X("send+recv tcp", send(tcp, buf, 1, 0) == 1 && recv(tcp, buf, 1, MSG_DONTWAIT) >= -1)         \
    X("poll tcp", poll(&pfd, 1, 0) >= 0)                                                           \
    X("ppoll tcp", ppoll(&pfd, 1, &zero, NULL) >= 0)                                               \
    X("getsockopt tcp", getsockopt(tcp, SOL_SOCKET, SO_ERROR, &value, &len) == 0)                  \
    X("setsockopt tcp", setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)) == 0)     \
    X("setsockopt keepalive",                                                                      \
      setsockopt(tcp, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)) == 0)                       \
    X("getsockname tcp", getsockname(tcp, (struct sockaddr *)&ss, &ss_len) == 0)                   \
    X("getpeername tcp", getpeername(tcp, (struct sockaddr *)&ss, &ss_len) == 0)                   \
    X("ioctl tcp", ioctl(tcp, FIONREAD, &value) == 0)                                              \
    X("fcntl tcp", fcntl(tcp, F_GETFL) >= 0)                                                       \
    X("epoll_ctl tcp", epoll_ctl(ep, EPOLL_CTL_MOD, tcp, &event) == 0)                             \
    X("dup2+close pipe", dup2(ends[0], spare) == spare && close(spare) == 0)                       \
    X("fcntl dup+close", (value = fcntl(ends[0], F_DUPFD, 50)) >= 50 && close(value) == 0)         \
    X("socket+close", (value = socket(AF_INET, SOCK_DGRAM, 0)) >= 0 && close(value) == 0)

static void measure_calls(void)
{
    struct iovec vec = {buf, 1};
    struct msghdr msg = {.msg_iov = &vec, .msg_iovlen = 1};
    struct pollfd pfd = {.fd = tcp, .events = POLLIN};
    struct timespec zero = {0};
    struct epoll_event event = {.events = EPOLLIN};
    struct sockaddr_storage ss;
    socklen_t len, ss_len;
    int value = 0;

#define X(name, expression)                                                                        \
    {                                                                                              \
        double best = 1e18;                                                                        \
        for (int b = 0; b < BATCHES; b++) {                                                        \
            uint64_t start = now_ns(), end;                                                        \
            for (int i = 0; i < CALLS; i++) {                                                      \
                len = sizeof(value);                                                               \
                ss_len = sizeof(ss);                                                               \
                check((expression) ? 0 : -1, name);                                                \
            }                                                                                      \
            end = now_ns();                                                                        \
            if ((double)(end - start) / CALLS < best)                                              \
                best = (double)(end - start) / CALLS;                                              \
            while (syscall(SYS_recvfrom, peer, drain, sizeof(drain), MSG_DONTWAIT, NULL, NULL) >   \
                   0)                                                                              \
                ;                                                                                  \
        }                                                                                          \
        report(name, best);                                                                        \
    }
    static char drain[65536];
    int listener = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0), peer;
    struct sockaddr_in sin = listener_address(listener);

    check(syscall(SYS_listen, listener, 5), "listen");
    check(connect(tcp, (struct sockaddr *)&sin, sizeof(sin)), "connect");
    peer = (int)syscall(SYS_accept4, listener, NULL, NULL, 0);
    check(peer, "accept");
    check(epoll_ctl(ep, EPOLL_CTL_ADD, tcp, &event), "epoll_ctl");
    MEASURED_CALLS(X)
#undef X
}

int main(void)
{
    struct sockaddr_in discard = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    measure_connect();
    measure_accept();
    file = memfd_create("overhead", 0);
    check(pipe(ends), "pipe");
    udp = socket(AF_INET, SOCK_DGRAM, 0);
    check(connect(udp, (struct sockaddr *)&discard, sizeof(discard)), "connect");
    tcp = socket(AF_INET, SOCK_STREAM, 0);
    ep = epoll_create1(0);
    spare = 40;
    measure_calls();
    return 0;
}
