/* SPDX-License-Identifier: MIT */
/* The scheduler policies on tables of paths. Short names: MBIT is a rate in bytes per second. */
#include "core/sched/sched.h"
#include "test.h"

#define MBIT      UINT64_C(125000)
#define MAX_P     4
#define STATE_MAX 16
#define NONE      MPS_SCHED_NONE
#define KB        UINT64_C(1024)
#define MB        (1024 * KB)
#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))

/* A measured, idle path with room. */
static struct mps_sched_path path(uint64_t rate, uint32_t rtt_ms)
{
    return (struct mps_sched_path){
        .m = {.srtt_us = rtt_ms * 1000, .min_rtt_us = rtt_ms * 1000, .rate = rate, .mss = 1448},
        .room = 64 * KB,
    };
}

/* The same with no room and `notsent` bytes in its socket. */
static struct mps_sched_path full(uint64_t rate, uint32_t rtt_ms, uint64_t notsent)
{
    struct mps_sched_path p = path(rate, rtt_ms);

    p.room = 0;
    p.m.notsent = notsent;
    p.m.in_flight = rate * rtt_ms / 1000;
    return p;
}

static struct mps_sched_path backup(struct mps_sched_path p)
{
    p.backup = true;
    return p;
}

static struct mps_sched_path carried(struct mps_sched_path p)
{
    p.carried = true;
    return p;
}

static struct mps_sched_path weighing(unsigned weight, struct mps_sched_path p)
{
    p.weight = weight;
    return p;
}

struct row {
    const char *what;
    struct mps_sched_path paths[MAX_P];
    unsigned n;
    uint64_t unsent, window;
    bool reinject;
    int expect;
};

static int pick_with(const struct mps_sched_ops *ops, void *state, const struct row *row)
{
    struct mps_sched_input in = {
        .paths = row->paths,
        .n_paths = row->n,
        .unsent = row->unsent,
        .window = row->window,
        .reinject = row->reinject,
    };

    return ops->pick(state, &in);
}

static void check_rows(const struct mps_sched_ops *ops, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t state[STATE_MAX] = {0};

        assert_true(ops->state_size <= sizeof(state));
        int got = pick_with(ops, state, &rows[i]);

        if (got != rows[i].expect)
            print_error("%s: %s: %d, not %d\n", ops->name, rows[i].what, got, rows[i].expect);
        assert_int_equal(got, rows[i].expect);
    }
}

/* What every policy must do. */
static void test_common(void **user)
{
    /* clang-format off */
    const struct row rows[] = {
        {"no path", {path(MBIT, 10)}, 0, MB, MB, false, NONE},
        {"one", {path(MBIT, 10)}, 1, MB, MB, false, 0},
        {"one, full", {full(MBIT, 10, 9000)}, 1, MB, MB, false, NONE},
        {"one, unknown", {{.room = 1}}, 1, MB, MB, false, 0},
        {"one backup", {backup(path(MBIT, 10))}, 1, MB, MB, false, 0},
        {"backup stands by", {backup(path(100 * MBIT, 1)), path(MBIT, 90)}, 2, MB, MB, false, 1},
        {"backup stands by though the other is full",
         {backup(path(100 * MBIT, 1)), full(MBIT, 90, 9000)}, 2, MB, MB, false, NONE},
        {"reinjection avoids the carrier",
         {carried(path(100 * MBIT, 1)), path(MBIT, 90)}, 2, MB, MB, true, 1},
        {"reinjection has nowhere to go", {carried(path(MBIT, 1))}, 1, MB, MB, true, NONE},
    };
    /* clang-format on */

    for (unsigned i = 0; mps_sched_at(i) != NULL; i++)
        check_rows(mps_sched_at(i), rows, COUNT(rows));
}

