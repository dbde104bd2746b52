/* SPDX-License-Identifier: MIT */
/*
 * The library without an agent, and with peers that have no shim: everything is plain TCP, no byte
 * more or less, and errno is what the manual says.
 */
#include "../lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "handover/message.h"
#include "mptcpshim/mptcpshim.h"

static struct sockaddr_in loopback(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return in;
}

static struct mptcpshim_options options(unsigned flags)
{
    struct mptcpshim_options opts;

    mptcpshim_options_init(&opts, sizeof(opts));
    opts.flags = flags;
    return opts;
}

static int listen_here(struct sockaddr_in *ret, const struct mptcpshim_options *opts)
{
    socklen_t len = sizeof(*ret);
    int fd;

    *ret = loopback();
    fd = mptcpshim_listen((struct sockaddr *)ret, sizeof(*ret), 5, SOCK_CLOEXEC, opts);
    assert_true(fd >= 0);
    assert_int_equal(mptcpshim_getsockname(fd, (struct sockaddr *)ret, &len), 0);
    return fd;
}

static void check_echo(int a, int b)
{
    char buf[8] = "";

    assert_int_equal(send(a, "ping", 4, 0), 4);
    assert_int_equal(recv(b, buf, 4, MSG_WAITALL), 4);
    assert_memory_equal(buf, "ping", 4);
    close(a);
    assert_int_equal(recv(b, buf, 4, 0), 0);
    close(b);
}

static void check_plain(int fd)
{
    struct mptcpshim_stats stats, zero;
    struct mptcpshim_subflow sf;

    memset(&stats, 0xa5, sizeof(stats));
    memset(&zero, 0, sizeof(zero));
    assert_int_equal(mptcpshim_is_multipath(fd), 0);
    assert_int_equal(mptcpshim_subflows(fd, &sf, 1), 0);
    assert_int_equal(mptcpshim_get_stats(fd, &stats), 0);
    assert_memory_equal(&stats, &zero, sizeof(zero));
}

static void test_connect_and_accept(void **state)
{
    struct sockaddr_in at, local, peer;
    socklen_t len = sizeof(peer);
    int listener = listen_here(&at, NULL);
    int client, server;

    errno = 77;
    client = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), SOCK_CLOEXEC, NULL);
    assert_true(client >= 0);
    assert_int_equal(errno, 77);
    assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
    server = mptcpshim_accept(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK, NULL);
    assert_true(server >= 0);
    assert_true(fcntl(server, F_GETFL) & O_NONBLOCK);
    assert_int_equal(fcntl(server, F_SETFL, 0), 0);
    len = sizeof(local);
    assert_int_equal(mptcpshim_getsockname(client, (struct sockaddr *)&local, &len), 0);
    assert_memory_equal(&local, &peer, sizeof(local));
    len = sizeof(peer);
    assert_int_equal(mptcpshim_getpeername(client, (struct sockaddr *)&peer, &len), 0);
    assert_memory_equal(&at, &peer, sizeof(at));
    check_plain(client);
    check_plain(server);
    check_echo(client, server);
    close(listener);
}

static void test_nonblocking_connect(void **state)
{
    struct sockaddr_in at;
    int listener = listen_here(&at, NULL);
    int fd = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), SOCK_NONBLOCK, NULL);
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    assert_true(fd >= 0);
    assert_int_equal(poll(&pfd, 1, 5000), 1);
    assert_int_equal(mptcpshim_adopt(fd, MPTCPSHIM_CLIENT, NULL), 0);
    check_plain(fd);
    close(fd);
    close(listener);

    /* Nobody listens any more: the error comes from adopt. */
    fd = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), SOCK_NONBLOCK, NULL);
    if (fd >= 0) {
        pfd.fd = fd;
        assert_int_equal(poll(&pfd, 1, 5000), 1);
        assert_int_equal(mptcpshim_adopt(fd, MPTCPSHIM_CLIENT, NULL), -1);
        close(fd);
    }
    assert_int_equal(errno, ECONNREFUSED);
}

static void test_required(void **state)
{
    struct sockaddr_in at;
    struct mptcpshim_options required = options(MPTCPSHIM_REQUIRED), off = options(MPTCPSHIM_OFF);
    int listener = listen_here(&at, &off);
    int client;
    char c;

    assert_int_equal(mptcpshim_connect((struct sockaddr *)&at, sizeof(at), 0, &required), -1);
    assert_int_equal(errno, EPROTONOSUPPORT);
    client = mptcpshim_accept(listener, NULL, NULL, 0, NULL);
    assert_true(client >= 0);
    assert_int_equal(recv(client, &c, 1, 0), 0); /* it was closed, and sent nothing */
    close(client);

    /* accept: the plain client is reset, and there is no other. */
    assert_int_equal(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    client = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), 0, &off);
    assert_true(client >= 0);
    assert_int_equal(mptcpshim_accept(listener, NULL, NULL, 0, &required), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(recv(client, &c, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(client);
    close(listener);
}

static void test_errors(void **state)
{
    struct sockaddr_in at = loopback();
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct mptcpshim_options bad = options(0x80);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    int fd, copy;

    assert_int_equal(mptcpshim_connect((struct sockaddr *)&at, sizeof(at), 0, &bad), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(mptcpshim_connect((struct sockaddr *)&at, sizeof(at), 1, NULL), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(mptcpshim_connect(&other, sizeof(other), 0, NULL), -1);
    assert_int_equal(errno, EAFNOSUPPORT);
    assert_int_equal(mptcpshim_prepare(udp, 0, NULL), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(mptcpshim_adopt(udp, MPTCPSHIM_CLIENT, NULL), -1);
    assert_int_equal(errno, EPROTOTYPE);
    assert_int_equal(mptcpshim_is_multipath(0x7ffffff), -1);
    assert_int_equal(errno, EBADF);
    fd = open("/dev/null", O_RDONLY);
    assert_int_equal(mptcpshim_is_multipath(fd), -1);
    assert_int_equal(errno, ENOTSOCK);
    close(fd);
    close(udp);

    fd = listen_here(&at, NULL);
    copy = mptcpshim_listen((struct sockaddr *)&at, sizeof(at), 5, 0, NULL);
    assert_int_equal(copy, -1);
    assert_int_equal(errno, EADDRINUSE);
    close(fd);
}

static void test_about(void **state)
{
    assert_string_equal(mptcpshim_version(), MPS_VERSION);
    assert_int_equal(mptcpshim_preload_active(), 0);
    assert_non_null(strstr(mptcpshim_strerror(EPROTONOSUPPORT), "shim"));
    assert_string_equal(mptcpshim_strerror(EBADF), strerror(EBADF));
    assert_string_equal(mptcpshim_strerror(-5), "Unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_and_accept),
        cmocka_unit_test(test_nonblocking_connect),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_about),
    };

    unsetenv(MPS_ENV_AGENT);
    setenv(MPS_ENV_PROGRAM, "/nonexistent/mptcpshim-agent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
