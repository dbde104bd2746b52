/* SPDX-License-Identifier: MIT */
/* Credit, when to acknowledge, failure detection: the small state machines of a connection. */
#include "core/receive/ack.h"
#include "core/base/constants.h"
#include "core/receive/flow.h"
#include "core/subflow/stale.h"
#include "test.h"

static void credit_is_monotone(void **state)
{
    struct mps_flow f;

    (void)state;
    mps_flow_init(&f, 1000, 0, 0);
    assert_int_equal(f.window, MPS_INITIAL_CREDIT_MIN); /* never less */
    assert_true(mps_flow_limit(&f, 500, 0));
    assert_false(mps_flow_limit(&f, 500, 0));
    assert_false(mps_flow_limit(&f, 499, 0));
    assert_int_equal(f.limit, 500);
    assert_true(mps_flow_accepts(&f, MPS_INITIAL_CREDIT_MIN));
    assert_false(mps_flow_accepts(&f, MPS_INITIAL_CREDIT_MIN + 1));
    mps_flow_consume(&f, 10, MPS_MSEC, 1);
    assert_true(mps_flow_accepts(&f, MPS_INITIAL_CREDIT_MIN + 10));
}

static void credit_announcements(void **state)
{
    struct mps_flow f;

    (void)state;
    mps_flow_init(&f, 800000, 800000, 0);
    assert_int_equal(mps_flow_announce(&f), 800000);
    mps_flow_consume(&f, 99999, MPS_SEC, 1);
    assert_false(mps_flow_should_announce(&f, 100000));
    mps_flow_consume(&f, 1, MPS_SEC, 1);
    assert_true(mps_flow_should_announce(&f, 100000)); /* an eighth of the window */
    /* A stopped sender hears of less. */
    mps_flow_announce(&f);
    mps_flow_consume(&f, MPS_ROOM_MIN - 1, MPS_SEC, 1);
    assert_true(mps_flow_closed(&f, 900000));
    assert_false(mps_flow_should_announce(&f, 900000));
    mps_flow_consume(&f, 1, MPS_SEC, 1);
    assert_true(mps_flow_should_announce(&f, 900000));
    assert_int_equal(mps_flow_announce(&f), 900000 + MPS_ROOM_MIN);
    assert_false(mps_flow_should_announce(&f, 900000));
}

static void window_follows_the_reader(void **state)
{
    struct mps_flow f;
    mps_time_t now = 0;

    (void)state;
    mps_flow_init(&f, 100000, 1000000, now);
    /* A slow reader: a tenth of the window per round trip. */
    for (unsigned i = 0; i < 50; i++)
        mps_flow_consume(&f, 10000, 10 * MPS_MSEC, now += 10 * MPS_MSEC);
    assert_int_equal(f.window, 100000);
    /*
     * One that takes all of it, more and more: as much again is expected of the next round trips.
     */
    mps_flow_consume(&f, 100000, 10 * MPS_MSEC, now += 10 * MPS_MSEC);
    assert_int_equal(f.window, 400000);
    for (unsigned i = 0; i < 50; i++)
        mps_flow_consume(&f, f.window, 10 * MPS_MSEC, now += 10 * MPS_MSEC);
    assert_int_equal(f.window, 1000000);
    /* What was consumed in a long pause is no rate. */
    mps_flow_init(&f, 100000, 1000000, now);
    mps_flow_consume(&f, 100000, 10 * MPS_MSEC, now += 10 * MPS_SEC);
    assert_int_equal(f.window, 100000);
}

/* Twice what one round trip brings; beyond that as far as the sender is getting faster. */
static void window_follows_the_sender(void **state)
{
    struct mps_flow f;
    mps_time_t now = 0;

    (void)state;
    mps_flow_init(&f, 100000, 10000000, now);
    for (unsigned i = 0; i < 5; i++)
        mps_flow_consume(&f, 80000, 10 * MPS_MSEC, now += 10 * MPS_MSEC);
    assert_int_equal(f.window, 160000);
    mps_flow_consume(&f, 120000, 10 * MPS_MSEC, now += 10 * MPS_MSEC);
    assert_int_equal(f.window, 480000); /* half as much again: 2 * 120000 and as much */
    mps_flow_consume(&f, 1, 10 * MPS_MSEC, now += 10 * MPS_MSEC);
    mps_flow_consume(&f, 300000, 10 * MPS_MSEC, now += 10 * MPS_MSEC);
    assert_int_equal(f.window, 1800000); /* never more than slow start makes of it */
    /* On a short path a burst is the program's socket, which fills. */
    mps_flow_init(&f, 100000, 10000000, now);
    mps_flow_consume(&f, 1000, MPS_MSEC, now += MPS_MSEC);
    mps_flow_consume(&f, 90000, MPS_MSEC, now += MPS_MSEC);
    assert_int_equal(f.window, 180000);
}

