/* SPDX-License-Identifier: MIT */
/* The scheduler that copies while it is in doubt, and how many bytes it may copy. */
#include "config/purpose.h"
#include "core/sched/sched.h"
#include "core/send/copies.h"
#include "pair.h"

#define MBIT UINT64_C(125000)
#define KB   UINT64_C(1024)

/* Two steady paths, the first one the faster. */
static struct mps_sched_path paths[2];
static struct mps_sched_input in;

static void steady(uint32_t rtt_ms, uint32_t other_ms)
{
    for (unsigned i = 0; i < 2; i++) {
        uint32_t us = (i == 0 ? rtt_ms : other_ms) * 1000;

        paths[i] = (struct mps_sched_path){
            .m = {.srtt_us = us, .min_rtt_us = us, .rttvar_us = 200, .rate = 20 * MBIT},
            .room = 64 * KB,
        };
    }
    in = (struct mps_sched_input){.paths = paths, .n_paths = 2, .unsent = 100, .window = 1024 * KB};
}

static bool copied(void)
{
    uint64_t state[2] = {0};

    assert_true(mps_sched_selective.state_size <= sizeof(state));
    assert_int_equal(mps_sched_selective.pick(state, &in), 0);
    return mps_sched_selective.copies(&in, 0, 1);
}

static void no_doubt(void **state)
{
    steady(20, 60);
    assert_false(copied());
    /* What is sent seldom varies a little more: still no doubt. */
    paths[0].m.rttvar_us = 3000;
    paths[0].idle_us = 900000;
    assert_false(copied());
    /* In flight for no longer than usual. */
    paths[0].m.in_flight = 100;
    paths[0].m.ack_age_us = 20000;
    assert_false(copied());
}

static void doubt(void **state)
{
    steady(20, 60);
    paths[0].m.rttvar_us = 15000;
    assert_true(copied()); /* its delay varies */
    steady(20, 60);
    paths[0].m.in_flight = 100;
    paths[0].m.ack_age_us = 40000;
    assert_true(copied()); /* it answers late */
    steady(50, 60);
    paths[0].m.losing = true;
    assert_true(copied());
    steady(50, 60);
    paths[0].m.backoff = 1;
    assert_true(copied());
    steady(50, 60);
    paths[0].idle_us = 1500000;
    assert_true(copied()); /* what was measured is old */
    steady(50, 51);
    assert_false(copied()); /* a millisecond later, and steady */
    paths[0].m.rttvar_us = 1000;
    assert_true(copied()); /* as good */
}

static void unknown(void **state)
{
    steady(20, 60);
    paths[1].m = (struct mps_metrics){0};
    assert_true(copied());
}

static void not_for_all(void **state)
{
    steady(20, 60);
    paths[0].m.rttvar_us = 15000;
    in.unsent = 16 * KB + 1;
    assert_false(copied()); /* many bytes */
    in.unsent = 16 * KB;
    assert_true(copied());
    in.more = true;
    assert_false(copied()); /* more are to come */
    in.more = false;
    paths[1].backup = true;
    assert_false(copied());
}

static void budget(void **state)
{
    struct mps_copies copies = {0};
    mps_time_t now = 5 * MPS_SEC;

    assert_true(mps_copies_take(&copies, 1000, MPS_COPIES_SAVED, now));
    assert_false(mps_copies_take(&copies, 1000, 1, now));
    /* A 32nd of what was sent meanwhile. */
    assert_false(mps_copies_take(&copies, 1000 + 3200, 101, now));
    assert_true(mps_copies_take(&copies, 1000 + 3200, 100, now));
    /* What a dialogue needs: 100 bytes 25 times a second. */
    for (unsigned i = 0; i < 100; i++) {
        now += 40 * MPS_MSEC;
        assert_true(mps_copies_take(&copies, 4200 + i * 100, 100, now));
    }
    /* Nothing is saved beyond the first burst, however long it takes. */
    now += 3600 * MPS_SEC;
    assert_false(mps_copies_take(&copies, UINT64_C(1) << 40, MPS_COPIES_SAVED + 1, now));
    assert_true(mps_copies_take(&copies, UINT64_C(1) << 40, MPS_COPIES_SAVED, now));
    assert_false(mps_copies_take(&copies, UINT64_C(1) << 40, 1, now));
}

/* A message after a pause goes over both paths; the ones that follow at once, over one. */
static void dialogue(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info info;

    p->cfg[CLIENT].sched = &mps_sched_selective;
    p->end[CLIENT].to_send = 100;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 2);
    pair_run(p, 3 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_up, 2);
    p->links[0].srtt_us = 20000;
    p->links[1].srtt_us = 30000;
    p->end[CLIENT].to_send = 200;
    pair_settle(p);
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_int_equal(info.bytes_reinjected, 100);
    for (unsigned i = 0; i < 5; i++) {
        pair_run(p, 50 * MPS_MSEC);
        p->end[CLIENT].to_send += 100;
        pair_settle(p);
    }
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_int_equal(info.bytes_reinjected, 100);
    assert_int_equal(p->end[SERVER].received, 700);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void purposes(void **state)
{
    struct mps_config cfg, initial;

    mps_config_init(&initial);
    cfg = initial;
    mps_purpose_apply(MPS_PURPOSE_BULK, NULL, &cfg);
    assert_ptr_equal(cfg.sched, &mps_sched_ecf);
    assert_int_equal(cfg.keepalive, initial.keepalive);
    mps_purpose_apply(MPS_PURPOSE_INTERACTIVE, NULL, &cfg);
    assert_ptr_equal(cfg.sched, &mps_sched_selective);
    mps_purpose_apply(MPS_PURPOSE_HANDOVER, NULL, &cfg);
    assert_ptr_equal(cfg.sched, &mps_sched_backup);
    assert_int_equal(cfg.keepalive, 5 * MPS_SEC);
    /* What the user has chosen stays. */
    cfg.keepalive = 0;
    mps_purpose_apply(MPS_PURPOSE_HANDOVER, &mps_sched_minrtt, &cfg);
    assert_ptr_equal(cfg.sched, &mps_sched_minrtt);
    assert_int_equal(cfg.keepalive, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_doubt),
        cmocka_unit_test(doubt),
        cmocka_unit_test(unknown),
        cmocka_unit_test(not_for_all),
        cmocka_unit_test(budget),
        cmocka_unit_test(purposes),
        cmocka_unit_test_setup_teardown(dialogue, pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
