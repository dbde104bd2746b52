/* SPDX-License-Identifier: MIT */
/* The rarer forms of connect(): bound, interrupted, timed out, fast open, disconnected. */
#include "peer.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static void exchange(int fd)
{
    tell_swapped(fd);
    send_pattern(fd, 1, 5000);
    need(shutdown(fd, SHUT_WR) == 0);
    say("received %d", receive_all(fd, 1, 5000));
    close(fd);
}

static void client_bound(const struct sockaddr_in *server)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = server->sin_addr}, now;
    socklen_t len = sizeof(own);
    int fd = peer_socket(0);

    need(bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0);
    need(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    need(getsockname(fd, (struct sockaddr *)&now, &len) == 0);
    say("kept %d", memcmp(&own, &now, sizeof(own)) == 0);
    exchange(fd);
}

/*
 * A listener whose queue is full drops the next SYN, so that connect() has to wait for a second
 * one. The client says by a datagram when the server may go on.
 */
static void serve_full(int listener)
{
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    int go = socket(AF_INET, SOCK_DGRAM, 0), fd;
    char c;

    need(go >= 0 && getsockname(listener, (struct sockaddr *)&sin, &len) == 0);
    need(bind(go, (struct sockaddr *)&sin, sizeof(sin)) == 0);
    need(listen(listener, 0) == 0);
    fd = accept(listener, NULL, NULL);
    need(fd >= 0 && write(fd, "f", 1) == 1); /* the queue is short from now on */
    need(recv(go, &c, 1, 0) == 1);
    close(fd);
    fd = accept(listener, NULL, NULL); /* the one that fills the queue */
    need(fd >= 0);
    close(fd);
    fd = peer_accept(listener);
    echo(fd);
    close(fd);
}

static void fill_queue(const struct sockaddr_in *server)
{
    int first = peer_socket(0), fill = peer_socket(0);
    char c;

    need(connect(first, (const struct sockaddr *)server, sizeof(*server)) == 0);
    need(read(first, &c, 1) == 1);
    need(connect(fill, (const struct sockaddr *)server, sizeof(*server)) == 0);
}

static void let_go(const struct sockaddr_in *server)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    need(fd >= 0);
    need(sendto(fd, "g", 1, 0, (const struct sockaddr *)server, sizeof(*server)) == 1);
    close(fd);
}

static const struct sockaddr_in *alarm_server;

static void on_alarm(int sig)
{
    (void)sig;
    if (alarm_server)
        let_go(alarm_server);
}

static void alarm_soon(int flags)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    struct itimerval soon = {{0, 0}, {0, 50000}};

    need(sigaction(SIGALRM, &action, NULL) == 0);
    need(setitimer(ITIMER_REAL, &soon, NULL) == 0);
}

static void finish_connect(int fd, const struct sockaddr_in *server)
{
    int error = -1;
    socklen_t len = sizeof(error);

    let_go(server);
    peer_wait(fd, POLLOUT);
    need(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0);
    say("error %d", error);
    exchange(fd);
}

/* Interrupted: the handshake goes on, and a second call says so. */
static void client_interrupted(const struct sockaddr_in *server)
{
    int fd = peer_socket(0), rc;

    fill_queue(server);
    alarm_soon(0);
    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    say("connect %d %s", rc, error_name(errno));
    finish_connect(fd, server);
}

/* SA_RESTART: the call goes on by itself. */
static void client_restarted(const struct sockaddr_in *server)
{
    int fd = peer_socket(0), rc;

    fill_queue(server);
    alarm_server = server;
    alarm_soon(SA_RESTART);
    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    say("connect %d", rc);
    exchange(fd);
}

/* SO_SNDTIMEO bounds connect(). */
static void client_send_timeout(const struct sockaddr_in *server)
{
    struct timeval tv = {.tv_usec = 50000};
    int fd = peer_socket(0), rc;

    fill_queue(server);
    need(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) == 0);
    rc = connect(fd, (const struct sockaddr *)server, sizeof(*server));
    say("connect %d %s", rc, error_name(errno));
    finish_connect(fd, server);
}

struct connecting {
    int fd;
    const struct sockaddr_in *server;
};

static void *connect_for_ever(void *arg)
{
    const struct connecting *c = arg;

    (void)connect(c->fd, (const struct sockaddr *)c->server, sizeof(*c->server));
    return NULL;
}

/* connect() is a cancellation point; the socket is as after an interruption. */
static void client_cancelled(const struct sockaddr_in *server)
{
    struct connecting c = {peer_socket(0), server};
    struct tcp_info info = {0};
    pthread_t thread;
    void *result;

    fill_queue(server);
    need(pthread_create(&thread, NULL, connect_for_ever, &c) == 0);
    while (info.tcpi_state != TCP_SYN_SENT) {
        socklen_t len = sizeof(info);

        need(getsockopt(c.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
    }
    need(pthread_cancel(thread) == 0);
    need(pthread_join(thread, &result) == 0);
    say("cancelled %d", result == PTHREAD_CANCELED);
    let_go(server);
    peer_wait(c.fd, POLLOUT);
    send_pattern(c.fd, 1, 100);
    need(shutdown(c.fd, SHUT_WR) == 0);
    say("received %d", receive_all(c.fd, 1, 100));
}

static void serve_disconnected(int listener)
{
    char c;
    int fd = peer_accept(listener);
    ssize_t n;

    need(write(fd, "x", 1) == 1);
    n = read(fd, &c, 1);
    say("read %zd %s", n, error_name(n < 0 ? errno : 0));
    close(fd);
    fd = peer_accept(listener);
    echo(fd);
    close(fd);
}

/* AF_UNSPEC ends the connection by a reset; the socket can connect again. */
static void client_disconnected(const struct sockaddr_in *server)
{
    const struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct sockaddr_in name;
    socklen_t len = sizeof(name);
    int fd = peer_connect(server), rc;
    char c;

    need(read(fd, &c, 1) == 1);
    say("disconnect %d", connect(fd, &none, sizeof(none)));
    rc = getpeername(fd, (struct sockaddr *)&name, &len);
    say("peer %d %s", rc, error_name(errno));
    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    exchange(fd);
}

/* With TCP fast open the first bytes go with the SYN: such a connection stays plain. */
static void client_fastopen_connect(const struct sockaddr_in *server)
{
    int fd = peer_socket(0), on = 1;

    need(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) == 0);
    need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
    exchange(fd);
}

static void client_fastopen_send(const struct sockaddr_in *server)
{
    int fd = peer_socket(0);
    ssize_t n =
        sendto(fd, "hello", 5, MSG_FASTOPEN, (const struct sockaddr *)server, sizeof(*server));
    char buf[8] = "";

    say("sent %zd", n);
    need(shutdown(fd, SHUT_WR) == 0);
    need(recv(fd, buf, 5, MSG_WAITALL) == 5);
    say("received %s", buf);
    close(fd);
}

const struct scenario scenarios_forms[] = {
    {"connect_bound", NULL, client_bound, true},
    {"connect_interrupted", serve_full, client_interrupted, true},
    {"connect_restarted", serve_full, client_restarted, true},
    {"connect_send_timeout", serve_full, client_send_timeout, true},
    {"connect_cancelled", serve_full, client_cancelled, false},
    {"connect_unspec", serve_disconnected, client_disconnected, true},
    {"connect_fastopen", NULL, client_fastopen_connect, false},
    {"connect_fastopen_send", NULL, client_fastopen_send, false},
    {NULL, NULL, NULL, false},
};
