/* SPDX-License-Identifier: MIT */
/* Ends: half-close, close, reset, and what the other side sees of it. */
#include "peer.h"
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SIZE 100000

static void say_read(int fd)
{
    char buf[64];
    ssize_t n = read(fd, buf, sizeof(buf));

    say("read %zd %s", n, n < 0 ? error_name(errno) : "-");
}

static void say_write(int fd)
{
    ssize_t n = send(fd, "x", 1, MSG_NOSIGNAL);

    say("write %zd %s", n, n < 0 ? error_name(errno) : "-");
}

static void say_poll(int fd, short until)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};

    peer_wait(fd, until);
    need(poll(&pfd, 1, 0) == 1);
    /* The kernel sets the error of a reset first, then the state (POLLHUP), then the end of both
     * directions (POLLRDHUP); poll() can look in between. */
    for (int i = 0; i < 1000 && (pfd.revents & POLLERR) && !(pfd.revents & POLLRDHUP); i++) {
        need(poll(NULL, 0, 1) == 0);
        need(poll(&pfd, 1, 0) == 1);
    }
    say("revents %x", pfd.revents);
}

/* The client ends first, the server answers into the half-closed connection. */
static void serve_answer(int listener)
{
    int fd = peer_accept(listener);

    need(receive_all(fd, 1, SIZE));
    say_poll(fd, POLLRDHUP);
    send_pattern(fd, 2, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say_write(fd);
    close(fd);
}

static void client_half_close(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, SIZE);
    need(shutdown(fd, SHUT_WR) == 0);
    say_write(fd);
    say("received %d", receive_all(fd, 2, SIZE));
    say_read(fd);
    close(fd);
}

/* The server ends first; the client can still send, and does. */
static void serve_end_first(int listener)
{
    int fd = peer_accept(listener);

    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, SIZE));
    close(fd);
}

static void client_after_end(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    say_read(fd);
    say_poll(fd, POLLRDHUP);
    send_pattern(fd, 1, SIZE);
    close(fd);
}

static void set_linger_reset(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
}

static void serve_reset(int listener)
{
    int fd = peer_accept(listener);

    need(receive_pattern(fd, 1, 100));
    set_linger_reset(fd);
    close(fd);
}

static void client_reset(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, 100);
    say_poll(fd, POLLRDHUP);
    say_read(fd);
    say_read(fd);
    say_write(fd);
    close(fd);
}

/* Closing with unread data is a reset as well. */
static void serve_unread(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLIN);
    close(fd);
}

static void client_unread(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, 100);
    peer_wait(fd, POLLRDHUP);
    say_read(fd);
    close(fd);
}

static void serve_client_resets(int listener)
{
    int fd = peer_accept(listener);

    need(receive_pattern(fd, 1, 100));
    need(send(fd, "y", 1, 0) == 1);
    say_poll(fd, POLLHUP);
    say_read(fd);
    close(fd);
}

static void client_resets(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, 100);
    say_read(fd);
    set_linger_reset(fd);
    close(fd);
}

#define LARGE 6000000

/* Waits until the peer has it all; the number of steps is bounded. */
static bool all_acknowledged(int fd)
{
    int queued = -1;

    for (int i = 0; i < 5000; i++) {
        need(ioctl(fd, SIOCOUTQ, &queued) == 0);
        if (queued == 0)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

/* SO_LINGER 0 makes close() a reset, not shutdown(): every byte before it arrives. */
static void serve_linger_shutdown(int listener)
{
    int fd = peer_accept(listener);

    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, LARGE));
    say_read(fd);
    close(fd);
}

static void client_linger_shutdown(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    set_linger_reset(fd);
    say_read(fd);
    send_pattern(fd, 1, LARGE);
    need(shutdown(fd, SHUT_WR) == 0);
    say("acknowledged %d", all_acknowledged(fd));
    close(fd);
}

/* The other side is gone for good: a signal, or EPIPE. */
static volatile sig_atomic_t pipe_signals;

static void count_pipe(int sig)
{
    (void)sig;
    pipe_signals++;
}

static void serve_gone(int listener)
{
    int fd = peer_accept(listener);

    need(receive_pattern(fd, 1, 10));
    close(fd);
}

static void client_gone(const struct sockaddr_in *server)
{
    int fd = peer_connect(server), error = 0;

    need(signal(SIGPIPE, count_pipe) != SIG_ERR);
    send_pattern(fd, 1, 10);
    peer_wait(fd, POLLRDHUP);
    say_read(fd);
    /* The first write makes the peer reset the connection; the reset may take its time. */
    for (int i = 0; i < 2000 && error != EPIPE; i++) {
        if (write(fd, "x", 1) < 0)
            error = errno;
        poll(NULL, 0, 1);
    }
    say("write %s, signals %d", error_name(error), (int)pipe_signals);
    close(fd);
}

static void client_own_shutdown(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    send_pattern(fd, 1, 10);
    need(receive_pattern(fd, 1, 10));
    need(shutdown(fd, SHUT_RD) == 0);
    say_read(fd);
    need(shutdown(fd, SHUT_WR) == 0);
    say_write(fd);
    close(fd);
}

/* The listener goes and its port is free for the next one at once. */
static void serve_restart(int listener)
{
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    int on = 1, fd = peer_accept(listener), next;

    need(getsockname(listener, (struct sockaddr *)&sin, &len) == 0);
    need(receive_pattern(fd, 1, 1000));
    close(listener);
    next = peer_socket(0);
    need(setsockopt(next, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    say("bind %d", bind(next, (struct sockaddr *)&sin, sizeof(sin)));
    say("listen %d", listen(next, 5));
    send_pattern(fd, 1, 1000);
    close(fd);
    fd = peer_accept(next);
    echo(fd);
    close(fd);
    close(next);
}

/* A second listener on a port in use is refused. */
static void client_restart(const struct sockaddr_in *server)
{
    int on = 1, fd, rc, second = peer_socket(0);

    need(setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    rc = bind(second, (const struct sockaddr *)server, sizeof(*server));
    say("second %d %s", rc, error_name(errno));
    close(second);
    fd = peer_connect(server);
    send_pattern(fd, 1, 1000);
    say("received %d", receive_all(fd, 1, 1000));
    close(fd);
    fd = peer_connect(server);
    send_pattern(fd, 1, 1000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 1000));
    close(fd);
}

const struct scenario scenarios_close[] = {
    {"close_half", serve_answer, client_half_close, true},
    {"close_server_first", serve_end_first, client_after_end, true},
    {"close_reset", serve_reset, client_reset, true},
    {"close_unread", serve_unread, client_unread, true},
    {"close_client_resets", serve_client_resets, client_resets, true},
    {"close_linger_shutdown", serve_linger_shutdown, client_linger_shutdown, true},
    {"close_gone", serve_gone, client_gone, true},
    {"close_own_shutdown", NULL, client_own_shutdown, true},
    {"close_restart", serve_restart, client_restart, true},
    {NULL, NULL, NULL, false},
};
