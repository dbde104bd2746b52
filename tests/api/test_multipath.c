/* SPDX-License-Identifier: MIT */
/*
 * The library with a real agent, both ends in this process, over 127.0.0.1 and 127.0.0.2. Also run
 * under the preload: nothing may be handed over twice.
 */
#include "../lib/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "handover/message.h"
#include "mptcpshim/mptcpshim.h"

#define WAIT_MS 8000

static struct sockaddr_storage locals[2];

static struct mptcpshim_options options(unsigned flags)
{
    struct mptcpshim_options opts;

    mptcpshim_options_init(&opts, sizeof(opts));
    opts.flags = flags;
    opts.scheduler = "roundrobin";
    opts.local = locals;
    opts.n_local = 2;
    return opts;
}

struct pair {
    struct sockaddr_in at;
    struct mptcpshim_options opts;
    int listener, client, server;
};

static void pair_listen(struct pair *p, unsigned flags)
{
    socklen_t len = sizeof(p->at);

    memset(&p->at, 0, sizeof(p->at));
    p->at.sin_family = AF_INET;
    p->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->opts = options(flags);
    p->listener =
        mptcpshim_listen((struct sockaddr *)&p->at, sizeof(p->at), 5, SOCK_CLOEXEC, &p->opts);
    assert_true(p->listener >= 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&p->at, &len), 0);
}

static int pair_connect(const struct pair *p)
{
    return mptcpshim_connect((const struct sockaddr *)&p->at, sizeof(p->at), SOCK_CLOEXEC,
                             &p->opts);
}

static void pair_open(struct pair *p)
{
    pair_listen(p, 0);
    p->client = pair_connect(p);
    assert_true(p->client >= 0);
    p->server = mptcpshim_accept(p->listener, NULL, NULL, SOCK_CLOEXEC, &p->opts);
    assert_true(p->server >= 0);
}

static void pair_close(struct pair *p)
{
    assert_int_equal(close(p->client), 0);
    assert_int_equal(close(p->server), 0);
    assert_int_equal(close(p->listener), 0);
}

static void check_transfer(int from, int to)
{
    char out[20000], in[20000];

    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (char)(i * 7);
    memset(in, 0, sizeof(in));
    assert_int_equal(send(from, out, sizeof(out), 0), sizeof(out));
    assert_int_equal(recv(to, in, sizeof(in), MSG_WAITALL), sizeof(in));
    assert_memory_equal(in, out, sizeof(out));
}

/* Waits until `condition` holds of the connection's counters; the last counters are in *ret. */
static bool wait_for(int fd, bool (*condition)(int r, const struct mptcpshim_stats *stats),
                     struct mptcpshim_stats *ret)
{
    struct timespec pause = {.tv_nsec = 5000000};

