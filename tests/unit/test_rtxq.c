/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "core/base/err.h"
#include "core/send/rtxq.h"
#include "faultmem.h"

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static struct mps_run *add(struct mps_rtxq *q, uint32_t len, bool fin, unsigned slot,
                           mps_time_t now)
{
    struct mps_run *run = NULL;

    assert_int_equal(mps_rtxq_add(q, mps_rtxq_tail(q), len, fin, slot, now, &run), 0);
    return run;
}

static void test_add(void **state)
{
    struct mps_run *run = NULL;
    struct faultmem fm;
    struct mps_rtxq q;

    faultmem_init(&fm);
    mps_rtxq_init(&q, &fm.mem);
    assert_null(mps_rtxq_first(&q));
    assert_null(mps_rtxq_last(&q));
    assert_null(mps_rtxq_next_reinject(&q));
    assert_int_equal(mps_rtxq_ack(&q, 100), 0);
    assert_int_equal(mps_rtxq_add(&q, 1, 10, false, 0, 0, &run), MPS_EINVAL);
    assert_int_equal(mps_rtxq_add(&q, 0, 0, false, 0, 0, &run), MPS_EINVAL);
    assert_int_equal(mps_rtxq_add(&q, 0, 10, false, 32, 0, &run), MPS_EINVAL);
    assert_null(run);
    assert_int_equal(mps_rtxq_add(&q, 0, 10, false, 31, 5, NULL), 0);
    run = add(&q, 0, true, 3, 7);
    assert_int_equal(run->dsn, 10);
    assert_int_equal(mps_run_end(run), 11);
    assert_int_equal(mps_rtxq_add(&q, 11, 10, false, 0, 0, NULL), MPS_EINVAL);
    assert_int_equal(mps_rtxq_count(&q), 2);
    assert_int_equal(mps_rtxq_outstanding(&q, 31), 10);
    assert_int_equal(mps_rtxq_outstanding(&q, 3), 1);
    assert_int_equal(mps_rtxq_outstanding(&q, 32), 0);
    assert_ptr_equal(mps_rtxq_next(&q, mps_rtxq_first(&q)), run);
    assert_null(mps_rtxq_next(&q, run));
    assert_ptr_equal(mps_rtxq_last(&q), run);

    assert_int_equal(mps_rtxq_ack(&q, 9), 0); /* in part: stays whole */
    assert_int_equal(mps_rtxq_first(&q)->len, 10);
    assert_int_equal(mps_rtxq_ack(&q, 10), 10);
    assert_int_equal(q.head, 10);
    assert_int_equal(mps_rtxq_ack(&q, 11), 1);
    assert_int_equal(q.head, 11);
    assert_int_equal(mps_rtxq_tail(&q), 11);
    assert_int_equal(fm.live, 0);
    mps_rtxq_deinit(&q);
}

static void test_reinjection(void **state)
{
    struct mps_run *r[4];
    struct faultmem fm;
    struct mps_rtxq q;

    faultmem_init(&fm);
    mps_rtxq_init(&q, &fm.mem);
    for (unsigned i = 0; i < 4; i++)
        r[i] = add(&q, 100, false, i % 2, i);
    mps_rtxq_slot_lost(&q, 1);
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[1]);
    assert_int_equal(mps_rtxq_outstanding(&q, 1), 0);
    mps_rtxq_sent_again(&q, r[1], 32, 10); /* no such slot */
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[1]);
    mps_rtxq_sent_again(&q, r[1], 0, 10);
    assert_int_equal(r[1]->times_sent, 2);
    assert_int_equal(mps_rtxq_outstanding(&q, 0), 300);
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[3]);
    mps_rtxq_slots_stale(&q, 1u << 0); /* all others are on 0 only */
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[0]);
    assert_int_equal(mps_rtxq_outstanding(&q, 0), 300);
    mps_rtxq_sent_again(&q, r[0], 5, 11);
    mps_rtxq_slots_stale(&q, 1u << 0); /* 5 carries it now */
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[1]);
    mps_rtxq_slots_recovered(&q, 1u << 0);
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[3]);
    mps_rtxq_requeue(&q, r[1]);
    mps_rtxq_requeue(&q, r[1]);
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[1]);
    assert_int_equal(mps_rtxq_ack(&q, 200), 200);
    assert_ptr_equal(mps_rtxq_next_reinject(&q), r[3]);
    assert_int_equal(mps_rtxq_outstanding(&q, 5), 0);
    mps_rtxq_deinit(&q);
    assert_int_equal(fm.live, 0);
}

/* ---- against a plain array ---- */

#define MODEL_MAX 600
#define SLOTS     4

struct model_run {
    uint64_t dsn, end;
    uint32_t carriers;
    bool queued;
};

