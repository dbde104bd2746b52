/* SPDX-License-Identifier: MIT */
/* What monitors are told, and that they cannot disturb anything. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/base/err.h"
#include "engine/agent/clock.h"
#include "engine/show/monitor.h"
#include "engine/connection/mpconn_int.h"
#include "engine/connection/sflow.h"

#define TWO_LOCALS "local=127.0.0.1,127.0.0.2"
#define EVENTS_MAX 4096

struct watcher {
    int fd;
    struct json_object *events[EVENTS_MAX];
    unsigned n;
};

/* As mptcpshim monitor does it: a request with one end of a pair. */
static void watch(struct mps_hub *hub, struct watcher *w)
{
    struct mps_ho_request req = {.op = MPS_HO_MONITOR};
    int pair[2];

    assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), errno);
    assert_int_equal(rig_request(hub, &req, pair[1]).reply.status, MPS_HO_OK);
    *w = (struct watcher){.fd = pair[0]};
}

static void take(struct watcher *w)
{
    char packet[MPS_HO_EVENT_MAX];
    ssize_t n;

    while ((n = recv(w->fd, packet, sizeof(packet) - 1, MSG_DONTWAIT)) > 0) {
        packet[n] = '\0';
        assert_true(w->n < EVENTS_MAX);
        w->events[w->n] = json_tokener_parse(packet);
        assert_non_null(w->events[w->n]);
        w->n++;
    }
}

static void unwatch(struct watcher *w)
{
    close(w->fd);
    for (unsigned i = 0; i < w->n; i++)
        json_object_put(w->events[i]);
}

static const char *member(struct json_object *o, const char *key)
{
    struct json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : "";
}

/* The first such event at or behind *at, which moves behind it; NULL if there is none. */
static struct json_object *find(struct watcher *w, unsigned *at, const char *event)
{
    take(w);
    for (; *at < w->n; (*at)++) {
        if (strcmp(member(w->events[*at], "event"), event) == 0)
            return w->events[(*at)++];
    }
    return NULL;
}

struct waiting {
    struct watcher *w;
    unsigned at;
    const char *event;
    struct json_object *found;
};

static bool found(void *arg)
{
    struct waiting *f = arg;

    f->found = find(f->w, &f->at, f->event);
    return f->found != NULL;
}

static struct json_object *wait_for(struct rig *rig, struct watcher *w, unsigned *at,
                                    const char *event)
{
    struct waiting f = {.w = w, .at = *at, .event = event};

    if (!rig_until(rig, found, &f, 10))
        fail_msg("no event %s", event);
    *at = f.at;
    return f.found;
}

static bool done(void *arg)
{
    struct stream *s = arg;

    return stream_step(s) || s->broken || s->error;
}

static struct mps_session *only_session(struct mps_engine *eng)
{
    assert_int_equal(eng->n_sessions, 1);
    return mps_list_entry(eng->sessions.next, struct mps_session, link);
}

static void is(struct json_object *o, const char *key, const char *wanted)
{
    assert_string_equal(member(o, key), wanted);
}

/* From birth to end, with a second path in between. */
static void test_life(void **state)
{
    struct stream s = {.seed = 1, .length = 100000};
    static struct watcher c, v;
    struct json_object *o;
    unsigned at = 0, peer_at = 0;
    char token[9], local[64];
    struct rig rig;

    rig_init(&rig, TWO_LOCALS);
    watch(&rig.client_hub, &c);
    watch(&rig.server_hub, &v);
    rig_connect(&rig, &s.from, &s.to);
    o = wait_for(&rig, &c, &at, "created");
    is(o, "role", "client");
    assert_true(strtod(member(o, "time"), NULL) > 1.6e9);
    snprintf(token, sizeof(token), "%s", member(o, "token"));
    snprintf(local, sizeof(local), "%s", member(o, "local"));
    assert_int_equal(strlen(token), 8);
    o = wait_for(&rig, &c, &at, "established");
    is(o, "token", token);
    is(o, "local", local);
    is(o, "interface", "lo");
    is(wait_for(&rig, &v, &peer_at, "created"), "role", "server");
    is(wait_for(&rig, &v, &peer_at, "established"), "peer_token", token);
    is(wait_for(&rig, &v, &peer_at, "subflow_established"), "subflow", "0");
    o = wait_for(&rig, &c, &at, "subflow_established");
    is(o, "subflow", "0");
    is(o, "local", local);
    is(o, "interface", "lo");
    is(wait_for(&rig, &c, &at, "address_announced"), "by", "peer");
    /* The application's port takes no joins here. */
    o = wait_for(&rig, &c, &at, "subflow_failed");
    is(o, "reason", "middlebox");
    o = wait_for(&rig, &c, &at, "subflow_established");
    assert_memory_equal(member(o, "local"), "127.0.0.2:", 10);
    assert_true(rig_until(&rig, done, &s, 10));
    close(s.from);
    close(s.to);
    is(wait_for(&rig, &c, &at, "subflow_closed"), "reason", "finished");
    is(wait_for(&rig, &c, &at, "subflow_closed"), "reason", "finished");
    o = wait_for(&rig, &c, &at, "closed");
    is(o, "reason", "finished");
    is(o, "token", token);
    is(o, "local", local);
    is(wait_for(&rig, &v, &peer_at, "closed"), "reason", "finished");
    unwatch(&c);
    unwatch(&v);
    rig_deinit(&rig);
}

