/* SPDX-License-Identifier: MIT */
/*
 * Sockets of the program's own become connections of the library: what they were, were registered
 * with and had set stays. Also run under the preload: nothing may be handed over twice.
 */
#include "../lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "mptcpshim/mptcpshim.h"
#include "pair.h"

static void test_own_sockets(void **state)
{
    struct pair p;
    socklen_t len = sizeof(p.at);
    int before;

    memset(&p.at, 0, sizeof(p.at));
    p.at.sin_family = AF_INET;
    p.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p.opts = pair_options(0);
    p.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p.listener, (struct sockaddr *)&p.at, sizeof(p.at)), 0);
    assert_int_equal(mptcpshim_prepare(p.listener, MPTCPSHIM_LISTENER, &p.opts), 0);
    assert_int_equal(listen(p.listener, 5), 0);
    assert_int_equal(mptcpshim_adopt(p.listener, MPTCPSHIM_LISTENER, &p.opts), 1);
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&p.at, &len), 0);

    p.client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(mptcpshim_prepare(p.client, MPTCPSHIM_CLIENT, &p.opts), 0);
    assert_int_equal(connect(p.client, (struct sockaddr *)&p.at, sizeof(p.at)), 0);
    before = p.client;
    assert_int_equal(mptcpshim_adopt(p.client, MPTCPSHIM_CLIENT, &p.opts), 1);
    assert_int_equal(before, p.client);
    assert_int_equal(mptcpshim_adopt(p.client, MPTCPSHIM_CLIENT, &p.opts), 1);
    p.server = accept(p.listener, NULL, NULL);
    assert_true(p.server >= 0);
    assert_int_equal(mptcpshim_adopt(p.server, MPTCPSHIM_SERVER, &p.opts), 1);
    assert_int_equal(mptcpshim_is_multipath(p.server), 1);
    check_transfer(p.client, p.server);
    check_transfer(p.server, p.client);
    pair_close(&p);
}

/* O_NONBLOCK survives, in both directions. */
static void test_nonblocking(void **state)
{
    struct pair p;
    struct pollfd pfd = {.events = POLLOUT};
    char c;

    pair_listen(&p, 0);
    p.client = mptcpshim_connect((struct sockaddr *)&p.at, sizeof(p.at), SOCK_NONBLOCK, &p.opts);
    assert_true(p.client >= 0);
    pfd.fd = p.client;
    assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
    assert_int_equal(mptcpshim_adopt(p.client, MPTCPSHIM_CLIENT, &p.opts), 1);
    assert_true(fcntl(p.client, F_GETFL) & O_NONBLOCK);
    assert_false(fcntl(p.client, F_GETFD) & FD_CLOEXEC);
    p.server = mptcpshim_accept(p.listener, NULL, NULL, 0, &p.opts);
    assert_false(fcntl(p.server, F_GETFL) & O_NONBLOCK);
    assert_int_equal(recv(p.client, &c, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(send(p.server, "x", 1, 0), 1);
    pfd.events = POLLIN;
    assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
    assert_int_equal(recv(p.client, &c, 1, 0), 1);
    assert_int_equal(c, 'x');
    pair_close(&p);
}

/* An event loop: registered while it connects, adopted when it is writable, modified. */
static void test_event_loop(void **state)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = 0x1234567890abcdef};
    struct epoll_event once = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 7}, got;
    int epfd = epoll_create1(0), other = epoll_create1(0);
    struct pair p;

    pair_listen(&p, 0);
    p.client = mptcpshim_connect((struct sockaddr *)&p.at, sizeof(p.at), SOCK_NONBLOCK, &p.opts);
    assert_true(p.client >= 0);
    assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_ADD, p.client, &event), 0);
    assert_int_equal(epoll_ctl(other, EPOLL_CTL_ADD, p.client, &once), 0);
    assert_int_equal(epoll_wait(epfd, &got, 1, WAIT_MS), 1);
    assert_int_equal(mptcpshim_adopt(p.client, MPTCPSHIM_CLIENT, &p.opts), 1);
    /* The registration means the new file: it is writable, and can be changed. */
    assert_int_equal(epoll_wait(epfd, &got, 1, WAIT_MS), 1);
    assert_int_equal(got.data.u64, event.data.u64);
    event.events = EPOLLIN;
    assert_int_equal(epoll_ctl(epfd, EPOLL_CTL_MOD, p.client, &event), 0);
    assert_int_equal(epoll_wait(epfd, &got, 1, 0), 0);
    p.server = mptcpshim_accept(p.listener, NULL, NULL, 0, &p.opts);
    assert_int_equal(send(p.server, "x", 1, 0), 1);
    assert_int_equal(epoll_wait(epfd, &got, 1, WAIT_MS), 1);
    assert_int_equal(got.data.u64, event.data.u64);
    assert_int_equal(epoll_wait(other, &got, 1, WAIT_MS), 1);
    assert_int_equal(got.data.u64, 7);
    assert_int_equal(epoll_wait(other, &got, 1, 0), 0);
    close(epfd);
    close(other);
    pair_close(&p);
}

