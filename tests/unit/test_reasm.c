/* SPDX-License-Identifier: MIT */
#include "test.h"
#include "core/base/err.h"
#include "core/receive/reasm.h"
#include "faultmem.h"

#define SPACE (1u << 20) /* sequence space of the tests */

static uint64_t seed;

static uint32_t rnd(uint32_t n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % n;
}

static uint8_t byte_of(uint64_t dsn)
{
    return (uint8_t)((dsn * 2654435761u) >> 13);
}

/* The plain model: which bytes have arrived, how far the reader is. */
struct model {
    bool present[SPACE + 1];
    uint64_t read, next, high, stored;
};

static struct model m;
static struct faultmem fm;
static struct mps_reasm r;
static bool cutting;  /* what is next goes in by two parts */
static bool passing;  /* what is next goes around, as far as it may */
static bool starving; /* there is memory for what comes, and none to put it in order */

static void begin(void)
{
    memset(&m, 0, sizeof(m));
    faultmem_init(&fm);
    mps_reasm_init(&r, &fm.mem);
}

static void end(void)
{
    mps_reasm_deinit(&r);
    assert_int_equal(fm.live, 0);
}

static void check_counters(void)
{
    assert_true(mps_reasm_next(&r) == m.next);
    assert_true(mps_reasm_in_order(&r) == m.next - m.read);
    assert_true(mps_reasm_out_of_order(&r) == m.stored - (m.next - m.read));
    assert_true(r.allocated == fm.live_bytes);
    assert_true(starving || fm.live_bytes <= 2 * (m.high - m.read) + MPS_REASM_SLACK);
    if (!m.stored)
        assert_int_equal(fm.live, 0);
}

static void insert(struct mps_reasm_chunk *c, uint64_t *ret_new)
{
    fm.fail_after = starving;
    if (starving)
        faultmem_arm(&fm, 1);
    mps_reasm_insert(&r, c, ret_new);
    if (starving)
        faultmem_arm(&fm, 0);
}

static int feed_first(struct mps_reasm_chunk *c, uint32_t n, uint64_t *ret_new)
{
    struct mps_reasm_chunk *first;
    uint32_t len = c->len;
    int rc;

    for (uint32_t i = 0; i < n; i++)
        c->data[i] = byte_of(c->dsn + i);
    rc = mps_reasm_cut(&r, c, n, &first);
    if (rc) {
        assert_int_equal(c->len, len);
        return rc;
    }
    assert_int_equal(first->len + c->len, len);
    assert_true(first->dsn + n == c->dsn);
    insert(first, ret_new);
    return 0;
}

static int feed_raw(uint64_t dsn, uint32_t len, uint64_t *ret_new)
{
    struct mps_reasm_chunk *c = NULL;
    uint64_t more = 0;
    int rc = mps_reasm_alloc(&r, dsn, len, &c);

    if (rc)
        return rc;
    *ret_new = 0;
    if (cutting && len > 1 && dsn == mps_reasm_next(&r)) {
        rc = feed_first(c, 1 + rnd(len - 1), ret_new);
        if (rc) {
            mps_reasm_abandon(&r, c);
            return rc;
        }
    }
    if (passing && c->dsn == mps_reasm_next(&r) && mps_reasm_in_order(&r) == 0) {
        uint32_t n = mps_reasm_hole(&r, c->len);

        n = n > 1 ? 1 + rnd(n) : n;
        mps_reasm_bypass(&r, c, n);
        m.read += n; /* the reader has them */
        m.stored -= n;
        *ret_new += n;
    }
    for (uint32_t i = 0; i < c->len; i++)
        c->data[i] = byte_of(c->dsn + i);
    insert(c, &more);
    *ret_new += more;
    return 0;
}

static void feed(uint64_t dsn, uint32_t len)
{
    uint64_t expect = 0, got = UINT64_MAX;

    for (uint32_t i = 0; i < len; i++) {
        expect += !m.present[dsn + i];
        m.present[dsn + i] = true;
    }
    m.stored += expect;
    if (dsn + len > m.high)
        m.high = dsn + len;
    while (m.present[m.next])
        m.next++;
    assert_int_equal(feed_raw(dsn, len, &got), 0);
    assert_true(got == expect);
    check_counters();
}

/* Read up to n bytes and compare them. */
static void take(uint64_t n)
{
    struct mps_span spans[3];
    unsigned k = mps_reasm_spans(&r, spans, 3);
    uint64_t got = 0;

    for (unsigned i = 0; i < k; i++) {
        assert_true(spans[i].n > 0);
        for (size_t j = 0; j < spans[i].n && got < n; j++, got++)
            assert_int_equal(spans[i].p[j], byte_of(m.read + got));
    }
    assert_true(got <= m.next - m.read && (got || !n || m.next == m.read));
    m.read += got;
    m.stored -= got;
    mps_reasm_consume(&r, got);
    check_counters();
}