static void test_find(void **user)
{
#define NAME(name) #name,
    static const char *const names[] = {MPS_SCHEDULERS(NAME)};

    for (unsigned i = 0; i < COUNT(names); i++) {
        assert_non_null(mps_sched_at(i));
        assert_string_equal(mps_sched_at(i)->name, names[i]);
        assert_ptr_equal(mps_sched_find(names[i]), mps_sched_at(i));
    }
    assert_null(mps_sched_at(COUNT(names)));
    assert_ptr_equal(mps_sched_at(0), &mps_sched_ecf);
    assert_true(mps_sched_redundant.duplicate);
    assert_false(mps_sched_ecf.duplicate);
    assert_null(mps_sched_ecf.copies);
    assert_true(mps_sched_redundant.copies(NULL, 0, 1));
    assert_false(mps_sched_redundant.bounded);
    assert_true(mps_sched_selective.bounded);
    assert_false(mps_sched_selective.duplicate);
    assert_null(mps_sched_find("fastest"));
    assert_null(mps_sched_find(""));
}

static void test_ecf_best(void **user)
{
    struct mps_sched_path bloated = path(10 * MBIT, 10);
    struct mps_sched_path cwnd_only = path(0, 10), drained, little;

    bloated.m.srtt_us = 200000;
    bloated.m.min_rtt_us = 10000;
    drained = bloated;
    drained.idle_us = 180000;
    little = path(10 * MBIT, 10);
    little.m.min_rtt_us = 8000;
    little.idle_us = 180000;
    cwnd_only.m.cwnd = 128 * KB;

    /* clang-format off */
    const struct row rows[] = {
        {"smaller RTT", {path(10 * MBIT, 30), path(10 * MBIT, 20)}, 2, 1, MB, false, 1},
        {"larger rate", {path(1 * MBIT, 20), path(10 * MBIT, 20)}, 2, 16 * KB, MB, false, 1},
        {"equal: the first", {path(MBIT, 20), path(MBIT, 20)}, 2, MB, MB, false, 0},
        {"one byte takes the shorter way", {path(MBIT, 10), path(1000 * MBIT, 30)}, 2, 1, MB, false,
         0},
        /* 16 KiB: 131 ms + 5 ms against 0.1 ms + 15 ms. */
        {"a run takes the faster way", {path(MBIT, 10), path(1000 * MBIT, 30)}, 2, MB, MB, false,
         1},
        {"a queue in the network counts", {bloated, path(10 * MBIT, 100)}, 2, 1, MB, false, 1},
        {"until it has drained", {path(10 * MBIT, 100), drained}, 2, 1, MB, false, 1},
        {"if it was one", {little, path(10 * MBIT, 9)}, 2, 1, MB, false, 1},
        {"rate from the window", {cwnd_only, path(MBIT, 11)}, 2, 16 * KB, MB, false, 0},
        {"equal, one full", {full(MBIT, 20, 0), path(MBIT, 20)}, 2, MB, MB, false, 1},
    };
    /* clang-format on */

    check_rows(&mps_sched_ecf, rows, COUNT(rows));
}

static void test_ecf_waits(void **user)
{
    struct mps_sched_path busy = path(10 * MBIT, 100);

    busy.m.in_flight = 120 * KB;

    /*
     * Fast: 100 Mbit/s, 10 ms. Slow: 10 Mbit/s, 100 ms: 16 KiB are there after 13 + 50 ms, until
     * when fast delivers 12500 * (63 - 5) - 12500 = 712 KB, and sends 775 KB.
     */
    /* clang-format off */
    const struct row rows[] = {
        {"little left", {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100)}, 2, 600 * KB, 100 * MB,
         false, NONE},
        {"much left", {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100)}, 2, 800 * KB, 100 * MB,
         false, 1},
        {"window would block", {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100)}, 2, 10 * MB,
         750 * KB, false, NONE},
        {"window is just enough", {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100)}, 2, 10 * MB,
         800 * KB, false, 1},
        {"what is on the slow one takes its part of the window",
         {full(100 * MBIT, 10, 12500), busy}, 2, 10 * MB, 850 * KB, false, NONE},
        {"reinjection needs no window", {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100)}, 2,
         10 * MB, 0, true, 1},
        {"two fast ones together",
         {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100), full(100 * MBIT, 10, 12500)}, 3,
         1300 * KB, 100 * MB, false, NONE},
        {"the slow one first among those with room",
         {full(100 * MBIT, 10, 12500), path(10 * MBIT, 300), path(10 * MBIT, 100)}, 3, 10 * MB,
         100 * MB, false, 2},
        {"a long queue makes the fast one slow",
         {full(100 * MBIT, 10, 2 * MB), path(10 * MBIT, 100)}, 2, 100 * KB, 100 * MB, false, 1},
    };
    /* clang-format on */

    check_rows(&mps_sched_ecf, rows, COUNT(rows));
}

