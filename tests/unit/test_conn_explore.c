/* SPDX-License-Identifier: MIT */
/* A path that the scheduler passes over is measured anew now and then. */
#include "core/reinject/sooner.h"
#include "pair.h"

#define SLOW 2000 /* bytes per second, as an old estimate says */

static void two_paths(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_true(p->links[1].connected);
}

static uint64_t reinjected(struct pair *p)
{
    struct mps_conn_info info;

    mps_conn_info(p->end[CLIENT].conn, &info);
    return info.bytes_reinjected;
}

/* Data for all the time; returns what the second path carried of it. */
static uint64_t busy_for(struct pair *p, mps_time_t duration)
{
    uint64_t before = p->links[1].carried[CLIENT];
    mps_time_t end = p->now + duration;

    p->chunk = 100000;
    p->end[CLIENT].to_send = UINT64_C(1) << 40;
    while (p->now < end) {
        pair_step(p);
        p->now += MPS_MSEC;
        mps_conn_expire(p->end[CLIENT].conn, p->now);
    }
    return p->links[1].carried[CLIENT] - before;
}

static void passed_over(void **state)
{
    struct pair *p = *state;
    uint64_t carried;

    two_paths(p);
    p->links[1].rate = SLOW;
    carried = busy_for(p, MPS_SOONER_EXPLORE / 2);
    assert_true(carried < 2000);
    assert_int_equal(reinjected(p), 0);
    /* Copies: nothing waits for them. */
    busy_for(p, 4 * MPS_SOONER_EXPLORE);
    assert_true(reinjected(p) > 0);
    assert_true(p->links[1].carried[CLIENT] >= reinjected(p));
    assert_true(reinjected(p) < p->end[CLIENT].sent / 8);
}

/* As soon as TCP reports more it is used as any other. */
static void used_again(void **state)
{
    struct pair *p = *state;

    two_paths(p);
    p->links[1].rate = SLOW;
    busy_for(p, 2 * MPS_SOONER_EXPLORE);
    p->links[1].rate = 0;
    assert_true(busy_for(p, MPS_SOONER_EXPLORE / 2) > 1000000);
}

/* One kept for need is left alone. */
static void backup_is_not(void **state)
{
    struct pair *p = *state;

    two_paths(p);
    assert_int_equal(mps_conn_set_backup(p->end[CLIENT].conn, p->links[1].sf[CLIENT], true, p->now),
                     0);
    pair_settle(p);
    p->links[1].rate = SLOW;
    assert_true(busy_for(p, 4 * MPS_SOONER_EXPLORE) < 2000);
    assert_int_equal(reinjected(p), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {T(passed_over), T(used_again), T(backup_is_not)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
