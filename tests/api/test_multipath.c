/* SPDX-License-Identifier: MIT */
/*
 * The library with a real agent, both ends in this process. Also run under the preload: nothing may
 * be handed over twice.
 */
#include "../lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "mptcpshim/mptcpshim.h"
#include "pair.h"

static bool is_established(int r, const struct mptcpshim_stats *stats)
{
    return r == 0 && stats->state == MPTCPSHIM_ESTABLISHED;
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
    struct mptcpshim_options off = pair_options(MPTCPSHIM_OFF);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_counters),
        cmocka_unit_test(test_subflow_list),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_required),
        cmocka_unit_test(test_required_and_silence),
        cmocka_unit_test(test_off_at_accept),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_exit_after_write),
        cmocka_unit_test(test_preload_active),
    };

    return cmocka_run_group_tests(tests, pair_setup, pair_teardown);
}
