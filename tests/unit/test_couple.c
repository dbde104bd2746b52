/* SPDX-License-Identifier: MIT */
/* Who rests, on a model: paths have a bottleneck each, with a queue of its own length; those that send
 * share it equally. */
#include "core/base/constants.h"
#include "core/fair/couple.h"
#include "test.h"

#define N    4
#define STEP (10 * MPS_MSEC)

struct model {
    struct mps_couple cp;
    struct mps_couple_path path[N];
    unsigned n;
    unsigned bottleneck[N];    /* of path i */
    uint64_t capacity[N];      /* of bottleneck i, bytes per second */
    unsigned rivals[N];        /* others at bottleneck i */
    mps_time_t now, silent[N]; /* time that path i got nothing */
    bool own_rtt;              /* the test says what round trips are */
};

static void setup(struct model *m, unsigned n, enum mps_fairness mode)
{
    memset(m, 0, sizeof(*m));
    mps_couple_init(&m->cp, mode);
    m->n = n;
    m->now = MPS_SEC;
    for (unsigned i = 0; i < n; i++) {
        m->path[i] = (struct mps_couple_path){.slot = i, .srtt_us = 50000, .min_rtt_us = 20000};
        m->bottleneck[i] = i;
        m->capacity[i] = 1000000;
    }
}

static bool sends(const struct model *m, unsigned i)
{
    return !(mps_couple_resting(&m->cp) & UINT32_C(1) << m->path[i].slot);
}

static void deliver(struct model *m, mps_time_t t)
{
    for (unsigned i = 0; i < m->n; i++) {
        unsigned b = m->bottleneck[i], users = m->rivals[b];
        uint64_t rate;

        if (!sends(m, i)) {
            m->silent[i] += t;
            continue;
        }
        for (unsigned k = 0; k < m->n; k++)
            users += m->bottleneck[k] == b && sends(m, k);
        rate = m->capacity[b] / users;
        m->path[i].rate = rate;
        m->path[i].delivered += rate * (t / MPS_MSEC) / 1000;
    }
}

static void measure(struct model *m)
{
    for (unsigned i = 0; i < m->n && !m->own_rtt; i++)
        m->path[i].srtt_us = m->path[i].min_rtt_us + (4000u << m->bottleneck[i]);
}

static void run(struct model *m, mps_time_t t, bool busy)
{
    for (mps_time_t end = m->now + t; m->now < end; m->now += STEP) {
        unsigned carrying = 0;

        measure(m);
        mps_couple_run(&m->cp, m->path, m->n, busy, m->now);
        for (unsigned i = 0; i < m->n; i++)
            carrying += sends(m, i);
        assert_true(m->n == 0 || carrying > 0);
        deliver(m, STEP);
    }
}

static unsigned n_sending(const struct model *m)
{
    unsigned k = 0;

    for (unsigned i = 0; i < m->n; i++)
        k += sends(m, i);
    return k;
}

static void shared(void **state)
{
    struct model m;

    (void)state;
    for (unsigned rivals = 0; rivals < 4; rivals++) {
        setup(&m, 2, MPS_FAIR_AUTO);
        m.bottleneck[1] = 0;
        m.rivals[0] = rivals;
        run(&m, 5 * MPS_SEC, true);
        assert_true(sends(&m, 0)); /* the older */
        assert_false(sends(&m, 1));
        assert_true(mps_couple_deadline(&m.cp) == MPS_NEVER);
        /* It is examined again and again, and is idle nearly all the time. */
        m.silent[1] = 0;
        run(&m, 300 * MPS_SEC, true);
        assert_in_range(m.silent[1], 280 * MPS_SEC, 299 * MPS_SEC);
    }
}

static void disjoint(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 3, MPS_FAIR_AUTO);
    m.capacity[1] = 600000;
    m.rivals[2] = 2;
    run(&m, 300 * MPS_SEC, true);
    assert_int_equal(m.silent[0], 0); /* the best one never pauses */
    assert_in_range(m.silent[1], 1, 3 * MPS_SEC);
    assert_in_range(m.silent[2], 1, 3 * MPS_SEC);
}

