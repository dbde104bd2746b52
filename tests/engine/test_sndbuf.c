/* SPDX-License-Identifier: MIT */
/* What a program's SO_SNDBUF means for a connection. */
#include "test.h"

#include "core/subflow/subflow.h"
#include "engine/connection/drain.h"
#include "engine/connection/sndbuf.h"
#include "handover/sndbuf.h"

#define PAGE 4096u
#define MOST (8u << 20)

static uint64_t buffer_for(size_t asked)
{
    return 2 * mps_ho_sndbuf(asked, PAGE);
}

/* As TCP's, and up to half as much again; or what the program's end needs by itself. */
static void test_sndbuf_all(void **state)
{
    for (size_t asked = PAGE; asked <= MOST; asked += PAGE) {
        uint64_t buffer = buffer_for(asked), least = 2 * asked, most = 3 * asked;
        struct mps_sndbuf_bounds b = mps_sndbuf_bounds(asked, buffer);
        uint64_t all = b.keep ? b.core : b.core + buffer;

        assert_in_range(all, least > buffer ? least : buffer, most > buffer ? most : buffer);
    }
}

/* What is left when a program that waited may write again: no less than TCP leaves. */
static void test_sndbuf_refill(void **state)
{
    for (size_t asked = mps_ho_sndbuf_min(PAGE); asked <= MOST; asked += PAGE) {
        uint64_t buffer = buffer_for(asked);
        struct mps_sndbuf_bounds b = mps_sndbuf_bounds(asked, buffer);
        uint64_t left = b.keep ? b.beyond + buffer / 4 : b.core + buffer / 4;

        assert_in_range(left, 2 * asked * 2 / 3, 3 * asked);
    }
}

/* All of it is in the end of a program that wants little: that is full when TCP's would be. */
static void test_sndbuf_little(void **state)
{
    for (size_t asked = 1; 3 * asked <= buffer_for(asked); asked += 512) {
        struct mps_sndbuf_bounds b = mps_sndbuf_bounds(asked, buffer_for(asked));

        assert_true(b.keep);
        assert_int_equal(b.beyond, 0);
        assert_int_equal(b.core, buffer_for(asked));
    }
}

static void test_sndbuf_none(void **state)
{
    struct mps_sndbuf_bounds b = mps_sndbuf_bounds(0, buffer_for(0));

    assert_int_equal(b.core, 0);
    assert_false(b.keep);
}

#define RTT  40000u  /* us, without a queue */
#define RATE 250000u /* bytes per second */

/* A subflow that fills its path's queue a little more each time it is looked at. */
static struct mps_metrics with_queue(uint32_t us)
{
    return (struct mps_metrics){.srtt_us = RTT + us, .min_rtt_us = RTT, .pacing = RATE};
}

/*
 * The queue is let go when it is as long as the way, until half of that is left, as often as need
 * be.
 */
static void test_drain(void **state)
{
    struct mps_drain d = {.rate = 0};
    mps_time_t now = MPS_SEC;

    for (unsigned times = 0; times < 3; times++) {
        struct mps_metrics m = with_queue(RTT);

        assert_int_equal(mps_drain_step(&d, &m, RATE, now), 0);
        m = with_queue(RTT + 1);
        assert_in_range(mps_drain_step(&d, &m, RATE, now), RATE / 10 * 9, RATE - 1);
        m = with_queue(RTT / 2 + 1);
        now += MPS_SEC / 2;
        assert_true(mps_drain_step(&d, &m, RATE, now) > 0);
        m = with_queue(RTT / 2);
        assert_int_equal(mps_drain_step(&d, &m, RATE, now), 0);
    }
}

/* Of a queue that others fill: what is left to them by that is less than one part in a hundred. */
static void test_drain_others(void **state)
{
    struct mps_drain d = {.rate = 0};
    struct mps_metrics m = with_queue(3 * RTT);
    uint64_t used = RATE, given = 0;
    unsigned looks = 0;

    for (mps_time_t now = MPS_SEC; now < 100 * MPS_SEC; now += MPS_SEC / 10, looks++) {
        uint64_t rate = mps_drain_step(&d, &m, used, now);

        used = rate > 0 ? rate : RATE;
        given += RATE - used;
    }
    assert_in_range(given, 1, (uint64_t)RATE * looks / 100);
}

static void test_drain_not(void **state)
{
    struct mps_drain d = {.rate = 0};
    struct mps_metrics m = with_queue(3 * RTT);

    /* TCP begins, nothing is known, or it is too little to matter. */
    m.pacing = 3 * RATE;
    assert_int_equal(mps_drain_step(&d, &m, RATE, MPS_SEC), 0);
    m = with_queue(3 * RTT);
    assert_int_equal(mps_drain_step(&d, &m, 0, MPS_SEC), 0);
    m.min_rtt_us = 0;
    assert_int_equal(mps_drain_step(&d, &m, RATE, MPS_SEC), 0);
    m = (struct mps_metrics){.srtt_us = 5000, .min_rtt_us = 500, .pacing = RATE};
    assert_int_equal(mps_drain_step(&d, &m, RATE, MPS_SEC), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sndbuf_all),    cmocka_unit_test(test_sndbuf_refill),
        cmocka_unit_test(test_sndbuf_little), cmocka_unit_test(test_sndbuf_none),
        cmocka_unit_test(test_drain),         cmocka_unit_test(test_drain_others),
        cmocka_unit_test(test_drain_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
