/* SPDX-License-Identifier: MIT */
/*
 * An agent that is told to end: what was written arrives, ends are in order, nothing new comes in.
 */
#include "agent_client.h"
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/net/sock.h"

#define LONG_MS 10000

struct pair {
    struct agent_client server, client;
    int listener, app_client, app_server;
};

static int request(const struct agent_client *a, int op, int tcp, struct mps_ho_reply *reply)
{
    int conn = agent_dial_for(a, op), fd;
    struct mps_ho_request req;

    assert_true(conn >= 0);
    agent_request(&req, op);
    req.flags = op == MPS_HO_LISTEN ? MPS_HO_STEER : 0;
    assert_true(agent_call(conn, &req, tcp, reply, &fd));
    close(conn);
    return fd;
}

static int hand_over(const struct agent_client *a, int op, int tcp)
{
    struct mps_ho_reply reply;
    int fd = request(a, op, tcp, &reply);

    assert_int_equal(reply.status, MPS_HO_OK);
    assert_true(fd >= 0);
    close(tcp);
    return fd;
}

static void pair_start(struct pair *p, const char *options)
{
    int c, s;

    assert_true(agent_start(&p->server, options));
    assert_true(agent_start(&p->client, "idle=1"));
    p->listener = rig_listen("127.0.0.1", 0, true);
    assert_true(mps_sock_set_int(p->listener, SOL_SOCKET, SO_REUSEADDR, 1));
    c = rig_dial("127.0.0.1", rig_port(p->listener), 0);
    s = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    p->app_client = hand_over(&p->client, MPS_HO_CONNECTED, c);
    p->app_server = hand_over(&p->server, MPS_HO_ACCEPTED, s);
}

static void pair_end(struct pair *p)
{
    close(p->app_client);
    close(p->listener);
    assert_int_equal(agent_wait(&p->client, 10), 0);
}

static void told(const struct agent_client *a, int sig)
{
    assert_return_code(kill(a->pid, sig), errno);
}

static bool there(const struct agent_client *a)
{
    int conn = agent_dial(a);

    if (conn >= 0)
        close(conn);
    return conn >= 0;
}

static short wait_for(int fd, short events)
{
    struct pollfd pfd = {.fd = fd, .events = events};

    return poll(&pfd, 1, LONG_MS) == 1 ? pfd.revents : 0;
}

/* Both know that the other is a shim. */
static void greet(struct pair *p)
{
    char byte;

    assert_int_equal(send(p->app_client, "x", 1, 0), 1);
    assert_true(wait_for(p->app_server, POLLIN) & POLLIN);
    assert_int_equal(recv(p->app_server, &byte, 1, 0), 1);
    assert_int_equal(send(p->app_server, "y", 1, 0), 1);
    assert_true(wait_for(p->app_client, POLLIN) & POLLIN);
    assert_int_equal(recv(p->app_client, &byte, 1, 0), 1);
}

/* As much as goes without being read: then the writer is gone, as a program that was stopped. */
static uint64_t fill(int fd)
{
    static const char bytes[65536];
    uint64_t sum = 0;

    for (;;) {
        ssize_t n = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);
        struct pollfd pfd = {.fd = fd, .events = POLLOUT};

        if (n > 0)
            sum += (uint64_t)n;
        else if (poll(&pfd, 1, 300) == 0)
            return sum;
    }
}

