/* SPDX-License-Identifier: MIT */
/*
 * What any design with an agent process beside the program can reach with short connections on
 * loopback: a client asks for 1 KiB over a new connection each, 8 of them at a time, from a server
 * that closes it. Plain TCP, then the same with a process at each end that does nothing but take
 * the TCP socket (SCM_RIGHTS) over a stream, answer, and carry bytes between the two sockets: the
 * near end of that stream becomes the program's (handover/message.h). No protocol, no timer, no
 * option, no check. One JSON line per way, medians: requests per second
 * and CPU microseconds of all processes for each, and what both are to plain TCP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "limit_common.h"

#define REQUESTS   8000
#define CONCURRENT 8
#define REQUEST    64   /* bytes */
#define RESPONSE   1259 /* bytes: 1 KiB and a header */
#define MESSAGE    1328 /* bytes of a hand-over, as in handover/message.h, */
#define REPLY      24   /* and of the head of its reply */
#define MAX_FDS    1024
#define BATCH      64
#define ROUNDS     5

enum way { PLAIN, AGENTS, WAYS };
static const char *const way_names[] = {"plain", "do-nothing agents"};

static char buffer[64 << 10];

static void watch(int epfd, int op, int fd, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.fd = fd};

    limit_check(epoll_ctl(epfd, op, fd, &ev), "epoll_ctl");
}

/* Until it is killed: what the descriptors that `event` watches have. */
static void serve(int listener, int agent_sock,
                  void (*event)(int epfd, int fd, int listener, int agent_sock))
{
    struct epoll_event events[BATCH];
    int epfd = limit_check(epoll_create1(EPOLL_CLOEXEC), "epoll_create");

    watch(epfd, EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int n = limit_check(epoll_wait(epfd, events, BATCH, -1), "epoll_wait");

        for (int i = 0; i < n; i++)
            event(epfd, events[i].data.fd, listener, agent_sock);
    }
}

/* ---- the hand-over ---- */

static bool send_message(int sock, int fd)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.align = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec iov = {buffer, MESSAGE};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};

    memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
    return sendmsg(sock, &msg, MSG_NOSIGNAL) == MESSAGE;
}

static int receive_message(int sock) /* the descriptor in it */
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {buffer, MESSAGE};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof(control)};
    int fd;

    if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != MESSAGE || !CMSG_FIRSTHDR(&msg))
        return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
    return fd;
}

static int agent_socket(struct sockaddr_un *ret_name)
{
    int sock = limit_check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    socklen_t len = sizeof(sa_family_t); /* the kernel chooses an abstract name */

    *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
    limit_check(bind(sock, (struct sockaddr *)ret_name, len), "bind");
    limit_check(listen(sock, 128), "listen");
    return sock;
}

/* The program's part of it: the stream's near end takes the number of the TCP socket. */
static void hand_over(int agent, int tcp)
{
    struct sockaddr_un name;
    socklen_t len = sizeof(name);
    int end = limit_check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

    limit_check(getsockname(agent, (struct sockaddr *)&name, &len), "getsockname");
    limit_check(connect(end, (struct sockaddr *)&name, len), "connect");
    if (!send_message(end, tcp) || recv(end, buffer, REPLY, MSG_WAITALL) != REPLY)
        limit_check(-1, "hand-over");
    limit_check(dup3(end, tcp, SOCK_CLOEXEC), "dup3");
    close(end);
}

/* ---- the agent ---- */

static int other_end[MAX_FDS];
static bool ended[MAX_FDS];