/* Few bytes are left, but the send buffer is full: the program waits with more. */
static void test_ecf_more(void **user)
{
    const struct mps_sched_path paths[] = {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100)};
    struct mps_sched_input in = {
        .paths = paths, .n_paths = 2, .unsent = 600 * KB, .window = 100 * MB};
    uint64_t state[STATE_MAX] = {0};

    assert_int_equal(mps_sched_ecf.pick(state, &in), NONE);
    in.more = true;
    assert_int_equal(mps_sched_ecf.pick(state, &in), 1);
}

/* Once it waits it goes on waiting a little beyond the point where it began. */
static void test_ecf_hysteresis(void **user)
{
    struct row row = {
        "", {full(100 * MBIT, 10, 12500), path(10 * MBIT, 100)}, 2, 800 * KB, 100 * MB, false, 1};
    uint64_t state[STATE_MAX] = {0};

    assert_int_equal(pick_with(&mps_sched_ecf, state, &row), 1);
    row.unsent = 600 * KB;
    assert_int_equal(pick_with(&mps_sched_ecf, state, &row), NONE);
    row.unsent = 800 * KB;
    assert_int_equal(pick_with(&mps_sched_ecf, state, &row), NONE);
    row.unsent = 2 * MB;
    assert_int_equal(pick_with(&mps_sched_ecf, state, &row), 1);
    row.unsent = 800 * KB;
    assert_int_equal(pick_with(&mps_sched_ecf, state, &row), 1);
}

static void test_ecf_unknown(void **user)
{
    struct mps_sched_path fresh = {.room = 14 * KB};
    struct mps_sched_path tried = {.room = 10 * KB, .m = {.in_flight = 4 * KB}};
    struct mps_sched_path queued = {.room = 10 * KB, .queued = 4 * KB};
    /* clang-format off */
    const struct row rows[] = {
        {"known one with room first", {fresh, path(MBIT, 10)}, 2, MB, MB, false, 1},
        {"tried when the known one is full", {fresh, full(MBIT, 10, 9000)}, 2, MB, MB, false, 0},
        {"but only once", {tried, full(MBIT, 10, 9000)}, 2, MB, MB, false, NONE},
        {"framed counts as tried", {queued, full(MBIT, 10, 9000)}, 2, MB, MB, false, NONE},
        {"none known: the emptier", {tried, fresh}, 2, MB, MB, false, 1},
        {"none known: used on", {tried}, 1, MB, MB, false, 0},
    };
    /* clang-format on */

    check_rows(&mps_sched_ecf, rows, COUNT(rows));
}

