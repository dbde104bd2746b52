/* SPDX-License-Identifier: MIT */
/* When TCP is looked at again, and that a pause is not taken for silence. */
#include "engine/connection/lookout.h"
#include "test.h"

#define START MPS_SEC

static void see(struct mps_lookout *l, uint64_t in_flight, mps_time_t now)
{
    struct mps_metrics m = {.in_flight = in_flight};

    mps_lookout_seen(l, &m, now);
}

static void looks_when_bytes_move(void **state)
{
    struct mps_lookout l = {.touched = true};

    assert_true(mps_lookout_due(&l, START));
    see(&l, 0, START);
    assert_false(mps_lookout_due(&l, START));
    assert_false(mps_lookout_due(&l, START + MPS_SEC));
    l.touched = true;
    assert_true(mps_lookout_due(&l, START));
}

static void looks_again_for_what_was_under_way(void **state)
{
    struct mps_lookout l = {.touched = true};

    see(&l, 1000, START);
    assert_false(mps_lookout_due(&l, START + MPS_MSEC));
    assert_true(mps_lookout_due(&l, START + 20 * MPS_MSEC));
    see(&l, 0, START + 20 * MPS_MSEC);
    assert_false(mps_lookout_due(&l, START + MPS_SEC));
}

static uint32_t age(struct mps_lookout *l, uint32_t kernel_us, mps_time_t now)
{
    struct mps_metrics m = {.in_flight = 1000, .ack_age_us = kernel_us};

    mps_lookout_seen(l, &m, now);
    return m.ack_age_us;
}

static void a_pause_is_no_silence(void **state)
{
    struct mps_lookout l = {.touched = true};

    see(&l, 0, START);
    assert_int_equal(age(&l, 900000, START + MPS_SEC), 0);
    assert_int_equal(age(&l, 905000, START + MPS_SEC + 5 * MPS_MSEC), 5000);
    assert_int_equal(age(&l, 2000, START + MPS_SEC + 8 * MPS_MSEC), 2000);
    /* Silence is. */
    assert_int_equal(age(&l, 300000, START + MPS_SEC + 308 * MPS_MSEC), 300000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_when_bytes_move),
        cmocka_unit_test(looks_again_for_what_was_under_way),
        cmocka_unit_test(a_pause_is_no_silence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
