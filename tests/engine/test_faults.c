/* SPDX-License-Identifier: MIT */
/*
 * What an agent does when it runs out of things or dies: a connection waits and goes on, or is
 * reset at both ends. Nobody ever reads an end that looks orderly and is not.
 */
#include "agent_client.h"
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/net/sock.h"

#define CONNECTIONS 6
#define LENGTH      (1u << 20)
#define PATIENCE    (20 * MPS_SEC)

struct duplex {
    struct stream s[2]; /* client to server, and back */
    bool done[2];
    uint64_t at; /* bytes received when it last moved */
};

struct net {
    struct agent_client server, client;
    int listener;
    struct duplex conn[CONNECTIONS];
    unsigned n;
};

static const char *const none = NULL;

static void start_agent(struct agent_client *a, const char *fault, const char *options)
{
    if (fault) {
        setenv("MPS_FAULT", fault, 1);
        setenv("LD_PRELOAD", getenv("MPS_TEST_FAULTS"), 1);
    }
    assert_true(agent_start(a, options));
    unsetenv("MPS_FAULT");
    unsetenv("LD_PRELOAD");
}

/* -1: the agent did not take it. */
static int hand_over(const struct agent_client *a, int op, int tcp)
{
    int conn = agent_dial_for(a, op), fd = -1;
    struct mps_ho_request req;
    struct mps_ho_reply reply = {.status = MPS_HO_ERROR};

    assert_true(conn >= 0);
    agent_request(&req, op);
    if (!agent_call(conn, &req, tcp, &reply, &fd) || !mps_ho_taken(&reply))
        fd = -1;
    close(conn);
    close(tcp);
    if (fd >= 0)
        assert_return_code(fcntl(fd, F_SETFL, O_NONBLOCK), errno);
    return fd;
}

/* The other end of `client`, and not of one that comes back plain after it was refused. */
static int accept_from(int listener, int client)
{
    struct sockaddr_storage l, r;
    struct mps_addr own, peer;

    assert_int_equal(mps_sock_names(client, &l, &r), 0);
    mps_sock_to_addr(&l, &own);
    for (;;) {
        struct pollfd pfd = {.fd = listener, .events = POLLIN};
        int fd;

        assert_int_equal(poll(&pfd, 1, 10000), 1);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0 && mps_sock_names(fd, &l, &r) == 0) {
            mps_sock_to_addr(&r, &peer);
            if (mps_addr_equal(&own, &peer))
                return fd;
        }
        mps_sock_reset(fd);
    }
}

static void connect_one(struct net *n, bool shim)
{
    struct duplex *d = &n->conn[n->n];
    int c = rig_dial("127.0.0.1", rig_port(n->listener), 0), client, server;
    int s = accept_from(n->listener, c);

    client = c;
    if (shim)
        client = hand_over(&n->client, MPS_HO_CONNECTED, c);
    else
        assert_return_code(fcntl(c, F_SETFL, O_NONBLOCK), errno);
    server = hand_over(&n->server, MPS_HO_ACCEPTED, s);
    if (client < 0 || server < 0) {
        /* Refused, and nobody here to try it again. */
        close(client);
        close(server);
        return;
    }
    memset(d, 0, sizeof(*d));
    d->s[0] = (struct stream){.from = client, .to = server, .seed = n->n, .length = LENGTH};
    d->s[1] = (struct stream){.from = server, .to = client, .seed = n->n + 100, .length = LENGTH};
    n->n++;
}

static void net_start(struct net *n, const char *server_fault, const char *client_fault)
{
    memset(n, 0, sizeof(*n));
    start_agent(&n->server, server_fault, "no-subflow-timeout=2");
    start_agent(&n->client, client_fault, "no-subflow-timeout=2");
    n->listener = rig_listen("127.0.0.1", 0, false);
}

static void net_end(struct net *n)
{
    close(n->listener);
    for (unsigned i = 0; i < n->n; i++) {
        close(n->conn[i].s[0].from);
        close(n->conn[i].s[0].to);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct agent_client *a = i ? &n->server : &n->client;

        if (a->pid <= 0)
            continue;
        kill(a->pid, SIGKILL);
        agent_wait(a, 10);
    }
}

/* One step of a stream whose writer ends it by shutdown; true when its reader is through. */
static bool step(struct stream *s)
{
    uint64_t before = s->sent;
    bool there = stream_step(s);

    if (s->sent == s->length && before < s->length)
        shutdown(s->from, SHUT_WR);
    return s->eof || s->error != 0 || s->broken || (there && s->received == s->length);
}