/* Absurd measurements give an answer, not an overflow. */
static void test_ecf_extremes(void **user)
{
    struct mps_sched_path huge = {
        .m = {.srtt_us = UINT32_MAX,
              .min_rtt_us = UINT32_MAX,
              .cwnd = UINT64_MAX,
              .in_flight = UINT64_MAX,
              .notsent = UINT64_MAX,
              .rate = UINT64_MAX},
        .queued = UINT64_MAX,
        .room = UINT64_MAX,
    };
    struct mps_sched_path slow = {.m = {.srtt_us = 1, .rate = 1, .notsent = UINT64_MAX}, .room = 1};
    /* clang-format off */
    const struct row rows[] = {
        {"huge", {huge, path(MBIT, 10)}, 2, UINT64_MAX, UINT64_MAX, false, 1},
        {"slow", {slow, path(MBIT, 10)}, 2, UINT64_MAX, UINT64_MAX, false, 1},
        {"huge alone", {huge}, 1, UINT64_MAX, UINT64_MAX, false, 0},
        {"slow alone", {slow}, 1, UINT64_MAX, UINT64_MAX, false, 0},
        {"nothing waits", {path(MBIT, 10)}, 1, 0, 0, true, 0},
    };
    /* clang-format on */

    check_rows(&mps_sched_ecf, rows, COUNT(rows));
}

static void test_minrtt(void **user)
{
    /* clang-format off */
    const struct row rows[] = {
        {"smallest", {path(MBIT, 30), path(MBIT, 10), path(MBIT, 20)}, 3, MB, MB, false, 1},
        {"full: the next", {path(MBIT, 30), full(MBIT, 10, 1), path(MBIT, 20)}, 3, MB, MB, false,
         2},
        {"unknown last", {{.room = 1}, path(MBIT, 900)}, 2, MB, MB, false, 1},
        {"equal", {path(MBIT, 30), path(MBIT, 30)}, 2, MB, MB, false, 0},
    };
    /* clang-format on */

    check_rows(&mps_sched_minrtt, rows, COUNT(rows));
    check_rows(&mps_sched_redundant, rows, COUNT(rows));
}

static void test_roundrobin(void **user)
{
    struct row row = {"", {path(MBIT, 1), path(MBIT, 9), path(MBIT, 5)}, 3, MB, MB, false, 0};
    uint64_t state[STATE_MAX] = {0};

    for (int i = 0; i < 6; i++)
        assert_int_equal(pick_with(&mps_sched_roundrobin, state, &row), i % 3);
    row.paths[1].room = 0;
    for (int i = 0; i < 6; i++)
        assert_int_equal(pick_with(&mps_sched_roundrobin, state, &row), i % 2 ? 2 : 0);
    /* Fewer paths than the position it had come to. */
    row.paths[1].room = 1;
    assert_int_equal(pick_with(&mps_sched_roundrobin, state, &row), 0);
    assert_int_equal(pick_with(&mps_sched_roundrobin, state, &row), 1);
    row.n = 1;
    assert_int_equal(pick_with(&mps_sched_roundrobin, state, &row), 0);
}

static struct mps_sched_path first(struct mps_sched_path p)
{
    p.first = true;
    return p;
}

static void test_backup(void **user)
{
    /* clang-format off */
    const struct row rows[] = {
        {"the first, whatever its RTT", {path(MBIT, 90), path(MBIT, 10)}, 2, MB, MB, false, 0},
        {"full: waits", {full(MBIT, 90, 1), path(MBIT, 10)}, 2, MB, MB, false, NONE},
        {"normal before backup", {backup(path(MBIT, 1)), path(MBIT, 90)}, 2, MB, MB, false, 1},
        {"backups alone: the first", {backup(path(MBIT, 9)), backup(path(MBIT, 1))}, 2, MB, MB,
         false, 0},
        {"back to where it began", {path(MBIT, 10), first(path(MBIT, 90))}, 2, MB, MB, false, 1},
        {"the same, full", {path(MBIT, 10), first(full(MBIT, 90, 1))}, 2, MB, MB, false, NONE},
        {"where it began is a backup", {path(MBIT, 10), backup(first(path(MBIT, 9)))}, 2, MB, MB,
         false, 0},
    };
    /* clang-format on */

    check_rows(&mps_sched_backup, rows, COUNT(rows));
}

