/* SPDX-License-Identifier: MIT */
/* The checked and the 64-bit variants of calls. This file is compiled with _FORTIFY_SOURCE. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

static int start(const struct sockaddr_in *server)
{
    int fd = peer_socket(SOCK_NONBLOCK);
    int rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));

    need(rc == 0 || errno == EINPROGRESS);
    return fd;
}

/* A length the compiler does not know makes it call __read_chk and the like. */
static volatile size_t length = 4;
static volatile nfds_t one = 1;

/* The first call after the handshake is a checked one: it decides about the connection, too. */
static void client_checked(const struct sockaddr_in *server)
{
    char buf[16] = "", again[16] = "", third[16] = "";
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    int fd = start(server);
    struct pollfd pfd[1] = {{.fd = fd, .events = POLLOUT}};

    need(poll(pfd, one, 10000) == 1);
    tell_swapped(fd);
    need(send(fd, "abcdefghijkl", 12, 0) == 12);
    pfd[0].events = POLLIN;
    while (recv(fd, buf, 12, MSG_PEEK) != 12)
        need(ppoll(pfd, one, NULL, NULL) == 1);
    need(read(fd, buf, length) == 4);
    need(recv(fd, again, length, 0) == 4);
    need(recvfrom(fd, third, length, 0, (struct sockaddr *)&from, &len) == 4);
    say("%.4s %.4s %.4s", buf, again, third);
    need(shutdown(fd, SHUT_WR) == 0);
}

static void client_large_file(const struct sockaddr_in *server)
{
    int fd = start(server), file = memfd_create("data", 0), copy;
    off64_t at = 0;

    need(fcntl64(fd, F_SETFL, 0) == 0);
    peer_wait(fd, POLLOUT);
    send_pattern(file, 1, 3000);
    need(sendfile64(fd, file, &at, 3000) == 3000);
    tell_swapped(fd);
    copy = fcntl64(fd, F_DUPFD, 20);
    say("copy %d at %d", copy, (int)at);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(copy, 1, 3000));
}

/* Flags that ask for something else than the next bytes. */
static void client_flags(const struct sockaddr_in *server)
{
    char buf[16] = "-";
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    int fd = peer_connect(server);
    ssize_t n;

    need(send(fd, "abcdefghijkl", 12, 0) == 12);
    need(recv(fd, buf, 12, MSG_PEEK | MSG_WAITALL) == 12);
    n = recv(fd, buf, length, MSG_ERRQUEUE | MSG_DONTWAIT);
    say("error queue %zd %s", n, error_name(errno));
    n = recvfrom(fd, buf, length, MSG_ERRQUEUE, (struct sockaddr *)&from, &len);
    say("error queue %zd %s", n, error_name(errno));
    memset(buf, '-', 4);
    n = recvfrom(fd, buf, length, MSG_PEEK | MSG_TRUNC, (struct sockaddr *)&from, &len);
    say("counted %zd %.4s %u", n, buf, len);
    need(recv(fd, buf, length, MSG_TRUNC) == 4);
    len = sizeof(from);
    need(recvfrom(fd, buf, length, MSG_TRUNC, (struct sockaddr *)&from, &len) == 4);
    say("discarded %.4s %u", buf, len);
    need(recv(fd, buf, length, 0) == 4);
    say("rest %.4s", buf);
    need(shutdown(fd, SHUT_WR) == 0);
}

const struct scenario scenarios_fortify[] = {
    {"fortify_checked", NULL, client_checked, true},
    {"fortify_flags", NULL, client_flags, true},
    {"fortify_large_file", NULL, client_large_file, true},
    {NULL, NULL, NULL, false},
};
