/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "core/base/err.h"
#include "core/send/sendq.h"
#include "faultmem.h"

#define MAX_SPANS 64

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

/* The byte of a DSN: what the queue must give back. */
static uint8_t byte_of(uint64_t dsn)
{
    return (uint8_t)((dsn * 2654435761u) >> 13);
}

static int put(struct mps_sendq *q, size_t want, size_t *ret_n)
{
    struct mps_span s;
    uint64_t tail = mps_sendq_tail(q);
    int rc = mps_sendq_space(q, &s);

    if (rc)
        return rc;
    if (want > s.n)
        want = s.n;
    for (size_t i = 0; i < want; i++)
        s.p[i] = byte_of(tail + i);
    mps_sendq_commit(q, want);
    *ret_n = want;
    return 0;
}

static void fill(struct mps_sendq *q, uint64_t n)
{
    size_t got = 0;

    for (; n; n -= got) {
        assert_int_equal(put(q, n, &got), 0);
        assert_true(got > 0);
    }
}

static void check_spans(const struct mps_span *spans, unsigned n, uint64_t dsn, uint64_t len)
{
    for (unsigned k = 0; k < n; k++) {
        assert_true(spans[k].n > 0 && spans[k].n <= len);
        for (size_t i = 0; i < spans[k].n; i++)
            assert_int_equal(spans[k].p[i], byte_of(dsn + i));
        dsn += spans[k].n;
        len -= spans[k].n;
    }
    assert_int_equal(len, 0);
}

static void check_range(const struct mps_sendq *q, uint64_t dsn, uint64_t len)
{
    struct mps_span spans[MAX_SPANS];

    check_spans(spans, mps_sendq_spans(q, dsn, len, spans, MAX_SPANS), dsn, len);
}

static void test_empty(void **state)
{
    struct faultmem fm;
    struct mps_sendq q;
    struct mps_span s;

    faultmem_init(&fm);
    mps_sendq_init(&q, &fm.mem, 1000);
    assert_int_equal(mps_sendq_spans(&q, 0, 10, &s, 1), 0);
    assert_int_equal(mps_sendq_size(&q), 0);
    mps_sendq_release(&q, 17);
    mps_sendq_commit(&q, 5); /* there was no space */
    assert_int_equal(mps_sendq_tail(&q), 0);
    assert_int_equal(q.head, 0);
    assert_int_equal(fm.live, 0);

    assert_int_equal(mps_sendq_space(&q, &s), 0);
    assert_int_equal(s.n, 1000);
    mps_sendq_commit(&q, 0);
    assert_int_equal(fm.live, 0);
    fill(&q, 10);
    assert_true(fm.live > 0);
    mps_sendq_release(&q, 10);
    assert_int_equal(fm.live, 0);
    assert_int_equal(q.head, 10);
    mps_sendq_deinit(&q);
}

static void test_limit(void **state)
{
    struct faultmem fm;
    struct mps_sendq q;
    struct mps_span s;

    faultmem_init(&fm);
    mps_sendq_init(&q, &fm.mem, 100);
    fill(&q, 100);
    assert_int_equal(mps_sendq_space(&q, &s), 0);
    assert_int_equal(s.n, 0);
    mps_sendq_commit(&q, 5);
    assert_int_equal(mps_sendq_tail(&q), 100);
    mps_sendq_set_limit(&q, 50);
    mps_sendq_release(&q, 50);
    assert_int_equal(mps_sendq_space(&q, &s), 0);
    assert_int_equal(s.n, 0);
    mps_sendq_release(&q, 60);
    assert_int_equal(mps_sendq_space(&q, &s), 0);
    assert_int_equal(s.n, 10);
    mps_sendq_set_limit(&q, 1u << 20);
    assert_int_equal(mps_sendq_space(&q, &s), 0);
    assert_int_equal(s.n, MPS_SENDQ_CHUNK - 100);
    mps_sendq_commit(&q, s.n);
    mps_sendq_set_limit(&q, 0);
    assert_int_equal(mps_sendq_space(&q, &s), 0);
    assert_int_equal(s.n, 0);
    mps_sendq_release(&q, UINT64_MAX);
    assert_int_equal(q.head, MPS_SENDQ_CHUNK);
    mps_sendq_deinit(&q);
    assert_int_equal(fm.live, 0);
}

static void test_spans_clamp(void **state)
{
    struct mps_span spans[3];
    struct faultmem fm;
    struct mps_sendq q;

    faultmem_init(&fm);
    mps_sendq_init(&q, &fm.mem, UINT64_MAX);
    fill(&q, 3 * MPS_SENDQ_CHUNK + 7);
    mps_sendq_release(&q, 5);
    assert_int_equal(mps_sendq_spans(&q, 0, 10, spans, 3), 1);
    assert_int_equal(spans[0].n, 5);
    assert_int_equal(mps_sendq_spans(&q, 10, UINT64_MAX, spans, 3), 3);
    assert_int_equal(spans[0].n, MPS_SENDQ_CHUNK - 10);
    assert_int_equal(mps_sendq_spans(&q, 3 * MPS_SENDQ_CHUNK, 100, spans, 3), 1);
    assert_int_equal(spans[0].n, 7);
    assert_int_equal(mps_sendq_spans(&q, MPS_SENDQ_CHUNK - 1, 2, spans, 3), 2);
    assert_int_equal(mps_sendq_spans(&q, 9, 0, spans, 3), 0);
    assert_int_equal(mps_sendq_spans(&q, UINT64_MAX, UINT64_MAX, spans, 3), 0);
    check_range(&q, 5, 3 * MPS_SENDQ_CHUNK + 2);
    mps_sendq_deinit(&q);
    assert_int_equal(fm.live, 0);
}