/* Two of three share; the third goes on. */
static void partly(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 3, MPS_FAIR_AUTO);
    m.bottleneck[2] = 1;
    run(&m, 8 * MPS_SEC, true);
    assert_true(sends(&m, 0));
    assert_int_equal(n_sending(&m), 2);
    assert_false(sends(&m, 2));
    /* Three at one: one is left. */
    setup(&m, 3, MPS_FAIR_AUTO);
    m.bottleneck[1] = m.bottleneck[2] = 0;
    run(&m, 8 * MPS_SEC, true);
    assert_int_equal(n_sending(&m), 1);
}

/* The network changes: a group that shares no more is taken apart at the next examination. */
static void change(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.bottleneck[1] = 0;
    run(&m, 5 * MPS_SEC, true);
    assert_int_equal(n_sending(&m), 1);
    m.bottleneck[1] = 1;
    run(&m, 20 * MPS_SEC, true);
    assert_int_equal(n_sending(&m), 2);
    m.silent[1] = 0;
    run(&m, 100 * MPS_SEC, true);
    assert_in_range(m.silent[1], 0, 2 * MPS_SEC);
}

static void lost(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.bottleneck[1] = 0;
    run(&m, 5 * MPS_SEC, true);
    assert_false(sends(&m, 1));
    /* The carrier is stale or gone: the other one takes over at once. */
    m.path[0] = m.path[1];
    m.n = 1;
    run(&m, STEP, true);
    assert_true(sends(&m, 0));
    run(&m, 5 * MPS_SEC, true);
    assert_true(sends(&m, 0));
    mps_couple_forget(&m.cp, 1);
    assert_int_equal(mps_couple_resting(&m.cp), 0);
    m.n = 0;
    run(&m, STEP, true);
}

/* Without data that waits nothing is learned, and nothing is asked for. */
static void idle(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.bottleneck[1] = 0;
    run(&m, 60 * MPS_SEC, false);
    assert_int_equal(m.silent[1], 0);
    assert_true(mps_couple_deadline(&m.cp) == MPS_NEVER);
    /* An experiment that ran dry is void. */
    while (mps_couple_deadline(&m.cp) == MPS_NEVER)
        run(&m, STEP, true);
    run(&m, STEP, false);
    assert_true(mps_couple_deadline(&m.cp) == MPS_NEVER);
    assert_int_equal(n_sending(&m), 2);
}

/* The verdict is undone by a probe soon after the bottlenecks became two. */
static void probed(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.bottleneck[1] = 0;
    m.rivals[0] = 1;
    run(&m, 5 * MPS_SEC, true);
    assert_false(sends(&m, 1));
    /* Probes let it send for a moment only. */
    m.silent[1] = 0;
    run(&m, 7 * MPS_SEC, true);
    assert_in_range(m.silent[1], 6 * MPS_SEC, 7 * MPS_SEC - 100 * MPS_MSEC);
    m.bottleneck[1] = 1;
    run(&m, 10 * MPS_SEC, true);
    assert_true(sends(&m, 1));
}

/* A queue that stays at the same rates, and is shorter without the other one. */
static void queue_only(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.own_rtt = true;
    for (mps_time_t end = m.now + 4 * MPS_SEC; m.now < end;) {
        m.path[0].srtt_us = m.path[1].srtt_us = sends(&m, 1) ? 80000 : 60000;
        run(&m, STEP, true);
    }
    assert_false(sends(&m, 1));
    assert_true(sends(&m, 0));
}

/* Long round trips: examined only when the time for it has been saved up. */
static void far(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.own_rtt = true;
    m.path[1].srtt_us = 400000;
    run(&m, 50 * MPS_SEC, true);
    assert_int_equal(m.silent[1], 0);
    run(&m, 250 * MPS_SEC, true);
    assert_in_range(m.silent[1], 1, 6 * MPS_SEC);
}

/* Outcomes that settle nothing are not followed up at any price. */
static void thrifty(void **state)
{
    struct model m;
    mps_time_t silent = 0;

    (void)state;
    setup(&m, 3, MPS_FAIR_AUTO);
    m.own_rtt = true;
    for (unsigned i = 0; i < m.n; i++)
        m.path[i].srtt_us = 2 * m.path[i].min_rtt_us; /* a full queue, of others it may be */
    run(&m, 6 * MPS_SEC, true);
    for (unsigned i = 0; i < m.n; i++)
        silent += m.silent[i];
    assert_in_range(silent, 1, m.n * 6 * MPS_SEC / 30);
}

