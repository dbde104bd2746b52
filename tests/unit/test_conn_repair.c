/* SPDX-License-Identifier: MIT */
/* What one path holds up is repeated on a much faster one: after losses, and at the end. */
#include "core/base/constants.h"
#include "pair.h"

#define FAR     (200 * MPS_MSEC)
#define BYTES   100000u
#define ENDLESS (UINT64_C(1) << 40)

static void run_for(struct pair *p, mps_time_t duration)
{
    mps_time_t end = p->now + duration;

    while (p->now < end) {
        pair_step(p);
        p->now += MPS_MSEC;
        mps_conn_expire(p->end[CLIENT].conn, p->now);
        mps_conn_expire(p->end[SERVER].conn, p->now);
    }
}

/* Two paths, of which the second has just got BYTES or more, out of `bytes`, that do not arrive. */
static void hole(struct pair *p, mps_time_t srtt, uint64_t bytes)
{
    p->cfg[SERVER].rcv_buf_init = p->cfg[SERVER].rcv_buf_max; /* credit for all the time */
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_true(p->links[1].connected);
    p->links[1].srtt_us = (uint32_t)(srtt / MPS_USEC);
    p->links[1].losing = true;
    /* The first one seems worse at that moment. */
    p->links[0].rate = 2000;
    p->end[CLIENT].to_send = bytes;
    while (p->links[1].out[CLIENT].len < BYTES)
        pair_step(p);
    p->end[CLIENT].to_send = p->end[CLIENT].sent;
    p->links[0].rate = 0;
}

static uint64_t reinjected(struct pair *p)
{
    struct mps_conn_info info;

    mps_conn_info(p->end[CLIENT].conn, &info);
    return info.bytes_reinjected;
}

static void repeated(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    hole(p, FAR, ENDLESS);
    before = p->end[SERVER].received;
    p->end[CLIENT].to_send += 1000 * BYTES; /* it is no tail */
    p->chunk = 10000;
    run_for(p, FAR / 2);
    assert_int_equal(reinjected(p), 0);
    assert_true(p->end[SERVER].received < before + BYTES / 2);
    run_for(p, FAR / 2 + 2 * MPS_ACK_DELAY);
    assert_true(p->links[1].losing && p->links[1].out[CLIENT].len >= BYTES);
    assert_true(reinjected(p) >= BYTES / 2);
    run_for(p, FAR);
    assert_true(p->links[1].losing && p->end[SERVER].received >= before + BYTES);
}

/* Where TCP itself is about as quick there is nothing to gain. */
static void left_to_tcp(void **state)
{
    struct pair *p = *state;

    hole(p, 12 * MPS_MSEC, ENDLESS);
    p->end[CLIENT].to_send += 1000 * BYTES;
    p->chunk = 10000;
    run_for(p, 50 * MPS_MSEC);
    assert_int_equal(reinjected(p), 0);
}

/* But not for ever: a path that has become slow holds up what it was given long before. */
static void late(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    hole(p, 12 * MPS_MSEC, ENDLESS);
    before = p->end[SERVER].received;
    p->end[CLIENT].to_send += 1000 * BYTES;
    p->chunk = 10000;
    run_for(p, 200 * MPS_MSEC);
    assert_true(p->links[1].losing && p->links[1].out[CLIENT].len >= BYTES);
    assert_true(p->end[SERVER].received >= before + BYTES / 2); /* more than the share is, in all */
    assert_in_range(reinjected(p), BYTES / 2, BYTES);
}

/* Nor where only a queue makes the round trip long: the first path's rate would go into it. */
static void queue_only(void **state)
{
    struct pair *p = *state;

    hole(p, FAR, ENDLESS);
    p->links[1].min_rtt_us = 12000;
    p->end[CLIENT].to_send += 1000 * BYTES;
    p->chunk = 10000;
    run_for(p, FAR + 2 * MPS_ACK_DELAY);
    assert_int_equal(reinjected(p), 0);
}

/* At the end it is, and runs that are larger than all the room of the faster path are, too. */
static void large_at_the_end(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    hole(p, FAR, BYTES + 100);
    p->links[1].min_rtt_us = 12000;
    p->links[0].rate = 1000000;
    before = p->end[SERVER].received;
    pair_step(p);
    assert_true(mps_subflow_notsent_limit(p->links[0].sf[CLIENT]) < BYTES / 4);
    run_for(p, FAR / 2);
    assert_true(p->links[1].losing && p->end[SERVER].received >= before + BYTES);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {T(repeated), T(left_to_tcp), T(late), T(queue_only),
                                       T(large_at_the_end)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
