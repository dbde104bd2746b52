/* SPDX-License-Identifier: MIT */
/* What has arrived on a subflow by TCP's word, whatever was DATA_ACKed. */
#include "core/subflow/arrived.h"
#include "test.h"

/* 10,000 bytes were given to it: 2,000 are queued still, the rest its socket took. */
static struct mps_subflow subflow(void)
{
    struct mps_subflow sf = {.measured = true, .bytes_sent = 8000};

    sf.tx.queued = 2000;
    sf.m.srtt_us = 10000;
    return sf;
}

static void test_given(void **state)
{
    struct mps_subflow sf = subflow();

    (void)state;
    assert_int_equal(mps_sf_given(&sf), 10000);
}

static void test_held(void **state)
{
    struct mps_subflow sf = subflow();

    (void)state;
    assert_true(mps_sf_has_arrived(&sf, 8000)); /* all that TCP got is acknowledged */
    assert_false(mps_sf_has_arrived(&sf, 8001));
    sf.m.in_flight = 3000;
    assert_true(mps_sf_has_arrived(&sf, 5000));
    assert_false(mps_sf_has_arrived(&sf, 5001));
    sf.m.notsent = 1000;
    sf.tx.taken = 500;
    assert_true(mps_sf_has_arrived(&sf, 3500));
    assert_false(mps_sf_has_arrived(&sf, 3501));
}

static void test_unknown(void **state)
{
    struct mps_subflow sf = subflow();
    struct mps_split split = {0};

    (void)state;
    sf.measured = false;
    assert_false(mps_sf_has_arrived(&sf, 1000));
    sf.measured = true;
    sf.split = &split; /* a box acknowledges, not the peer */
    assert_false(mps_sf_has_arrived(&sf, 1000));
    sf.split = NULL;
    sf.m.srtt_us = 0; /* nothing was measured that says so */
    assert_false(mps_sf_has_arrived(&sf, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
