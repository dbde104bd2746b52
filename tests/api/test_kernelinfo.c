/* SPDX-License-Identifier: MIT */
/*
 * usage: test_kernelinfo [mptcp]
 *
 * What Linux tells of an MPTCP connection by getsockopt(), in its layouts: to an unmodified program
 * under the preload, both ends in this process; or, with "mptcp", by the kernel itself, where it
 * has MPTCP: the same has to hold.
 */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "handover/kernelinfo.h"

#define WAIT_MS 8000
#define SKIP    77

static int protocol = IPPROTO_TCP;

struct pair {
    struct sockaddr_in at;
    int listener, client, server;
};

static void pair_open(struct pair *p)
{
    struct pollfd pfd = {.events = POLLIN};
    socklen_t len = sizeof(p->at);

    p->at = (struct sockaddr_in){.sin_family = AF_INET};
    p->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, protocol);
    assert_true(p->listener >= 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&p->at, sizeof(p->at)), 0);
    assert_int_equal(listen(p->listener, 4), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&p->at, &len), 0);
    /* Under the preload a listener is marked when it is seen that the program accepts by libc. */
    assert_int_equal(accept(p->listener, NULL, NULL), -1);
    pfd.fd = p->listener;
    p->client = socket(AF_INET, SOCK_STREAM, protocol);
    assert_int_equal(connect(p->client, (struct sockaddr *)&p->at, sizeof(p->at)), 0);
    assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
    p->server = accept(p->listener, NULL, NULL);
    assert_true(p->server >= 0);
}

static void pair_close(struct pair *p)
{
    close(p->client);
    close(p->server);
    close(p->listener);
}

static void transfer(int from, int to, size_t n)
{
    char in[4096], out[4096] = "data";

    assert_int_equal(send(from, out, n, 0), n);
    assert_int_equal(recv(to, in, n, MSG_WAITALL), n);
}

static int is_mptcp(int fd)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, MPS_KERNEL_IS_MPTCP, &value, &len), 0);
    assert_int_equal(len, sizeof(value));
    return value;
}

static int ask(int fd, int option, void *value, socklen_t *len)
{
    return getsockopt(fd, SOL_MPTCP, option, value, len) == 0 ? 0 : errno;
}

static struct mps_kernel_info info(int fd)
{
    struct mps_kernel_info ret;
    socklen_t len = sizeof(ret);

    memset(&ret, 0, sizeof(ret));
    assert_int_equal(ask(fd, MPS_KERNEL_INFO, &ret, &len), 0);
    assert_in_range(len, offsetof(struct mps_kernel_info, local_addr_used), sizeof(ret));
    return ret;
}

