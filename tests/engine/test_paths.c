/* SPDX-License-Identifier: MIT */
/* Paths that fail and come back, with two engines over loopback. */
#include "rig.h"
#include "stream.h"
#include "test.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "engine/mpconn.h"

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

    return mps_session_fds(only_session(&e->rig->server), fds, MPS_MAX_SUBFLOWS) == 0;
}

static bool gone(void *arg)
{
    struct ending *e = arg;

    return e->rig->server.n_sessions == 0 && (rig_poll(e->app, POLLHUP) & POLLHUP) != 0;
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
    mps_session_free(only_session(&rig.client));
    assert_true(rig_until(&rig, no_subflow, &e, 5));
    assert_int_equal(rig.server.n_sessions, 1);
    assert_int_equal(rig_poll(s.to, POLLHUP), 0);
    assert_true(rig_until(&rig, gone, &e, 30)); /* not 60 s, the default */
    close(s.from);
    close(s.to);
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_subflow_timeout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