static unsigned active(struct mps_engine *eng)
{
    struct mps_subflow_info info[4];
    unsigned n = mps_conn_subflow_info(mps_mpconn_core(only_session(eng)->mp), info, 4), k = 0;

    for (unsigned i = 0; i < n && i < 4; i++)
        k += info[i].state == MPS_SF_ACTIVE;
    return k;
}

static bool has_two(void *arg)
{
    struct rig *rig = arg;

    return only_session(rig->server)->mp && active(rig->client) == 2 && active(rig->server) == 2;
}

/* The server's addresses go and come. */
static void test_addresses(void **state)
{
    static struct watcher c, v;
    struct mps_netaddr_list none = {.n = 0};
    struct mps_session *server;
    unsigned at = 0, peer_at = 0;
    struct rig rig;
    int from, to;

    rig_init(&rig, TWO_LOCALS);
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    watch(&rig.client_hub, &c);
    watch(&rig.server_hub, &v);
    rig_connect(&rig, &from, &to);
    assert_true(rig_until(&rig, has_two, &rig, 5));
    is(wait_for(&rig, &v, &peer_at, "address_announced"), "by", "local");
    is(wait_for(&rig, &c, &at, "address_announced"), "by", "peer");
    server = only_session(rig.server);
    mps_mpconn_set_locals(server->mp, &none);
    mps_session_wake(server);
    is(wait_for(&rig, &v, &peer_at, "address_removed"), "by", "local");
    is(wait_for(&rig, &v, &peer_at, "subflow_closed"), "reason", "address_gone");
    assert_memory_equal(member(wait_for(&rig, &c, &at, "address_removed"), "address"), "127.0.0.",
                        8);
    mps_session_addresses_changed(server);
    is(wait_for(&rig, &c, &at, "address_announced"), "by", "peer");
    assert_true(rig_until(&rig, has_two, &rig, 30));
    close(from);
    close(to);
    is(wait_for(&rig, &c, &at, "closed"), "reason", "finished");
    unwatch(&c);
    unwatch(&v);
    rig_deinit(&rig);
}

static bool readable(void *arg)
{
    return (rig_poll(*(int *)arg, POLLIN) & POLLIN) != 0;
}

/* A subflow's priority, its death by a reset, its return; the abort of the connection. */
static void test_subflows(void **state)
{
    struct sockaddr unspec = {.sa_family = AF_UNSPEC};
    static struct watcher c, v;
    struct mps_mpconn *mp;
    struct json_object *o;
    unsigned at = 0, peer_at = 0;
    int from, to, fds[4];
    struct rig rig;

    rig_init(&rig, TWO_LOCALS);
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    watch(&rig.client_hub, &c);
    watch(&rig.server_hub, &v);
    rig_connect(&rig, &from, &to);
    assert_true(rig_until(&rig, has_two, &rig, 5));
    mp = only_session(rig.client)->mp;
    assert_int_equal(mps_conn_set_backup(mp->core,
                                         mps_list_entry(mp->flows.prev, struct mps_sflow, link)->sf,
                                         true, mps_clock_now()),
                     0);
    mps_session_wake(only_session(rig.client));
    o = wait_for(&rig, &c, &at, "subflow_priority");
    is(o, "by", "local");
    is(o, "backup", "true");
    is(o, "subflow", "2");
    o = wait_for(&rig, &v, &peer_at, "subflow_priority");
    is(o, "by", "peer");
    is(o, "backup", "true");

    assert_int_equal(mps_session_fds(only_session(rig.server), fds, 4), 2);
    assert_return_code(connect(fds[1], &unspec, sizeof(unspec)), errno); /* sends a reset */
    o = wait_for(&rig, &c, &at, "subflow_closed");
    is(o, "subflow", "2");
    is(o, "interface", "lo");
    is(o, "error", "ECONNRESET");
    o = wait_for(&rig, &c, &at, "subflow_established");
    assert_memory_equal(member(o, "local"), "127.0.0.2:", 10);

    assert_int_equal(send(from, "x", 1, 0), 1);
    assert_true(rig_until(&rig, readable, &to, 5));
    close(to); /* with the byte unread */
    is(wait_for(&rig, &v, &peer_at, "closed"), "reason", "aborted");
    is(wait_for(&rig, &c, &at, "closed"), "reason", "peer_aborted");
    close(from);
    unwatch(&c);
    unwatch(&v);
    rig_deinit(&rig);
}

