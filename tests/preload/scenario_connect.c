/* SPDX-License-Identifier: MIT */
/* Ways to connect and to notice that it is done. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#define SIZE 300000

static int socket_error(int fd)
{
    int error = -1;
    socklen_t len = sizeof(error);

    need(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
    return error;
}

/* A non-blocking connect under way (or done: on loopback either may be seen). */
static int start_connect(int fd, const struct sockaddr_in *server)
{
    int rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));

    need(rc == 0 || errno == EINPROGRESS);
    return fd;
}

static void exchange(int fd)
{
    tell_swapped(fd);
    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, SIZE));
    close(fd);
}

/* Store and forward: the client sends all before it reads. */
static void serve_stored(int listener)
{
    int fd = peer_accept(listener);

    say("received %d", receive_all(fd, 1, SIZE));
    send_pattern(fd, 1, SIZE);
    close(fd);
}

static void client_blocking(const struct sockaddr_in *server)
{
    exchange(peer_connect(server));
}

static void client_poll(const struct sockaddr_in *server)
{
    int fd = start_connect(peer_socket(SOCK_NONBLOCK), server);
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    need(poll(&pfd, 1, 10000) == 1);
    say("revents %x error %s", pfd.revents, error_name(socket_error(fd)));
    exchange(fd);
}

static void client_poll_in_only(const struct sockaddr_in *server)
{
    int fd = start_connect(peer_socket(SOCK_NONBLOCK), server);

    peer_wait(fd, POLLOUT);
    need(write(fd, "", 0) == 0);
    exchange(fd);
}

static void client_select(const struct sockaddr_in *server)
{
    int fd = start_connect(peer_socket(SOCK_NONBLOCK), server);
    struct timeval limit = {.tv_sec = 10};
    fd_set writable;

    FD_ZERO(&writable);
    FD_SET(fd, &writable);
    need(select(fd + 1, NULL, &writable, NULL, &limit) == 1);
    say("error %s", error_name(socket_error(fd)));
    exchange(fd);
}

static void client_again(const struct sockaddr_in *server)
{
    int fd = start_connect(peer_socket(SOCK_NONBLOCK), server);
    int rc;

    peer_wait(fd, POLLOUT);
    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    say("again %d", rc == 0 || errno == EISCONN);
    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    say("third %d %s", rc, error_name(errno));
    exchange(fd);
}

static void client_getpeername(const struct sockaddr_in *server)
{
    int fd = start_connect(peer_socket(SOCK_NONBLOCK), server);
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);

    peer_wait(fd, POLLOUT);
    need(getpeername(fd, (struct sockaddr *)&sin, &len) == 0);
    say("peer %d", sin.sin_port == server->sin_port && len == sizeof(sin));
    exchange(fd);
}

/* Made blocking again after the handshake, as many libraries with a timeout do. */
static void client_timeout_style(const struct sockaddr_in *server)
{
    int fd = start_connect(peer_socket(SOCK_NONBLOCK), server);

    peer_wait(fd, POLLOUT);
    say("error %s", error_name(socket_error(fd)));
    need(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) == 0);
    say("flags %x", fcntl(fd, F_GETFL));
    exchange(fd);
}

static int epoll_watch(int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.u64 = 0x1122334455667788u};
    int ep = epoll_create1(EPOLL_CLOEXEC);

    need(ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0);
    return ep;
}

static unsigned epoll_next(int ep)
{
    struct epoll_event event;

    need(epoll_wait(ep, &event, 1, 10000) == 1);
    need(event.data.u64 == 0x1122334455667788u);
    return event.events;
}

/* Read and write in an event loop, level-triggered or edge-triggered, until all came back. */
static void event_loop(int fd, int ep)
{
    size_t sent = 0, received = 0;
    bool good = true, end = false;

    /* The event that told of the connection is the first one. */
    for (bool first = true; !end; first = false) {
        unsigned char buf[4096];
        ssize_t n = 0;

        if (!first)
            (void)epoll_next(ep);
        while (sent < SIZE) {
            size_t want = SIZE - sent < sizeof(buf) ? SIZE - sent : sizeof(buf);

            for (size_t i = 0; i < want; i++)
                buf[i] = pattern_byte(1, sent + i);
            n = write(fd, buf, want);
            if (n < 0)
                break;
            sent += (size_t)n;
            if (sent == SIZE)
                need(shutdown(fd, SHUT_WR) == 0);
        }
        need(n >= 0 || errno == EAGAIN);
        while ((n = read(fd, buf, sizeof(buf))) > 0)
            for (ssize_t i = 0; i < n; i++)
                good = good && buf[i] == pattern_byte(1, received++);
        need(n == 0 || errno == EAGAIN);
        end = n == 0;
    }
    say("loop %d %zu", good, received);
}

static void client_epoll(const struct sockaddr_in *server, unsigned events)
{
    int fd = peer_socket(SOCK_NONBLOCK);
    int ep = epoll_watch(fd, events);

    /* A registered socket without a connection has an event; an edge is consumed here. */
    if (events & EPOLLET)
        (void)epoll_next(ep);
    start_connect(fd, server);
    while (!(epoll_next(ep) & EPOLLOUT))
        ;
    say("error %s", error_name(socket_error(fd)));
    tell_swapped(fd);
    event_loop(fd, ep);
    close(fd);
}

