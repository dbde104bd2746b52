/* SPDX-License-Identifier: MIT */
/* Which calls mark a listener, and what those get who accept by other means. */
#include "lib/test.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "marking.h"

/* listen() alone says nothing; who waits will accept, and who accepts does. */
static void test_calls(void **state)
{
    for (int way = 0; way < WAYS; way++) {
        int fd = listener_new();

        assert_false(is_marked(fd));
        wait_by((enum waiting)way, fd);
        assert_true(is_marked(fd));
        assert_true(is_filtered(fd));
        assert_int_equal(accept(fd, NULL, NULL), -1);
        assert_int_equal(errno, EAGAIN);
        assert_true(is_marked(fd));
        assert_false(is_filtered(fd));
        close(fd);
    }
}

/* asyncore registers a socket when it is made; from listen() on it waits. */
static void test_registered_before(void **state)
{
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(EPOLL_CLOEXEC), fd = bound_new();

    assert_return_code(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), errno);
    assert_return_code(listen(fd, 5), errno);
    assert_true(is_marked(fd));
    assert_true(is_filtered(fd));
    close(fd);
    close(epoll);
}

static void test_accept_alone(void **state)
{
    int fd = listener_new();

    assert_int_equal(accept4(fd, NULL, NULL, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_true(is_marked(fd));
    assert_false(is_filtered(fd));
    close(fd);
}

/* System calls of the program's own leave the listener as it is. */
static void test_other_means(void **state)
{
    int fd = listener_new(), client = dial(fd), conn;

    conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
    assert_true(conn >= 0);
    assert_false(is_marked(fd));
    assert_false(is_filtered(conn));
    close(conn);
    close(client);
    close(fd);
}

static struct tcp_info info_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    assert_return_code(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), errno);
    return info;
}

