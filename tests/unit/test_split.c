/* SPDX-License-Identifier: MIT */
#include "core/subflow/split.h"
#include "core/base/constants.h"
#include "test.h"

#define RATE UINT64_C(10000000) /* bytes per second behind the box */
#define WAY  (25 * MPS_MSEC)    /* there and back */
#define STEP (MPS_MSEC / 2)

/* A box that takes everything at once, and a path behind it. */
struct path {
    struct mps_split s;
    mps_time_t now, free_at;
    uint64_t sent, most;
    struct {
        uint32_t opaque;
        mps_time_t at;
    } pong[MPS_SPLIT_PROBES];
    unsigned n;
};

static void run(struct path *p, mps_time_t span, uint64_t rate, mps_time_t way)
{
    mps_time_t end = p->now + span;

    for (; p->now < end; p->now += STEP) {
        uint64_t room;

        while (p->n > 0 && p->pong[0].at <= p->now) {
            mps_split_answer(&p->s, p->pong[0].opaque, p->now);
            memmove(p->pong, p->pong + 1, --p->n * sizeof(p->pong[0]));
        }
        while ((room = mps_split_room(&p->s, p->sent)) > 0) {
            uint64_t len = room < 4096 ? room : 4096;

            p->sent += len;
            p->free_at = (p->free_at > p->now ? p->free_at : p->now) + len * MPS_SEC / rate;
            if (mps_split_due(&p->s, p->sent, p->now)) {
                p->pong[p->n].opaque = mps_split_ask(&p->s, p->sent, p->now);
                p->pong[p->n++].at = p->free_at + way;
            }
        }
        if (p->sent - p->s.delivered > p->most)
            p->most = p->sent - p->s.delivered;
    }
}

static void start(struct path *p)
{
    memset(p, 0, sizeof(*p));
    p->now = p->free_at = MPS_SEC;
    mps_split_init(&p->s, p->now);
}

/* The whole path is kept busy, and the box holds no more than what it takes for that. */
static void fills_the_path(void **state)
{
    struct mps_metrics m = {.srtt_us = 100, .rate = UINT64_C(1) << 33};
    struct path p;
    uint64_t before;

    start(&p);
    run(&p, MPS_SEC, RATE, WAY);
    before = p.s.delivered;
    run(&p, 4 * MPS_SEC, RATE, WAY);
    assert_in_range(p.s.delivered - before, 4 * RATE * 95 / 100, 4 * RATE * 105 / 100);
    assert_in_range(p.most, RATE / 40, 3 * RATE / 40);
    mps_split_metrics(&p.s, p.sent, &m);
    assert_in_range(m.rate, RATE * 9 / 10, RATE * 12 / 10);
    assert_in_range(m.srtt_us, 25000, 80000);
    assert_in_range(m.min_rtt_us, 25000, 30000);
    assert_int_equal(m.in_flight, p.sent - p.s.delivered);
}

static void follows_a_change(void **state)
{
    struct path p;
    uint64_t before;

    start(&p);
    run(&p, 2 * MPS_SEC, RATE, WAY);
    run(&p, 6 * MPS_SEC, RATE / 10, WAY); /* less rate: less on the way */
    assert_in_range(mps_split_bound(&p.s), MPS_SPLIT_MIN, RATE / 40);
    run(&p, 6 * MPS_SEC, RATE, WAY);
    run(&p, 20 * MPS_SEC, RATE, 6 * WAY); /* a longer path: more */
    before = p.s.delivered;
    run(&p, 4 * MPS_SEC, RATE, 6 * WAY);
    assert_in_range(p.s.delivered - before, 4 * RATE * 8 / 10, 4 * RATE * 105 / 100);
}

static void foreign_answers(void **state)
{
    struct mps_split s, was;

    mps_split_init(&s, MPS_SEC);
    assert_false(mps_split_due(&s, 0, MPS_SEC));
    assert_true(mps_split_due(&s, 1000, MPS_SEC));
    mps_split_ask(&s, 1000, MPS_SEC);
    was = s;
    mps_split_answer(&s, 77, 2 * MPS_SEC);
    assert_memory_equal(&s, &was, sizeof(s));
    mps_split_answer(&s, was.last_opaque, 2 * MPS_SEC);
    assert_int_equal(s.delivered, 1000);
    mps_split_answer(&s, was.last_opaque, 3 * MPS_SEC);
    assert_int_equal(s.delivered, 1000);
    assert_int_equal(s.srtt_us, 1000000);
}

/* What leaves before an answer comes is marked no more often than there are places. */
static void bounded_marks(void **state)
{
    struct mps_split s;
    unsigned n = 0;

    mps_split_init(&s, MPS_SEC);
    for (uint64_t sent = 1; sent < 100 * MPS_SPLIT_MIN; sent += 1000) {
        if (!mps_split_due(&s, sent, MPS_SEC))
            continue;
        mps_split_ask(&s, sent, MPS_SEC);
        n++;
    }
    assert_int_equal(n, MPS_SPLIT_PROBES);
    assert_int_equal(mps_split_room(&s, 100 * MPS_SPLIT_MIN), 0);
    /* A peer that answers none is asked again in place of the first. */
    assert_true(mps_split_due(&s, s.sent, MPS_SEC + MPS_SPLIT_LOST));
    mps_split_ask(&s, s.sent, MPS_SEC + MPS_SPLIT_LOST);
    assert_int_equal(s.n, MPS_SPLIT_PROBES);
    mps_split_answer(&s, s.last_opaque, 2 * MPS_SEC + MPS_SPLIT_LOST);
    assert_int_equal(s.delivered, s.sent);
    assert_int_equal(s.n, 0);
}

/* What the connection's acknowledgments say of all paths counts, too; late PONGs are nothing. */
static void arrived_anyway(void **state)
{
    struct mps_split s;
    uint32_t late;

    mps_split_init(&s, MPS_SEC);
    late = mps_split_ask(&s, MPS_SPLIT_MIN, MPS_SEC);
    assert_int_equal(mps_split_room(&s, MPS_SPLIT_MIN), 0);
    mps_split_arrived(&s, MPS_SPLIT_MIN + 10, 2 * MPS_SEC);
    assert_int_equal(mps_split_room(&s, MPS_SPLIT_MIN + 10), MPS_SPLIT_MIN);
    mps_split_answer(&s, late, 2 * MPS_SEC);
    assert_int_equal(s.delivered, MPS_SPLIT_MIN + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_the_path),  cmocka_unit_test(follows_a_change),
        cmocka_unit_test(foreign_answers), cmocka_unit_test(bounded_marks),
        cmocka_unit_test(arrived_anyway),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
