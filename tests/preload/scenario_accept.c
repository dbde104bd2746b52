/* SPDX-License-Identifier: MIT */
/* Listeners: waited for in every way, inherited, shared, handed over, closed early. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve_one(int listener)
{
    int fd = peer_accept(listener);

    echo(fd);
    close(fd);
}

static void one_echo(const struct sockaddr_in *server, uint64_t seed)
{
    int fd = peer_connect(server);

    send_pattern(fd, seed, 3000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, seed, 3000));
    close(fd);
}

static void client_three(const struct sockaddr_in *server)
{
    for (uint64_t i = 0; i < 3; i++)
        one_echo(server, i);
}

static int epoll_of(int fd, unsigned events)
{
    struct epoll_event event = {.events = events};
    int ep = epoll_create1(EPOLL_CLOEXEC);

    need(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0);
    return ep;
}

static void epoll_listener(int ep)
{
    struct epoll_event event;

    need(epoll_wait(ep, &event, 1, 10000) == 1);
    say("events %x", event.events);
}

/* poll, then select, then epoll_wait, each on a non-blocking listener. */
static void serve_waiting(int listener)
{
    fd_set readable;
    struct timeval limit = {.tv_sec = 10};
    int ep = epoll_of(listener, EPOLLIN);

    need(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
    peer_wait(listener, POLLIN);
    serve_one(listener);
    FD_ZERO(&readable);
    FD_SET(listener, &readable);
    need(select(listener + 1, &readable, NULL, NULL, &limit) == 1);
    serve_one(listener);
    epoll_listener(ep);
    serve_one(listener);
    say("accept %d", accept(listener, NULL, NULL));
    say("errno %s", error_name(errno));
}

/* Edges, one shot, exclusive. A join must not look like a connection to any of them. */
static void serve_epoll(int listener)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};
    int edge = epoll_of(listener, EPOLLIN | EPOLLET);
    int oneshot = epoll_of(listener, EPOLLIN | EPOLLONESHOT);
    int exclusive = epoll_of(listener, EPOLLIN | EPOLLEXCLUSIVE);

    need(fcntl(listener, F_SETFL, O_NONBLOCK) == 0);
    epoll_listener(edge);
    epoll_listener(oneshot);
    epoll_listener(exclusive);
    serve_one(listener);
    epoll_listener(edge);
    say("disarmed %d", epoll_wait(oneshot, &event, 1, 0));
    epoll_listener(exclusive);
    serve_one(listener);
    need(epoll_ctl(oneshot, EPOLL_CTL_MOD, listener, &event) == 0);
    epoll_listener(oneshot);
    serve_one(listener);
}

/* Workers that inherited the listener; the parent never accepts. */
static void serve_prefork(int listener)
{
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            serve_one(listener);
            say("worker done");
            _exit(0);
        }
    }
    close(listener);
    for (int i = 0; i < 3; i++)
        need(wait(NULL) > 0);
}

static int member_of_group(struct sockaddr_in *sin)
{
    socklen_t len = sizeof(*sin);
    int fd = peer_socket(SOCK_NONBLOCK), on = 1;

    need(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
    need(bind(fd, (struct sockaddr *)sin, sizeof(*sin)) == 0);
    need(listen(fd, 16) == 0);
    need(getsockname(fd, (struct sockaddr *)sin, &len) == 0);
    return fd;
}

#define GROUP_CONNECTIONS 12

/* SO_REUSEPORT of the program's own: the kernel spreads the connections, all are served. */
static void serve_group(int listener)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd pfd[2] = {{.events = POLLIN}, {.events = POLLIN}};
    int first = peer_accept(listener);

    for (int i = 0; i < 2; i++)
        pfd[i].fd = member_of_group(&sin);
    need(write(first, &sin.sin_port, 2) == 2);
    for (int served = 0; served < GROUP_CONNECTIONS;) {
        need(poll(pfd, 2, 10000) > 0);
        for (int i = 0; i < 2; i++) {
            int fd = pfd[i].revents ? accept(pfd[i].fd, NULL, NULL) : -1;

            if (fd < 0)
                continue;
            echo(fd);
            close(fd);
            served++;
        }
    }
    close(first);
}

static void client_group(const struct sockaddr_in *server)
{
    struct sockaddr_in group = *server;
    int first = peer_connect(server);

    need(recv(first, &group.sin_port, 2, MSG_WAITALL) == 2);
    for (uint64_t i = 0; i < GROUP_CONNECTIONS; i++)
        one_echo(&group, i);
    close(first);
}

