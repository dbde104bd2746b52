/* SPDX-License-Identifier: MIT */
/* Peers without a shim on either side, and what must not reach an application. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/wire/opening.h"
#include "engine/agent/clock.h"
#include "engine/connection/mpconn.h"
#include "engine/connection/relay.h"
#include "engine/net/sock.h"

static bool both(void *arg)
{
    struct stream *s = arg;
    bool a = stream_step(&s[0]), b = stream_step(&s[1]);

    return (a && b) || s[0].broken || s[1].broken;
}

struct watch {
    int fd;
    short events;
};

static bool has_events(void *arg)
{
    struct watch *w = arg;

    return (rig_poll(w->fd, w->events) & w->events) != 0;
}

static bool wait_for(struct rig *rig, int fd, short events)
{
    struct watch w = {fd, events};

    return rig_until(rig, has_events, &w, 5);
}

/* The next connection at the listener, which the client made by itself. */
static int accept_again(struct rig *rig)
{
    int fd;

    assert_true(wait_for(rig, rig->listener, POLLIN));
    fd = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void exchange(struct rig *rig, int a, int b)
{
    struct stream s[2] = {
        {.from = a, .to = b, .seed = 5, .length = 5u << 20},
        {.from = b, .to = a, .seed = 6, .length = 7u << 20},
    };

    assert_true(rig_until(rig, both, s, 20));
    assert_false(s[0].broken || s[1].broken);
    assert_int_equal(s[0].received, s[0].length);
    assert_int_equal(s[1].received, s[1].length);
}

static enum mps_peer_kind remembered(struct rig *rig)
{
    const struct mps_session *s =
        mps_list_entry(rig->client->sessions.next, struct mps_session, link);

    return mps_peers_find(&rig->client_hub.peers, &s->ac.peer, mps_clock_now());
}

/* The next connection to a peer that gets HELLO as data: there is no reason to touch it. */
static void next_stays_native(struct rig *rig)
{
    struct mps_handed req = {.fd = rig_dial("127.0.0.1", rig->port, 0), .options = ""};
    struct mps_session *session;
    int app = rig_end(&req);

    assert_int_equal(remembered(rig), MPS_PEER_PLAIN);
    assert_int_equal(mps_handed_connected(rig->client, &req, &session), MPS_HANDED_PLAIN_PEER);
    close(req.fd);
    close(req.end);
    close(app);
}

/* To one that may refuse every marked connection: not a byte goes there over a marked one. */
static void next_is_made_anew(struct rig *rig)
{
    int marked = rig_dial("127.0.0.1", rig->port, 0), app, refused, plain;
    char byte;

    assert_int_equal(remembered(rig), MPS_PEER_REFUSED);
    app = rig_connected(rig, marked, "", NULL);
    assert_int_equal(send(app, "early", 5, 0), 5);
    refused = accept_again(rig);
    plain = accept_again(rig);
    assert_true(wait_for(rig, refused, POLLRDHUP));
    assert_true(recv(refused, &byte, 1, MSG_DONTWAIT) <= 0);
    assert_true(wait_for(rig, plain, POLLIN));
    for (const char *at = "early"; *at; at++) {
        assert_int_equal(recv(plain, &byte, 1, MSG_DONTWAIT), 1);
        assert_int_equal(byte, *at);
    }
    exchange(rig, app, plain);
    close(app);
    close(refused);
    close(plain);
}

enum answer { ANSWER_BYTES, ANSWER_CLOSE, ANSWER_RESET };

/* A peer that answers HELLO with something else: the client comes back plain. */
static void client_falls_back(enum answer how)
{
    struct rig rig;
    uint8_t first[MPS_OPENING_MAX_LEN];
    int app, tcp[2], again;

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_connected(&rig, tcp[0], "", NULL);
    assert_int_equal(send(app, "early", 5, 0), 5);
    assert_true(wait_for(&rig, tcp[1], POLLIN));
    assert_true(recv(tcp[1], first, sizeof(first), MSG_DONTWAIT) >= MPS_OPENING_MAGIC_LEN);
    assert_memory_equal(first, mps_opening_magic, MPS_OPENING_MAGIC_LEN);
    if (how == ANSWER_BYTES)
        assert_int_equal(send(tcp[1], "220 ready\r\n", 11, 0), 11);
    if (how == ANSWER_RESET) {
        struct linger linger = {.l_onoff = 1};

        assert_return_code(setsockopt(tcp[1], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)),
                           errno);
    }
    if (how != ANSWER_BYTES)
        close(tcp[1]);
    again = accept_again(&rig);
    assert_true(wait_for(&rig, again, POLLIN));
    assert_int_equal(recv(again, first, sizeof(first), MSG_DONTWAIT), 5);
    assert_memory_equal(first, "early", 5);
    exchange(&rig, app, again);

    if (how == ANSWER_BYTES)
        next_stays_native(&rig);
    else
        next_is_made_anew(&rig);
    close(app);
    close(again);
    if (how == ANSWER_BYTES)
        close(tcp[1]);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

static void test_client_gets_other_bytes(void **state)
{
    client_falls_back(ANSWER_BYTES);
}

static void test_client_gets_eof(void **state)
{
    client_falls_back(ANSWER_CLOSE);
}

static void test_client_gets_reset(void **state)
{
    client_falls_back(ANSWER_RESET);
}

/* An accepted peer that is no shim and speaks first: every byte, in order, both ways. */
static void test_server_foreign_bytes(void **state)
{
    struct rig rig;
    int app, tcp[2];

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_accepted(&rig, tcp[1], NULL);
    exchange(&rig, tcp[0], app);
    close(tcp[0]);
    assert_true(wait_for(&rig, app, POLLRDHUP));
    assert_false(rig_poll(app, POLLIN) & (POLLHUP | POLLERR));
    close(app);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* A beginning of our magic and nothing more is the application's data after all. */
static void test_server_prefix_of_magic(void **state)
{
    struct rig rig;
    char buf[16];
    int app, tcp[2];

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_accepted(&rig, tcp[1], NULL);
    assert_int_equal(send(tcp[0], mps_opening_magic, 3, 0), 3);
    rig_run(&rig, 0.05);
    assert_int_equal(rig_poll(app, POLLIN), 0);
    assert_return_code(shutdown(tcp[0], SHUT_WR), errno);
    assert_true(wait_for(&rig, app, POLLIN));
    assert_int_equal(recv(app, buf, sizeof(buf), 0), 3);
    assert_memory_equal(buf, mps_opening_magic, 3);
    close(app);
    close(tcp[0]);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* And so it is if nothing more comes; behind a whole magic nothing is. */
static void test_server_rest_missing(void **state)
{
    struct rig rig;
    char buf[16];
    int app[2], tcp[4];
    mps_time_t start = mps_clock_now();

    rig_init(&rig, "");
    for (unsigned i = 0; i < 2; i++) {
        rig_tcp_pair(&rig, &tcp[2 * i], &tcp[2 * i + 1]);
        app[i] = rig_accepted(&rig, tcp[2 * i + 1], NULL);
    }
    assert_int_equal(send(tcp[0], mps_opening_magic, 1, 0), 1);
    assert_int_equal(send(tcp[2], mps_opening_magic, 8, 0), 8);
    /* The client waits 3 s for its answer; by then it may still send the rest. */
    rig_run(&rig, 3.1);
    assert_int_equal(rig_poll(app[0], POLLIN), 0);
    assert_int_equal(rig_poll(app[1], POLLIN), 0);
    assert_true(wait_for(&rig, app[0], POLLIN));
    assert_int_equal(recv(app[0], buf, sizeof(buf), 0), 1);
    assert_memory_equal(buf, mps_opening_magic, 1);
    exchange(&rig, tcp[0], app[0]);
    assert_true(wait_for(&rig, tcp[2], POLLIN));
    assert_int_equal(recv(tcp[2], buf, sizeof(buf), 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_true(wait_for(&rig, app[1], POLLIN));
    assert_int_equal(recv(app[1], buf, sizeof(buf), 0), -1);
    assert_in_range((mps_clock_now() - start) / MPS_MSEC, 5900, 12000);
    for (unsigned i = 0; i < 2; i++) {
        close(app[i]);
        close(tcp[2 * i]);
    }
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* The server's program speaks first: it has to wait for a HELLO, and not for ever. */
static void test_server_speaks_first(void **state)
{
    mps_time_t start;
    struct rig rig;
    char buf[16];
    int app, tcp[2];

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_accepted(&rig, tcp[1], NULL);
    start = mps_clock_now();
    assert_int_equal(send(app, "220 ready", 9, 0), 9);
    assert_true(wait_for(&rig, tcp[0], POLLIN));
    assert_in_range((mps_clock_now() - start) / MPS_MSEC, 200, 3000);
    assert_int_equal(recv(tcp[0], buf, sizeof(buf), 0), 9);
    assert_memory_equal(buf, "220 ready", 9);
    close(app);
    close(tcp[0]);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

static size_t make_hello(uint8_t out[MPS_OPENING_MAX_LEN])
{
    struct mps_opening msg = {.kind = MPS_OPENING_HELLO};

    memset(msg.hello.key, 7, sizeof(msg.hello.key));
    msg.hello.credit = 1 << 20;
    memset(msg.hello.share, 9, sizeof(msg.hello.share));
    msg.hello.algs[0] = MPS_SHA256;
    msg.hello.n_algs = 1;
    return mps_opening_encode(&msg, out);
}

/* A HELLO behind raw bytes: dropped, and not one byte of it reaches the application. */
static void test_late_hello_after_raw_bytes(void **state)
{
    uint8_t hello[MPS_OPENING_MAX_LEN];
    size_t len = make_hello(hello);
    struct rig rig;
    char buf[2048];
    int app, tcp[2];

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_accepted(&rig, tcp[1], NULL);
    assert_int_equal(send(app, "220 ready", 9, 0), 9);
    assert_true(wait_for(&rig, tcp[0], POLLIN));
    assert_int_equal(send(tcp[0], hello, len, 0), len);
    assert_true(wait_for(&rig, app, POLLHUP));
    assert_int_equal(recv(app, buf, sizeof(buf), 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_true(wait_for(&rig, tcp[0], POLLHUP));
    close(app);
    close(tcp[0]);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* A late HELLO is still welcome as long as nothing was sent; it may come in pieces. */
static void test_late_hello_in_pieces(void **state)
{
    uint8_t hello[MPS_OPENING_MAX_LEN], reply[MPS_OPENING_MAX_LEN];
    size_t len = make_hello(hello), got;
    struct mps_opening msg;
    struct rig rig;
    ssize_t n;
    int app, tcp[2];

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_accepted(&rig, tcp[1], NULL);
    rig_run(&rig, 0.4);
    for (size_t i = 0; i < len; i += 5) {
        size_t part = len - i < 5 ? len - i : 5;

        assert_int_equal(send(tcp[0], hello + i, part, 0), part);
        rig_run(&rig, 0.003);
    }
    assert_true(wait_for(&rig, tcp[0], POLLIN));
    n = recv(tcp[0], reply, sizeof(reply), MSG_DONTWAIT);
    assert_true(n > 0);
    assert_int_equal(mps_opening_parse(reply, (size_t)n, &msg, &got), 0);
    assert_int_equal(msg.kind, MPS_OPENING_HELLO_REPLY);
    assert_int_equal(rig_poll(app, POLLIN), 0);
    mps_sock_reset(tcp[0]);
    assert_true(rig.server->n_sessions == 1);
    close(app);
    rig_deinit(&rig);
}

/* Plain mode maps a reset of either side to the other. */
static void test_plain_resets(void **state)
{
    struct rig rig;
    char buf[8];
    int app, tcp[2];

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_accepted(&rig, tcp[1], NULL);
    assert_int_equal(send(tcp[0], "x", 1, 0), 1);
    assert_true(wait_for(&rig, app, POLLIN));
    mps_sock_reset(tcp[0]);
    assert_true(wait_for(&rig, app, POLLHUP));
    assert_int_equal(recv(app, buf, sizeof(buf), 0), 1);
    assert_int_equal(recv(app, buf, sizeof(buf), 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(app);

    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    app = rig_accepted(&rig, tcp[1], NULL);
    assert_int_equal(send(tcp[0], "unread", 6, 0), 6);
    assert_true(wait_for(&rig, app, POLLIN));
    close(app);
    assert_true(wait_for(&rig, tcp[0], POLLHUP));
    assert_int_equal(recv(tcp[0], buf, sizeof(buf), 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(tcp[0]);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

static bool acknowledged(void *arg)
{
    int queued = 1;

    return ioctl(*(int *)arg, SIOCOUTQ, &queued) == 0 && queued == 0;
}

/* The program learns of a reset by a write, and then reads what came before it, as on TCP. */
static void test_plain_reset_leaves_data(void **state)
{
    static char piece[64 << 10];
    struct rig rig;
    int app, tcp[2], size = 8 << 20;
    size_t sent = 0, got = 0;
    ssize_t n;

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    if (setsockopt(tcp[1], SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0) {
        print_message("no privilege to enlarge the receive buffer\n");
        skip();
    }
    app = rig_accepted(&rig, tcp[1], NULL);
    while (sent < 3u << 20) {
        assert_true(wait_for(&rig, tcp[0], POLLOUT));
        n = send(tcp[0], piece, sizeof(piece), MSG_DONTWAIT);
        assert_true(n > 0 || errno == EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
    }
    assert_true(rig_until(&rig, acknowledged, &tcp[0], 10));
    mps_sock_reset(tcp[0]);
    assert_int_equal(send(app, "x", 1, MSG_NOSIGNAL), 1);
    rig_run(&rig, 0.02);
    do {
        assert_true(wait_for(&rig, app, POLLIN | POLLHUP));
        n = recv(app, piece, sizeof(piece), MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EAGAIN));
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(got, sent);
    close(app);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* A reply that could not be delivered takes the session back and leaves the TCP socket alone. */
static void test_discard_touches_nothing(void **state)
{
    struct mps_handed req = {.options = ""};
    struct rig rig;

    rig_init(&rig, "");
    for (unsigned accepted = 0; accepted < 2; accepted++) {
        struct linger linger = {.l_onoff = 1, .l_linger = 7}, after = {.l_onoff = 0};
        socklen_t len = sizeof(after);
        struct mps_session *session;
        char buf[8];
        int app, tcp[2], keep;

        rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
        keep = dup(tcp[0]);
        setsockopt(keep, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        req.fd = tcp[0];
        app = rig_end(&req);
        if (accepted)
            assert_int_equal(mps_handed_accepted(rig.server, &req, &session), 0);
        else
            assert_int_equal(mps_handed_connected(rig.client, &req, &session), 0);
        mps_handed_discard(session);
        close(app);
        rig_run(&rig, 0.05);
        assert_int_equal(rig_poll(tcp[1], POLLIN | POLLRDHUP), 0);
        assert_int_equal(send(keep, "native", 6, 0), 6);
        assert_int_equal(recv(tcp[1], buf, sizeof(buf), 0), 6);
        getsockopt(keep, SOL_SOCKET, SO_LINGER, &after, &len);
        assert_memory_equal(&after, &linger, sizeof(after));
        close(keep);
        close(tcp[1]);
    }
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_client_gets_other_bytes),
        cmocka_unit_test(test_client_gets_eof),
        cmocka_unit_test(test_client_gets_reset),
        cmocka_unit_test(test_server_foreign_bytes),
        cmocka_unit_test(test_server_prefix_of_magic),
        cmocka_unit_test(test_server_rest_missing),
        cmocka_unit_test(test_server_speaks_first),
        cmocka_unit_test(test_late_hello_after_raw_bytes),
        cmocka_unit_test(test_late_hello_in_pieces),
        cmocka_unit_test(test_plain_resets),
        cmocka_unit_test(test_plain_reset_leaves_data),
        cmocka_unit_test(test_discard_touches_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
