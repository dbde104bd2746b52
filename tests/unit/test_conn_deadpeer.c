/* SPDX-License-Identifier: MIT */
/* A program that wants to know that its peer is gone: keepalive and user timeout over all paths. */
#include "core/base/constants.h"
#include "pair.h"

static const struct mps_timeouts keepalive = {
    .keep_idle = 2 * MPS_SEC,
    .keep_interval = MPS_SEC,
    .keep_count = 3,
};
static const struct mps_timeouts patience = {.user = 5 * MPS_SEC};

static void start(struct pair *p)
{
    /* Nobody asks on his own account. */
    p->cfg[CLIENT].keepalive = p->cfg[SERVER].keepalive = 0;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_up, 2);
}

static void cut(struct pair *p, bool both)
{
    p->refuse_joins = true;
    p->links[0].cut = true;
    p->links[1].cut = both;
}

static void ends_after(struct pair *p, int side, mps_time_t least, mps_time_t most)
{
    mps_time_t begin = p->now;

    pair_run(p, least);
    assert_false(p->end[side].reset);
    pair_run(p, most - least);
    assert_true(p->end[side].reset);
    assert_int_equal(p->end[side].reason, MPS_REASON_TIMEOUT);
    assert_true(p->now <= begin + most);
}

static void keepalive_of(struct pair *p, int side)
{
    start(p);
    mps_conn_set_timeouts(p->end[side].conn, &keepalive, p->now);
    pair_run(p, 20 * MPS_SEC); /* an idle peer that answers is fine */
    assert_false(p->end[side].reset);
    cut(p, true);
    ends_after(p, side, 2900 * MPS_MSEC, 5100 * MPS_MSEC);
}

static void client_keepalive(void **state)
{
    keepalive_of(*state, CLIENT);
}

static void server_keepalive(void **state)
{
    keepalive_of(*state, SERVER);
}

static void one_path_is_enough(void **state)
{
    struct pair *p = *state;

    start(p);
    mps_conn_set_timeouts(p->end[CLIENT].conn, &keepalive, p->now);
    mps_conn_set_timeouts(p->end[SERVER].conn, &keepalive, p->now);
    cut(p, false);
    pair_run(p, 12 * MPS_SEC);
    assert_false(p->end[CLIENT].reset || p->end[SERVER].reset);
}

static void user_timeout(void **state)
{
    struct pair *p = *state;

    start(p);
    mps_conn_set_timeouts(p->end[CLIENT].conn, &patience, p->now);
    cut(p, true);
    pair_run(p, 7 * MPS_SEC); /* nothing waits */
    assert_false(p->end[CLIENT].reset);
    p->end[CLIENT].to_send = 1;
    ends_after(p, CLIENT, 4900 * MPS_MSEC, 5200 * MPS_MSEC);
}

/* As long as anything arrives, however slowly, the peer is there. */
static void user_timeout_with_progress(void **state)
{
    struct pair *p = *state;

    start(p);
    mps_conn_set_timeouts(p->end[CLIENT].conn, &patience, p->now);
    for (unsigned i = 1; i <= 10; i++) {
        p->end[CLIENT].to_send = 1000 * i;
        p->links[0].cut = p->links[1].cut = true;
        pair_run(p, 4 * MPS_SEC);
        p->links[0].cut = p->links[1].cut = false;
        pair_run(p, 2 * MPS_SEC);
    }
    assert_false(p->end[CLIENT].reset);
    assert_int_equal(p->end[SERVER].received, 10000);
}

static void not_asked_for(void **state)
{
    struct pair *p = *state;

    start(p);
    cut(p, true);
    pair_run(p, 100 * MPS_SEC);
    assert_false(p->end[CLIENT].reset || p->end[SERVER].reset);
}

/* ---- the clockwork alone ---- */

static void probes(void **state)
{
    const struct mps_timeouts both = {
        .keep_idle = 2 * MPS_SEC,
        .keep_interval = MPS_SEC,
        .keep_count = 30,
        .user = 4 * MPS_SEC,
    };
    struct mps_deadpeer d;

    mps_deadpeer_init(&d, 0);
    assert_int_equal(mps_deadpeer_deadline(&d), MPS_NEVER);
    mps_deadpeer_set(&d, &keepalive);
    for (unsigned i = 2; i < 5; i++) {
        assert_int_equal(mps_deadpeer_deadline(&d), i * MPS_SEC);
        assert_int_equal(mps_deadpeer_check(&d, i * MPS_SEC), MPS_DEADPEER_PROBE);
        assert_int_equal(mps_deadpeer_check(&d, i * MPS_SEC), MPS_DEADPEER_NOTHING);
    }
    assert_int_equal(mps_deadpeer_check(&d, 5 * MPS_SEC), MPS_DEADPEER_DEAD);
    mps_deadpeer_heard(&d, 5 * MPS_SEC);
    assert_int_equal(mps_deadpeer_deadline(&d), 7 * MPS_SEC);
    /* While data waits there is no probing. */
    mps_deadpeer_waiting(&d, true, 1, 6 * MPS_SEC);
    assert_int_equal(mps_deadpeer_deadline(&d), MPS_NEVER);
    mps_deadpeer_waiting(&d, false, 2, 6 * MPS_SEC);

    /* Set after a long silence: all the probes are sent all the same. */
    mps_deadpeer_set(&d, &keepalive);
    assert_int_equal(mps_deadpeer_check(&d, 100 * MPS_SEC), MPS_DEADPEER_PROBE);
    assert_int_equal(mps_deadpeer_check(&d, 100 * MPS_SEC), MPS_DEADPEER_NOTHING);

    /* The user timeout decides, instead of the number of probes. */
    mps_deadpeer_init(&d, 0);
    mps_deadpeer_set(&d, &both);
    assert_int_equal(mps_deadpeer_check(&d, 2 * MPS_SEC), MPS_DEADPEER_PROBE);
    assert_int_equal(mps_deadpeer_check(&d, 3 * MPS_SEC), MPS_DEADPEER_PROBE);
    assert_int_equal(mps_deadpeer_check(&d, 4 * MPS_SEC), MPS_DEADPEER_DEAD);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(client_keepalive),      T(server_keepalive),           T(one_path_is_enough),
        T(user_timeout),          T(user_timeout_with_progress), T(not_asked_for),
        cmocka_unit_test(probes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