static uint64_t drain(int fd, int *ret_error)
{
    static char bytes[65536];
    uint64_t sum = 0;
    ssize_t n = -1;

    while (wait_for(fd, POLLIN) && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        sum += (uint64_t)n;
    *ret_error = n < 0 ? errno : 0;
    return sum;
}

static void delivers(int first, bool close_first)
{
    uint64_t written;
    struct pair p;
    int error;

    pair_start(&p, "");
    greet(&p);
    written = fill(p.app_server);
    assert_true(written > 1000000);
    if (close_first)
        close(p.app_server);
    told(&p.server, first);
    if (!close_first)
        close(p.app_server);
    assert_int_equal(drain(p.app_client, &error), written);
    assert_int_equal(error, 0);
    assert_int_equal(agent_wait(&p.server, 10), 0);
    pair_end(&p);
}

static void test_what_was_written_arrives(void **state)
{
    delivers(SIGTERM, true);
    delivers(SIGTERM, false);
}

/*
 * The client waits for nothing: it learns at once, and so does the agent that everybody has left.
 */
static void test_idle_connection_ends(void **state)
{
    struct pair p;
    int error;

    pair_start(&p, "");
    greet(&p);
    told(&p.server, SIGTERM);
    close(p.app_server);
    assert_int_equal(drain(p.app_client, &error), 0);
    assert_int_equal(error, 0);
    /* It keeps its end: the agent does not wait for it. */
    assert_int_equal(agent_wait(&p.server, 10), 0);
    /* As on TCP: who was told of the end reads just that, and nobody takes what it writes. */
    assert_true(wait_for(p.app_client, 0) & POLLHUP);
    assert_int_equal(drain(p.app_client, &error), 0);
    assert_int_equal(error, 0);
    assert_int_equal(send(p.app_client, "z", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    pair_end(&p);
}

/* A program that is still there goes on, both ways, whatever else is said to the agent. */
static void test_a_living_program_goes_on(void **state)
{
    struct stream down = {.seed = 3, .length = 8u << 20}, up = {.seed = 4, .length = 8u << 20};
    struct pair p;

    pair_start(&p, "");
    greet(&p);
    told(&p.server, SIGTERM);
    told(&p.server, SIGTERM);
    told(&p.server, SIGINT);
    told(&p.server, SIGHUP);
    down.from = up.to = p.app_server;
    down.to = up.from = p.app_client;
    while (!stream_step(&down))
        wait_for(down.to, POLLIN);
    while (!stream_step(&up))
        wait_for(up.to, POLLIN);
    assert_false(down.broken || up.broken);
    assert_true(there(&p.server));
    close(p.app_server);
    assert_int_equal(agent_wait(&p.server, 10), 0);
    pair_end(&p);
}

static bool port_is_free(uint16_t port)
{
    struct sockaddr_in sin = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    bool is;

    assert_return_code(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), errno);
    is = bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 && listen(fd, 1) == 0;
    close(fd);
    return is;
}

/* It takes no listener any more. */
static bool retires(struct pair *p)
{
    struct mps_ho_reply reply;

    for (unsigned i = 0; i < LONG_MS / 10; i++) {
        request(&p->server, MPS_HO_LISTEN, p->listener, &reply);
        if (reply.status == MPS_HO_ERROR)
            return true;
        poll(NULL, 0, 10);
    }
    return false;
}

/* While it still delivers, the ports are free for those who come next, and they stay plain. */
static void test_takes_nothing_new(void **state)
{
    struct mps_ho_reply reply;
    struct pair p;
    uint16_t port;
    int tcp;

    pair_start(&p, "");
    port = rig_port(p.listener);
    greet(&p);
    request(&p.server, MPS_HO_LISTEN, p.listener, &reply);
    assert_int_equal(reply.status, MPS_HO_OK);
    told(&p.server, SIGTERM);
    assert_true(retires(&p));
    close(p.listener);
    assert_true(port_is_free(port));
    assert_true(there(&p.server));
    p.listener = rig_listen("127.0.0.1", 0, true);
    tcp = rig_dial("127.0.0.1", rig_port(p.listener), 0);
    assert_int_equal(request(&p.server, MPS_HO_CONNECTED, tcp, &reply), -1);
    assert_int_equal(reply.status, MPS_HO_AGAIN_PLAIN);
    close(tcp);
    close(p.app_server);
    assert_int_equal(agent_wait(&p.server, 10), 0);
    pair_end(&p);
}

/* A newcomer's data came with HELLO: its agent hears that nobody took it, and sends it anew. */
static void test_newcomers_data_is_sent_anew(void **state)
{
    struct mps_ho_reply reply;
    struct pair p;
    int app, tcp;
    char byte;

    pair_start(&p, "");
    greet(&p);
    told(&p.server, SIGTERM);
    assert_true(retires(&p));
    app = hand_over(&p.client, MPS_HO_CONNECTED, rig_dial("127.0.0.1", rig_port(p.listener), 0));
    assert_true(wait_for(p.listener, POLLIN) & POLLIN);
    tcp = accept4(p.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(send(app, "x", 1, 0), 1);
    /* HELLO, and what was written with it or soon after. */
    assert_true(wait_for(tcp, POLLIN) & POLLIN);
    assert_int_equal(request(&p.server, MPS_HO_ACCEPTED, tcp, &reply), -1);
    assert_int_equal(reply.status, MPS_HO_AGAIN_PLAIN);
    close(tcp);
    assert_true(wait_for(p.listener, POLLIN) & POLLIN);
    tcp = accept4(p.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(recv(tcp, &byte, 1, 0), 1);
    assert_int_equal(byte, 'x');
    close(tcp);
    close(app);
    close(p.app_server);
    assert_int_equal(agent_wait(&p.server, 10), 0);
    pair_end(&p);
}

/* What does not end by itself is reset after the time that was set, at both ends. */
static void test_is_gone_in_time(void **state)
{
    struct pair p;
    int error;

    pair_start(&p, "stop-timeout=1");
    greet(&p);
    told(&p.server, SIGTERM);
    drain(p.app_server, &error);
    assert_int_equal(error, ECONNRESET);
    drain(p.app_client, &error);
    assert_int_equal(error, ECONNRESET);
    assert_int_equal(agent_wait(&p.server, 10), 0);
    close(p.app_server);
    pair_end(&p);
}

static void test_at_once(void **state)
{
    struct agent_client a;

    assert_true(agent_start(&a, ""));
    told(&a, SIGTERM);
    assert_int_equal(agent_wait(&a, 10), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_arrives),
        cmocka_unit_test(test_idle_connection_ends),
        cmocka_unit_test(test_a_living_program_goes_on),
        cmocka_unit_test(test_takes_nothing_new),
        cmocka_unit_test(test_newcomers_data_is_sent_anew),
        cmocka_unit_test(test_is_gone_in_time),
        cmocka_unit_test(test_at_once),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