static void client_epoll_level(const struct sockaddr_in *server)
{
    client_epoll(server, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
}

static void client_epoll_edge(const struct sockaddr_in *server)
{
    client_epoll(server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

/* Closed while it is registered: epoll forgets it at once. */
static void client_epoll_closed(const struct sockaddr_in *server)
{
    struct epoll_event event;
    int fd = peer_socket(SOCK_NONBLOCK | SOCK_CLOEXEC);
    int ep = epoll_watch(fd, EPOLLIN | EPOLLOUT);

    start_connect(fd, server);
    while (!(epoll_next(ep) & EPOLLOUT))
        ;
    say("error %s", error_name(socket_error(fd)));
    tell_swapped(fd);
    event_loop(fd, ep);
    close(fd);
    say("closed %d", epoll_wait(ep, &event, 1, 0));
}

/* A registration that has reported stays silent until it is armed again. */
static void client_epoll_oneshot(const struct sockaddr_in *server)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 0x1122334455667788u};
    int fd = peer_socket(SOCK_NONBLOCK);
    int one = epoll_watch(fd, EPOLLOUT | EPOLLONESHOT);
    int two = epoll_watch(fd, EPOLLIN | EPOLLOUT | EPOLLONESHOT | EPOLLET);

    say("unconnected %x", epoll_next(one)); /* reported, and disarmed by that */
    start_connect(fd, server);
    peer_wait(two, POLLIN);
    say("error %s", error_name(socket_error(fd)));
    tell_swapped(fd);
    say("silent %d", epoll_wait(one, &event, 1, 0));
    say("two %x", epoll_next(two));
    event = (struct epoll_event){EPOLLIN | EPOLLONESHOT, {.u64 = 0x1122334455667788u}};
    say("arm %d", epoll_ctl(one, EPOLL_CTL_MOD, fd, &event));
    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say("one %x", epoll_next(one) & EPOLLIN);
    say("received %d", receive_all(fd, 1, SIZE));
    close(fd);
}

/* Two sets and a set within a set. */
static void client_epoll_nested(const struct sockaddr_in *server)
{
    int fd = peer_socket(SOCK_NONBLOCK);
    int one = epoll_watch(fd, EPOLLOUT), two = epoll_watch(fd, EPOLLIN);
    int outer = epoll_watch(two, EPOLLIN);

    start_connect(fd, server);
    while (!(epoll_next(one) & EPOLLOUT))
        ;
    say("error %s", error_name(socket_error(fd)));
    tell_swapped(fd);
    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    /* With the end of both directions there may be EPOLLHUP as well. */
    say("outer %x", epoll_next(outer));
    peer_wait(fd, POLLIN);
    say("two %x", epoll_next(two) & EPOLLIN);
    say("received %d", receive_all(fd, 1, SIZE));
    say("delete %d", epoll_ctl(one, EPOLL_CTL_DEL, fd, NULL));
    close(fd);
}

static int refused_port(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = peer_socket(0);

    need(bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
    need(getsockname(fd, (struct sockaddr *)&sin, &len) == 0);
    close(fd);
    return sin.sin_port;
}

/* Refused, then the same socket connects to a port that listens. */
static void client_refused(const struct sockaddr_in *server)
{
    struct sockaddr_in nobody = *server;
    int fd = peer_socket(0), pending = peer_socket(SOCK_NONBLOCK), rc;

    nobody.sin_port = (in_port_t)refused_port();
    rc = connect(fd, (struct sockaddr *)&nobody, sizeof(nobody));
    say("blocking %d %s", rc, error_name(errno));
    rc = connect(pending, (struct sockaddr *)&nobody, sizeof(nobody));
    need(rc < 0 && (errno == EINPROGRESS || errno == ECONNREFUSED));
    if (errno == EINPROGRESS) {
        peer_wait(pending, POLLOUT);
        say("pending %s", error_name(socket_error(pending)));
    } else {
        say("pending ECONNREFUSED");
    }
    close(pending);
    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    exchange(fd);
}

const struct scenario scenarios_connect[] = {
    {"connect_blocking", serve_stored, client_blocking, true},
    {"connect_poll", serve_stored, client_poll, true},
    {"connect_write_at_once", serve_stored, client_poll_in_only, true},
    {"connect_select", serve_stored, client_select, true},
    {"connect_again", serve_stored, client_again, true},
    {"connect_getpeername", serve_stored, client_getpeername, true},
    {"connect_timeout_style", serve_stored, client_timeout_style, true},
    {"connect_epoll_level", NULL, client_epoll_level, true},
    {"connect_epoll_closed", NULL, client_epoll_closed, true},
    {"connect_epoll_edge", NULL, client_epoll_edge, true},
    {"connect_epoll_oneshot", serve_stored, client_epoll_oneshot, true},
    {"connect_epoll_nested", serve_stored, client_epoll_nested, true},
    {"connect_refused", serve_stored, client_refused, true},
    {NULL, NULL, NULL, false},
};