static void take_all(void)
{
    while (m.read < m.next)
        take(UINT64_MAX);
}

static void test_edges(void **state)
{
    struct mps_reasm_chunk *c = NULL;
    struct mps_span s;

    begin();
    assert_int_equal(mps_reasm_alloc(&r, 0, 0, &c), MPS_EINVAL);
    assert_int_equal(mps_reasm_alloc(&r, UINT64_MAX - 5, 6, &c), MPS_EINVAL);
    assert_null(c);
    mps_reasm_abandon(&r, NULL);
    assert_int_equal(mps_reasm_alloc(&r, 0, 100, &c), 0);
    assert_true(r.allocated >= 100);
    mps_reasm_abandon(&r, c);
    assert_int_equal(r.allocated, 0);
    assert_int_equal(mps_reasm_spans(&r, &s, 1), 0);
    mps_reasm_consume(&r, 10);
    assert_int_equal(mps_reasm_next(&r), 0);

    feed(0, 5);
    assert_int_equal(fm.live, 1);
    feed(0, 5);
    feed(3, 1);
    feed(3, 5);
    feed(20, 10);
    feed(10, 30);
    take(6);
    feed(0, 10);
    feed(2, 50);
    take_all();
    assert_int_equal(m.read, 52);
    feed(10, 20);
    end();
}

/* Of two copies of a byte the first one counts, whatever the second one says. */
static void test_first_copy(void **state)
{
    struct mps_reasm_chunk *c;
    uint64_t n;

    begin();
    feed(10, 10);
    feed(5000, 3000);
    assert_int_equal(mps_reasm_alloc(&r, 5, 9000, &c), 0);
    for (uint32_t i = 0; i < 9000; i++)
        c->data[i] = (uint8_t)~byte_of(5 + i);
    mps_reasm_insert(&r, c, &n);
    assert_int_equal(n, 9000 - 10 - 3000);
    feed_raw(0, 5, &n);
    for (uint64_t dsn = 0; dsn < 9005;) {
        struct mps_span s;

        assert_int_equal(mps_reasm_spans(&r, &s, 1), 1);
        for (size_t i = 0; i < s.n; i++, dsn++) {
            bool first = dsn < 5 || (dsn >= 10 && dsn < 20) || (dsn >= 5000 && dsn < 8000);

            assert_int_equal(s.p[i], first ? byte_of(dsn) : (uint8_t)~byte_of(dsn));
        }
        mps_reasm_consume(&r, s.n);
    }
    assert_int_equal(fm.live, 0);
    end();
}

/* Frames that would cost much memory for few bytes (I3); check_counters has the bound. */
static void test_hostile(void **state)
{
    begin();
    for (uint32_t i = 1; i < 200000; i += 2) /* every other byte */
        feed(i, 1);
    end();

    begin();
    for (uint32_t i = 200000; i > 100000; i--) /* downwards */
        feed(i, 1);
    end();

    begin();
    for (uint32_t i = 0; i < 100000; i++) /* in order, not read */
        feed(i, 1);
    take_all();
    end();

    begin();
    for (uint32_t i = 1; i < 1000; i++) /* much repeated, one byte is new */
        feed(i, 61440);
    feed(0, 1);
    take_all();
    end();

    begin();
    for (uint32_t i = 1; i + 1100 < SPACE; i += 1030) { /* one large, one tiny, with holes */
        feed(i, 1024);
        feed(i + 1026, 1);
    }
    end();

    begin();
    for (uint32_t i = 0; i + 1100 < SPACE; i += 1025) { /* and without */
        feed(i, 1024);
        feed(i + 1024, 1);
    }
    take_all();
    end();
}

static void test_model(void **state)
{
    static const uint32_t sizes[] = {1, 20, 600, 1500, 9000, 61440};

    for (uint64_t round = 1; round <= 60; round++) {
        uint32_t size = sizes[round % 6], other = sizes[round / 6 % 6];
        uint32_t window = 20 * size + 5000;

        seed = round;
        begin();
        for (int step = 0; step < 1500 && m.next + window + 61440 < SPACE; step++) {
            uint64_t dsn = m.next + rnd(window);
            uint32_t len = 1 + rnd(rnd(3) ? size : other);

            if (rnd(4) == 0)
                dsn = m.next - (m.next ? rnd((uint32_t)(m.next < len ? m.next : len)) : 0);
            feed(dsn, len);
            if (rnd(3) == 0)
                take(rnd(2) ? UINT64_MAX : rnd(2 * size));
        }
        if (m.high > m.read)
            feed(m.read, (uint32_t)(m.high - m.read));
        take_all();
        assert_true(m.read == m.high);
        assert_int_equal(fm.live, 0);
        end();
    }
}

