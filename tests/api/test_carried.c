/* SPDX-License-Identifier: MIT */
/*
 * What a program has set on its socket, and where it has registered it, goes with the hand-over:
 * by mptcpshim_adopt(), or, under the preload, by the calls themselves.
 */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "mptcpshim/mptcpshim.h"

#define WAIT_MS 8000

/* Not of every libc's headers. */
#ifndef F_SETSIG
#define F_SETSIG 10
#define F_GETSIG 11
#endif

static bool preloaded;

static int make_listener(struct sockaddr_in *at)
{
    socklen_t len = sizeof(*at);
    struct pollfd look = {.events = POLLIN};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(at, 0, sizeof(*at));
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
    if (!preloaded)
        assert_int_equal(mptcpshim_prepare(fd, MPTCPSHIM_LISTENER, NULL), 0);
    assert_int_equal(listen(fd, 5), 0);
    if (!preloaded)
        assert_int_equal(mptcpshim_adopt(fd, MPTCPSHIM_LISTENER, NULL), 1);
    look.fd = fd;
    poll(&look, 1, 0); /* the preload marks a listener that is waited for */
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
    return fd;
}

static int prepare(int flags)
{
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

    assert_true(fd >= 0);
    if (!preloaded)
        assert_int_equal(mptcpshim_prepare(fd, MPTCPSHIM_CLIENT, NULL), 0);
    return fd;
}

/* The hand-over; under the preload the connection is decided about by the next call. */
static void adopt_client(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLOUT};

    assert_int_equal(poll(&look, 1, WAIT_MS), 1);
    if (!preloaded)
        assert_int_equal(mptcpshim_adopt(fd, MPTCPSHIM_CLIENT, NULL), 1);
    assert_int_equal(mptcpshim_is_multipath(fd), 1);
}

static int accept_adopted(int listener)
{
    int fd = accept(listener, NULL, NULL);

    assert_true(fd >= 0);
    if (!preloaded)
        assert_int_equal(mptcpshim_adopt(fd, MPTCPSHIM_SERVER, NULL), 1);
    assert_int_equal(mptcpshim_is_multipath(fd), 1);
    return fd;
}

static void start_connect(int fd, const struct sockaddr_in *at)
{
    if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) < 0)
        assert_int_equal(errno, EINPROGRESS);
}

/* Of each level one that is the own end's, one that is the subflows', one that is both's. */
static const struct {
    int level, option, value;
} ints[] = {
    {IPPROTO_IP, IP_TOS, 0x10}, /* sets SO_PRIORITY, too */
    {SOL_SOCKET, SO_KEEPALIVE, 1},
    {SOL_SOCKET, SO_OOBINLINE, 1},
    {SOL_SOCKET, SO_REUSEADDR, 1},
    {SOL_SOCKET, SO_PRIORITY, 3},
    {SOL_SOCKET, SO_RCVLOWAT, 17},
    {SOL_SOCKET, SO_MAX_PACING_RATE, 123456789},
    {IPPROTO_TCP, TCP_NODELAY, 1},
    {IPPROTO_TCP, TCP_KEEPIDLE, 77},
    {IPPROTO_TCP, TCP_KEEPINTVL, 11},
    {IPPROTO_TCP, TCP_KEEPCNT, 5},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, 54321},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 100000},
};

#define N_INTS (sizeof(ints) / sizeof(ints[0]))

static const struct timeval receive_limit = {.tv_sec = 3, .tv_usec = 500000};
static const struct timeval send_limit = {.tv_sec = 4};
static const struct linger linger = {.l_onoff = 1, .l_linger = 7};

static void set_options(int fd)
{
    const int size = 300000;

    for (size_t i = 0; i < N_INTS; i++)
        assert_int_equal(
            setsockopt(fd, ints[i].level, ints[i].option, &ints[i].value, sizeof(ints[i].value)),
            0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &receive_limit, sizeof(receive_limit)),
                     0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_limit, sizeof(send_limit)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
}

