/* SPDX-License-Identifier: MIT */
/*
 * What any design with an agent process beside the program can reach on loopback: plain TCP, then
 * the same with a process at each end that does nothing but carry bytes between the program's
 * socket and TCP: by read and write, and by splice(2), which copies nothing; then with frames
 * (limit_framed.h), copied or spliced at either side. One JSON line per way, medians: Gbit/s and
 * CPU seconds per GB (all processes) of bulk data, and, but for frames, microseconds for a request
 * and a response of 128 bytes.
 *
 *   limit [WORD]    only the ways with WORD in their name
 *
 * With segments as on a network instead of loopback's of 64 KiB:
 *
 *   unshare -rn sh -c 'ip link set lo mtu 1500 up; build/tests/bench/limit'
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "limit_common.h"
#include "limit_framed.h"

#define BULK    (UINT64_C(2) << 30)
#define PINGS   20000
#define MESSAGE 128
#define PIECE   (128 << 10)
#define BUFFER  (256 << 10)
#define QUEUE   (4 << 20) /* bytes, between the program and its relay */
#define ROUNDS  3

enum way { PLAIN, COPY, SPLICE, FRAMES, FRAMES_RECEIVE, FRAMES_SEND, FRAMES_BOTH, WAYS };
static const struct {
    const char *name;
    enum limit_sending sending; /* from FRAMES on */
    enum limit_receiving receiving;
} ways[] = {
    {"plain", 0, 0},
    {"copying relays", 0, 0},
    {"splicing relays", 0, 0},
    {"frames, copied", LIMIT_SEND_COPY, LIMIT_RECEIVE_COPY},
    {"frames, receiving by splice", LIMIT_SEND_COPY, LIMIT_RECEIVE_SPLICE},
    {"frames, sending by splice", LIMIT_SEND_SPLICE, LIMIT_RECEIVE_COPY},
    {"frames, both by splice", LIMIT_SEND_SPLICE, LIMIT_RECEIVE_SPLICE},
};

static char buffer[BUFFER];

