/* SPDX-License-Identifier: MIT */
/* Urgent data: MSG_OOB, SO_OOBINLINE, sockatmark, SIGURG, POLLPRI and its like. */
#include "peer.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#define HALF 200000

static void say_urgent(const char *when, int fd)
{
    char c = '-';
    ssize_t n = recv(fd, &c, 1, MSG_OOB);

    say("%s: urgent %zd %c %s, mark %d", when, n, c, n < 0 ? error_name(errno) : "",
        sockatmark(fd));
}

static void say_read(int fd, size_t n)
{
    char buf[16] = "";
    ssize_t got = read(fd, buf, n);

    say("read %zd %s, mark %d", got, buf, sockatmark(fd));
}

/* Until the urgent byte that is there is this one; for at most 10 s. */
static void await_urgent(int fd, char want)
{
    char c = 0;

    for (int i = 0; i < 10000 && (recv(fd, &c, 1, MSG_OOB | MSG_PEEK) != 1 || c != want); i++)
        need(poll(NULL, 0, 1) == 0);
    need(c == want);
}

static void go_on(int fd)
{
    need(send(fd, "k", 1, 0) == 1);
}

static void await_peer(int fd)
{
    char c;

    need(recv(fd, &c, 1, 0) == 1 && c == 'k');
}

/* "ab", urgent "c", and once the other side has seen that, "de". */
static void client_steps(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    need(send(fd, "ab", 2, 0) == 2);
    need(send(fd, "c", 1, MSG_OOB) == 1);
    await_peer(fd);
    need(send(fd, "de", 2, 0) == 2);
    need(shutdown(fd, SHUT_WR) == 0);
    need(receive_all(fd, 0, 0));
    close(fd);
}

static void serve_apart(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLPRI);
    say_read(fd, 9);
    say_urgent("first", fd);
    say_urgent("again", fd);
    go_on(fd);
    say_read(fd, 9);
    say_urgent("late", fd);
    say_read(fd, 9);
    close(fd);
}

/* The byte is taken before what is in front of it. */
static void serve_ahead(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLPRI);
    say_urgent("first", fd);
    go_on(fd);
    say_read(fd, 9);
    say_read(fd, 9);
    close(fd);
}

/* Nobody asks for it: it is not in the stream. */
static void serve_ignored(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLPRI);
    say_read(fd, 9);
    go_on(fd);
    say_read(fd, 9);
    say_urgent("late", fd);
    close(fd);
}

static void set_inline(int fd, int on)
{
    int now = -1;
    socklen_t len = sizeof(now);

    need(setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)) == 0);
    need(getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &now, &len) == 0);
    say("inline %d", now);
}

static void serve_inline(int listener)
{
    int fd = peer_accept(listener);

    set_inline(fd, 1);
    peer_wait(fd, POLLPRI);
    say_read(fd, 9);
    say_urgent("inline", fd);
    say_read(fd, 9);
    go_on(fd);
    say_read(fd, 9);
    close(fd);
}

/* Asked for when the byte is there already. */
static void serve_inline_late(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLPRI);
    set_inline(fd, 1);
    say_read(fd, 9);
    say_read(fd, 9);
    go_on(fd);
    say_read(fd, 9);
    close(fd);
}

/* The second takes the place of the first, which is an ordinary byte then. */
static void client_twice(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    need(send(fd, "abc", 3, MSG_OOB) == 3);
    await_peer(fd);
    need(send(fd, "def", 3, MSG_OOB) == 3);
    await_peer(fd);
    need(send(fd, "g", 1, MSG_OOB) == 1);
    need(shutdown(fd, SHUT_WR) == 0);
    need(receive_all(fd, 0, 0));
    close(fd);
}

static void serve_twice(int listener)
{
    int fd = peer_accept(listener);

    await_urgent(fd, 'c');
    go_on(fd);
    await_urgent(fd, 'f');
    say_read(fd, 9);
    say_urgent("second", fd);
    go_on(fd);
    await_urgent(fd, 'g');
    say_urgent("third", fd);
    say_read(fd, 9);
    close(fd);
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    signals += number == SIGURG || number == SIGUSR1;
}