static void check_int(int fd, int level, int option, int expected)
{
    int value = -1;
    socklen_t len = sizeof(value);

    if (mptcpshim_getsockopt(fd, level, option, &value, &len) != 0 || value != expected)
        fail_msg("level %d option %d: %d instead of %d", level, option, value, expected);
}

/* As the kernel told before the hand-over: it doubles SO_SNDBUF, and may have limited it. */
static void check_options(int fd, int send_buffer)
{
    struct timeval limit;
    struct linger on_close;
    socklen_t len = sizeof(limit);
    char name[16] = "";

    for (size_t i = 0; i < N_INTS; i++)
        check_int(fd, ints[i].level, ints[i].option, ints[i].value);
    check_int(fd, SOL_SOCKET, SO_SNDBUF, send_buffer);
    assert_int_equal(mptcpshim_getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len), 0);
    assert_memory_equal(&limit, &receive_limit, sizeof(limit));
    assert_int_equal(mptcpshim_getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &len), 0);
    assert_memory_equal(&limit, &send_limit, sizeof(limit));
    len = sizeof(on_close);
    assert_int_equal(mptcpshim_getsockopt(fd, SOL_SOCKET, SO_LINGER, &on_close, &len), 0);
    assert_memory_equal(&on_close, &linger, sizeof(on_close));
    len = sizeof(name);
    assert_int_equal(mptcpshim_getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_string_equal(name, "reno");
    check_int(fd, SOL_SOCKET, SO_PROTOCOL, IPPROTO_TCP);
    check_int(fd, SOL_SOCKET, SO_DOMAIN, AF_INET);
}

