/* SPDX-License-Identifier: MIT */
/*
 * What a transport may say of its sockets and of itself: split TCP, a pair to avoid, a host that
 * stops.
 */
#include "pair.h"
#include "core/base/constants.h"

static void start(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 1);
}

/*
 * The bytes beyond a box that splits TCP are known from PONGs alone, and the stream flows on them.
 */
static void split_path(void **state)
{
    struct pair *p = *state;
    struct mps_subflow *sf;

    start(p);
    sf = p->links[0].sf[CLIENT];
    mps_subflow_set_split(sf, p->now);
    p->end[CLIENT].to_send = 3000000;
    p->end[SERVER].to_send = 1000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* Of what was not answered, no more is on its way than the bound, and a PONG makes room. */
static void split_path_that_hangs(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    start(p);
    mps_subflow_set_split(p->links[0].sf[CLIENT], p->now);
    p->links[0].cut = true;
    p->end[CLIENT].to_send = 3000000;
    pair_run(p, 100 * MPS_MSEC);
    before = p->end[SERVER].received;
    assert_true(before < 3000000);
    p->links[0].cut = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void avoided_pair_has_its_turn_later(void **state)
{
    struct pair *p = *state;
    unsigned last;

    start(p);
    p->silent_joins = true;
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_open, 1);
    last = p->n_links - 1;
    assert_int_equal(mps_subflow_state(p->links[last].sf[CLIENT]), MPS_SF_CONNECTING);
    mps_subflow_avoid(p->links[last].sf[CLIENT], p->now + 5 * MPS_SEC, p->now);
    p->silent_joins = false;
    pair_run(p, 4 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_sf_close, 1);
    assert_int_equal(p->end[CLIENT].n_open, 1);
    pair_run(p, 2 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_open, 2);
    assert_int_equal(p->end[CLIENT].n_up, 2);
}

/*
 * The client has closed, and its host stops: the server is told in time that nobody reads any more.
 */
static void host_that_stops(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[CLIENT].to_send = 1000;
    p->end[CLIENT].fin = true;
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, 1000);
    mps_conn_app_close(p->end[CLIENT].conn, p->now);
    pair_settle(p);
    mps_conn_leave(p->end[CLIENT].conn, p->now);
    pair_run(p, MPS_LEAVE_WAIT / 2);
    assert_false(p->end[SERVER].reset);
    pair_run(p, MPS_LEAVE_WAIT);
    assert_true(p->end[SERVER].reset);
}

static void host_that_stops_before_the_close(void **state)
{
    struct pair *p = *state;

    start(p);
    mps_conn_leave(p->end[CLIENT].conn, p->now);
    p->end[CLIENT].to_send = 1000;
    p->end[CLIENT].fin = true;
    pair_run(p, MPS_LEAVE_WAIT + MPS_SEC);
    assert_false(p->end[SERVER].reset);
    mps_conn_app_close(p->end[CLIENT].conn, p->now);
    pair_run(p, MPS_LEAVE_WAIT + MPS_SEC);
    assert_true(p->end[SERVER].reset);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(split_path),
        T(split_path_that_hangs),
        T(avoided_pair_has_its_turn_later),
        T(host_that_stops),
        T(host_that_stops_before_the_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