/* What is pinned stays readable after its release and is freed with the last pin. */
static void test_pin(void **state)
{
    struct mps_sendq_pin a, b, c;
    struct faultmem fm;
    struct mps_sendq q;

    faultmem_init(&fm);
    mps_sendq_init(&q, &fm.mem, 1u << 20);
    fill(&q, 3 * MPS_SENDQ_CHUNK);
    assert_int_equal(mps_sendq_pin(&q, 0, MPS_SENDQ_CHUNK + 1, &a), MPS_EINVAL);
    assert_int_equal(mps_sendq_pin(&q, 3 * MPS_SENDQ_CHUNK - 1, 2, &a), MPS_EINVAL);
    assert_int_equal(mps_sendq_pin(&q, UINT64_MAX, 2, &a), MPS_EINVAL);
    assert_int_equal(mps_sendq_pin(&q, 60000, 61440, &a), 0);
    assert_int_equal(a.n, 2);
    assert_int_equal(mps_sendq_pin(&q, 70000, 100, &b), 0);
    assert_int_equal(mps_sendq_pin(&q, 70000, 0, &c), 0);
    assert_int_equal(c.n, 0);
    mps_sendq_unpin(&q, &c);
    mps_sendq_release(&q, 3 * MPS_SENDQ_CHUNK);
    assert_int_equal(mps_sendq_size(&q), 0);
    assert_int_equal(fm.live, 2);
    check_spans(a.spans, a.n, 60000, 61440);
    mps_sendq_unpin(&q, &a);
    assert_int_equal(fm.live, 1);
    check_spans(b.spans, b.n, 70000, 100);
    assert_int_equal(mps_sendq_pin(&q, 70000, 100, &c), MPS_EINVAL);
    mps_sendq_unpin(&q, &b);
    assert_int_equal(fm.live, 0);

    fill(&q, 10);
    assert_int_equal(mps_sendq_pin(&q, 3 * MPS_SENDQ_CHUNK, 10, &a), 0);
    mps_sendq_unpin(&q, &a);
    check_range(&q, 3 * MPS_SENDQ_CHUNK, 10);
    assert_int_equal(mps_sendq_pin(&q, 3 * MPS_SENDQ_CHUNK, 10, &a), 0);
    mps_sendq_release(&q, UINT64_MAX);
    mps_sendq_deinit(&q);
    assert_int_equal(fm.live, 0);
}

static void test_model(void **state)
{
    for (seed = 1; seed <= 20; seed++) {
        uint64_t limit = 1 + rnd(40 * MPS_SENDQ_CHUNK);
        uint64_t head = 0, tail = 0, saved = seed;
        struct faultmem fm;
        struct mps_sendq q;

        faultmem_init(&fm);
        mps_sendq_init(&q, &fm.mem, limit);
        for (int step = 0; step < 400; step++) {
            size_t n = 0;

            assert_int_equal(put(&q, rnd(2) ? rnd(100) : rnd(2 * MPS_SENDQ_CHUNK), &n), 0);
            tail += n;
            if (rnd(3) == 0)
                head += rnd((uint32_t)(tail - head) + 1);
            mps_sendq_release(&q, head);
            assert_int_equal(q.head, head);
            assert_int_equal(mps_sendq_tail(&q), tail);
            assert_int_equal(mps_sendq_size(&q), tail - head);
            assert_true(tail - head <= limit);
            assert_true(fm.live_bytes <= tail - head + 4 * MPS_SENDQ_CHUNK);
            if (head < tail) {
                uint64_t dsn = head + rnd((uint32_t)(tail - head));

                check_range(&q, dsn, rnd((uint32_t)(tail - dsn < 90000 ? tail - dsn : 90000)));
            }
        }
        mps_sendq_release(&q, tail);
        assert_int_equal(fm.live, 0);
        mps_sendq_deinit(&q);
        seed = saved;
    }
}

static void test_no_memory(void **state)
{
    struct faultmem fm;
    unsigned failures = 0;

    faultmem_init(&fm);
    for (unsigned long k = 1;; k++) {
        struct mps_sendq q;
        uint64_t tail = 0;

        mps_sendq_init(&q, &fm.mem, UINT64_MAX);
        faultmem_arm(&fm, k);
        while (tail < 20 * (uint64_t)MPS_SENDQ_CHUNK) {
            size_t n = 0;
            int rc = put(&q, 50000, &n);

            if (rc) {
                assert_int_equal(rc, MPS_ENOMEM);
                failures++;
                assert_int_equal(mps_sendq_tail(&q), tail);
                if (tail == 0)
                    assert_int_equal(fm.live, 0);
            }
            tail += n;
        }
        check_range(&q, 0, tail);
        mps_sendq_deinit(&q);
        assert_int_equal(fm.live, 0);
        if (!faultmem_failed(&fm))
            break;
    }
    assert_true(failures > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),       cmocka_unit_test(test_limit),
        cmocka_unit_test(test_spans_clamp), cmocka_unit_test(test_pin),
        cmocka_unit_test(test_model),       cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
