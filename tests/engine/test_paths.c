/* SPDX-License-Identifier: MIT */
/* Paths that fail and come back, with two engines over loopback. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/agent/clock.h"
#include "engine/connection/mpconn.h"

static struct mps_session *only_session(struct mps_engine *eng)
{
    assert_int_equal(eng->n_sessions, 1);
    return mps_list_entry(eng->sessions.next, struct mps_session, link);
}

static bool done(void *arg)
{
    struct stream *s = arg;

    return stream_step(s) || s->broken || s->error;
}

struct ending {
    struct rig *rig;
    int app;
};

static bool no_subflow(void *arg)
{
    struct ending *e = arg;
    int fds[MPS_MAX_SUBFLOWS];

    return mps_session_fds(only_session(e->rig->server), fds, MPS_MAX_SUBFLOWS) == 0;
}

static bool gone(void *arg)
{
    struct ending *e = arg;

    return e->rig->server->n_sessions == 0 && (rig_poll(e->app, POLLHUP) & POLLHUP) != 0;
}

/* The client's host vanishes: the server's application sees a reset after the time it chose. */
static void test_no_subflow_timeout(void **state)
{
    struct stream s = {.seed = 5, .length = 100000};
    struct rig rig;
    struct ending e = {.rig = &rig};

    rig_init(&rig, "no-subflow-timeout=1");
    rig_connect(&rig, &s.from, &s.to);
    assert_true(rig_until(&rig, done, &s, 10));
    assert_int_equal(s.received, s.length);
    e.app = s.to;
    mps_session_free(only_session(rig.client));
    assert_true(rig_until(&rig, no_subflow, &e, 5));
    assert_int_equal(rig.server->n_sessions, 1);
    assert_int_equal(rig_poll(s.to, POLLHUP), 0);
    assert_true(rig_until(&rig, gone, &e, 30)); /* not 60 s, the default */
    close(s.from);
    close(s.to);
    rig_deinit(&rig);
}

static unsigned active(struct mps_engine *eng)
{
    struct mps_subflow_info info[MPS_MAX_SUBFLOWS];
    struct mps_session *s = only_session(eng);
    unsigned n, k = 0;

    if (!s->mp)
        return 0;
    n = mps_conn_subflow_info(mps_mpconn_core(s->mp), info, MPS_MAX_SUBFLOWS);
    for (unsigned i = 0; i < n; i++)
        k += info[i].state == MPS_SF_ACTIVE;
    return k;
}

static bool has_two(void *arg)
{
    struct rig *rig = arg;

    return active(rig->client) == 2 && active(rig->server) == 2;
}

static bool has_one(void *arg)
{
    struct rig *rig = arg;

    return active(rig->client) == 1;
}

static bool has_local(struct mps_engine *eng, uint8_t last)
{
    struct mps_subflow_info info[MPS_MAX_SUBFLOWS];
    unsigned n =
        mps_conn_subflow_info(mps_mpconn_core(only_session(eng)->mp), info, MPS_MAX_SUBFLOWS);

    for (unsigned i = 0; i < n; i++) {
        if (info[i].state == MPS_SF_ACTIVE && info[i].local.ip[3] == last)
            return true;
    }
    return false;
}

/* Resets, the first subflow included, again and again: each address is used again. */
static void test_resets_are_survived(void **state)
{
    struct sockaddr unspec = {.sa_family = AF_UNSPEC};
    struct stream s = {.seed = 6, .length = 100000};
    struct rig rig;
    int fds[4];

    rig_init(&rig, "local=127.0.0.1,127.0.0.2");
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    rig_connect(&rig, &s.from, &s.to);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(rig_until(&rig, has_two, &rig, 30));
        assert_true(has_local(rig.client, 1));
        assert_true(has_local(rig.client, 2));
        assert_int_equal(mps_session_fds(only_session(rig.server), fds, 4), 2);
        /* The oldest one: the first subflow, then its successors. */
        assert_int_equal(connect(fds[0], &unspec, sizeof(unspec)), 0);
        assert_true(rig_until(&rig, has_one, &rig, 5));
        s = (struct stream){.from = s.from, .to = s.to, .seed = 6 + i, .length = 100000};
        assert_true(rig_until(&rig, done, &s, 10));
        assert_int_equal(s.received, s.length);
    }
    assert_true(rig_until(&rig, has_two, &rig, 30));
    close(s.from);
    close(s.to);
    rig_deinit(&rig);
}

/* A join of another connection met the program: who has no other path asks all the same. */
static void test_only_path_is_tried(void **state)
{
    struct sockaddr unspec = {.sa_family = AF_UNSPEC};
    struct stream s = {.seed = 7, .length = 100000};
    const struct mps_appconn *ac;
    struct rig rig;
    int fd;

    rig_init(&rig, "local=127.0.0.1");
    assert_int_equal(mps_hub_listener(&rig.server_hub, rig.listener, getpid(), true), 0);
    rig_connect(&rig, &s.from, &s.to);
    assert_true(rig_until(&rig, done, &s, 10));
    ac = &only_session(rig.client)->ac;
    mps_pathmem_set(rig.client->pathmem, MPS_PATHMEM_UNMARKED, &ac->local, &ac->peer,
                    mps_clock_now());
    assert_int_equal(mps_session_fds(only_session(rig.server), &fd, 1), 1);
    assert_int_equal(connect(fd, &unspec, sizeof(unspec)), 0);
    s = (struct stream){.from = s.from, .to = s.to, .seed = 8, .length = 100000};
    assert_true(rig_until(&rig, done, &s, 10));
    assert_int_equal(s.received, s.length);
    close(s.from);
    close(s.to);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_subflow_timeout),
        cmocka_unit_test(test_resets_are_survived),
        cmocka_unit_test(test_only_path_is_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