static void run(struct net *n)
{
    mps_time_t end = mps_clock_now() + PATIENCE;
    bool all = false;

    while (!all && mps_clock_now() < end) {
        all = true;
        for (unsigned i = 0; i < n->n; i++) {
            struct duplex *d = &n->conn[i];

            for (unsigned k = 0; k < 2; k++)
                all &= d->done[k] = d->done[k] || step(&d->s[k]);
        }
        /* A client whose first connection was refused comes back plain; here is no such server. */
        mps_sock_reset(accept4(n->listener, NULL, NULL, SOCK_CLOEXEC));
        if (!all)
            poll(NULL, 0, 1);
    }
}

/* How many directions came through as a whole; what did not has ended with an error. */
static unsigned whole(const struct net *n, const char *what)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < n->n; i++) {
        for (unsigned k = 0; k < 2; k++) {
            const struct stream *s = &n->conn[i].s[k], *other = &n->conn[i].s[1 - k];
            /* A socket tells of its error once, to who writes or to who reads. */
            bool orderly = s->eof && other->send_error == 0;

            if (s->broken || !n->conn[i].done[k] || (orderly && s->received != s->length))
                fail_msg("%s: connection %u, direction %u: %llu of %llu bytes, %s", what, i, k,
                         (unsigned long long)s->received, (unsigned long long)s->length,
                         s->broken ? "wrong ones"
                         : s->eof  ? "and an end"
                                   : "and silence");
            sum += s->received == s->length;
        }
    }
    return sum;
}

static bool alive(struct agent_client *a)
{
    return agent_wait(a, 0.02) == -1;
}

/* `all`: nothing may be lost by it. */
static void try_fault(const char *fault, bool all, bool shim)
{
    const char *only = getenv("MPS_TEST_FAULT");

    if (only && strcmp(only, fault) != 0)
        return;
    for (unsigned side = shim ? 0 : 1; side < 2; side++) {
        struct net n;
        unsigned got;

        net_start(&n, side == 1 ? fault : none, side == 0 ? fault : none);
        for (unsigned i = 0; i < CONNECTIONS; i++)
            connect_one(&n, shim);
        run(&n);
        got = whole(&n, fault);
        if (all && got != 2 * n.n)
            fail_msg("%s, side %u: %u of %u directions came through", fault, side, got, 2 * n.n);
        assert_true(alive(side == 1 ? &n.server : &n.client));
        net_end(&n);
    }
}

static const char *const lacks[] = {
    "sendmsg/unix/ENOMEM/3",   "sendmsg/unix/ENOBUFS/5", "recvmsg/unix/ENOMEM/3",
    "recvmsg/unix/EINTR/2",    "recv/unix/ENOMEM/2",     "ioctl/unix/ENOMEM/3",
    "sendmsg/inet/ENOMEM/3",   "sendmsg/inet/ENOBUFS/2", "recvmsg/inet/ENOMEM/3",
    "sendmsg/any/EINTR/2",     "recv/inet/ENOMEM/3",     "accept4/any/ECONNABORTED/2",
    "accept4/any/EINTR/2",     "accept4/any/ENOMEM/2",   "accept4/any/ENOBUFS/3",
    "setsockopt/any/ENOMEM/2",
};

/* With the last ones some connections are refused. */
static const char *const errors[] = {
    "sendmsg/unix/EIO/20",     "sendmsg/unix/ECONNRESET/20", "recvmsg/unix/EIO/20",
    "recv/unix/ECONNRESET/10", "sendmsg/inet/ECONNRESET/20", "recvmsg/inet/EIO/30",
    "send/any/EIO/10",         "recv/any/ECONNRESET/20",     "ioctl/any/EIO/30",
    "alloc/any/ENOMEM/50",     "alloc/any/ENOMEM/7",         "send/any/ENOBUFS/3",
    "epoll_ctl/unix/ENOMEM/3", "accept4/any/EMFILE/3",       "accept4/any/ENFILE/2",
};

static void test_lack_ends_nothing(void **state)
{
    for (unsigned i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
        try_fault(lacks[i], true, true);
}

static void test_lack_ends_nothing_plain(void **state)
{
    for (unsigned i = 0; i < sizeof(lacks) / sizeof(lacks[0]); i++)
        try_fault(lacks[i], true, false);
}

static void test_errors_reset_both(void **state)
{
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        try_fault(errors[i], false, true);
        try_fault(errors[i], false, false);
    }
}

/* No more memory for an agent with connections: they go on or are reset, newcomers are refused. */
static void test_no_memory(void **state)
{
    struct rlimit limit;
    char name[64], line[128];
    unsigned long kib = 0;
    struct net n;
    FILE *f;

    net_start(&n, none, none);
    for (unsigned i = 0; i < CONNECTIONS / 2; i++)
        connect_one(&n, true);
    snprintf(name, sizeof(name), "/proc/%d/status", (int)n.server.pid);
    f = fopen(name, "r");
    assert_non_null(f);
    while (kib == 0 && fgets(line, sizeof(line), f))
        sscanf(line, "VmSize: %lu", &kib);
    fclose(f);
    limit.rlim_cur = limit.rlim_max = (kib + 1024) << 10;
    assert_return_code(prlimit(n.server.pid, RLIMIT_AS, &limit, NULL), errno);
    for (unsigned i = CONNECTIONS / 2; i < CONNECTIONS; i++)
        connect_one(&n, true);
    run(&n);
    whole(&n, "no memory");
    assert_true(alive(&n.server));
    net_end(&n);
}

