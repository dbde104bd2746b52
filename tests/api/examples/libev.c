/* SPDX-License-Identifier: MIT */
/*
 * usage: libev PORT: sends standard input, a file, to the server at 127.0.0.1, and prints what
 * comes back, by libev. The watcher is started after mptcpshim_adopt(), which may have made another
 * socket of the number.
 *
 *     cc libev.c -o libev $(pkg-config --cflags --libs mptcpshim) -lev
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <ev.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <mptcpshim/mptcpshim.h>

static ev_io connecting, readable, writable;
static char pending[65536];
static size_t start, end; /* what of it waits to be sent */

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
    char buf[65536];
    ssize_t n = read(io->fd, buf, sizeof(buf));

    (void)revents;
    if (n < 0 && errno != EAGAIN)
        err(1, "read");
    if (n > 0 && fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
        err(1, "standard output");
    if (n == 0)
        ev_break(loop, EVBREAK_ALL);
}

static void on_writable(struct ev_loop *loop, ev_io *io, int revents)
{
    ssize_t n;

    (void)revents;
    if (start == end) {
        n = read(STDIN_FILENO, pending, sizeof(pending));
        start = 0;
        end = n > 0 ? (size_t)n : 0;
        if (n <= 0) {
            shutdown(io->fd, SHUT_WR);
            ev_io_stop(loop, io);
            return;
        }
    }
    n = write(io->fd, pending + start, end - start);
    if (n < 0 && errno != EAGAIN)
        err(1, "write");
    start += n > 0 ? (size_t)n : 0;
}

static void on_connected(struct ev_loop *loop, ev_io *io, int revents)
{
    (void)revents;
    ev_io_stop(loop, io);
    if (mptcpshim_adopt(io->fd, MPTCPSHIM_CLIENT, NULL) < 0)
        errx(1, "connect: %s", mptcpshim_strerror(errno));
    fprintf(stderr, "%s\n", mptcpshim_is_multipath(io->fd) == 0 ? "plain TCP" : "multipath");
    ev_io_init(&readable, on_readable, io->fd, EV_READ);
    ev_io_init(&writable, on_writable, io->fd, EV_WRITE);
    ev_io_start(loop, &readable);
    ev_io_start(loop, &writable);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd;

    if (argc != 2)
        errx(2, "usage: libev PORT");
    at.sin_port = htons((in_port_t)atoi(argv[1]));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), SOCK_NONBLOCK | SOCK_CLOEXEC, NULL);
    if (fd < 0)
        err(1, "connect");
    ev_io_init(&connecting, on_connected, fd, EV_WRITE);
    ev_io_start(loop, &connecting);
    ev_run(loop, 0);
    return fflush(stdout) == 0 ? 0 : 1;
}