static void take_over(int epfd, int listener)
{
    int end = limit_check(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept");
    int tcp = limit_check(receive_message(end), "recvmsg");

    if (send(end, buffer, REPLY, MSG_NOSIGNAL) != REPLY)
        limit_check(-1, "send");
    other_end[tcp] = end;
    other_end[end] = tcp;
    ended[tcp] = ended[end] = false;
    watch(epfd, EPOLL_CTL_ADD, tcp, EPOLLIN);
    watch(epfd, EPOLL_CTL_ADD, end, EPOLLIN);
}

static void carry(int epfd, int from)
{
    int to = other_end[from];
    ssize_t n;

    if (to < 0)
        return; /* closed by an event of the same batch */
    n = recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (n > 0 && send(to, buffer, (size_t)n, MSG_NOSIGNAL) == n)
        return;
    if (n < 0 && errno == EAGAIN)
        return;
    ended[from] = true;
    if (n == 0 && !ended[to]) {
        shutdown(to, SHUT_WR);
        watch(epfd, EPOLL_CTL_DEL, from, 0);
        return;
    }
    other_end[from] = other_end[to] = -1;
    close(from);
    close(to);
}

static void agent_event(int epfd, int fd, int listener, int agent_sock)
{
    (void)agent_sock;
    if (fd == listener)
        take_over(epfd, listener);
    else
        carry(epfd, fd);
}

/* ---- the programs ---- */

static void server_event(int epfd, int fd, int listener, int agent_sock)
{
    if (fd == listener) {
        fd = limit_check(accept4(listener, NULL, NULL, SOCK_NONBLOCK), "accept");
        if (agent_sock >= 0)
            hand_over(agent_sock, fd);
        watch(epfd, EPOLL_CTL_ADD, fd, EPOLLIN);
        return;
    }
    if (recv(fd, buffer, REQUEST, 0) == REQUEST)
        send(fd, buffer, RESPONSE, MSG_NOSIGNAL);
    close(fd);
}

static int ask(int epfd, const struct sockaddr_in *to, int agent_sock)
{
    int fd = limit_check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

    limit_check(connect(fd, (const struct sockaddr *)to, sizeof(*to)), "connect");
    if (agent_sock >= 0)
        hand_over(agent_sock, fd);
    if (send(fd, buffer, REQUEST, MSG_NOSIGNAL) != REQUEST)
        return -1;
    watch(epfd, EPOLL_CTL_ADD, fd, EPOLLIN);
    return fd;
}

static void client(const struct sockaddr_in *to, int agent_sock)
{
    struct epoll_event events[BATCH];
    int epfd = limit_check(epoll_create1(EPOLL_CLOEXEC), "epoll_create");
    int asked = 0, done = 0, got[MAX_FDS] = {0};

    for (; asked < CONCURRENT; asked++)
        got[limit_check(ask(epfd, to, agent_sock), "ask")] = 0;
    while (done < REQUESTS) {
        int n = limit_check(epoll_wait(epfd, events, BATCH, -1), "epoll_wait");

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            ssize_t len = recv(fd, buffer, sizeof(buffer), 0);

            if (len > 0) {
                got[fd] += (int)len;
                continue;
            }
            if (got[fd] != RESPONSE)
                _exit(1);
            close(fd);
            done++;
            if (asked++ < REQUESTS)
                got[limit_check(ask(epfd, to, agent_sock), "ask")] = 0;
        }
    }
    _exit(0);
}

/* ---- one run ---- */

static pid_t child(void)
{
    pid_t pid = limit_check(fork(), "fork");

    if (pid == 0)
        signal(SIGPIPE, SIG_IGN);
    return pid;
}

static void end_child(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* Returns the seconds that the client took. */
static double run(enum way way)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un name;
    socklen_t len = sizeof(sin);
    int listener = limit_check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), status;
    int agent_socks[2] = {-1, -1};
    pid_t agents[2] = {0, 0}, server, asker;
    double start;

    limit_check(bind(listener, (struct sockaddr *)&sin, len), "bind");
    limit_check(listen(listener, 128), "listen");
    limit_check(getsockname(listener, (struct sockaddr *)&sin, &len), "getsockname");
    for (int i = 0; way == AGENTS && i < 2; i++) {
        agent_socks[i] = agent_socket(&name);
        agents[i] = child();
        if (agents[i] == 0)
            serve(agent_socks[i], -1, agent_event);
    }
    server = child();
    if (server == 0)
        serve(listener, agent_socks[0], server_event);
    start = limit_seconds();
    asker = child();
    if (asker == 0)
        client(&sin, agent_socks[1]);
    limit_check(waitpid(asker, &status, 0), "waitpid");
    start = limit_seconds() - start;
    end_child(server);
    for (int i = 0; i < 2; i++) {
        end_child(agents[i]);
        if (agent_socks[i] >= 0)
            close(agent_socks[i]);
    }
    close(listener);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "%s: a request failed\n", way_names[way]);
        exit(1);
    }
    return start;
}

int main(void)
{
    double rate[WAYS][ROUNDS], cpu[WAYS][ROUNDS];

    for (int round = 0; round < ROUNDS; round++)
        for (enum way way = PLAIN; way < WAYS; way++) {
            const double before = limit_cpu_seconds();

            rate[way][round] = REQUESTS / run(way);
            cpu[way][round] = (limit_cpu_seconds() - before) / REQUESTS * 1e6;
        }
    for (enum way way = PLAIN; way < WAYS; way++) {
        const double per_s = limit_median(rate[way], ROUNDS);
        const double cpu_us = limit_median(cpu[way], ROUNDS);

        printf("{\"row\":\"limit-short\",\"way\":\"%s\",\"per_s\":%.0f,\"cpu_us\":%.1f,"
               "\"rate_to_plain\":%.2f,\"cpu_to_plain\":%.2f}\n",
               way_names[way], per_s, cpu_us, per_s / limit_median(rate[PLAIN], ROUNDS),
               cpu_us / limit_median(cpu[PLAIN], ROUNDS));
    }
    return 0;
}