/* By the owner of the descriptor, set before the connection is made or after. */
static void client_signal(const struct sockaddr_in *server)
{
    for (int i = 0; i < 3; i++) {
        struct sigaction action = {.sa_handler = on_signal};
        int fd = peer_socket(0), number = i == 2 ? SIGUSR1 : SIGURG;
        sigset_t block, old;

        sigemptyset(&block);
        sigaddset(&block, number);
        need(sigprocmask(SIG_BLOCK, &block, &old) == 0);
        need(sigaction(number, &action, NULL) == 0);
        signals = 0;
        if (i == 2)
            need(fcntl(fd, F_SETSIG, number) == 0);
        if (i > 0)
            need(fcntl(fd, F_SETOWN, getpid()) == 0);
        need(connect(fd, (const struct sockaddr *)server, sizeof(*server)) == 0);
        tell_swapped(fd);
        if (i == 0)
            need(fcntl(fd, F_SETOWN, getpid()) == 0);
        go_on(fd);
        while (signals == 0)
            need(sigsuspend(&old) == -1 && errno == EINTR);
        await_urgent(fd, '!');
        say_urgent("signal", fd);
        need(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
        close(fd);
    }
}

static void serve_signal(int listener)
{
    for (int i = 0; i < 3; i++) {
        int fd = peer_accept(listener);

        await_peer(fd);
        need(send(fd, "!", 1, MSG_OOB) == 1);
        (void)!read(fd, &(char){0}, 1);
        close(fd);
    }
}

static int exceptional(int fd, int wait)
{
    struct timeval limit = {.tv_sec = wait};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, NULL, NULL, &set, &limit);
}

static void serve_waits(int listener)
{
    int fd = peer_accept(listener), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLPRI};

    need(epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    say("select %d", exceptional(fd, 10));
    say("epoll %d %d", epoll_wait(epoll, &event, 1, 10000), event.events == EPOLLPRI);
    say_urgent("taken", fd);
    say("select %d epoll %d", exceptional(fd, 0), epoll_wait(epoll, &event, 1, 0));
    go_on(fd);
    say_read(fd, 9);
    say_read(fd, 9);
    close(epoll);
    close(fd);
}

static int unread(int fd)
{
    int n = -1;

    need(ioctl(fd, FIONREAD, &n) == 0);
    return n;
}

static int polled(int fd)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLPRI};

    return poll(&pfd, 1, 0) == 1 ? pfd.revents : 0;
}

/* What can be read ends at the mark, and the urgent byte is none of it. */
static void serve_counted(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLPRI);
    say("before: %d, poll %d", unread(fd), polled(fd) == (POLLIN | POLLPRI));
    say_read(fd, 1);
    say("on the way: %d", unread(fd));
    say_read(fd, 9);
    say("at the mark: %d, poll %d", unread(fd), polled(fd) == POLLPRI);
    go_on(fd);
    say_read(fd, 9);
    say("behind: %d, poll %d", unread(fd), polled(fd) & POLLPRI);
    say_read(fd, 9);
    close(fd);
}

static void client_close(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);

    need(send(fd, "abc", 3, MSG_OOB) == 3);
    close(fd);
}

static void serve_close(int listener)
{
    int fd = peer_accept(listener);

    peer_wait(fd, POLLPRI);
    peer_wait(fd, POLLRDHUP);
    say_urgent("closed", fd);
    say_read(fd, 9);
    say_read(fd, 9);
    close(fd);
}

/* Much before it and much behind it. */
static void client_bulk(const struct sockaddr_in *server)
{
    int fd = peer_connect(server);
    unsigned char c = pattern_byte(1, HALF);

    send_pattern(fd, 1, HALF);
    need(send(fd, &c, 1, MSG_OOB) == 1);
    send_pattern(fd, 2, HALF);
    need(shutdown(fd, SHUT_WR) == 0);
    need(receive_all(fd, 0, 0));
    close(fd);
}

static void serve_bulk(int listener)
{
    int fd = peer_accept(listener);
    unsigned char c = 0;

    set_inline(fd, 1);
    say("first half %d", receive_pattern(fd, 1, HALF));
    peer_wait(fd, POLLPRI);
    say("mark %d", sockatmark(fd));
    need(read(fd, &c, 1) == 1);
    say("urgent %d, mark %d", c == pattern_byte(1, HALF), sockatmark(fd));
    say("second half %d", receive_all(fd, 2, HALF));
    close(fd);
}

const struct scenario scenarios_urgent[] = {
    {"urgent_apart", serve_apart, client_steps, true},
    {"urgent_ahead", serve_ahead, client_steps, true},
    {"urgent_ignored", serve_ignored, client_steps, true},
    {"urgent_inline", serve_inline, client_steps, true},
    {"urgent_inline_late", serve_inline_late, client_steps, true},
    {"urgent_twice", serve_twice, client_twice, true},
    {"urgent_signal", serve_signal, client_signal, true},
    {"urgent_waits", serve_waits, client_steps, true},
    {"urgent_counted", serve_counted, client_steps, true},
    {"urgent_close", serve_close, client_close, true},
    {"urgent_bulk", serve_bulk, client_bulk, true},
    {NULL, NULL, NULL, false},
};
