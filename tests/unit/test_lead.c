/* SPDX-License-Identifier: MIT */
/* How much is set aside for faster paths before a slow one begins. */
#include "core/send/lead.h"
#include "core/base/constants.h"
#include "test.h"

#define MBIT UINT64_C(125000)
#define MB   (UINT64_C(1) << 20)

/* A measured, idle path; the way there takes half of the round trip. */
static struct mps_sched_path path(uint64_t mbit, uint32_t rtt_ms)
{
    return (struct mps_sched_path){
        .m = {.srtt_us = rtt_ms * 1000, .min_rtt_us = rtt_ms * 1000, .rate = mbit * MBIT},
        .room = 65536,
    };
}

static uint64_t lead(const struct mps_sched_path *paths, unsigned n, unsigned i, uint64_t aside,
                     uint64_t window, uint32_t *ret_faster)
{
    struct mps_sched_input in = {.paths = paths, .n_paths = n, .window = window};

    return mps_lead_bytes(&in, i, aside, ret_faster);
}

static void test_difference(void **state)
{
    struct mps_sched_path paths[] = {path(100, 10), path(20, 100), path(40, 20)};
    uint32_t faster = 9;

    (void)state;
    /* 45 ms of 100 Mbit/s, and 40 ms of 40 Mbit/s where that path is there. */
    assert_int_equal(lead(paths, 2, 1, 0, 16 * MB, &faster), 562500);
    assert_int_equal(faster, 1);
    assert_int_equal(lead(paths, 3, 1, 0, 16 * MB, &faster), 762500);
    assert_int_equal(faster, 5);
    /* What waits in a socket comes first. */
    paths[0].m.notsent = 62500; /* 5 ms */
    assert_int_equal(lead(paths, 2, 1, 0, 16 * MB, &faster), 500000);
    paths[1].queued = 25000; /* 10 ms */
    assert_int_equal(lead(paths, 2, 1, 0, 16 * MB, &faster), 625000);
    /* So does what was set aside before. */
    assert_int_equal(lead(paths, 2, 1, 600000, 16 * MB, &faster), 25000);
    assert_int_equal(lead(paths, 2, 1, 700000, 16 * MB, &faster), 0);
    /* Half of the window at most. */
    assert_int_equal(lead(paths, 2, 1, 0, MB, &faster), MB / 2);
}

static void test_none(void **state)
{
    struct mps_sched_path paths[] = {path(100, 10), path(20, 100)};
    struct mps_sched_path near[] = {path(100, 10), path(100, 18)};
    uint32_t faster = 9;

    (void)state;
    assert_int_equal(lead(paths, 2, 0, 0, MB, &faster), 0); /* the fast one */
    assert_int_equal(faster, 0);
    assert_int_equal(lead(paths + 1, 1, 0, 0, MB, &faster), 0); /* alone */
    assert_int_equal(lead(near, 2, 1, 0, MB, &faster), 0);
    near[1] = path(100, 20);
    assert_int_equal(lead(near, 2, 1, 0, MB, &faster), 62500);
    /* Nothing is known of one of them. */
    paths[0].m.srtt_us = 0;
    assert_int_equal(lead(paths, 2, 1, 0, MB, &faster), 0);
    paths[0] = path(100, 10);
    paths[1].m.srtt_us = 0;
    assert_int_equal(lead(paths, 2, 1, 0, MB, &faster), 0);
    /* A backup brings nothing while others are there; among backups it does. */
    paths[1] = path(20, 100);
    paths[0].backup = true;
    assert_int_equal(lead(paths, 2, 1, 0, MB, &faster), 0);
    paths[1].backup = true;
    assert_true(lead(paths, 2, 1, 0, MB, &faster) > 0);
}

/* Absurd measurements do not overflow. */
static void test_extremes(void **state)
{
    struct mps_sched_path paths[] = {path(100, 10), path(20, 100)};
    uint32_t faster = 0;

    (void)state;
    paths[0].m.rate = UINT64_MAX;
    paths[1].m.rate = 1;
    paths[1].m.notsent = UINT64_MAX;
    assert_int_equal(lead(paths, 2, 1, 0, UINT64_MAX, &faster),
                     UINT64_C(100000000000) * 100); /* 100 s of 100 GB/s */
    assert_int_equal(lead(paths, 2, 1, UINT64_MAX, UINT64_MAX, &faster), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_difference),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