/* The listener is closed while its connection lives: that goes on, the next is refused. */
static void serve_closing(int listener)
{
    int fd = peer_accept(listener);

    close(listener);
    need(write(fd, "c", 1) == 1);
    echo(fd);
    close(fd);
}

static void client_closing(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), late = peer_socket(0), rc;
    char c;

    need(read(fd, &c, 1) == 1);
    rc = connect(late, (const struct sockaddr *)server, sizeof(*server));
    say("late %d %s", rc, error_name(errno));
    send_pattern(fd, 1, 3000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 3000));
}

/* Socket activation: a listener made without the preload is number 3 of a program with it. */
static void serve_activated(int listener)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int first = peer_accept(listener), status;
    pid_t child = fork();

    need(child >= 0);
    if (child == 0) {
        int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
        char pid[16], over[16], *argv[] = {(char *)"peer", (char *)"activated", over, NULL};

        need(syscall(SYS_bind, fd, &sin, sizeof(sin)) == 0 && syscall(SYS_listen, fd, 5) == 0);
        first = fcntl(first, F_DUPFD, 10);
        need(first >= 10);
        need(fd == 3 || (dup2(fd, 3) == 3 && close(fd) == 0));
        snprintf(pid, sizeof(pid), "%d", getpid());
        snprintf(over, sizeof(over), "%d", first);
        need(setenv("LISTEN_PID", pid, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    need(waitpid(child, &status, 0) == child);
    say("activated %d", WEXITSTATUS(status));
    close(first);
}

static void client_activated(const struct sockaddr_in *server)
{
    struct sockaddr_in other = *server;
    int first = peer_connect(server);

    need(recv(first, &other.sin_port, 2, MSG_WAITALL) == 2);
    one_echo(&other, 1);
    close(first);
}

static void *accept_for_ever(void *arg)
{
    (void)accept(*(int *)arg, NULL, NULL);
    return NULL;
}

/* accept() is a cancellation point. */
static void serve_cancelled(int listener)
{
    pthread_t thread;
    void *result;

    need(pthread_create(&thread, NULL, accept_for_ever, &listener) == 0);
    need(pthread_cancel(thread) == 0);
    need(pthread_join(thread, &result) == 0);
    say("cancelled %d", result == PTHREAD_CANCELED);
}

/* An echo of a peer that may be gone. */
static void serve_and_tell(int listener)
{
    char buf[256];
    int fd = accept(listener, NULL, NULL);
    ssize_t n;

    need(fd >= 0);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        need(write(fd, buf, (size_t)n) == n);
    say("end %s", n < 0 ? error_name(errno) : "in order");
    close(fd);
}

/* By a system call of the program's own: nobody would take HELLO away. */
static void serve_raw(int listener)
{
    for (int i = 0; i < 3; i++) {
        int fd = (int)syscall(SYS_accept4, listener, NULL, NULL, 0);

        need(fd >= 0);
        echo(fd);
        close(fd);
    }
}

/* A blocking listener, accepted from only when select() says that it is readable. */
static void serve_selected(int listener)
{
    for (int i = 0; i < 3; i++) {
        struct timeval limit = {.tv_sec = 10};
        fd_set readable;

        FD_ZERO(&readable);
        FD_SET(listener, &readable);
        need(select(listener + 1, &readable, NULL, NULL, &limit) == 1);
        serve_and_tell(listener);
    }
}

/* Its accept() has a time limit. */
static void serve_limited(int listener)
{
    const struct timeval limit = {.tv_sec = 10};

    need(setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
    for (int i = 0; i < 3; i++)
        serve_and_tell(listener);
}

/* Nothing but accept(). */
static void serve_simply(int listener)
{
    for (int i = 0; i < 3; i++)
        serve_and_tell(listener);
}

static void client_nothing(const struct sockaddr_in *server)
{
    (void)server;
}

const struct scenario scenarios_accept[] = {
    {"accept_waiting", serve_waiting, client_three, true},
    {"accept_epoll", serve_epoll, client_three, true},
    {"accept_prefork", serve_prefork, client_three, true},
    {"accept_group", serve_group, client_group, true},
    {"accept_closing", serve_closing, client_closing, true},
    {"accept_activated", serve_activated, client_activated, true},
    {"accept_selected", serve_selected, client_three, false},
    {"accept_limited", serve_limited, client_three, false},
    {"accept_simply", serve_simply, client_three, false},
    {"accept_raw", serve_raw, client_three, false},
    {"accept_cancelled", serve_cancelled, client_nothing, false},
    {NULL, NULL, NULL, false},
};