static void tcp_pair(int ret[2])
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int listener = limit_check(socket(AF_INET, SOCK_STREAM, 0), "socket"), on = 1;

    limit_check(bind(listener, (struct sockaddr *)&sin, len), "bind");
    limit_check(listen(listener, 1), "listen");
    limit_check(getsockname(listener, (struct sockaddr *)&sin, &len), "getsockname");
    ret[0] = limit_check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    limit_check(connect(ret[0], (struct sockaddr *)&sin, len), "connect");
    ret[1] = limit_check(accept(listener, NULL, NULL), "accept");
    for (int i = 0; i < 2; i++)
        limit_check(setsockopt(ret[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "TCP_NODELAY");
    close(listener);
}

static bool send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Move what there is; false at the end. */
static bool move(int from, int to, enum way way, const int pipe_ends[2])
{
    ssize_t n, moved;

    if (way == COPY) {
        n = recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);
        return n > 0 ? send_all(to, buffer, (size_t)n) : n < 0 && errno == EAGAIN;
    }
    n = splice(from, NULL, pipe_ends[1], NULL, QUEUE / 4, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    for (; n > 0; n -= moved) {
        moved = splice(pipe_ends[0], NULL, to, NULL, (size_t)n, SPLICE_F_MOVE);
        if (moved <= 0)
            return false;
    }
    return true;
}

static void relay(int a, int b, enum way way)
{
    struct pollfd fds[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    int pipe_ends[2];

    limit_check(pipe(pipe_ends), "pipe");
    limit_check(fcntl(pipe_ends[1], F_SETPIPE_SZ, QUEUE / 4), "F_SETPIPE_SZ");
    for (;;) {
        limit_check(poll(fds, 2, -1), "poll");
        for (int i = 0; i < 2; i++)
            if (fds[i].revents && !move(fds[i].fd, fds[!i].fd, way, pipe_ends))
                _exit(0);
    }
}

/* The two ends of a connection; ret_relays[] are 0 for plain TCP. */
static void open_connection(enum way way, int ret[2], pid_t ret_relays[2])
{
    int tcp[2], near[2][2], size = QUEUE;

    tcp_pair(tcp);
    for (int i = 0; i < 2; i++) {
        ret[i] = tcp[i];
        ret_relays[i] = 0;
    }
    if (way == PLAIN)
        return;
    for (int i = 0; i < 2; i++) {
        limit_check(socketpair(AF_UNIX, SOCK_STREAM, 0, near[i]), "socketpair");
        for (int end = 0; end < 2; end++)
            limit_check(setsockopt(near[i][end], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
                        "SO_SNDBUF");
    }
    for (int i = 0; i < 2; i++) {
        ret_relays[i] = limit_check(fork(), "fork");
        if (ret_relays[i] == 0) {
            close(tcp[!i]);
            for (int j = 0; j < 2; j++)
                close(near[j][0]);
            close(near[!i][1]);
            if (way < FRAMES)
                relay(near[i][1], tcp[i], way);
            if (i == 0)
                limit_send_framed(near[i][1], tcp[i], ways[way].sending);
            limit_receive_framed(tcp[i], near[i][1], ways[way].receiving);
        }
    }
    for (int i = 0; i < 2; i++) {
        close(tcp[i]);
        close(near[i][1]);
        ret[i] = near[i][0];
    }
}

static bool receive_all(int fd)
{
    uint64_t total = 0;
    ssize_t n;

    while (total < BULK && (n = recv(fd, buffer, sizeof(buffer), 0)) > 0)
        total += (uint64_t)n;
    return total == BULK;
}

static void receive_bulk(int fd)
{
    _exit(receive_all(fd) && send_all(fd, "", 1) ? 0 : 1);
}

static void receive_frames(int fd) /* there is no way back */
{
    _exit(receive_all(fd) ? 0 : 1);
}

static uint64_t send_pieces(int fd) /* tells what was left */
{
    uint64_t left = BULK;

    while (left > 0 && send_all(fd, buffer, PIECE))
        left -= PIECE;
    return left;
}

static void send_bulk(int fd)
{
    _exit(send_pieces(fd) == 0 && recv(fd, buffer, 1, 0) == 1 ? 0 : 1);
}

static void send_frames(int fd)
{
    _exit(send_pieces(fd) == 0 ? 0 : 1);
}

static void answer(int fd)
{
    while (recv(fd, buffer, MESSAGE, MSG_WAITALL) == MESSAGE)
        if (!send_all(fd, buffer, MESSAGE))
            _exit(1);
    _exit(0);
}

static void ask(int fd)
{
    for (int i = 0; i < PINGS; i++)
        if (!send_all(fd, buffer, MESSAGE) || recv(fd, buffer, MESSAGE, MSG_WAITALL) != MESSAGE)
            _exit(1);
    _exit(0);
}

/* Both programs as processes of their own; returns the time they took. */
static double run(enum way way, void (*const programs[2])(int))
{
    int ends[2], status;
    pid_t relays[2], pids[2];
    double start;

    open_connection(way, ends, relays);
    start = limit_seconds();
    for (int i = 0; i < 2; i++) {
        pids[i] = limit_check(fork(), "fork");
        if (pids[i] == 0) {
            close(ends[!i]);
            programs[i](ends[i]);
        }
    }
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < 2; i++) {
        limit_check(waitpid(pids[i], &status, 0), "waitpid");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "%s: a transfer failed\n", ways[way].name);
            exit(1);
        }
    }
    start = limit_seconds() - start;
    for (int i = 0; i < 2; i++)
        if (relays[i] > 0)
            limit_check(waitpid(relays[i], &status, 0), "waitpid");
    return start;
}

static void print(enum way way, double rate[], double cpu[], double time[])
{
    printf("{\"row\":\"limit\",\"way\":\"%s\",\"bulk_gbit_s\":%.2f,\"cpu_s_per_gb\":%.2f",
           ways[way].name, limit_median(rate, ROUNDS), limit_median(cpu, ROUNDS));
    if (way < FRAMES)
        printf(",\"ping_us\":%.1f", limit_median(time, ROUNDS));
    printf("}\n");
}

static bool wanted(enum way way, char *const argv[])
{
    return !argv[1] || strstr(ways[way].name, argv[1]);
}

int main(int argc, char *argv[])
{
    void (*const bulk[2])(int) = {send_bulk, receive_bulk};
    void (*const frames[2])(int) = {send_frames, receive_frames};
    void (*const ping[2])(int) = {ask, answer};
    double rate[WAYS][ROUNDS], cpu[WAYS][ROUNDS], time[WAYS][ROUNDS];

    if (argc > 2) {
        fprintf(stderr, "usage: limit [WORD]\n");
        return 2;
    }
    for (int round = 0; round < ROUNDS; round++)
        for (enum way way = PLAIN; way < WAYS; way++) {
            const double before = limit_cpu_seconds();

            if (!wanted(way, argv))
                continue;
            rate[way][round] = (double)BULK * 8e-9 / run(way, way < FRAMES ? bulk : frames);
            cpu[way][round] = (limit_cpu_seconds() - before) / ((double)BULK * 1e-9);
            if (way < FRAMES)
                time[way][round] = run(way, ping) / PINGS * 1e6;
        }
    for (enum way way = PLAIN; way < WAYS; way++)
        if (wanted(way, argv))
            print(way, rate[way], cpu[way], time[way]);
    return 0;
}
