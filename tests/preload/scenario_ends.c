/* SPDX-License-Identifier: MIT */
/* Ends at less frequented places: errors that are taken once, lingering in vain, partial reads. */
#include "peer.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE 100000

static void reset(int fd)
{
    struct linger abort = {.l_onoff = 1};

    need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof(abort)) == 0);
    need(close(fd) == 0);
}

static void say_error(int fd)
{
    int error = -1;
    socklen_t len = sizeof(error);

    need(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
    say("error %s", error ? error_name(error) : "none");
}

static void say_read(int fd)
{
    char buf[64];
    ssize_t n = read(fd, buf, sizeof(buf));

    say("read %zd %s", n, n < 0 ? error_name(errno) : "-");
}

static volatile sig_atomic_t pipes;

static void count_pipe(int number)
{
    pipes++;
}

static void serve_reset(int listener)
{
    int fd = peer_accept(listener);
    char c;

    need(read(fd, &c, 1) == 1);
    reset(fd);
}

static int client_until_reset(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    need(write(fd, "x", 1) == 1);
    peer_wait(fd, POLLHUP);
    return fd;
}

/* The error of a reset is taken by whoever asks first. */
static void client_error_by_option(const struct sockaddr_in *server)
{
    int fd = client_until_reset(server);

    say_error(fd);
    say_error(fd);
    say_read(fd);
    close(fd);
}

static void client_error_by_read(const struct sockaddr_in *server)
{
    int fd = client_until_reset(server);

    say_read(fd);
    say_error(fd);
    say_read(fd);
    close(fd);
}

/* What is sent first takes the error, the rest meets a closed connection. */
static void client_error_by_send(const struct sockaddr_in *server)
{
    struct sigaction action = {.sa_handler = count_pipe};
    int fd = client_until_reset(server);
    ssize_t n;

    need(sigaction(SIGPIPE, &action, NULL) == 0);
    n = send(fd, "y", 1, 0);
    say("send %zd %s signals %d", n, error_name(errno), (int)pipes);
    n = write(fd, "y", 1);
    say("write %zd %s signals %d", n, error_name(errno), (int)pipes);
    n = send(fd, "y", 1, MSG_NOSIGNAL);
    say("send %zd %s signals %d", n, error_name(errno), (int)pipes);
    close(fd);
}

/* MSG_WAITALL is content with less at the end, and says nothing of a reset that came behind it. */
static void client_partly(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);
    char buf[32];

    need(recv(fd, buf, 4, MSG_WAITALL) == 4);
    say("part %zd", recv(fd, buf, sizeof(buf), MSG_WAITALL));
    say("end %zd", recv(fd, buf, sizeof(buf), MSG_WAITALL));
    close(fd);
}

static void serve_partly(int listener)
{
    int fd = peer_accept(listener);

    need(write(fd, "0123456789", 10) == 10);
    need(shutdown(fd, SHUT_WR) == 0);
    need(receive_all(fd, 0, 0));
    close(fd);
}

/* Data, then a reset while the reader was busy: the data first. */
static void serve_data_reset(int listener)
{
    int fd = peer_accept(listener);
    char c;

    send_pattern(fd, 3, SIZE);
    need(read(fd, &c, 1) == 1); /* the client has begun to read */
    reset(fd);
}

static void client_data_reset(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    need(receive_pattern(fd, 3, SIZE / 2));
    need(write(fd, "x", 1) == 1);
    peer_wait(fd, POLLHUP);
    say("rest %d", receive_pattern(fd, 3, SIZE - SIZE / 2));
    say_read(fd);
    say_read(fd);
    close(fd);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) * 1e-9;
}

/* close() with SO_LINGER has nothing to wait for once all was taken: the peer did not read it, but
 * its host has it. */
static void client_linger_unread(const struct sockaddr_in *server)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 30};
    int fd = peer_connect(server);
    struct timespec start;
    int rc;

    need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0);
    send_pattern(fd, 1, 1000);
    clock_gettime(CLOCK_MONOTONIC, &start);
    rc = close(fd);
    say("close %d at once %d", rc, seconds_since(&start) < 20);
}

static void serve_unread(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLRDHUP);
    say("received %d", receive_all(fd, 1, 1000));
    close(fd);
}

/* The client resets before the server accepts: accept() still gives the connection. */
static void serve_late(int listener)
{
    int gone = peer_accept(listener), fd;

    peer_wait(gone, POLLHUP);
    fd = peer_accept(listener);
    say_read(gone);
    say_read(gone);
    close(gone);
    echo(fd);
    close(fd);
}

static void client_gone_early(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    reset(fd);
    fd = peer_connect(server);
    send_pattern(fd, 1, 1000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 1000));
    close(fd);
}

const struct scenario scenarios_ends[] = {
    {"end_error_by_option", serve_reset, client_error_by_option, true},
    {"end_error_by_read", serve_reset, client_error_by_read, true},
    {"end_error_by_send", serve_reset, client_error_by_send, true},
    {"end_partly", serve_partly, client_partly, true},
    {"end_data_reset", serve_data_reset, client_data_reset, true},
    {"end_linger_unread", serve_unread, client_linger_unread, true},
    {"end_gone_early", serve_late, client_gone_early, true},
    {NULL, NULL, NULL, false},
};
