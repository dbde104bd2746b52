/* SPDX-License-Identifier: MIT */
/*
 * usage: epoll PORT: sends standard input, a file, to the server at 127.0.0.1, and prints what
 * comes back; one loop waits for the connection and for its events. A registration that is made
 * while the connection is in progress goes on to mean it after mptcpshim_adopt().
 *
 *     cc epoll.c -o epoll $(pkg-config --cflags --libs mptcpshim)
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <mptcpshim/mptcpshim.h>

struct client {
    int epfd, fd, events;
    bool adopted;
    char buf[65536];
    size_t start, end; /* what waits to be sent */
};

static void watch(struct client *c, int op, int fd, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.fd = fd};

    if (epoll_ctl(c->epfd, op, fd, &event) < 0)
        err(1, "epoll_ctl");
}

static void adopt(struct client *c)
{
    if (mptcpshim_adopt(c->fd, MPTCPSHIM_CLIENT, NULL) < 0)
        errx(1, "connect: %s", mptcpshim_strerror(errno));
    c->adopted = true;
    c->events = mptcpshim_events(c->fd, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (c->events >= 0) /* it is not plain TCP */
        watch(c, EPOLL_CTL_ADD, c->events, EPOLLIN);
}

static void send_some(struct client *c)
{
    ssize_t n;

    if (c->start == c->end) {
        n = read(STDIN_FILENO, c->buf, sizeof(c->buf));
        c->start = 0;
        c->end = n > 0 ? (size_t)n : 0;
        if (n <= 0) {
            shutdown(c->fd, SHUT_WR);
            watch(c, EPOLL_CTL_MOD, c->fd, EPOLLIN);
            return;
        }
    }
    n = write(c->fd, c->buf + c->start, c->end - c->start);
    if (n < 0 && errno != EAGAIN)
        err(1, "write");
    c->start += n > 0 ? (size_t)n : 0;
}

/* False: it was the end. */
static bool receive_some(struct client *c)
{
    char buf[65536];
    ssize_t n = read(c->fd, buf, sizeof(buf));

    if (n < 0 && errno != EAGAIN)
        err(1, "read");
    if (n > 0 && fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
        err(1, "standard output");
    return n != 0;
}

static void tell(struct client *c)
{
    struct mptcpshim_event event;
    int r;

    while ((r = mptcpshim_next_event(c->events, &event, sizeof(event))) == 1) {
        if (event.type == MPTCPSHIM_EVENT_ESTABLISHED)
            fprintf(stderr, "multipath\n");
        if (event.type == MPTCPSHIM_EVENT_SUBFLOW_UP)
            fprintf(stderr, "subflow %u is up\n", (unsigned)event.subflow);
        if (event.type == MPTCPSHIM_EVENT_PLAIN)
            fprintf(stderr, "plain TCP: %s\n", event.reason);
    }
    if (r == 0)
        watch(c, EPOLL_CTL_DEL, c->events, 0);
}

int main(int argc, char **argv)
{
    static struct client c;
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct epoll_event event;

    if (argc != 2)
        errx(2, "usage: epoll PORT");
    at.sin_port = htons((in_port_t)atoi(argv[1]));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c.events = -1;
    c.epfd = epoll_create1(EPOLL_CLOEXEC);
    c.fd =
        mptcpshim_connect((struct sockaddr *)&at, sizeof(at), SOCK_NONBLOCK | SOCK_CLOEXEC, NULL);
    if (c.epfd < 0 || c.fd < 0)
        err(1, "connect");
    watch(&c, EPOLL_CTL_ADD, c.fd, EPOLLIN | EPOLLOUT);
    while (epoll_wait(c.epfd, &event, 1, -1) == 1 || errno == EINTR) {
        if (event.data.fd == c.events) {
            tell(&c);
            continue;
        }
        if (!c.adopted) {
            adopt(&c);
            continue;
        }
        if (event.events & EPOLLOUT)
            send_some(&c);
        if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !receive_some(&c))
            return fflush(stdout) == 0 ? 0 : 1;
    }
    err(1, "epoll_wait");
}
