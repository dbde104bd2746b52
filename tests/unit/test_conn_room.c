/* SPDX-License-Identifier: MIT */
/* How much a socket is given: what its rate asks for, but no more than it has proven. */
#include "core/base/constants.h"
#include "core/subflow/room.h"
#include "pair.h"

#define RATE  UINT64_C(1000000000)
#define ASKED (RATE / (MPS_SEC / MPS_ROOM_TIME))
#define STEP  100000u

static uint32_t limit_after(struct pair *p, mps_time_t pause, uint64_t acked)
{
    struct mps_subflow *sf = p->links[0].sf[CLIENT];
    struct mps_metrics m = {.srtt_us = 20000, .min_rtt_us = 20000, .mss = 1448, .rate = RATE};

    p->now += pause;
    m.acked = acked;
    mps_subflow_update(sf, &m, p->now);
    return mps_subflow_notsent_limit(sf);
}

static void grows_with_proof(void **state)
{
    struct pair *p = *state;
    uint64_t acked = 100, steps = 0;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    assert_true(limit_after(p, MPS_SEC, acked) <= MPS_ROOM_UNKNOWN + acked);
    while (limit_after(p, 0, acked) < MPS_ROOM_MAX) {
        acked += STEP;
        assert_true(limit_after(p, 0, acked) <= MPS_ROOM_UNKNOWN + acked);
        assert_true(++steps <= MPS_ROOM_MAX / STEP + 1);
    }
    assert_true(ASKED >= MPS_ROOM_MAX);
}

static void shrinks_without_it(void **state)
{
    struct pair *p = *state;
    uint64_t acked = 100 * STEP;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    limit_after(p, MPS_SEC, 0);
    assert_true(limit_after(p, MPS_MSEC, acked) > 2 * MPS_ROOM_UNKNOWN);
    assert_true(limit_after(p, MPS_ROOM_LATELY / 2, acked) > 2 * MPS_ROOM_UNKNOWN);
    limit_after(p, MPS_ROOM_LATELY, acked);
    assert_int_equal(limit_after(p, MPS_ROOM_LATELY, acked), MPS_ROOM_UNKNOWN);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {T(grows_with_proof), T(shrinks_without_it)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
