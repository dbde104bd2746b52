/* SPDX-License-Identifier: MIT */
/* Queueing delays compared. */
#include "core/fair/alike.h"
#include "core/base/constants.h"
#include "test.h"

#define MIN_RTT 10000

/* `n` samples in which the two slots have such queues, in us, by turns. */
static void feed(struct mps_alike *al, unsigned n, const uint32_t a[2], const uint32_t b[2])
{
    struct mps_alike_sample s[2] = {{3, 0, 0, MIN_RTT}, {5, 0, 0, 2 * MIN_RTT}};

    s[0].delivered = al->delivered[3];
    s[1].delivered = al->delivered[5];
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < 2; k++) {
            s[k].srtt_us = s[k].min_rtt_us + (k ? b : a)[i % 2];
            s[k].delivered += 1000;
        }
        mps_alike_note(al, s, 2, al->at);
        mps_alike_note(al, s, 2, al->at - 1); /* too early: no sample */
    }
}

static enum mps_alike_verdict after(unsigned n, uint32_t a0, uint32_t a1, uint32_t b0, uint32_t b1)
{
    struct mps_alike al;
    enum mps_alike_verdict v;

    mps_alike_init(&al);
    feed(&al, n, (const uint32_t[]){a0, a1}, (const uint32_t[]){b0, b1});
    v = mps_alike_compare(&al, 3, 5);
    assert_int_equal(mps_alike_compare(&al, 5, 3), v);
    return v;
}

static void verdicts(void **state)
{
    assert_int_equal(after(16, 20000, 40000, 20000, 40000), MPS_ALIKE_SAME);
    assert_int_equal(after(16, 20000, 40000, 22000, 39000), MPS_ALIKE_SAME);
    assert_int_equal(after(16, 20000, 40000, 40000, 20000), MPS_ALIKE_DIFFERENT);
    assert_int_equal(after(16, 30000, 30000, 3000, 3000), MPS_ALIKE_DIFFERENT);
    assert_int_equal(after(16, 20000, 20000, 15000, 15000), MPS_ALIKE_UNKNOWN);
    /* Saturated, not wrapped. */
    assert_int_equal(after(16, 4000000000u, 4000000000u, 1000, 1000), MPS_ALIKE_DIFFERENT);
    assert_int_equal(after(16, 4000000000u, 3000000000u, 3000000000u, 4000000000u), MPS_ALIKE_SAME);
}

/* Short queues say nothing, nor do few samples. */
static void no_verdict(void **state)
{
    assert_int_equal(after(16, 1000, 1500, 100, 300), MPS_ALIKE_UNKNOWN);
    assert_int_equal(after(16, 0, 0, 0, 0), MPS_ALIKE_UNKNOWN);
    assert_int_equal(after(MPS_ALIKE_ENOUGH - 1, 20000, 20000, 20000, 20000), MPS_ALIKE_UNKNOWN);
    assert_int_equal(after(MPS_ALIKE_ENOUGH, 20000, 20000, 20000, 20000), MPS_ALIKE_SAME);
}

/* What is long past does not count, nor what an earlier subflow in the slot had. */
static void latest_ones(void **state)
{
    static const uint32_t same[] = {20000, 20000}, other[] = {90000, 90000};
    struct mps_alike al;

    mps_alike_init(&al);
    feed(&al, 2 * MPS_ALIKE_SAMPLES, same, other);
    assert_int_equal(mps_alike_compare(&al, 3, 5), MPS_ALIKE_DIFFERENT);
    feed(&al, MPS_ALIKE_SAMPLES, same, same);
    assert_int_equal(mps_alike_compare(&al, 3, 5), MPS_ALIKE_SAME);
    mps_alike_forget(&al, 5);
    assert_int_equal(mps_alike_compare(&al, 3, 5), MPS_ALIKE_UNKNOWN);
}

/* One that delivers nothing has an old round-trip time. */
static void silent_ones(void **state)
{
    struct mps_alike_sample s[2] = {{0, 1000, 50000, MIN_RTT}, {1, 1000, 50000, MIN_RTT}};
    struct mps_alike al;

    mps_alike_init(&al);
    for (unsigned i = 0; i < MPS_ALIKE_SAMPLES; i++) {
        s[0].delivered += 1000;
        mps_alike_note(&al, s, 2, al.at);
    }
    assert_int_equal(mps_alike_compare(&al, 0, 1), MPS_ALIKE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(no_verdict),
        cmocka_unit_test(latest_ones),
        cmocka_unit_test(silent_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