/* Only their ratio counts. */
static void test_weights(void **user)
{
    /* clang-format off */
    const struct row minrtt[] = {
        {"half", {path(MBIT, 10), weighing(2, path(MBIT, 19))}, 2, MB, MB, false, 1},
        {"not half", {path(MBIT, 10), weighing(2, path(MBIT, 21))}, 2, MB, MB, false, 0},
        {"equal ones", {weighing(7, path(MBIT, 10)), weighing(7, path(MBIT, 9))}, 2, MB, MB,
         false, 1},
        {"unknown last", {weighing(100, (struct mps_sched_path){.room = 1}), path(MBIT, 900)}, 2,
         MB, MB, false, 1},
    };
    const struct row ecf[] = {
        {"preferred", {path(MBIT, 10), weighing(10, path(MBIT, 50))}, 2, MB, MB, false, 1},
        {"equal ones", {weighing(9, path(MBIT, 10)), weighing(9, path(MBIT, 50))}, 2, MB, MB,
         false, 0},
        {"a light one is not waited for",
         {weighing(1, full(10 * MBIT, 10, 64 * KB)), weighing(50, path(10 * MBIT, 20))}, 2, KB,
         MB, false, 1},
        {"extreme", {weighing(100, full(1, 90000, UINT64_MAX)), path(UINT64_MAX, 1)}, 2,
         UINT64_MAX, UINT64_MAX, false, 1},
    };
    const struct row backups[] = {
        {"the heaviest", {path(MBIT, 10), weighing(2, path(MBIT, 90))}, 2, MB, MB, false, 1},
        {"not if it is full", {path(MBIT, 10), weighing(2, full(MBIT, 90, 1))}, 2, MB, MB, false,
         NONE},
    };
    /* clang-format on */

    check_rows(&mps_sched_minrtt, minrtt, COUNT(minrtt));
    check_rows(&mps_sched_redundant, minrtt, COUNT(minrtt));
    check_rows(&mps_sched_ecf, ecf, COUNT(ecf));
    check_rows(&mps_sched_backup, backups, COUNT(backups));
}

static unsigned share(struct row *row, uint64_t *state, unsigned runs, int path_)
{
    unsigned n = 0;

    for (unsigned i = 0; i < runs; i++)
        n += pick_with(&mps_sched_roundrobin, state, row) == path_;
    return n;
}

/* Exact shares, spread evenly; only the ratio of the weights counts. */
static void test_weighed_turns(void **user)
{
    struct row row = {"", {path(MBIT, 1), weighing(3, path(MBIT, 9))}, 2, MB, MB, false, 0};
    static const int expect[] = {1, 0, 1, 1, 1, 0, 1, 1};
    uint64_t state[STATE_MAX] = {0};

    for (unsigned i = 0; i < COUNT(expect); i++)
        assert_int_equal(pick_with(&mps_sched_roundrobin, state, &row), expect[i]);
    row.paths[0].weight = 10;
    row.paths[1].weight = 100;
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(share(&row, state, 11, 1), 10);
    /* Full, it misses its turns, and does not make up for them. */
    row.paths[1].room = 0;
    assert_int_equal(share(&row, state, 100, 0), 100);
    row.paths[1].room = KB;
    assert_in_range(share(&row, state, 110, 1), 99, 101);
    row.paths[0].weight = 1;
    assert_in_range(share(&row, state, 1010, 0), 8, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),          cmocka_unit_test(test_common),
        cmocka_unit_test(test_ecf_best),      cmocka_unit_test(test_ecf_waits),
        cmocka_unit_test(test_ecf_more),      cmocka_unit_test(test_ecf_hysteresis),
        cmocka_unit_test(test_ecf_unknown),   cmocka_unit_test(test_ecf_extremes),
        cmocka_unit_test(test_minrtt),        cmocka_unit_test(test_roundrobin),
        cmocka_unit_test(test_backup),        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_weighed_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
