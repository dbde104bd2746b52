/* SPDX-License-Identifier: MIT */
/* Connections through two engines: bytes, ends and resets as the applications see them. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/connection/mpconn.h"
#include "engine/connection/sockopts.h"

#define TWO_LOCALS "local=127.0.0.1,127.0.0.2"
#define BULK       (50u << 20)
#define IDLE       (12u << 10) /* of an idle connection */

static unsigned active_subflows(struct mps_engine *eng)
{
    struct mps_subflow_info info[MPS_MAX_SUBFLOWS];
    struct mps_session *s = mps_list_entry(eng->sessions.next, struct mps_session, link);
    unsigned n, active = 0;

    if (mps_list_empty(&eng->sessions) || !s->mp)
        return 0;
    n = mps_conn_subflow_info(mps_mpconn_core(s->mp), info, MPS_MAX_SUBFLOWS);
    for (unsigned i = 0; i < n; i++)
        active += info[i].state == MPS_SF_ACTIVE;
    return active;
}

static bool has_two(void *arg)
{
    struct rig *rig = arg;

    return active_subflows(rig->client) == 2 && active_subflows(rig->server) == 2;
}

static void test_bulk_one_path(void **state)
{
    struct rig rig;

    rig_init(&rig, "");
    rig_transfer(&rig, BULK);
    rig_deinit(&rig);
}