static void test_options(void **state)
{
    struct sockaddr_in at;
    int listener = make_listener(&at), client = prepare(SOCK_CLOEXEC | SOCK_NONBLOCK), server;
    int size = 0;
    socklen_t len = sizeof(size);

    set_options(client);
    assert_int_equal(getsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
    start_connect(client, &at);
    adopt_client(client);
    check_options(client, size);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    if (!preloaded) {
        /* What accept() returns has its listener's options, and those that the program sets. */
        set_options(server);
        assert_int_equal(mptcpshim_adopt(server, MPTCPSHIM_SERVER, NULL), 1);
        check_options(server, size);
    }
    close(client);
    close(server);
    close(listener);
}

/* Set after the hand-over they are the connection's, too. */
static void test_options_later(void **state)
{
    struct sockaddr_in at;
    int listener = make_listener(&at), client = prepare(SOCK_CLOEXEC | SOCK_NONBLOCK), server;
    int size = 0, small = 1, value = 1;
    socklen_t len = sizeof(size);
    struct ucred cred;

    start_connect(client, &at);
    adopt_client(client);
    server = accept_adopted(listener);
    for (size_t i = 0; i < N_INTS; i++) {
        assert_int_equal(mptcpshim_setsockopt(client, ints[i].level, ints[i].option, &ints[i].value,
                                              sizeof(ints[i].value)),
                         0);
        check_int(client, ints[i].level, ints[i].option, ints[i].value);
    }
    /* What the program asks for, although the own end has to be larger. */
    size = 50000;
    assert_int_equal(mptcpshim_setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    check_int(client, SOL_SOCKET, SO_SNDBUF, 2 * size);
    assert_int_equal(mptcpshim_setsockopt(client, SOL_SOCKET, SO_SNDBUF, &small, 1), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(mptcpshim_setsockopt(client, SOL_SOCKET, SO_ZEROCOPY, &value, sizeof(value)),
                     -1);
    assert_int_equal(errno, ENOPROTOOPT);
    /* What AF_UNIX has for itself, or understands otherwise: as TCP. */
    len = sizeof(cred);
    assert_int_equal(mptcpshim_getsockopt(client, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
    assert_int_equal(cred.pid, 0);
    assert_int_equal(mptcpshim_setsockopt(client, SOL_SOCKET, SO_PASSCRED, &value, sizeof(value)),
                     setsockopt(listener, SOL_SOCKET, SO_PASSCRED, &value, sizeof(value)));
    assert_int_equal(mptcpshim_setsockopt(client, IPPROTO_IPV6, IPV6_TCLASS, &value, 4), -1);
    assert_int_equal(errno, ENOPROTOOPT);
    assert_int_equal(mptcpshim_getsockopt(client, SOL_SOCKET, SO_ERROR, &value, NULL), -1);
    assert_int_equal(errno, EFAULT);
    close(client);
    close(server);
    close(listener);
}

static void test_flags_and_owner(void **state)
{
    struct sockaddr_in at;
    int listener = make_listener(&at);
    struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = gettid()}, got;

    for (int flags = 0; flags < 4; flags++) {
        int client = prepare(flags & 1 ? SOCK_CLOEXEC : 0), server;

        /* O_NONBLOCK of its own: set by fcntl() after a connect() that blocked. */
        assert_int_equal(fcntl(client, F_SETOWN_EX, &owner), 0);
        assert_int_equal(fcntl(client, F_SETSIG, SIGUSR2), 0);
        if (flags & 2)
            assert_int_equal(fcntl(client, F_SETFL, O_NONBLOCK | O_ASYNC), 0);
        start_connect(client, &at);
        adopt_client(client);
        assert_int_equal(fcntl(client, F_GETFD) & FD_CLOEXEC, flags & 1 ? FD_CLOEXEC : 0);
        assert_int_equal(fcntl(client, F_GETFL) & (O_NONBLOCK | O_ASYNC),
                         flags & 2 ? O_NONBLOCK | O_ASYNC : 0);
        assert_int_equal(fcntl(client, F_GETOWN_EX, &got), 0);
        assert_int_equal(got.type, owner.type);
        assert_int_equal(got.pid, owner.pid);
        assert_int_equal(fcntl(client, F_GETSIG), SIGUSR2);
        server = accept_adopted(listener);
        close(client);
        close(server);
    }
    close(listener);
}

static void check_event(int epfd, uint32_t events, uint64_t data)
{
    struct epoll_event got = {.events = 0};

    assert_int_equal(epoll_wait(epfd, &got, 1, WAIT_MS), 1);
    assert_int_equal(got.events & events, events);
    assert_true(got.data.u64 == data);
}

static int registered(int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    int epfd = epoll_create1(EPOLL_CLOEXEC);

    assert_true(epfd >= 0);
    assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
    return epfd;
}

#define LEVEL    0xfedcba9876543210u
#define EDGE     0x8000000000000001u
#define ONCE     2u
#define DISARMED 3u

/* In four ways with four epolls; the last one has reported before the hand-over. */
static void register_all(int fd, int epfd[4])
{
    epfd[0] = registered(fd, EPOLLIN, LEVEL);
    epfd[1] = registered(fd, EPOLLIN | EPOLLET, EDGE);
    epfd[2] = registered(fd, EPOLLIN | EPOLLONESHOT, ONCE);
    epfd[3] = registered(fd, EPOLLOUT | EPOLLONESHOT, DISARMED);
}

static void check_all(int fd, int peer, const int epfd[4])
{
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = LEVEL}, got;
    char c;

    for (int i = 0; i < 4; i++)
        assert_int_equal(epoll_wait(epfd[i], &got, 1, 0), 0);
    assert_int_equal(send(peer, "x", 1, 0), 1);
    check_event(epfd[0], EPOLLIN, LEVEL);
    check_event(epfd[0], EPOLLIN, LEVEL); /* as long as it is there */
    check_event(epfd[1], EPOLLIN, EDGE);
    assert_int_equal(epoll_wait(epfd[1], &got, 1, 0), 0);
    check_event(epfd[2], EPOLLIN, ONCE);
    assert_int_equal(epoll_wait(epfd[2], &got, 1, 0), 0);
    assert_int_equal(epoll_wait(epfd[3], &got, 1, 0), 0); /* not armed again */
    assert_int_equal(recv(fd, &c, 1, 0), 1);
    assert_int_equal(epoll_wait(epfd[0], &got, 1, 0), 0);
    assert_int_equal(send(peer, "y", 1, 0), 1);
    check_event(epfd[1], EPOLLIN, EDGE); /* a new edge */
    assert_int_equal(recv(fd, &c, 1, 0), 1);
    /* All are of the file that the number is now: they can be changed. */
    for (int i = 0; i < 4; i++)
        assert_int_equal(epoll_ctl(epfd[i], EPOLL_CTL_MOD, fd, &event), 0);
    for (int i = 0; i < 4; i++)
        check_event(epfd[i], EPOLLOUT, LEVEL);
    close(fd);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(epoll_wait(epfd[i], &got, 1, 0), 0);
        close(epfd[i]);
    }
}

static void test_registrations_of_client(void **state)
{
    struct sockaddr_in at;
    int listener = make_listener(&at), client = prepare(SOCK_CLOEXEC | SOCK_NONBLOCK), server;
    int epfd[4];

    start_connect(client, &at);
    register_all(client, epfd);
    check_event(epfd[3], EPOLLOUT, DISARMED);
    adopt_client(client);
    server = accept_adopted(listener);
    check_all(client, server, epfd);
    close(server);
    close(listener);
}

/* The preload hands over within accept(): there is nothing to carry. */
static void test_registrations_of_server(void **state)
{
    struct sockaddr_in at;
    int listener, client, server, epfd[4];

    if (preloaded)
        return;
    listener = make_listener(&at);
    client = prepare(SOCK_CLOEXEC | SOCK_NONBLOCK);
    start_connect(client, &at);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    register_all(server, epfd);
    check_event(epfd[3], EPOLLOUT, DISARMED);
    adopt_client(client);
    assert_int_equal(mptcpshim_adopt(server, MPTCPSHIM_SERVER, NULL), 1);
    check_all(server, client, epfd);
    close(client);
    close(listener);
}

/* More than can be carried: plain TCP, and none is lost. */
static void test_too_many_registrations(void **state)
{
    struct sockaddr_in at;
    struct epoll_event got;
    int listener, client, server, epfd[9];

    if (preloaded) /* connects to here are decided about by the first epoll_ctl() */
        return;
    listener = make_listener(&at);
    client = prepare(SOCK_CLOEXEC | SOCK_NONBLOCK);
    start_connect(client, &at);
    for (unsigned i = 0; i < 9; i++)
        epfd[i] = registered(client, EPOLLIN | EPOLLOUT, i);
    check_event(epfd[0], EPOLLOUT, 0);
    assert_int_equal(mptcpshim_adopt(client, MPTCPSHIM_CLIENT, NULL), 0);
    assert_int_equal(mptcpshim_is_multipath(client), 0);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    assert_int_equal(send(client, "x", 1, 0), 1);
    for (unsigned i = 0; i < 9; i++)
        check_event(epfd[i], EPOLLOUT, i);
    close(client);
    for (unsigned i = 0; i < 9; i++) {
        assert_int_equal(epoll_wait(epfd[i], &got, 1, 0), 0);
        close(epfd[i]);
    }
    close(server);
    close(listener);
}

static int setup(void **state)
{
    preloaded = mptcpshim_preload_active() == 1;
    signal(SIGUSR2, SIG_IGN);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_options_later),
        cmocka_unit_test(test_flags_and_owner),
        cmocka_unit_test(test_registrations_of_client),
        cmocka_unit_test(test_registrations_of_server),
        cmocka_unit_test(test_too_many_registrations),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