/* ---- sudden death ---- */

/* What came before the end of the reading end `fd`: 0 an end in order, else an error. */
static int end_of(int fd)
{
    static char bytes[65536];
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    ssize_t n = 1;

    while (n > 0 && poll(&pfd, 1, 10000) == 1)
        n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    return n < 0 ? errno : 0;
}

/* The agent of a plain connection is killed in mid-stream: neither end is in order. */
static void test_killed_relay_is_a_reset(void **state)
{
    for (unsigned unread = 0; unread < 2; unread++) {
        static const char some[65536];
        struct net n;
        int client, server;
        char byte;

        net_start(&n, none, none);
        connect_one(&n, false);
        assert_int_equal(n.n, 1);
        client = n.conn[0].s[0].from;
        server = n.conn[0].s[0].to;
        assert_int_equal(send(client, "x", 1, 0), 1);
        assert_true(poll(&(struct pollfd){.fd = server, .events = POLLIN}, 1, 10000) == 1);
        if (!unread)
            assert_int_equal(recv(server, &byte, 1, 0), 1);
        while (send(server, some, sizeof(some), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            ;
        assert_true(poll(&(struct pollfd){.fd = client, .events = POLLIN}, 1, 10000) == 1);
        assert_return_code(kill(n.server.pid, SIGKILL), errno);
        assert_int_equal(agent_wait(&n.server, 10), 128 + SIGKILL);
        n.server.pid = -1;
        assert_int_equal(end_of(client), ECONNRESET);
        assert_int_equal(end_of(server), ECONNRESET);
        net_end(&n);
    }
}

/* Nor are they when it is killed while it waits for a HELLO, and the program may have written. */
static void test_killed_while_waiting_is_a_reset(void **state)
{
    for (unsigned wrote = 0; wrote < 2; wrote++) {
        struct net n;
        int client, server;

        net_start(&n, none, none);
        connect_one(&n, false);
        assert_int_equal(n.n, 1);
        client = n.conn[0].s[0].from;
        server = n.conn[0].s[0].to;
        if (wrote)
            assert_int_equal(send(server, "x", 1, 0), 1);
        assert_return_code(kill(n.server.pid, SIGKILL), errno);
        assert_int_equal(agent_wait(&n.server, 10), 128 + SIGKILL);
        n.server.pid = -1;
        assert_int_equal(end_of(client), ECONNRESET);
        net_end(&n);
    }
}

static bool is_abortive(int fd)
{
    struct linger linger = {.l_onoff = 0};
    socklen_t len = sizeof(linger);

    assert_return_code(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), errno);
    return linger.l_onoff && linger.l_linger == 0;
}

static bool becomes_abortive(int fd, bool abortive)
{
    mps_time_t end = mps_clock_now() + PATIENCE;

    while (is_abortive(fd) != abortive && mps_clock_now() < end)
        poll(NULL, 0, 1);
    return is_abortive(fd) == abortive;
}

/*
 * Seen through a second descriptor of the socket: what the agent sets while it waits ends with
 * that.
 */
static void test_abortive_while_waiting(void **state)
{
    for (unsigned shim = 0; shim < 2; shim++) {
        struct net n;
        int c, s, spy, server, client;

        net_start(&n, none, none);
        c = rig_dial("127.0.0.1", rig_port(n.listener), 0);
        s = accept_from(n.listener, c);
        spy = dup(s);
        assert_return_code(spy, errno);
        server = hand_over(&n.server, MPS_HO_ACCEPTED, s);
        assert_return_code(server, errno);
        assert_true(becomes_abortive(spy, true));
        client = shim ? hand_over(&n.client, MPS_HO_CONNECTED, c) : c;
        assert_return_code(client, errno);
        /* HELLO makes it a subflow; the program's end is passed on. */
        if (!shim)
            assert_return_code(shutdown(server, SHUT_WR), errno);
        assert_true(becomes_abortive(spy, false));
        close(spy);
        close(server);
        close(client);
        net_end(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_relay_is_a_reset),
        cmocka_unit_test(test_killed_while_waiting_is_a_reset),
        cmocka_unit_test(test_abortive_while_waiting),
        cmocka_unit_test(test_lack_ends_nothing),
        cmocka_unit_test(test_lack_ends_nothing_plain),
        cmocka_unit_test(test_errors_reset_both),
        cmocka_unit_test(test_no_memory),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