    for (int ms = 0; ms < WAIT_MS; ms += 5) {
        int r = mptcpshim_get_stats(fd, ret);

        if (condition(r, ret))
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

static bool is_established(int r, const struct mptcpshim_stats *stats)
{
    return r == 0 && stats->state == MPTCPSHIM_ESTABLISHED;
}

static bool has_two_subflows(int r, const struct mptcpshim_stats *stats)
{
    return r == 0 && stats->subflows >= 2;
}

static bool is_plain(int r, const struct mptcpshim_stats *stats)
{
    return r == 0 && stats->state == MPTCPSHIM_PLAIN;
}

static bool is_over(int r, const struct mptcpshim_stats *stats)
{
    return r == -1 && errno == ENOTCONN;
}

static void test_names_and_counters(void **state)
{
    struct pair p;
    struct mptcpshim_stats client, server;
    struct sockaddr_in a, b;
    socklen_t a_len = sizeof(a), b_len = sizeof(b);

    pair_open(&p);
    assert_int_equal(mptcpshim_is_multipath(p.client), 1);
    assert_int_equal(mptcpshim_is_multipath(p.server), 1);
    assert_true(fcntl(p.client, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(mptcpshim_getsockname(p.client, (struct sockaddr *)&a, &a_len), 0);
    assert_int_equal(mptcpshim_getpeername(p.server, (struct sockaddr *)&b, &b_len), 0);
    assert_int_equal(a_len, sizeof(a));
    assert_int_equal(b_len, sizeof(b));
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(mptcpshim_getpeername(p.client, (struct sockaddr *)&b, &b_len), 0);
    assert_memory_equal(&b, &p.at, sizeof(b));

    check_transfer(p.client, p.server);
    check_transfer(p.server, p.client);
    assert_true(wait_for(p.client, is_established, &client));
    assert_true(wait_for(p.server, is_established, &server));
    assert_int_equal(client.role, MPTCPSHIM_CLIENT);
    assert_int_equal(server.role, MPTCPSHIM_SERVER);
    assert_int_not_equal(client.token, 0);
    assert_int_equal(client.token, server.peer_token);
    assert_int_equal(server.token, client.peer_token);
    assert_string_equal(client.scheduler, "roundrobin");
    assert_string_equal(server.scheduler, "roundrobin");
    assert_int_equal(client.bytes_sent, 20000);
    assert_int_equal(client.bytes_received, 20000);
    pair_close(&p);
}

static void test_subflow_list(void **state)
{
    struct pair p;
    struct mptcpshim_stats stats;
    struct mptcpshim_subflow list[8];
    struct sockaddr_in local;
    socklen_t len = sizeof(local);
    uint64_t sent = 0;
    int n;

    pair_open(&p);
    assert_true(wait_for(p.client, has_two_subflows, &stats));
    check_transfer(p.client, p.server);
    memset(list, 0xa5, sizeof(list));
    n = mptcpshim_subflows(p.client, list, 8);
    assert_in_range(n, 2, 8);
    assert_int_equal(list[0].id, 0);
    assert_int_equal(mptcpshim_getsockname(p.client, (struct sockaddr *)&local, &len), 0);
    assert_memory_equal(&list[0].local, &local, sizeof(local));
    assert_memory_equal(&list[0].remote, &p.at, sizeof(p.at));
    assert_int_equal(((struct sockaddr_in *)&list[1].local)->sin_addr.s_addr,
                     htonl(INADDR_LOOPBACK + 1));
    for (int i = 0; i < n; i++) {
        sent += list[i].bytes_sent;
        assert_true(list[i].state >= MPTCPSHIM_OPENING && list[i].state <= MPTCPSHIM_CLOSED);
        assert_int_equal(list[i].reserved[5], 0);
    }
    assert_true(sent >= 20000);
    assert_int_equal(list[7].id, 0xa5a5a5a5); /* only what there is was written */
    assert_int_equal(mptcpshim_subflows(p.client, NULL, 0), n);
    pair_close(&p);
}

static void test_own_sockets(void **state)
{
    struct pair p;
    socklen_t len = sizeof(p.at);
    int before;

    memset(&p.at, 0, sizeof(p.at));
    p.at.sin_family = AF_INET;
    p.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p.opts = options(0);
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

/* A server that starts again does not meet the agent, which has its port for a little longer. */
static void test_restart(void **state)
{
    struct pair p;
    int again;

    pair_listen(&p, 0);
    for (int i = 0; i < 5; i++) {
        close(p.listener);
        again = mptcpshim_listen((struct sockaddr *)&p.at, sizeof(p.at), 5, SOCK_CLOEXEC, &p.opts);
        assert_true(again >= 0);
        p.listener = again;
    }
    /* While there is one, it is in the way. */
    assert_int_equal(
        mptcpshim_listen((struct sockaddr *)&p.at, sizeof(p.at), 5, SOCK_CLOEXEC, &p.opts), -1);
    assert_int_equal(errno, EADDRINUSE);
    close(p.listener);
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

/* IPv6, and no options at all: one subflow, as nothing is known to be beside ::1. */
static void test_ipv6(void **state)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in6 got;
    socklen_t len = sizeof(at);
    struct pair p;

    p.listener = mptcpshim_listen((struct sockaddr *)&at, sizeof(at), 5, 0, NULL);
    if (p.listener < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
        skip();
    assert_true(p.listener >= 0);
    assert_int_equal(getsockname(p.listener, (struct sockaddr *)&at, &len), 0);
    p.client = mptcpshim_connect((struct sockaddr *)&at, sizeof(at), 0, NULL);
    assert_true(p.client >= 0);
    p.server = mptcpshim_accept(p.listener, (struct sockaddr *)&got, &len, 0, NULL);
    assert_true(p.server >= 0);
    assert_int_equal(got.sin6_family, AF_INET6);
    check_transfer(p.client, p.server);
    assert_int_equal(mptcpshim_is_multipath(p.client), 1);
    assert_int_equal(mptcpshim_subflows(p.server, NULL, 0), 1);
    len = sizeof(got);
    assert_int_equal(mptcpshim_getpeername(p.client, (struct sockaddr *)&got, &len), 0);
    assert_int_equal(len, sizeof(got));
    assert_memory_equal(&got, &at, sizeof(at));
    pair_close(&p);
}

static void *accept_one(void *arg)
{
    struct pair *p = (struct pair *)arg;

    p->server = mptcpshim_accept(p->listener, NULL, NULL, 0, &p->opts);
    return NULL;
}

static void test_required(void **state)
{
    struct pair p;
    pthread_t thread;

    pair_listen(&p, MPTCPSHIM_REQUIRED);
    assert_int_equal(pthread_create(&thread, NULL, accept_one, &p), 0);
    p.client = pair_connect(&p);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(p.client >= 0);
    assert_true(p.server >= 0);
    check_transfer(p.client, p.server);
    pair_close(&p);
}

/* The handshake promises the shim, but nobody answers: the agent gives up after its timeout. */
static void test_required_and_silence(void **state)
{
    struct pair p;

    pair_listen(&p, MPTCPSHIM_REQUIRED);
    assert_int_equal(pair_connect(&p), -1);
    assert_int_equal(errno, EPROTONOSUPPORT);
    close(p.listener);
}

/* The server changes its mind after the handshake: the client comes back plain. */
static void test_off_at_accept(void **state)
{
    struct pair p;
    struct mptcpshim_options off = options(MPTCPSHIM_OFF);
    struct mptcpshim_stats stats;

    pair_listen(&p, 0);
    p.client = pair_connect(&p);
    assert_true(p.client >= 0);
    p.server = mptcpshim_accept(p.listener, NULL, NULL, 0, &off);
    assert_true(p.server >= 0);
    assert_int_equal(mptcpshim_is_multipath(p.server), 0);
    check_transfer(p.client, p.server);
    check_transfer(p.server, p.client);
    assert_true(wait_for(p.client, is_plain, &stats));
    assert_int_equal(mptcpshim_is_multipath(p.client), 0);
    pair_close(&p);
}

static void test_end(void **state)
{
    struct pair p;
    struct mptcpshim_stats stats;
    char c;

    pair_open(&p);
    assert_int_equal(shutdown(p.client, SHUT_WR), 0);
    assert_int_equal(recv(p.server, &c, 1, 0), 0);
    check_transfer(p.server, p.client); /* the other direction goes on */
    assert_int_equal(close(p.server), 0);
    assert_int_equal(recv(p.client, &c, 1, 0), 0);
    assert_true(wait_for(p.client, is_over, &stats));
    assert_int_equal(mptcpshim_is_multipath(p.client), -1);
    assert_int_equal(errno, ENOTCONN);
    assert_int_equal(mptcpshim_subflows(p.client, NULL, 0), -1);
    close(p.client);
    close(p.listener);
}

/* What a process wrote arrives although it exits at once; its descriptor works in a child. */
static void test_exit_after_write(void **state)
{
    struct pair p;
    static char block[1 << 20];
    size_t got = 0;
    ssize_t n;
    pid_t child;
    int status;

    pair_open(&p);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (mptcpshim_is_multipath(p.client) != 1)
            _exit(2);
        _exit(send(p.client, block, sizeof(block), 0) == sizeof(block) ? 0 : 3);
    }
    assert_int_equal(close(p.client), 0);
    while ((n = recv(p.server, block, sizeof(block), 0)) > 0)
        got += (size_t)n;
    assert_int_equal(n, 0);
    assert_int_equal(got, sizeof(block));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(-1, &status, 0), -1); /* the agent is nobody's child */
    assert_int_equal(errno, ECHILD);
    close(p.server);
    close(p.listener);
}

static void test_preload_active(void **state)
{
    const char *list = getenv("LD_PRELOAD");
    int expected = list != NULL && strstr(list, "libmptcpshim_preload") != NULL;

    assert_int_equal(mptcpshim_preload_active(), expected);
}

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static unsigned descriptors_before;

static int setup(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        locals[i].ss_family = AF_INET;
        ((struct sockaddr_in *)&locals[i])->sin_addr.s_addr = htonl(INADDR_LOOPBACK + i);
    }
    descriptors_before = open_descriptors();
    return 0;
}

static int teardown(void **state)
{
    return open_descriptors() == descriptors_before ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_counters),
        cmocka_unit_test(test_subflow_list),
        cmocka_unit_test(test_own_sockets),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_nonblocking),
        cmocka_unit_test(test_event_loop),
        cmocka_unit_test(test_socket_options),
        cmocka_unit_test(test_settings_are_carried),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_required_and_silence),
        cmocka_unit_test(test_off_at_accept),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_exit_after_write),
        cmocka_unit_test(test_preload_active),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
