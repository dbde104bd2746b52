/* SPDX-License-Identifier: MIT */
/*
 * Options that the agent passes to the kernel are those that a program without privileges may set.
 */
#include "test.h"

#include <errno.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "engine/connection/permitted.h"
#include "engine/connection/sockopts.h"
#include "engine/net/sock.h"
#include "handover/binding.h"
#include "rig.h"

#define NAMES   130
#define NOBODY  65534
#define REPLACE 64 /* IPT_SO_SET_REPLACE, IP6T_SO_SET_REPLACE */

static int connected(int family)
{
    static int listener[2] = {-1, -1};
    int *l = &listener[family == AF_INET6];
    int fd;

    if (*l < 0)
        *l = rig_listen(family == AF_INET6 ? "::1" : "127.0.0.1", 0, false);
    fd = rig_dial(family == AF_INET6 ? "::1" : "127.0.0.1", rig_port(*l), 0);
    close(accept4(*l, NULL, NULL, SOCK_CLOEXEC));
    return fd;
}

/* 1: what works for the kernel is refused here; 2: the other way round. */
static int compare_set(int fd, int level, int name)
{
    int one = 1, kernel = setsockopt(fd, level, name, &one, sizeof(one)) == 0 ? 0 : errno;
    int ours = mps_permitted_set(level, name, &one, sizeof(one), -1);

    /* The first interface for IPv6 options has privileged ones in its structures. */
    if (mps_binding_of(level, name) & MPS_BINDING_REFUSED ||
        (level == IPPROTO_IPV6 && name == IPV6_2292PKTOPTIONS))
        return 0;
    if (kernel == 0 && ours != 0)
        return 1;
    return kernel == EPERM && ours == 0 ? 2 : 0;
}

static int compare_get(int fd, int level, int name)
{
    uint8_t room[512];
    socklen_t len = sizeof(room);
    int kernel = getsockopt(fd, level, name, room, &len) == 0 ? 0 : errno;
    int ours = mps_permitted_get(level, name);

    if ((level == IPPROTO_TCP && name == TCP_ZEROCOPY_RECEIVE) ||
        mps_binding_of(level, name) & MPS_BINDING_REFUSED)
        return 0;
    if (kernel == 0 && ours != 0)
        return 1;
    return kernel == EPERM && ours == 0 ? 2 : 0;
}

static void as_nobody(void)
{
    if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
        _exit(9);
}