struct model {
    struct model_run runs[MODEL_MAX];
    unsigned first, n; /* runs[first..n) are there */
};

static void model_check(const struct model *m, const struct mps_rtxq *q)
{
    const struct mps_run *run = mps_rtxq_first(q), *waiting = NULL;
    uint64_t outstanding[SLOTS] = {0};

    for (unsigned i = m->first; i < m->n; i++, run = mps_rtxq_next(q, run)) {
        assert_non_null(run);
        assert_true(run->dsn == m->runs[i].dsn && mps_run_end(run) == m->runs[i].end);
        assert_int_equal(run->carriers, m->runs[i].carriers);
        assert_int_equal(run->queued, m->runs[i].queued);
        if (run->queued && !waiting)
            waiting = run;
        for (unsigned s = 0; s < SLOTS; s++) {
            if (run->carriers & (1u << s))
                outstanding[s] += m->runs[i].end - m->runs[i].dsn;
        }
    }
    assert_null(run);
    assert_ptr_equal(mps_rtxq_next_reinject(q), waiting);
    assert_int_equal(mps_rtxq_count(q), m->n - m->first);
    for (unsigned s = 0; s < SLOTS; s++)
        assert_true(mps_rtxq_outstanding(q, s) == outstanding[s]);
}

static struct mps_run *nth(const struct mps_rtxq *q, unsigned i)
{
    struct mps_run *run = mps_rtxq_first(q);

    while (i--)
        run = mps_rtxq_next(q, run);
    return run;
}

static void model_ack(struct model *m, struct mps_rtxq *q)
{
    uint64_t head = q->head, freed = 0;
    uint64_t ack = head + rnd((uint32_t)(mps_rtxq_tail(q) - head) / 4 + 2);

    for (; m->first < m->n && m->runs[m->first].end <= ack; m->first++)
        freed += m->runs[m->first].end - m->runs[m->first].dsn;
    assert_int_equal(mps_rtxq_ack(q, ack), freed);
}

static void model_mask(struct model *m, struct mps_rtxq *q)
{
    uint32_t mask = rnd(1u << SLOTS);
    unsigned slot = rnd(SLOTS), what = rnd(3);

    for (unsigned i = m->first; i < m->n; i++) {
        struct model_run *run = &m->runs[i];

        if (what == 0)
            run->carriers &= ~(1u << slot);
        if ((what == 0 && !run->carriers) || (what == 1 && !(run->carriers & ~mask)))
            run->queued = true;
        if (what == 2 && (run->carriers & mask))
            run->queued = false;
    }
    if (what == 0)
        mps_rtxq_slot_lost(q, slot);
    else if (what == 1)
        mps_rtxq_slots_stale(q, mask);
    else
        mps_rtxq_slots_recovered(q, mask);
}

static void model_step(struct model *m, struct mps_rtxq *q, mps_time_t now)
{
    unsigned slot = rnd(SLOTS), what = rnd(10);

    if (what < 4 && m->n < MODEL_MAX) {
        struct mps_run *run = add(q, 1 + rnd(3000), false, slot, now);

        m->runs[m->n++] = (struct model_run){run->dsn, mps_run_end(run), 1u << slot, false};
    } else if (what < 5) {
        model_ack(m, q);
    } else if (what < 6) {
        model_mask(m, q);
    } else if (m->first < m->n) {
        unsigned i = rnd(m->n - m->first);
        struct mps_run *run = nth(q, i);

        if (what < 8) {
            m->runs[m->first + i].queued = true;
            mps_rtxq_requeue(q, run);
        } else {
            m->runs[m->first + i].queued = false;
            m->runs[m->first + i].carriers |= 1u << slot;
            mps_rtxq_sent_again(q, run, slot, now);
        }
    }
}

static void test_model(void **state)
{
    static struct model m;

    for (uint64_t round = 1; round <= 30; round++) {
        struct faultmem fm;
        struct mps_rtxq q;
        uint64_t last = 0;

        seed = round;
        m.first = m.n = 0;
        faultmem_init(&fm);
        mps_rtxq_init(&q, &fm.mem);
        for (mps_time_t now = 1; now < 1000; now++) {
            model_step(&m, &q, now);
            model_check(&m, &q);
        }
        /* What waits comes out in DSN order. */
        for (struct mps_run *run; (run = mps_rtxq_next_reinject(&q));) {
            assert_true(run->dsn >= last);
            last = run->dsn;
            mps_rtxq_sent_again(&q, run, 0, 1000);
        }
        mps_rtxq_ack(&q, mps_rtxq_tail(&q));
        assert_int_equal(fm.live, 0);
        mps_rtxq_deinit(&q);
    }
}