static void test_model_cut(void **state)
{
    cutting = true;
    test_model(state);
    cutting = false;
}

/* What goes around is as if it had been inserted and read. */
static void test_model_bypass(void **state)
{
    passing = true;
    test_model(state);
    passing = false;
}

/* Four subflows, each far from the others in 100,000 chunks: minutes if places were searched. */
static void test_many(void **state)
{
    enum { LANE = 25000, LANES = 4, LEN = 1024 };
    uint64_t got = 0, n;

    begin();
    for (uint64_t i = 0; i < LANE; i++) {
        for (uint64_t lane = 0; lane < LANES; lane++) {
            assert_int_equal(feed_raw((lane * LANE + i + 1) * LEN, LEN, &n), 0);
            assert_int_equal(n, LEN);
        }
    }
    assert_int_equal(feed_raw(0, LEN, &n), 0);
    for (struct mps_span s; mps_reasm_spans(&r, &s, 1) == 1; got += s.n) {
        assert_int_equal(s.p[s.n - 1], byte_of(got + s.n - 1));
        mps_reasm_consume(&r, s.n);
    }
    assert_int_equal(got, ((uint64_t)LANE * LANES + 1) * LEN);
    assert_int_equal(fm.live, 0);
    end();
}

/* After a failure the counters and the bytes are still true; sending again heals. */
static void test_no_memory(void **state)
{
    static const struct {
        uint32_t dsn, len;
    } frames[] = {{100, 50}, {5000, 3000}, {300, 20},     {4000, 6000}, {9, 1},
                  {200, 30}, {20000, 10},  {1000, 30000}, {0, 40000}};
    const unsigned n_frames = sizeof(frames) / sizeof(frames[0]);
    unsigned failures = 0;

    for (unsigned long k = 1;; k++) {
        uint64_t total = 0, n;

        begin();
        faultmem_arm(&fm, k);
        for (unsigned i = 0; i < 2 * n_frames; i++) {
            int rc = feed_raw(frames[i % n_frames].dsn, frames[i % n_frames].len, &n);

            assert_true(rc == 0 || rc == MPS_ENOMEM);
            failures += rc != 0;
            assert_true(r.allocated == fm.live_bytes);
            assert_true(mps_reasm_in_order(&r) + mps_reasm_out_of_order(&r) <= 40000);
        }
        assert_int_equal(mps_reasm_next(&r), 40000);
        assert_int_equal(mps_reasm_out_of_order(&r), 0);
        for (struct mps_span s; mps_reasm_spans(&r, &s, 1) == 1; total += s.n) {
            for (size_t i = 0; i < s.n; i++)
                assert_int_equal(s.p[i], byte_of(total + i));
            mps_reasm_consume(&r, s.n);
        }
        assert_int_equal(total, 40000);
        if (!faultmem_failed(&fm))
            break;
        end();
    }
    end();
    assert_true(failures > 10);
}

static void test_no_memory_cut(void **state)
{
    cutting = true;
    test_no_memory(state);
    cutting = false;
}

/* What has a chunk goes in, however many holes it fills, and without any more memory. */
static void test_no_memory_inserting(void **state)
{
    starving = true;
    test_model(state);
    test_model_cut(state);
    starving = false;
}

/* It serves one at a time, and whoever reads gives it back. */
static void test_reserve(void **state)
{
    static struct mps_reasm_reserve reserve;
    struct mps_reasm_chunk *c, *other;
    uint64_t n;

    begin();
    assert_int_equal(mps_reasm_alloc_reserve(&r, 0, 100, &c), MPS_ENOMEM);
    r.reserve = &reserve;
    assert_int_equal(mps_reasm_alloc_reserve(&r, 0, MPS_REASM_RESERVE + 1, &c), MPS_ENOMEM);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t dsn = mps_reasm_next(&r);

        assert_int_equal(mps_reasm_alloc_reserve(&r, dsn, 100, &c), 0);
        assert_int_equal(mps_reasm_alloc_reserve(&r, dsn, 100, &other), MPS_ENOMEM);
        if (i == 0) {
            mps_reasm_abandon(&r, c);
            continue;
        }
        memset(c->data, 'x', 100);
        insert(c, &n);
        assert_int_equal(n, 100);
        assert_int_equal(mps_reasm_alloc_reserve(&r, dsn, 100, &other), MPS_ENOMEM);
        mps_reasm_consume(&r, 100);
    }
    assert_false(reserve.taken);
    assert_int_equal(r.allocated, 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),         cmocka_unit_test(test_first_copy),
        cmocka_unit_test(test_hostile),       cmocka_unit_test(test_model),
        cmocka_unit_test(test_many),          cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_model_cut),     cmocka_unit_test(test_model_bypass),
        cmocka_unit_test(test_no_memory_cut), cmocka_unit_test(test_no_memory_inserting),
        cmocka_unit_test(test_reserve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
