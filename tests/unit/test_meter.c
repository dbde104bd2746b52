/* SPDX-License-Identifier: MIT */
/* Measured rates, and what ended paths carried. */
#include "core/base/meter.h"
#include "core/paths/past.h"
#include "test.h"

/* 1000 bytes each millisecond are 1 MB/s. */
static mps_time_t flow(struct mps_meter *m, mps_time_t from, unsigned ms)
{
    for (unsigned i = 0; i < ms; i++)
        mps_meter_add(m, 1000, from + i * MPS_MSEC);
    return from + ms * MPS_MSEC;
}

static void test_rate(void **state)
{
    struct mps_meter m = {.slot = 0};
    mps_time_t now = 12345 * MPS_MSEC;

    (void)state;
    assert_int_equal(mps_meter_rate(&m, now), 0);
    now = flow(&m, now, 1000);
    assert_in_range(mps_meter_rate(&m, now), 990000, 1010000);
    now = flow(&m, now, 60000);
    assert_in_range(mps_meter_rate(&m, now), 990000, 1010000);
    /* At any point within a slot. */
    for (unsigned i = 0; i < 300; i++) {
        now = flow(&m, now, 1);
        assert_in_range(mps_meter_rate(&m, now), 990000, 1010000);
    }
}

static void test_change(void **state)
{
    struct mps_meter m = {.slot = 0};
    mps_time_t now = flow(&m, 5 * MPS_SEC, 4000);
    uint64_t last = UINT64_MAX;

    (void)state;
    /* It fades within the window, and never rises while nothing comes. */
    for (unsigned i = 0; i < 20; i++) {
        uint64_t rate = mps_meter_rate(&m, now + i * 100 * MPS_MSEC);

        assert_true(rate <= last);
        last = rate;
    }
    assert_int_equal(mps_meter_rate(&m, now + 2100 * MPS_MSEC), 0);
    assert_int_equal(mps_meter_rate(&m, now + 3600 * MPS_SEC), 0);
    /* And begins anew. */
    now = flow(&m, now + 3600 * MPS_SEC, 500);
    assert_in_range(mps_meter_rate(&m, now), 990000, 1010000);
}

/* A packet alone is no peak; many bytes do not overflow. */
static void test_extremes(void **state)
{
    struct mps_meter m = {.slot = 0}, large = {.slot = 0};

    (void)state;
    mps_meter_add(&m, 1448, 0);
    assert_in_range(mps_meter_rate(&m, 0), 1, 6000);
    for (unsigned i = 0; i < 2000; i++)
        mps_meter_add(&large, 125000000, i * MPS_MSEC); /* a terabit per second */
    assert_in_range(mps_meter_rate(&large, 2000 * MPS_MSEC), UINT64_C(124000000000),
                    UINT64_C(126000000000));
}

static void test_past(void **state)
{
    struct mps_past past = {.n = 0};
    struct mps_past_path ended = {
        .local = {.family = MPS_AF_INET, .ip = {192, 0, 2, 1}, .port = 1},
        .remote = {.family = MPS_AF_INET, .ip = {192, 0, 2, 9}, .port = 80},
        .bytes_sent = 10,
        .bytes_received = 20,
        .bytes_reinjected = 3,
        .subflows = 1,
    };
    uint64_t sent = 0;

    (void)state;
    mps_past_add(&past, &ended);
    ended.local.port = 2; /* the same path */
    mps_past_add(&past, &ended);
    assert_int_equal(past.n, 1);
    assert_int_equal(past.path[0].bytes_sent, 20);
    assert_int_equal(past.path[0].bytes_received, 40);
    assert_int_equal(past.path[0].bytes_reinjected, 6);
    assert_int_equal(past.path[0].subflows, 2);
    for (unsigned i = 0; i < 40; i++) {
        ended.local.ip[3] = (uint8_t)(i + 2);
        mps_past_add(&past, &ended);
    }
    /* No byte is lost where there is no place. */
    assert_int_equal(past.n, MPS_PAST_MAX);
    for (unsigned i = 0; i < past.n; i++)
        sent += past.path[i].bytes_sent;
    assert_int_equal(sent, 420);
    assert_int_equal(past.path[MPS_PAST_MAX - 1].local.family, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_past),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