/*
 * Queues that differ: nothing is risked before it can be paid for, and then a flat outcome is
 * clear.
 */
static void unlike_queues(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    run(&m, 8 * MPS_SEC, true);
    assert_int_equal(m.silent[0] + m.silent[1], 0);
    run(&m, 4 * MPS_SEC, true);
    assert_in_range(m.silent[1], 100 * MPS_MSEC, 200 * MPS_MSEC);
    run(&m, 6 * MPS_SEC, true);
    assert_in_range(m.silent[1], 100 * MPS_MSEC, 200 * MPS_MSEC);
    /* A bottleneck that keeps a queue for each flow. */
    setup(&m, 2, MPS_FAIR_AUTO);
    m.own_rtt = true;
    m.path[0].srtt_us = 24000;
    m.bottleneck[1] = 0;
    run(&m, 15 * MPS_SEC, true);
    assert_false(sends(&m, 1));
}

/* Queues that were seen to differ and came closer: that is no news. */
static void unlike_before(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.own_rtt = true;
    m.path[0].srtt_us = 24000;
    m.path[1].srtt_us = 28000;
    run(&m, 3 * MPS_SEC, true);
    m.path[0].srtt_us = 26500; /* neither like the other one's nor unlike it */
    run(&m, 5 * MPS_SEC, true);
    assert_int_equal(m.silent[0] + m.silent[1], 0);
    m.path[0].srtt_us = 28000; /* alike now */
    run(&m, MPS_SEC, true);
    assert_true(m.silent[0] + m.silent[1] > 0);
}

/* Where the queues are the same one experiment settles it. */
static void alike_queues(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.bottleneck[1] = 0;
    while (mps_couple_deadline(&m.cp) == MPS_NEVER)
        run(&m, STEP, true);
    while (mps_couple_deadline(&m.cp) != MPS_NEVER)
        run(&m, STEP, true);
    assert_false(sends(&m, 1));
    /* They are by chance: it costs a fiftieth of what both carry, at most. */
    setup(&m, 2, MPS_FAIR_AUTO);
    m.own_rtt = true;
    run(&m, 300 * MPS_SEC, true);
    assert_true(sends(&m, 0) && sends(&m, 1));
    assert_in_range(m.silent[1], 1, 2 * 300 * MPS_SEC / 50);
    assert_int_equal(m.silent[0], 0);
}

/* A path whose rate TCP has wrong by far is not the one that matters. */
static void false_rate(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 2, MPS_FAIR_AUTO);
    m.capacity[1] = 300000;
    for (mps_time_t end = m.now + 20 * MPS_SEC; m.now < end;) {
        m.path[1].rate = 100000000;
        run(&m, STEP, true);
    }
    assert_int_equal(m.silent[0], 0);
    assert_true(m.silent[1] > 0);
}

static void strict(void **state)
{
    struct model m;

    (void)state;
    setup(&m, 3, MPS_FAIR_STRICT);
    m.capacity[1] = 3000000;
    run(&m, 2 * MPS_SEC, true);
    assert_int_equal(n_sending(&m), 1);
    assert_true(sends(&m, 1)); /* the fastest */
    m.silent[0] = 0;
    run(&m, 300 * MPS_SEC, true);
    assert_in_range(m.silent[0], 280 * MPS_SEC, 299 * MPS_SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared),        cmocka_unit_test(disjoint),
        cmocka_unit_test(partly),        cmocka_unit_test(change),
        cmocka_unit_test(lost),          cmocka_unit_test(idle),
        cmocka_unit_test(far),           cmocka_unit_test(strict),
        cmocka_unit_test(probed),        cmocka_unit_test(queue_only),
        cmocka_unit_test(thrifty),       cmocka_unit_test(false_rate),
        cmocka_unit_test(unlike_queues), cmocka_unit_test(alike_queues),
        cmocka_unit_test(unlike_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