/* What the program set on its socket goes with it. */
static void test_settings_are_carried(void **state)
{
    struct timeval wait = {.tv_sec = 3}, got = {.tv_sec = 0};
    socklen_t len = sizeof(got);
    int on = 1;
    struct pair p;

    pair_listen(&p, 0);
    p.client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(mptcpshim_prepare(p.client, MPTCPSHIM_CLIENT, &p.opts), 0);
    assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
    assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), 0);
    assert_int_equal(fcntl(p.client, F_SETOWN, getpid()), 0);
    assert_int_equal(connect(p.client, (struct sockaddr *)&p.at, sizeof(p.at)), 0);
    assert_int_equal(mptcpshim_adopt(p.client, MPTCPSHIM_CLIENT, &p.opts), 1);
    assert_int_equal(getsockopt(p.client, SOL_SOCKET, SO_RCVTIMEO, &got, &len), 0);
    assert_int_equal(got.tv_sec, 3);
    len = sizeof(on);
    on = 0;
    assert_int_equal(getsockopt(p.client, SOL_SOCKET, SO_KEEPALIVE, &on, &len), 0);
    assert_int_equal(on, 1);
    assert_int_equal(fcntl(p.client, F_GETOWN), getpid());
    p.server = mptcpshim_accept(p.listener, NULL, NULL, 0, &p.opts);
    pair_close(&p);
}

/* Options of TCP, which a plain setsockopt() refuses on this descriptor. */
static void test_socket_options(void **state)
{
    struct pair p;
    struct mptcpshim_stats stats;
    struct tcp_info info;
    struct ucred cred;
    socklen_t len = sizeof(int);
    int value = 1, plain = socket(AF_INET, SOCK_STREAM, 0);
    char name[16] = "";

    pair_open(&p);
    assert_true(wait_for(p.client, has_two_subflows, &stats));
    assert_int_equal(mptcpshim_setsockopt(p.client, IPPROTO_TCP, TCP_NODELAY, &value, len), 0);
    value = 0;
    assert_int_equal(mptcpshim_getsockopt(p.client, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    assert_int_equal(value, 1);
    len = sizeof(name);
    assert_int_equal(mptcpshim_getsockopt(p.client, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
    assert_true(strlen(name) > 2);
    len = sizeof(info);
    assert_int_equal(mptcpshim_getsockopt(p.server, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
    len = sizeof(value);
    assert_int_equal(mptcpshim_getsockopt(p.client, SOL_SOCKET, SO_PROTOCOL, &value, &len), 0);
    assert_int_equal(value, IPPROTO_TCP);
    assert_int_equal(mptcpshim_getsockopt(p.client, SOL_SOCKET, SO_DOMAIN, &value, &len), 0);
    assert_int_equal(value, AF_INET);
    len = sizeof(cred);
    /* Not the agent's, who is at the other end of the descriptor: what TCP says. */
    assert_int_equal(mptcpshim_getsockopt(p.client, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
    assert_int_equal(cred.pid, 0);
    assert_int_equal(mptcpshim_setsockopt(p.client, IPPROTO_TCP, 9999, &value, sizeof(value)), -1);
    assert_int_equal(errno, ENOPROTOOPT);
    assert_int_equal(mptcpshim_setsockopt(p.client, IPPROTO_TCP, TCP_NODELAY, NULL, 4), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(mptcpshim_setsockopt(plain, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)),
                     0);
    assert_int_equal(mptcpshim_setsockopt(-1, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)), -1);
    assert_int_equal(errno, EBADF);
    check_transfer(p.client, p.server);
    close(plain);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_sockets),          cmocka_unit_test(test_nonblocking),
        cmocka_unit_test(test_event_loop),           cmocka_unit_test(test_socket_options),
        cmocka_unit_test(test_settings_are_carried),
    };

    return cmocka_run_group_tests(tests, pair_setup, pair_teardown);
}