/* Of all options of these levels, in a child without privileges: what the kernel lets it do. */
static void no_more_and_no_less(void **state)
{
    static const int levels[] = {IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6};
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        int bad = 0;

        as_nobody();
        for (unsigned i = 0; i < 3 * NAMES; i++) {
            int level = levels[i / NAMES], name = (int)(i % NAMES);
            int fd = connected(level == IPPROTO_IPV6 ? AF_INET6 : AF_INET);
            int set = compare_set(fd, level, name), get = compare_get(fd, level, name);

            close(fd);
            if (set || get)
                fprintf(stderr, "level %d option %d: set %d get %d\n", level, name, set, get);
            bad |= set | get;
        }
        _exit(bad);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The process has all privileges, as an agent of root would; so the list alone protects. */
static void firewall(void **state)
{
    struct mps_sockopts opts = {.n = 0};
    int tcp = connected(AF_INET);
    uint8_t data[1024] = {0};
    size_t len = sizeof(data);

    assert_int_equal(mps_sockopts_set(&opts, &tcp, 1, IPPROTO_IP, REPLACE, data, sizeof(data), tcp),
                     MPS_PERMITTED_ELSEWHERE);
    assert_int_equal(
        mps_sockopts_set(&opts, &tcp, 1, IPPROTO_IPV6, REPLACE, data, sizeof(data), tcp),
        MPS_PERMITTED_ELSEWHERE);
    assert_int_equal(mps_sockopts_get(&opts, &tcp, 1, IPPROTO_IP, REPLACE, data, &len),
                     MPS_PERMITTED_ELSEWHERE);
    assert_int_equal(mps_sockopts_set(&opts, &tcp, 1, SOL_SOCKET, SO_SNDBUFFORCE, data, 4, tcp),
                     MPS_PERMITTED_ELSEWHERE);
    assert_int_equal(opts.n, 0);
    close(tcp);
}

static int set_int(struct mps_sockopts *opts, int fd, int name, int value, int proof)
{
    return mps_sockopts_set(opts, &fd, 1, SOL_SOCKET, name, &value, sizeof(value), proof);
}

/* Who shows a socket that has the value could set it. */
static void shown(void **state)
{
    struct mps_sockopts opts = {.n = 0};
    int tcp = connected(AF_INET), proof = socket(AF_UNIX, SOCK_STREAM, 0), mark = 7;

    if (setsockopt(proof, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
        skip();
    assert_int_equal(set_int(&opts, tcp, SO_PRIORITY, 6, -1), 0);
    assert_int_equal(set_int(&opts, tcp, SO_PRIORITY, 7, -1), EPERM);
    assert_int_equal(set_int(&opts, tcp, SO_MARK, 7, -1), EPERM);
    assert_int_equal(set_int(&opts, tcp, SO_MARK, 8, proof), EPERM);
    assert_int_equal(mps_sock_get_int(tcp, SOL_SOCKET, SO_MARK, -1), 0);
    assert_int_equal(set_int(&opts, tcp, SO_MARK, 7, proof), 0);
    assert_int_equal(mps_sock_get_int(tcp, SOL_SOCKET, SO_MARK, -1), 7);
    mps_sockopts_deinit(&opts);
    close(tcp);
    close(proof);
}

/* In a network namespace of its own anybody is privileged. */
static void shown_from_elsewhere(void **state)
{
    int pair[2], mark = 7, proof = -1, status, value = 7;
    pid_t child;

    assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), errno);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'x';
        struct iovec iov = {&byte, 1};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        int fd;

        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
            _exit(7);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
            _exit(7);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        _exit(sendmsg(pair[1], &msg, 0) == 1 ? 0 : 8);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == 7)
        skip();
    assert_int_equal(status, 0);
    {
        char control[CMSG_SPACE(sizeof(int))], byte;
        struct iovec iov = {&byte, 1};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};

        assert_int_equal(recvmsg(pair[0], &msg, 0), 1);
        memcpy(&proof, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(proof));
    }
    assert_int_equal(mps_sock_get_int(proof, SOL_SOCKET, SO_MARK, -1), 7);
    assert_int_equal(mps_permitted_set(SOL_SOCKET, SO_MARK, &value, sizeof(value), proof), EPERM);
    close(proof);
    close(pair[0]);
    close(pair[1]);
}

static void lengths(void **state)
{
    uint8_t data[2048] = {1};

    assert_int_equal(mps_permitted_set(IPPROTO_TCP, TCP_NODELAY, data, 3, -1), EINVAL);
    assert_int_equal(mps_permitted_set(IPPROTO_TCP, TCP_NODELAY, data, 8, -1), 0);
    assert_int_equal(mps_permitted_set(IPPROTO_IP, IP_TOS, data, 1, -1), 0);
    assert_int_equal(mps_permitted_set(IPPROTO_IP, IP_TOS, data, 0, -1), EINVAL);
    assert_int_equal(mps_permitted_set(IPPROTO_IP, IP_OPTIONS, data, 41, -1), EINVAL);
    data[1] = 2;
    assert_int_equal(mps_permitted_set(IPPROTO_IP, IP_TTL, data, 4, -1), EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_and_no_less),  cmocka_unit_test(firewall), cmocka_unit_test(shown),
        cmocka_unit_test(shown_from_elsewhere), cmocka_unit_test(lengths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
