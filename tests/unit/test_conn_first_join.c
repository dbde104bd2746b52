/* SPDX-License-Identifier: MIT */
/* When a connection opens its first join: not for one that is over soon. */
#include "pair.h"
#include "core/conn/state.h"

#define DELAY (20 * MPS_MSEC)

/* A second path is there from the start. */
static void start(struct pair *p)
{
    p->cfg[CLIENT].join_delay = DELAY;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 1);
}

static void finish(struct pair *p)
{
    p->end[CLIENT].to_send += 100000;
    p->end[SERVER].to_send += 100000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_true(p->end[CLIENT].n_up >= 2);
}

static void short_one_has_none(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[CLIENT].to_send = 100;
    p->end[SERVER].to_send = MPS_JOIN_BYTES - 1;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_int_equal(p->end[CLIENT].n_open, 0);
}

static void age_ends_the_wait(void **state)
{
    struct pair *p = *state;
    mps_time_t begin;

    start(p);
    begin = p->now;
    pair_run(p, DELAY - MPS_MSEC);
    assert_int_equal(p->end[CLIENT].n_open, 0);
    pair_run(p, 2 * MPS_MSEC);
    assert_true(p->now - begin < 2 * DELAY);
    assert_int_equal(p->end[CLIENT].n_up, 2);
    finish(p);
}

static void download_ends_the_wait(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[SERVER].to_send = MPS_JOIN_BYTES;
    pair_settle(p); /* no time passes */
    assert_int_equal(p->end[CLIENT].n_up, 2);
    finish(p);
}

static void upload_ends_the_wait(void **state)
{
    struct pair *p = *state;

    start(p);
    p->end[CLIENT].to_send = MPS_JOIN_BYTES;
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_up, 2);
    finish(p);
}

static void backup_does_not_wait(void **state)
{
    struct pair *p = *state;
    struct mps_addr first = pair_addr(1, 1, 0);

    start(p);
    assert_int_equal(p->end[CLIENT].n_open, 0);
    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &first, 1, true, false, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_up, 2);
    finish(p);
}

static void lost_path_does_not_wait(void **state)
{
    struct pair *p = *state;

    start(p);
    pair_break(p, &p->links[0]);
    pair_settle(p);
    assert_true(p->end[CLIENT].n_up >= 2);
    finish(p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(short_one_has_none),   T(age_ends_the_wait),    T(download_ends_the_wait),
        T(upload_ends_the_wait), T(backup_does_not_wait), T(lost_path_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
