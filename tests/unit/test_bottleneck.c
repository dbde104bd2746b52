/* SPDX-License-Identifier: MIT */
/* The experiment that finds shared bottlenecks, on rates that are given. */
#include "core/base/constants.h"
#include "core/fair/bottleneck.h"
#include "test.h"

#define RTT (50 * MPS_MSEC)

/* Bytes per second of slot 0 and of slot 1, the one that pauses, in the three windows. */
struct course {
    uint64_t watched[3], pausing[3];
    uint32_t rtt_ms[3]; /* of slot 0 */
    bool probe;
};

static unsigned window(enum mps_sbd_phase phase)
{
    return phase <= MPS_SBD_BEFORE ? 0 : phase <= MPS_SBD_PAUSED ? 1 : 2;
}

static bool flat; /* the last run's */

/* Late by `late` at every step. Returns the gain of slot 0. */
static unsigned run(const struct course *course, mps_time_t late)
{
    struct mps_sbd_sample s[2] = {{0, 1000, 0}, {1, 500, 0}};
    mps_time_t now = MPS_SEC;
    struct mps_sbd sbd;

    mps_sbd_init(&sbd);
    mps_sbd_start(&sbd, 1, course->probe, RTT, s, 2, now);
    while (mps_sbd_running(&sbd)) {
        mps_time_t took = sbd.at + late - now;
        unsigned w = window(sbd.phase);

        assert_int_equal(mps_sbd_pauses(&sbd, 1), (w == 1) != course->probe);
        assert_false(mps_sbd_pauses(&sbd, 0));
        s[0].srtt_us = course->rtt_ms[w] * 1000;
        s[0].delivered += course->watched[w] * (took / MPS_MSEC) / 1000;
        s[1].delivered += course->pausing[w] * (took / MPS_MSEC) / 1000;
        mps_sbd_step(&sbd, s, 2, sbd.at - 1); /* too early: nothing happens */
        now += took;
        mps_sbd_step(&sbd, s, 2, now);
    }
    assert_int_equal(sbd.phase, MPS_SBD_DONE);
    assert_true(sbd.at == MPS_NEVER);
    flat = mps_sbd_flat(&sbd);
    assert_int_equal(mps_sbd_gain(&sbd, 1), 0);
    assert_int_equal(mps_sbd_gain(&sbd, 2), 0); /* takes no part */
    return mps_sbd_gain(&sbd, 0);
}

static void one_queue(void **state)
{
    static const struct course alone = {
        {1000000, 2000000, 1000000}, {1000000, 0, 1000000}, {0}, false};
    static const struct course third = {{800000, 1200000, 800000}, {800000, 0, 800000}, {0}, false};

    (void)state;
    assert_in_range(run(&alone, 0), 95, 105);
    assert_in_range(run(&third, 0), 45, 55);
    assert_in_range(run(&third, 77 * MPS_MSEC), 45, 55);
    assert_false(flat);
}

static void two_queues(void **state)
{
    static const struct course steady = {
        {1000000, 1000000, 1000000}, {1000000, 0, 1000000}, {0}, false};
    static const struct course jitter = {
        {980000, 1030000, 990000}, {1000000, 0, 1000000}, {0}, false};
    static const struct course small = {
        {1000000, 1050000, 1000000}, {100000, 0, 100000}, {0}, false};

    (void)state;
    assert_int_equal(run(&steady, 0), 0);
    assert_int_equal(run(&steady, 13 * MPS_MSEC), 0);
    assert_true(flat);
    assert_int_equal(run(&jitter, 0), 0);
    assert_false(flat);                  /* 4 % */
    assert_int_equal(run(&small, 0), 0); /* half of what it gave up, but within chance */
}

/* A rise that stays, or a dent before or after, has another cause. */
static void other_causes(void **state)
{
    static const struct course starts = {
        {500000, 1000000, 2000000}, {1000000, 0, 1000000}, {0}, false};
    static const struct course stays = {
        {500000, 1000000, 1000000}, {1000000, 0, 1000000}, {0}, false};
    static const struct course dent = {
        {1000000, 1000000, 300000}, {1000000, 0, 1000000}, {0}, false};
    static const struct course idle = {{1000000, 1500000, 1000000}, {0, 0, 0}, {0}, false};
    static const struct course moved = {{0, 1000000, 0}, {1000000, 0, 1000000}, {0}, false};

    (void)state;
    assert_int_equal(run(&starts, 0), 0);
    assert_int_equal(run(&stays, 0), 0);
    assert_int_equal(run(&dent, 0), 0);
    assert_int_equal(run(&idle, 0), 0);
    assert_int_equal(run(&moved, 0), 0);
}

/* BBR leaves the rate as it is, but the queue is shorter. */
static void round_trips(void **state)
{
#define SAME                                                                                       \
    {1000000, 1000000, 1000000},                                                                   \
    {                                                                                              \
        1000000, 0, 1000000                                                                        \
    }
    static const struct course dip = {SAME, {90, 70, 88}, false};
    static const struct course little = {SAME, {90, 85, 90}, false};
    static const struct course falls = {SAME, {90, 70, 60}, false};
    static const struct course equal = {SAME, {90, 89, 90}, false};
    /* It was the subflow itself that sent less. */
    static const struct course own = {
        {1000000, 400000, 1000000}, {1000000, 0, 1000000}, {90, 50, 90}, false};

    (void)state;
    assert_in_range(run(&dip, 0), 15, 25);
    assert_false(flat);
    assert_int_equal(run(&little, 0), 0);
    assert_false(flat);
    assert_int_equal(run(&falls, 0), 0);
    assert_int_equal(run(&equal, 0), 0);
    assert_true(flat);
    assert_int_equal(run(&own, 0), 0);
    assert_false(flat);
}

/* Of one that rests. */
static void probes(void **state)
{
    static const struct course shared = {
        {1500000, 1000000, 1500000}, {0, 500000, 0}, {60, 60, 60}, true};
    static const struct course queue = {SAME, {60, 80, 60}, true};
    static const struct course apart = {
        {1000000, 1000000, 1000000}, {0, 500000, 0}, {60, 61, 60}, true};
    static const struct course silent = {
        {1500000, 1000000, 1500000}, {0, 0, 0}, {60, 60, 60}, true};
#undef SAME

    (void)state;
    assert_in_range(run(&shared, 0), 95, 105);
    assert_false(flat);
    assert_in_range(run(&queue, 0), 20, 30);
    assert_int_equal(run(&apart, 0), 0);
    assert_true(flat);
    assert_int_equal(run(&silent, 0), 0);
}

static void cancelled(void **state)
{
    struct mps_sbd_sample s[2] = {{0, 0, 0}, {1, 0, 0}};
    struct mps_sbd sbd;

    (void)state;
    mps_sbd_init(&sbd);
    assert_true(sbd.at == MPS_NEVER);
    mps_sbd_start(&sbd, 1, false, RTT, s, 2, 0);
    mps_sbd_step(&sbd, s, 2, sbd.at);
    assert_true(mps_sbd_pauses(&sbd, 1));
    mps_sbd_cancel(&sbd);
    assert_false(mps_sbd_pauses(&sbd, 1));
    assert_false(mps_sbd_running(&sbd));
    assert_true(sbd.at == MPS_NEVER);
    mps_sbd_step(&sbd, s, 2, MPS_SEC);
    assert_false(mps_sbd_running(&sbd));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_queue),   cmocka_unit_test(two_queues), cmocka_unit_test(other_causes),
        cmocka_unit_test(round_trips), cmocka_unit_test(probes),     cmocka_unit_test(cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