/* A peer that speaks first, and is no shim. */
static void test_plain(void **state)
{
    static struct watcher v;
    unsigned at = 0;
    int raw, tcp, app;
    struct rig rig;

    rig_init(&rig, "");
    watch(&rig.server_hub, &v);
    rig_tcp_pair(&rig, &raw, &tcp);
    app = rig_accepted(&rig, tcp, NULL);
    assert_int_equal(send(raw, "GET /", 5, 0), 5);
    wait_for(&rig, &v, &at, "created");
    assert_null(find(&v, &at, "established"));
    at = 0;
    is(wait_for(&rig, &v, &at, "plain"), "role", "server");
    close(raw);
    close(app);
    wait_for(&rig, &v, &at, "closed");
    unwatch(&v);
    rig_deinit(&rig);
}

static void connect_and_close(struct rig *rig)
{
    int from, to;

    rig_connect(rig, &from, &to);
    close(from);
    close(to);
    assert_true(rig_until(rig, rig_no_sessions, rig, 10));
}

/* One monitor is not read, another one is: the first hears how much it missed, and nobody waits. */
static void test_slow_monitor(void **state)
{
    static struct watcher fast, slow;
    struct json_object *o = NULL;
    unsigned seen, last;
    uint64_t lost;
    struct rig rig;

    rig_init(&rig, "");
    watch(&rig.client_hub, &fast);
    watch(&rig.client_hub, &slow);
    for (unsigned i = 0; i < 200; i++) {
        connect_and_close(&rig);
        take(&fast);
    }
    take(&slow);
    seen = slow.n;
    assert_true(seen > 0 && seen < fast.n);
    lost = fast.n - seen;
    connect_and_close(&rig);
    take(&slow);
    take(&fast);
    assert_true(slow.n > seen);
    o = slow.events[seen];
    assert_int_equal(strtoull(member(o, "lost"), NULL, 10), lost);
    for (unsigned i = seen + 1; i < slow.n; i++)
        is(slow.events[i], "lost", "");
    last = fast.n - 1;
    assert_string_equal(member(fast.events[last], "id"), member(slow.events[slow.n - 1], "id"));
    for (unsigned i = 0; i < fast.n; i++)
        is(fast.events[i], "lost", "");
    unwatch(&fast);
    unwatch(&slow);
    rig_deinit(&rig);
}

/* Monitors that die are forgotten, and there is a limit to how many there can be. */
static void test_many_monitors(void **state)
{
    static struct watcher w[MPS_MONITORS_MAX];
    int pair[2], notsock[2];
    struct rig rig;

    rig_init(&rig, "");
    for (unsigned i = 0; i < MPS_MONITORS_MAX; i++)
        watch(&rig.client_hub, &w[i]);
    assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), errno);
    assert_int_equal(mps_monitors_add(&rig.client_hub.monitors, pair[1]), MPS_ELIMIT);
    for (unsigned i = 0; i < MPS_MONITORS_MAX; i++)
        unwatch(&w[i]);
    connect_and_close(&rig);
    assert_int_equal(rig.client_hub.monitors.n, 0);
    assert_return_code(pipe(notsock), errno);
    assert_int_equal(mps_monitors_add(&rig.client_hub.monitors, notsock[1]), MPS_EINVAL);
    close(notsock[0]);
    close(notsock[1]);
    close(pair[0]);
    close(pair[1]);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),         cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_subflows),     cmocka_unit_test(test_plain),
        cmocka_unit_test(test_slow_monitor), cmocka_unit_test(test_many_monitors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