/* Waited for here, accepted elsewhere: the magic does not get through, and all else does. */
static void test_doubt(void **state)
{
    char text[16];
    int fd = listener_new(), client, other, conn;

    wait_by(BY_POLL, fd);
    client = dial(fd);
    other = dial(fd);
    assert_int_equal(send(client, marking_magic, sizeof(marking_magic), 0), 8);
    assert_int_equal(send(other, "hello", 5, 0), 5);
    for (int i = 0; i < 5000 && info_of(client).tcpi_total_retrans == 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(info_of(client).tcpi_unacked, 1);
    conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
    assert_true(conn >= 0);
    assert_int_equal(recv(conn, text, sizeof(text), MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    close(conn);
    conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
    assert_int_equal(recv(conn, text, sizeof(text), 0), 5);
    close(conn);
    close(client);
    close(other);
    close(fd);
}

/*
 * TCP does not confirm the padding behind HELLO either, which would say that HELLO alone is lost.
 */
static void test_doubt_padding(void **state)
{
    /* As test_padding of the core has it. */
    static const uint8_t padding[24] = {0x80, 0, 0, 16, 0x37, 0x0b, 0x45, 0x3d};
    static const uint8_t alike[24] = {0x80, 0, 0, 16}, start[4] = {0x80, 0, 0, 16};
    int fd = listener_new(), one, two, three;

    wait_by(BY_POLL, fd);
    one = dial(fd);
    two = dial(fd);
    three = dial(fd);
    assert_int_equal(send(one, padding, sizeof(padding), 0), sizeof(padding));
    assert_int_equal(send(two, alike, sizeof(alike), 0), sizeof(alike));
    assert_int_equal(send(three, start, sizeof(start), 0), sizeof(start));
    for (int i = 0; i < 5000 && info_of(one).tcpi_total_retrans == 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(info_of(one).tcpi_unacked, 1);
    assert_int_equal(info_of(two).tcpi_unacked, 0);
    assert_int_equal(info_of(three).tcpi_unacked, 0);
    close(one);
    close(two);
    close(three);
    close(fd);
}

/* Accepted here after all: it comes again. */
static void test_doubt_ends(void **state)
{
    char text[16];
    int fd = listener_new(), client, conn;

    wait_by(BY_POLL, fd);
    client = dial(fd);
    assert_int_equal(send(client, marking_magic, sizeof(marking_magic), 0), 8);
    conn = accept(fd, NULL, NULL);
    assert_true(conn >= 0);
    assert_false(is_filtered(conn));
    assert_int_equal(recv(conn, text, sizeof(text), 0), 8);
    assert_memory_equal(text, marking_magic, 8);
    close(conn);
    close(client);
    close(fd);
}

static int wait_in(int ep, struct pollfd *pfd, int call)
{
    const struct timespec limit = {.tv_sec = 5};
    struct timeval also = {.tv_sec = 5};
    struct epoll_event event;
    fd_set set;

    FD_ZERO(&set);
    FD_SET(pfd->fd, &set);
    switch (call) {
    case 0:
        return poll(pfd, 1, 5000);
    case 1:
        return ppoll(pfd, 1, &limit, NULL);
    case 2:
        return select(pfd->fd + 1, &set, NULL, NULL, &also);
    case 3:
        return pselect(pfd->fd + 1, &set, NULL, NULL, &limit, NULL);
    case 4:
        return epoll_wait(ep, &event, 1, 5000);
    default:
        return epoll_pwait(ep, &event, 1, 5000, NULL);
    }
}

/* A call that waits, and does not find anything. */
static void glance(int ep, int fd, int call)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    struct epoll_event event;

    assert_int_equal(call < 4 ? poll(&pfd, 1, 0) : epoll_wait(ep, &event, 1, 0), 0);
}

/* Waited for here, accepted elsewhere: noticed at the next wait, and for good. */
static void test_elsewhere(void **state)
{
    for (int call = 0; call < 6; call++) {
        int fd = listener_new(), ep = epoll_create1(EPOLL_CLOEXEC), client, conn;
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        const uint32_t before = elsewhere();

        assert_return_code(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), errno);
        assert_true(is_marked(fd));
        client = dial(fd);
        assert_int_equal(wait_in(ep, &pfd, call), 1);
        assert_int_equal(wait_in(ep, &pfd, call), 1);
        assert_true(is_marked(fd)); /* it is still there */
        conn = (int)syscall(SYS_accept4, fd, NULL, NULL, 0);
        assert_true(conn >= 0);
        glance(ep, fd, call);
        assert_false(is_marked(fd));
        assert_false(is_filtered(fd));
        assert_int_equal(elsewhere(), before + 1);
        assert_int_equal(accept(fd, NULL, NULL), -1);
        wait_by(BY_POLL, fd);
        assert_false(is_marked(fd));
        close(conn);
        close(client);
        close(ep);
        close(fd);
    }
}

/* A duplicate is made to be passed on: only accept() marks it, under either number. */
static void test_duplicated(void **state)
{
    int fd = listener_new(), copy;

    wait_by(BY_EPOLL, fd);
    assert_true(is_marked(fd));
    copy = dup(fd);
    assert_false(is_marked(fd));
    assert_false(is_filtered(fd));
    wait_by(BY_EPOLL, copy);
    wait_by(BY_SELECT, fd);
    assert_false(is_marked(fd));
    assert_int_equal(accept(copy, NULL, NULL), -1);
    assert_true(is_marked(fd));
    close(copy);
    close(fd);
}

/* A filter of the program's own stays, and the listener is left alone. */
static void test_own_filter(void **state)
{
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
    struct sock_fprog prog = {.len = 1, .filter = &all};
    int fd = listener_new();

    assert_return_code(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)), errno);
    wait_by(BY_POLL, fd);
    assert_false(is_marked(fd));
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_false(is_marked(fd));
    assert_true(is_filtered(fd));
    close(fd);
}

/* A listener that came by other ways than listen(): accept() finds it. */
static void test_inherited(void **state)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_return_code(syscall(SYS_bind, fd, &sin, sizeof(sin)), errno);
    assert_return_code(syscall(SYS_listen, fd, 5), errno);
    wait_by(BY_POLL, fd);
    assert_false(is_marked(fd));
    assert_int_equal(accept(fd, NULL, NULL), -1);
    assert_true(is_marked(fd));
    close(fd);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),        cmocka_unit_test(test_registered_before),
        cmocka_unit_test(test_accept_alone), cmocka_unit_test(test_other_means),
        cmocka_unit_test(test_doubt),        cmocka_unit_test(test_doubt_padding),
        cmocka_unit_test(test_doubt_ends),   cmocka_unit_test(test_duplicated),
        cmocka_unit_test(test_own_filter),   cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return marking_main(argc, argv, run);
}
