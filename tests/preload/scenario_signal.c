/* SPDX-License-Identifier: MIT */
/* Signals: many of them, handlers that fork, and SIGIO. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 20

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
    (void)sig;
    ticks++;
}

/* A handler may fork: the child leaves at once, and changes nothing for the parent. */
static void on_tick_fork(int sig)
{
    int saved = errno;
    pid_t child;

    (void)sig;
    ticks++;
    if (ticks % 8 == 0) {
        child = fork();
        if (child == 0)
            _exit(0);
        while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    errno = saved;
}

static void tick(void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    struct itimerval often = {{0, 500}, {0, 500}};

    need(sigaction(SIGALRM, &action, NULL) == 0);
    need(setitimer(ITIMER_REAL, &often, NULL) == 0);
}

static void stop_ticks(void)
{
    struct itimerval never = {{0, 0}, {0, 0}};

    need(setitimer(ITIMER_REAL, &never, NULL) == 0);
    alarm(30);
    need(signal(SIGALRM, SIG_DFL) != SIG_ERR);
    say("ticked %d", ticks > 0);
}

static int accept_again(int listener)
{
    int fd;

    while ((fd = accept(listener, NULL, NULL)) < 0)
        need(errno == EINTR);
    tell_swapped(fd);
    return fd;
}

/* Every call may be interrupted, and is repeated. */
static void echo_again(int fd)
{
    char buf[4096];

    for (;;) {
        ssize_t n = read(fd, buf, sizeof(buf)), at = 0;

        if (n < 0 && errno == EINTR)
            continue;
        need(n >= 0);
        if (n == 0)
            break;
        while (at < n) {
            ssize_t m = write(fd, buf + at, (size_t)(n - at));

            need(m > 0 || errno == EINTR);
            at += m > 0 ? m : 0;
        }
    }
    need(shutdown(fd, SHUT_WR) == 0);
}

static void serve_ticks(int listener, void (*handler)(int), int flags)
{
    tick(handler, flags);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = accept_again(listener);

        echo_again(fd);
        close(fd);
    }
    stop_ticks();
}

static void connect_again(int fd, const struct sockaddr_in *server)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0)
        return;
    need(errno == EINTR);
    while (poll(&pfd, 1, 10000) < 0)
        need(errno == EINTR);
}

static bool send_and_receive(int fd, uint64_t seed, size_t len)
{
    unsigned char buf[4096];
    size_t sent = 0, received = 0;
    ssize_t n;

    while (sent < len) {
        for (size_t i = 0; i < sizeof(buf); i++)
            buf[i] = pattern_byte(seed, sent + i);
        n = write(fd, buf, len - sent < sizeof(buf) ? len - sent : sizeof(buf));
        need(n > 0 || errno == EINTR);
        sent += n > 0 ? (size_t)n : 0;
    }
    need(shutdown(fd, SHUT_WR) == 0);
    while ((n = read(fd, buf, sizeof(buf))) != 0) {
        need(n > 0 || errno == EINTR);
        for (ssize_t i = 0; i < n; i++)
            if (buf[i] != pattern_byte(seed, received++))
                return false;
    }
    return received == len;
}

static void client_ticks(const struct sockaddr_in *server, void (*handler)(int), int flags)
{
    int good = 0;

    tick(handler, flags);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = peer_socket(0);

        connect_again(fd, server);
        tell_swapped(fd);
        good += send_and_receive(fd, (uint64_t)i, 20000);
        close(fd);
    }
    stop_ticks();
    say("good %d", good);
}

static void serve_storm(int listener)
{
    serve_ticks(listener, on_tick, 0);
}

static void client_storm(const struct sockaddr_in *server)
{
    client_ticks(server, on_tick, 0);
}

static void serve_restart(int listener)
{
    serve_ticks(listener, on_tick, SA_RESTART);
}

static void client_restart(const struct sockaddr_in *server)
{
    client_ticks(server, on_tick, SA_RESTART);
}

static void serve_fork(int listener)
{
    serve_ticks(listener, on_tick_fork, 0);
}

static void client_fork(const struct sockaddr_in *server)
{
    client_ticks(server, on_tick_fork, 0);
}

/* SIGIO by O_ASYNC and F_SETOWN, asked for before the connection or after. */
static void client_sigio(const struct sockaddr_in *server)
{
    for (int before = 0; before < 2; before++) {
        struct sigaction action = {.sa_handler = on_tick};
        int fd = peer_socket(0);
        sigset_t io, old;

        sigemptyset(&io);
        sigaddset(&io, SIGIO);
        need(sigprocmask(SIG_BLOCK, &io, &old) == 0);
        need(sigaction(SIGIO, &action, NULL) == 0);
        if (before) {
            need(fcntl(fd, F_SETOWN, getpid()) == 0);
            need(fcntl(fd, F_SETFL, O_ASYNC) == 0);
        }
        need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
        tell_swapped(fd);
        if (!before) {
            need(fcntl(fd, F_SETOWN, getpid()) == 0);
            need(fcntl(fd, F_SETFL, O_ASYNC) == 0);
        }
        say("async %d owner %d", (fcntl(fd, F_GETFL) & O_ASYNC) != 0,
            fcntl(fd, F_GETOWN) == getpid());
        ticks = 0;
        send_pattern(fd, 1, 100);
        while (ticks == 0)
            need(sigsuspend(&old) == -1 && errno == EINTR);
        say("received %d", receive_pattern(fd, 1, 100));
        close(fd);
        need(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
    }
}

static void serve_two(int listener)
{
    for (int i = 0; i < 2; i++) {
        int fd = peer_accept(listener);

        echo(fd);
        close(fd);
    }
}

const struct scenario scenarios_signal[] = {
    {"signal_storm", serve_storm, client_storm, true},
    {"signal_restart", serve_restart, client_restart, true},
    {"signal_fork", serve_fork, client_fork, false},
    {"signal_io", serve_two, client_sigio, true},
    {NULL, NULL, NULL, false},
};