/* The join arrives at the application's own port. */
static void test_bulk_joined_by_steering(void **state)
{
    struct stream s[2] = {{.seed = 3, .length = BULK}, {.seed = 4, .length = BULK}};
    struct mps_subflow_info info[4];
    struct mps_session *session;
    struct rig rig;

    rig_init(&rig, TWO_LOCALS);
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    rig_connect(&rig, &s[0].from, &s[0].to);
    s[1].from = s[0].to;
    s[1].to = s[0].from;
    assert_true(rig_until(&rig, has_two, &rig, 5));
    assert_true(rig_until(&rig, rig_both, s, 60));
    assert_false(s[0].broken || s[1].broken);
    assert_int_equal(s[0].received, BULK);
    assert_int_equal(s[1].received, BULK);
    session = mps_list_entry(rig.client->sessions.next, struct mps_session, link);
    assert_int_equal(mps_conn_subflow_info(mps_mpconn_core(session->mp), info, 4), 2);
    assert_true(info[0].bytes_sent > 0 && info[1].bytes_sent > 0);
    close(s[0].from);
    close(s[0].to);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* No steering: the join listener is announced and used. */
static void test_join_by_announcement(void **state)
{
    struct rig rig;
    int c, s;

    rig_init(&rig, TWO_LOCALS);
    rig_connect(&rig, &c, &s);
    assert_true(rig_until(&rig, has_two, &rig, 10));
    assert_true(rig.server_hub.joinlis.acceptor.fd >= 0);
    close(c);
    close(s);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* Written and closed at once, on both sides of many connections: every byte arrives, then EOF. */
static void test_close_after_last_write(void **state)
{
    struct rig rig;

    rig_init(&rig, TWO_LOCALS);
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    for (unsigned i = 0; i < 40; i++) {
        struct stream s = {.seed = i, .length = (uint64_t)1 << (i / 2), .close_after = true};
        int c, d;

        rig_connect(&rig, &c, &d);
        s.from = i % 2 ? c : d;
        s.to = i % 2 ? d : c;
        assert_true(rig_until(&rig, stream_step, &s, 20));
        assert_false(s.broken);
        assert_int_equal(s.error, 0);
        assert_int_equal(s.received, s.length);
        close(s.to);
    }
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

struct watch {
    int fd;
    short events, seen;
};

static bool has_events(void *arg)
{
    struct watch *w = arg;

    w->seen = rig_poll(w->fd, w->events);
    return (w->seen & w->events) != 0;
}

/* shutdown(SHUT_WR) shows as RDHUP without HUP, and the other direction still works. */
static void test_half_close(void **state)
{
    struct stream back = {.seed = 9, .length = 300000};
    struct watch w;
    struct rig rig;
    char byte;
    int c, s;

    rig_init(&rig, "");
    rig_connect(&rig, &c, &s);
    assert_int_equal(send(c, "x", 1, 0), 1);
    assert_return_code(shutdown(c, SHUT_WR), errno);
    w = (struct watch){.fd = s, .events = POLLRDHUP};
    assert_true(rig_until(&rig, has_events, &w, 5));
    assert_int_equal(rig_poll(s, POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
    assert_int_equal(recv(s, &byte, 1, 0), 1);
    assert_int_equal(recv(s, &byte, 1, 0), 0);
    back.from = s;
    back.to = c;
    back.close_after = true;
    assert_true(rig_until(&rig, stream_step, &back, 10));
    assert_false(back.broken);
    assert_int_equal(back.error, 0);
    close(c);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* Closed with data unread: the other side is reset, after it read what came before. */
static void test_close_with_unread_data(void **state)
{
    struct watch w;
    struct rig rig;
    char buf[16];
    int c, s;

    rig_init(&rig, "");
    rig_connect(&rig, &c, &s);
    assert_int_equal(send(s, "unread", 6, 0), 6);
    w = (struct watch){.fd = c, .events = POLLIN};
    assert_true(rig_until(&rig, has_events, &w, 5));
    assert_int_equal(send(c, "last", 4, 0), 4);
    close(c);
    w = (struct watch){.fd = s, .events = POLLHUP};
    assert_true(rig_until(&rig, has_events, &w, 5));
    assert_true(rig_poll(s, POLLIN) & POLLERR);
    assert_int_equal(recv(s, buf, sizeof(buf), 0), 4);
    assert_int_equal(recv(s, buf, sizeof(buf), 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(recv(s, buf, sizeof(buf), 0), 0);
    close(s);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

static void test_linger_zero(void **state)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    struct mps_session *session;
    struct watch w;
    struct rig rig;
    int c, s, tcp[2];
    uint64_t id;
    char byte;

    rig_init(&rig, "");
    rig_tcp_pair(&rig, &tcp[0], &tcp[1]);
    c = rig_connected(&rig, tcp[0], "", &id);
    s = rig_accepted(&rig, tcp[1], NULL);
    session = mps_session_find(rig.client, id);
    assert_non_null(session);
    assert_int_equal(mps_sockopts_set(&session->ac.sockopts, NULL, 0, SOL_SOCKET, SO_LINGER,
                                      &linger, sizeof(linger), -1),
                     0);
    rig_run(&rig, 0.05);
    close(c);
    w = (struct watch){.fd = s, .events = POLLHUP};
    assert_true(rig_until(&rig, has_events, &w, 5));
    assert_int_equal(recv(s, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    close(s);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

/* Nothing is lost and nobody stalls when the reader pauses with all buffers full. */
static void test_slow_reader(void **state)
{
    struct stream s = {.seed = 11, .length = 200u << 20, .close_after = true};
    struct rig rig;
    uint64_t stuck;
    int to;

    rig_init(&rig, TWO_LOCALS);
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    rig_connect(&rig, &s.from, &s.to);
    to = s.to;
    s.eof = true; /* the reader does not read */
    do {
        stuck = s.sent;
        for (unsigned i = 0; i < 50; i++) {
            stream_step(&s);
            rig_run(&rig, 0.004);
        }
    } while (s.sent > stuck);
    assert_true(stuck > 0 && stuck < s.length);
    s.eof = false;
    assert_true(rig_until(&rig, stream_step, &s, 60));
    assert_false(s.broken);
    assert_int_equal(s.received, s.length);
    close(to);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    rig_deinit(&rig);
}

static uint64_t used(const struct mps_engine *eng)
{
    return mps_list_entry(eng->sessions.next, struct mps_session, link)->ac.account.used;
}

static bool holds_little(void *arg)
{
    const struct rig *rig = arg;

    return used(rig->client) < IDLE && used(rig->server) < IDLE;
}

struct watched {
    struct stream s; /* first: stream_step gets it */
    const struct rig *rig;
    uint64_t most;
};

static bool step_watched(void *arg)
{
    struct watched *w = arg;

    if (used(w->rig->client) > w->most)
        w->most = used(w->rig->client);
    return stream_step(&w->s);
}

/* What bulk took is given back, and all of it is counted. */
static void test_idle_memory(void **state)
{
    struct rig rig;
    struct watched w = {.s = {.seed = 12, .length = BULK}, .rig = &rig};

    rig_init(&rig, "");
    rig_connect(&rig, &w.s.from, &w.s.to);
    assert_true(rig_until(&rig, holds_little, &rig, 10));
    assert_true(rig_until(&rig, step_watched, &w, 60));
    assert_int_equal(w.s.received, BULK);
    assert_true(w.most > 65536);
    assert_true(rig_until(&rig, holds_little, &rig, 10));
    assert_true(used(rig.client) > 1024 && used(rig.server) > 1024);
    close(w.s.from);
    close(w.s.to);
    assert_true(rig_until(&rig, rig_no_sessions, &rig, 10));
    assert_int_equal(rig.client->memory.promised + rig.server->memory.promised, 0);
    assert_true(rig.client->memory.used < 4096 && rig.server->memory.used < 4096);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bulk_one_path),        cmocka_unit_test(test_bulk_joined_by_steering),
        cmocka_unit_test(test_join_by_announcement), cmocka_unit_test(test_close_after_last_write),
        cmocka_unit_test(test_half_close),           cmocka_unit_test(test_close_with_unread_data),
        cmocka_unit_test(test_linger_zero),          cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_idle_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