static void test_info(void **state)
{
    struct mps_kernel_info c, s, before;
    socklen_t len = 0;
    uint8_t few[8];
    struct pair p;
    char byte;

    pair_open(&p);
    assert_int_equal(is_mptcp(p.client), 1);
    assert_int_equal(is_mptcp(p.server), 1);
    transfer(p.client, p.server, 1);
    transfer(p.server, p.client, 1);
    before = info(p.client);
    transfer(p.client, p.server, 1000);
    transfer(p.server, p.client, 300);
    for (int ms = 0; ms < WAIT_MS; ms += 5) {
        c = info(p.client);
        s = info(p.server);
        if (c.snd_una == c.write_seq && s.snd_una == s.write_seq)
            break;
        poll(NULL, 0, 5);
    }
    assert_int_not_equal(c.token, 0);
    assert_int_not_equal(c.token, s.token);
    assert_int_equal(c.subflows, 0);
    assert_int_equal(c.flags, MPS_KERNEL_REMOTE_KEY);
    assert_int_equal(c.write_seq - before.write_seq, 1000);
    assert_int_equal(c.rcv_nxt - before.rcv_nxt, 300);
    assert_int_equal(c.snd_una, c.write_seq);
    assert_int_equal(s.rcv_nxt, c.write_seq);
    assert_int_equal(c.rcv_nxt, s.write_seq);

    /* The end of a stream counts as one. */
    assert_int_equal(shutdown(p.client, SHUT_WR), 0);
    assert_int_equal(recv(p.server, &byte, 1, 0), 0);
    assert_int_equal(info(p.server).rcv_nxt, s.rcv_nxt + 1);

    assert_int_equal(ask(p.server, MPS_KERNEL_INFO, few, &len), 0);
    assert_int_equal(len, 0);
    len = 5;
    assert_int_equal(ask(p.server, MPS_KERNEL_INFO, few, &len), 0);
    assert_int_equal(len, 5);
    len = sizeof(few);
    assert_int_equal(ask(p.server, 9, few, &len), EOPNOTSUPP);
    len = (socklen_t)-1;
    assert_int_equal(getsockopt(p.server, IPPROTO_IP, IP_TOS, few, &len), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(setsockopt(p.server, SOL_MPTCP, MPS_KERNEL_INFO, few, 4), -1);
    assert_int_equal(errno, ENOPROTOOPT);
    pair_close(&p);
}

/* struct mptcp_subflow_data, and room for two elements. */
struct each {
    uint32_t size_subflow_data, num_subflows, size_kernel, size_user;
    union {
        struct tcp_info tcp[2];
        struct mps_kernel_addrs addrs[2];
        char room[1024];
    };
};

static const struct each good = {.size_subflow_data = 16};

/* Lengths and sizes that are none, by both options. */
static void check_bogus(int fd, int option)
{
    struct each e = good;
    socklen_t len = 16;

    assert_int_equal(ask(fd, option, &e, &len), 0);
    assert_int_equal(len, 16);
    assert_int_equal(e.num_subflows, 1);
    assert_int_equal(e.size_user, 0);
    assert_true(e.size_kernel > 0);
#define BOGUS(member, number, length)                                                              \
    e = good;                                                                                      \
    e.member = (number);                                                                           \
    len = (length);                                                                                \
    assert_int_equal(ask(fd, option, &e, &len), EINVAL);                                           \
    assert_int_equal(len, (length))
    BOGUS(size_subflow_data, 0, 16);
    BOGUS(size_subflow_data, 15, 16);
    BOGUS(size_subflow_data, 17, 16);
    BOGUS(size_kernel, 1, 16);
    BOGUS(num_subflows, 1, 16);
    BOGUS(size_user, 0x80000000, 16);
    BOGUS(size_user, 0, 15);
    BOGUS(size_user, 0, 0);
    /* A program of later days, with a longer structure. */
    e = good;
    e.size_subflow_data = 18;
    len = 18;
    assert_int_equal(ask(fd, option, &e, &len), 0);
    assert_int_equal(len, 16);
    assert_int_equal(e.size_subflow_data, 18);
    e = good;
    e.size_subflow_data = 17;
    e.size_user = 1;
    e.room[0] = 0x5a;
    e.room[2] = 0x5a;
    len = 18;
    assert_int_equal(ask(fd, option, &e, &len), 0);
    assert_int_equal(len, 18);
    assert_int_equal(e.room[0], 0x5a);
    assert_int_equal(e.room[2], 0x5a);
}

static void test_tcp_info(void **state)
{
    struct each e;
    socklen_t len;
    struct pair p;

    pair_open(&p);
    transfer(p.client, p.server, 1000);
    transfer(p.server, p.client, 300);
    for (int ms = 0; ms < WAIT_MS; ms += 5) {
        e = good;
        e.size_user = sizeof(e.tcp[0]);
        len = sizeof(e);
        assert_int_equal(ask(p.client, MPS_KERNEL_TCPINFO, &e, &len), 0);
        if (e.tcp[0].tcpi_bytes_received == 300)
            break;
        poll(NULL, 0, 5);
    }
    assert_int_equal(e.num_subflows, 1);
    assert_true(e.size_user <= e.size_kernel && e.size_user <= sizeof(e.tcp[0]));
    assert_int_equal(len, 16 + e.size_user);
    assert_int_equal(e.tcp[0].tcpi_bytes_sent, 1000);
    assert_int_equal(e.tcp[0].tcpi_bytes_received, 300);
    check_bogus(p.client, MPS_KERNEL_TCPINFO);
    check_bogus(p.server, MPS_KERNEL_TCPINFO);
    pair_close(&p);
}

static void test_addresses(void **state)
{
    struct sockaddr_storage local, remote;
    socklen_t len = sizeof(local);
    struct each e = good;
    struct pair p;

    pair_open(&p);
    transfer(p.client, p.server, 1);
    memset(&local, 0, sizeof(local));
    memset(&remote, 0, sizeof(remote));
    assert_int_equal(getsockname(p.client, (struct sockaddr *)&local, &len), 0);
    len = sizeof(remote);
    assert_int_equal(getpeername(p.client, (struct sockaddr *)&remote, &len), 0);
    e.size_user = sizeof(e.addrs[0]);
    len = sizeof(e);
    assert_int_equal(ask(p.client, MPS_KERNEL_ADDRS, &e, &len), 0);
    assert_int_equal(e.num_subflows, 1);
    assert_int_equal(e.size_kernel, sizeof(e.addrs[0]));
    assert_int_equal(len, 16 + sizeof(e.addrs[0]));
    /* Nothing was left behind the addresses, either. */
    assert_memory_equal(e.addrs[0].local, &local, sizeof(local));
    assert_memory_equal(e.addrs[0].remote, &remote, sizeof(remote));
    check_bogus(p.client, MPS_KERNEL_ADDRS);
    pair_close(&p);
}

struct full {
    uint32_t size_tcpinfo_kernel, size_tcpinfo_user, size_sfinfo_kernel, size_sfinfo_user;
    uint32_t num_subflows, size_arrays_user;
    uint64_t subflow_info, tcp_info;
    struct mps_kernel_info info;
};

static void test_full_info(void **state)
{
    struct {
        uint32_t id, pad;
        struct mps_kernel_addrs addrs;
    } sub[2];
    struct tcp_info tcp[2];
    struct full full;
    const struct full wanted = {
        .size_tcpinfo_user = sizeof(tcp[0]),
        .size_sfinfo_user = sizeof(sub[0]),
        .size_arrays_user = 2,
        .subflow_info = (uintptr_t)sub,
        .tcp_info = (uintptr_t)tcp,
    };
    socklen_t len = sizeof(full);
    struct each e = good;
    struct pair p;

    pair_open(&p);
    transfer(p.client, p.server, 500);
    full = wanted;
    memset(sub, 0x5a, sizeof(sub));
    /* Linux before 6.5 has no such option. */
    if (ask(p.server, MPS_KERNEL_FULL_INFO, &full, &len) == EOPNOTSUPP && protocol != IPPROTO_TCP) {
        pair_close(&p);
        skip();
    }
    assert_in_range(len, 41, sizeof(full));
    assert_true(full.size_tcpinfo_kernel >= full.size_tcpinfo_user);
    assert_int_equal(full.size_sfinfo_kernel, sizeof(sub[0]));
    assert_int_equal(full.num_subflows, 1);
    assert_int_equal(sub[0].id, 1);
    assert_int_equal(sub[1].id, 0x5a5a5a5a);
    assert_int_equal(full.info.bytes_received, 500);
    assert_int_equal(tcp[0].tcpi_bytes_received, 500);
    e.size_user = sizeof(e.addrs[0]);
    len = sizeof(e);
    assert_int_equal(ask(p.server, MPS_KERNEL_ADDRS, &e, &len), 0);
    assert_memory_equal(&sub[0].addrs, &e.addrs[0], sizeof(e.addrs[0]));
#define FULL(member, number, length, error)                                                        \
    full = wanted;                                                                                 \
    full.member = (number);                                                                        \
    len = (length);                                                                                \
    assert_int_equal(ask(p.server, MPS_KERNEL_FULL_INFO, &full, &len), error)
    FULL(size_tcpinfo_kernel, 1, sizeof(full), EINVAL);
    FULL(size_sfinfo_kernel, 1, sizeof(full), EINVAL);
    FULL(num_subflows, 1, sizeof(full), EINVAL);
    FULL(size_sfinfo_user, 0x80000000, sizeof(full), EINVAL);
    FULL(size_arrays_user, 2, 39, EINVAL);
    FULL(subflow_info, 8, sizeof(full), EFAULT);
    FULL(tcp_info, 8, sizeof(full), EFAULT);
    FULL(size_arrays_user, 0, 40, 0);
    assert_int_equal(len, 40);
    assert_int_equal(full.num_subflows, 1);
    pair_close(&p);
}

/* The peer has neither MPTCP nor the shim. */
static void test_fallback(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int listener = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    int fd = socket(AF_INET, SOCK_STREAM, protocol);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(syscall(SYS_bind, listener, &at, sizeof(at)), 0);
    assert_int_equal(syscall(SYS_listen, listener, 4), 0);
    assert_int_equal(syscall(SYS_getsockname, listener, &at, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(is_mptcp(fd), 0);
    for (int option = MPS_KERNEL_INFO; option <= MPS_KERNEL_FULL_INFO; option++) {
        struct each e = good;

        len = sizeof(e);
        assert_int_equal(ask(fd, option, &e, &len), EOPNOTSUPP);
    }
    close(fd);
    close(listener);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_info),      cmocka_unit_test(test_tcp_info),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_full_info),
        cmocka_unit_test(test_fallback),
    };

    if (argc > 1) {
        int fd = socket(AF_INET, SOCK_STREAM, 262);

        if (fd < 0)
            return SKIP;
        close(fd);
        protocol = 262;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
