/* SPDX-License-Identifier: MIT */
/* Whether a repetition shortens waiting. */
#include "core/reinject/sooner.h"
#include "test.h"

#define NOW (100 * MPS_SEC)

/* 0: 1 MB/s, 10 ms; 1: 1 MB/s, 200 ms. Both are empty and take data. */
static struct mps_sooner_paths two_paths(void)
{
    struct mps_sooner_paths paths = {.n = 2, .now = NOW};

    for (unsigned i = 0; i < 2; i++) {
        paths.path[i] = (struct mps_sooner_path){
            .slot = 3 + i,
            .in_turn = true,
            .empty = true,
            .rate = 1000000,
            .room = 65536,
            .srtt_us = i == 0 ? 10000 : 200000,
            .min_rtt_us = i == 0 ? 10000 : 200000,
            .passed_at = NOW,
        };
    }
    return paths;
}

/* On path i, sent so long ago. */
static struct mps_sooner_run sent_on(const struct mps_sooner_paths *paths, unsigned i,
                                     mps_time_t ago)
{
    return (struct mps_sooner_run){UINT32_C(1) << paths->path[i].slot, 1000, NOW - ago, 0};
}

static void test_idle(void **state)
{
    struct mps_sooner_paths paths = two_paths();
    struct mps_sooner_run run = {0, 1000, NOW, 0};

    (void)state;
    assert_int_equal(mps_sooner_idle(&paths, &run), 0);
    paths.path[0].backlog = 500000; /* half a second */
    assert_int_equal(mps_sooner_idle(&paths, &run), 1);
    run.carriers = UINT32_C(1) << paths.path[1].slot;
    paths.path[0].room = 999;
    assert_int_equal(mps_sooner_idle(&paths, &run), MPS_SOONER_NONE);
    paths.path[0].backlog = 0; /* a run may be larger than all the room */
    assert_int_equal(mps_sooner_idle(&paths, &run), 0);
    paths.path[0].in_turn = false;
    assert_int_equal(mps_sooner_idle(&paths, &run), MPS_SOONER_NONE);
    paths.path[0].in_turn = true;
    paths.path[0].srtt_us = 0;
    assert_int_equal(mps_sooner_idle(&paths, &run), MPS_SOONER_NONE);
}

static void test_arrives(void **state)
{
    struct mps_sooner_paths paths = two_paths();
    struct mps_sooner_run run = sent_on(&paths, 1, 0);

    (void)state;
    assert_true(mps_sooner_arrives(&paths, 0, &run));
    run = sent_on(&paths, 1, 95 * MPS_MSEC); /* nearly there */
    assert_false(mps_sooner_arrives(&paths, 0, &run));
    run = sent_on(&paths, 1, 150 * MPS_MSEC); /* its acknowledgment is on the way */
    assert_false(mps_sooner_arrives(&paths, 0, &run));
    run = sent_on(&paths, 1, 300 * MPS_MSEC); /* lost */
    assert_true(mps_sooner_arrives(&paths, 0, &run));
    paths.path[1].rttvar_us = 30000; /* or only later than usual */
    assert_false(mps_sooner_arrives(&paths, 0, &run));
    paths.path[1].losing = true; /* TCP knows */
    assert_true(mps_sooner_arrives(&paths, 0, &run));
    paths.path[1].losing = false;
    paths.path[1].rttvar_us = 0;
    paths.path[1].in_flight = 310000; /* these take 310 ms at its rate */
    assert_false(mps_sooner_arrives(&paths, 0, &run));
    paths.path[1].in_flight = 0;
    run = sent_on(&paths, 0, 0);
    assert_false(mps_sooner_arrives(&paths, 1, &run));
}

static void test_repair(void **state)
{
    struct mps_sooner_paths paths = two_paths();
    struct mps_sooner_run run = sent_on(&paths, 1, 300 * MPS_MSEC);

    (void)state;
    assert_int_equal(mps_sooner_repairs(&paths, &run), MPS_SOONER_LEAVE);
    paths.path[1].losing = true;
    assert_int_equal(mps_sooner_repairs(&paths, &run), MPS_SOONER_REPEAT);
    paths.path[0].backlog = 100000; /* the other one takes longer than half a round trip */
    assert_int_equal(mps_sooner_repairs(&paths, &run), MPS_SOONER_STOP);
    paths.path[0].backlog = 0;
    run = sent_on(&paths, 1, 200 * MPS_MSEC); /* TCP may still repair it */
    assert_int_equal(mps_sooner_repairs(&paths, &run), MPS_SOONER_STOP);
    run.carriers |= UINT32_C(1) << paths.path[0].slot;
    assert_int_equal(mps_sooner_repairs(&paths, &run), MPS_SOONER_LEAVE);
}

static void test_late(void **state)
{
    struct mps_sooner_paths paths = two_paths();
    struct mps_sooner_run run = sent_on(&paths, 1, 460 * MPS_MSEC);

    (void)state;
    assert_false(mps_sooner_is_late(&paths, &run)); /* nothing was foreseen */
    run.expected = 200 * MPS_MSEC;
    assert_true(mps_sooner_is_late(&paths, &run));
    run.expected = 210 * MPS_MSEC; /* TCP's own repair may be under way */
    assert_false(mps_sooner_is_late(&paths, &run));
    run.expected = 200 * MPS_MSEC;
    paths.path[0].backlog = 300000; /* the other one would not bring it much sooner */
    assert_false(mps_sooner_is_late(&paths, &run));
    paths.path[0].backlog = 0;
    run.carriers |= UINT32_C(1) << paths.path[0].slot;
    assert_false(mps_sooner_is_late(&paths, &run));
}

static void test_unexplored(void **state)
{
    struct mps_sooner_paths paths = two_paths();

    (void)state;
    assert_int_equal(mps_sooner_unexplored(&paths), MPS_SOONER_NONE);
    paths.path[1].passed_at = NOW - MPS_SOONER_EXPLORE;
    assert_int_equal(mps_sooner_unexplored(&paths), 1);
    paths.path[1].empty = false;
    assert_int_equal(mps_sooner_unexplored(&paths), MPS_SOONER_NONE);
}

static void test_affords(void **state)
{
    (void)state;
    assert_true(mps_sooner_affords(0, 65536, 65536));
    assert_false(mps_sooner_affords(0, 65537, 65536));
    assert_true(mps_sooner_affords(3200000, 100000, 131072));
    assert_false(mps_sooner_affords(3200000, 100001, 131072));
    assert_true(mps_sooner_affords_repair(0, 0, 65536));
    assert_false(mps_sooner_affords_repair(0, 1, 65536));
    assert_true(mps_sooner_affords_repair(6400000, 100000, 65536));
    assert_false(mps_sooner_affords_repair(6400000, 100001, 65536));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),       cmocka_unit_test(test_arrives),
        cmocka_unit_test(test_repair),     cmocka_unit_test(test_late),
        cmocka_unit_test(test_unexplored), cmocka_unit_test(test_affords),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