/* 10,000 runs: every operation on a single run is cheap, or this takes minutes. */
static void test_many(void **state)
{
    enum { N = 10000 };
    struct faultmem fm;
    struct mps_rtxq q;
    unsigned n = 0;

    faultmem_init(&fm);
    mps_rtxq_init(&q, &fm.mem);
    for (unsigned i = 0; i < N; i++)
        add(&q, 1000, false, i % 2, i);
    mps_rtxq_slot_lost(&q, 1);
    for (struct mps_run *run; (run = mps_rtxq_next_reinject(&q)); n++) {
        assert_int_equal(run->dsn, 1000 * (2 * n + 1));
        mps_rtxq_sent_again(&q, run, 2, N);
    }
    assert_int_equal(n, N / 2);
    for (unsigned i = 0; i < 1000000; i++) {
        mps_rtxq_ack(&q, q.head + 1000);
        add(&q, 1000, false, i % 2, N + i);
        mps_rtxq_requeue(&q, mps_rtxq_first(&q));
        mps_rtxq_requeue(&q, mps_rtxq_last(&q));
        assert_ptr_equal(mps_rtxq_next_reinject(&q), mps_rtxq_first(&q));
    }
    assert_int_equal(mps_rtxq_count(&q), N);
    assert_true(fm.live <= N + 64);
    mps_rtxq_ack(&q, UINT64_MAX);
    assert_int_equal(fm.live, 0);
    mps_rtxq_deinit(&q);
}

static void test_no_memory(void **state)
{
    struct faultmem fm;
    struct mps_rtxq q;

    faultmem_init(&fm);
    for (unsigned long k = 1;; k++) {
        mps_rtxq_init(&q, &fm.mem);
        faultmem_arm(&fm, k);
        for (unsigned i = 0; i < 20; i++) {
            uint64_t tail = mps_rtxq_tail(&q);
            int rc = mps_rtxq_add(&q, tail, 10, i == 19, 0, i, NULL);

            if (rc) {
                assert_int_equal(rc, MPS_ENOMEM);
                assert_int_equal(mps_rtxq_tail(&q), tail);
                assert_int_equal(mps_rtxq_outstanding(&q, 0), tail - q.head);
            }
            if (i == 10)
                mps_rtxq_ack(&q, tail / 2);
        }
        mps_rtxq_deinit(&q);
        assert_int_equal(fm.live, 0);
        if (!faultmem_failed(&fm))
            return;
    }
}

/* Set aside: a place in the stream, on no subflow yet. */
static void test_aside(void **state)
{
    struct mps_run *run, *behind;
    struct faultmem fm;
    struct mps_rtxq q;

    faultmem_init(&fm);
    mps_rtxq_init(&q, &fm.mem);
    add(&q, 100, false, 0, 1);
    assert_int_equal(mps_rtxq_set_aside(&q, 99, 50), MPS_EINVAL);
    assert_int_equal(mps_rtxq_set_aside(&q, 100, 0), MPS_EINVAL);
    assert_int_equal(mps_rtxq_set_aside(&q, 100, 50), 0);
    assert_int_equal(mps_rtxq_set_aside(&q, 150, 60), 0);
    behind = add(&q, 10, false, 1, 3);
    assert_int_equal(behind->dsn, 210);
    assert_int_equal(mps_rtxq_aside(&q), 110);
    assert_int_equal(mps_rtxq_outstanding(&q, 0), 100);
    /* In DSN order with what is sent again; what happens to subflows does not matter to it. */
    mps_rtxq_slot_lost(&q, 0);
    mps_rtxq_slots_stale(&q, 2);
    mps_rtxq_slots_recovered(&q, 3);
    run = mps_rtxq_next_reinject(&q);
    assert_int_equal(run->dsn, 0);
    mps_rtxq_sent_again(&q, run, 1, 4);
    run = mps_rtxq_next_reinject(&q);
    assert_int_equal(run->dsn, 100);
    assert_int_equal(run->times_sent, 0);
    mps_rtxq_sent_again(&q, run, 0, 5);
    assert_int_equal(mps_rtxq_aside(&q), 60);
    assert_int_equal(mps_rtxq_outstanding(&q, 0), 50);
    mps_rtxq_slot_lost(&q, 0);
    assert_int_equal(mps_rtxq_next_reinject(&q)->dsn, 100);
    assert_int_equal(mps_rtxq_aside(&q), 60); /* only what was never sent */
    /* A peer may claim to have what nobody sent. */
    assert_int_equal(mps_rtxq_ack(&q, 220), 220);
    assert_int_equal(mps_rtxq_aside(&q), 0);
    assert_null(mps_rtxq_next_reinject(&q));
    assert_int_equal(fm.live, 0);
    mps_rtxq_deinit(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),       cmocka_unit_test(test_reinjection),
        cmocka_unit_test(test_model),     cmocka_unit_test(test_many),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