static void acknowledgments(void **state)
{
    struct mps_ack a;

    (void)state;
    mps_ack_init(&a);
    assert_false(mps_ack_is_due(&a, MPS_NEVER - 1));
    mps_ack_data(&a, 100, 1 << 20, 2, 1000);
    assert_int_equal(a.due, 1000 + MPS_ACK_DELAY);
    assert_int_equal(a.subflow_id, 2);
    mps_ack_data(&a, 100, 1 << 20, 4, 2000);
    assert_int_equal(a.due, 1000 + MPS_ACK_DELAY); /* the first byte's time counts */
    mps_ack_data(&a, (1 << 17) - 200, 1 << 20, 4, 3000);
    assert_true(mps_ack_is_due(&a, 3000)); /* an eighth of the window */
    mps_ack_sent(&a);
    assert_int_equal(a.due, MPS_NEVER);
    mps_ack_data(&a, 1, 1 << 20, 4, 4000);
    mps_ack_now(&a, 4000);
    assert_true(mps_ack_is_due(&a, 4000));
}

static struct mps_metrics moving(uint64_t acked)
{
    return (struct mps_metrics){
        .srtt_us = 20000, .rttvar_us = 1000, .acked = acked, .in_flight = 10000};
}

static void silence(void **state)
{
    struct mps_metrics m = moving(1000);
    struct mps_stale s;
    mps_time_t now = MPS_SEC;

    (void)state;
    mps_stale_init(&s);
    assert_false(mps_stale_update(&s, &m, now));
    assert_int_equal(s.check_at, now + 70 * MPS_MSEC);
    m.ack_age_us = 60000;
    now += 60 * MPS_MSEC;
    assert_false(mps_stale_update(&s, &m, now));
    assert_int_equal(s.check_at, now + 10 * MPS_MSEC);
    m.ack_age_us = 71000;
    now += 11 * MPS_MSEC;
    assert_true(mps_stale_update(&s, &m, now));
    assert_true(s.stale && s.check_at > now);
    assert_false(mps_stale_hopeless(&s, now + MPS_STALE_HOPELESS - 1));
    assert_true(mps_stale_hopeless(&s, now + MPS_STALE_HOPELESS));
    m.acked++;
    m.ack_age_us = 0;
    assert_true(mps_stale_update(&s, &m, now + 1));
    assert_false(s.stale);
}

/* The peer's data keeps the age low although nothing of ours gets through. */
static void one_way_silence(void **state)
{
    struct mps_metrics m = moving(1000);
    struct mps_stale s;
    mps_time_t now = MPS_SEC;

    (void)state;
    mps_stale_init(&s);
    mps_stale_update(&s, &m, now);
    m.backoff = 1;
    assert_false(mps_stale_update(&s, &m, now + 60 * MPS_MSEC));
    assert_true(mps_stale_update(&s, &m, now + 80 * MPS_MSEC));
    m.acked++;
    assert_true(mps_stale_update(&s, &m, now + 81 * MPS_MSEC));
    /* Back-off lingers after the repair: no new verdict. */
    assert_false(mps_stale_update(&s, &m, now + 82 * MPS_MSEC));
    assert_false(s.stale);
}

static void idle_is_not_stale(void **state)
{
    struct mps_metrics m = moving(1000);
    struct mps_stale s;

    (void)state;
    mps_stale_init(&s);
    m.in_flight = 0;
    m.ack_age_us = 5000000;
    assert_false(mps_stale_update(&s, &m, MPS_SEC));
    assert_int_equal(s.check_at, MPS_NEVER);
}

/* Looks at a silent path get rarer, and a timer that passed is always moved on. */
static void looks(void **state)
{
    struct mps_metrics m = moving(1000);
    mps_time_t now = MPS_SEC, before;
    struct mps_stale s;
    unsigned n = 0;

    (void)state;
    mps_stale_init(&s);
    m.ack_age_us = 200000;
    mps_stale_update(&s, &m, now);
    while (now < 61 * MPS_SEC) {
        before = now;
        now = s.check_at;
        assert_true(now > before);
        mps_stale_checked(&s, &m, now);
        assert_true(s.check_at > now);
        mps_stale_update(&s, &m, now);
        n++;
    }
    assert_in_range(n, 55, 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_is_monotone),
        cmocka_unit_test(credit_announcements),
        cmocka_unit_test(window_follows_the_reader),
        cmocka_unit_test(window_follows_the_sender),
        cmocka_unit_test(acknowledgments),
        cmocka_unit_test(silence),
        cmocka_unit_test(one_way_silence),
        cmocka_unit_test(idle_is_not_stale),
        cmocka_unit_test(looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
