/* SPDX-License-Identifier: MIT */
/* Subflows that end as soon as they work, by a peer's will or a box's: few joins, and an end. */
#include "pair.h"
#include "core/paths/backoff.h"
#include "core/send/control.h"

/* Opening messages pass, no frame does. */
static void spoil(struct pair_link *link, int from, uint8_t *p, size_t n)
{
    struct mps_opening msg;
    size_t at = 0, len;

    while (at < n && mps_opening_parse(p + at, n - at, &msg, &len) == 0)
        at += len;
    if (at < n)
        p[at] ^= 0xff;
}

static void start(struct pair *p)
{
    assert_int_equal(pair_start(p), 0);
    for (unsigned net = 1; net <= 3; net++)
        pair_add_local(p, net);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 3);
}

static void no_frame_arrives(void **state)
{
    struct pair *p = *state;

    start(p);
    p->tamper = spoil;
    for (unsigned i = 0; i < p->n_links; i++)
        p->links[i].tamper = spoil;
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 1000000;
    pair_run(p, p->cfg[CLIENT].no_subflow_timeout + 5 * MPS_SEC);
    assert_true(p->end[CLIENT].reset);
    assert_in_range(p->end[CLIENT].n_open, 3, 50);
}

/* Whatever is said of a subflow that never met the peer says nothing of that path. */
static void blame_of_a_stranger(void **state)
{
    struct pair *p = *state;
    const struct mps_addr *local, *remote;

    start(p);
    p->refuse_joins = true;
    pair_add_local(p, 4);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].conn->paths.retries[0].last_id, 6);
    mps_backoff_blame(p->end[CLIENT].conn, 6, &local, &remote, p->now);
    assert_null(local);
    assert_null(remote);
    p->end[CLIENT].conn->paths.retries[0].worked = true;
    mps_backoff_blame(p->end[CLIENT].conn, 6, &local, &remote, p->now);
    assert_non_null(local);
}

/* The peer's words about subflows that are not there, or are another's, end nothing else. */
static void words_about_others(void **state)
{
    struct pair *p = *state;
    struct mps_conn *c;
    struct mps_ctrl ctrl = {.type = MPS_FRAME_PRIO};

    start(p);
    c = p->end[SERVER].conn;
    for (uint32_t id = 0; id < 100; id++) {
        ctrl = (struct mps_ctrl){.type = MPS_FRAME_PRIO};
        ctrl.prio.subflow_id = id;
        ctrl.prio.flags = MPS_PRIO_BACKUP;
        assert_int_equal(mps_control_queue(c, &ctrl), 0);
        ctrl = (struct mps_ctrl){.type = MPS_FRAME_SUBFLOW_CLOSE};
        ctrl.subflow_close.subflow_id = id == 2 || id > 10 ? id : 99;
        ctrl.subflow_close.flags = MPS_CLOSE_TRANSIENT;
        assert_int_equal(mps_control_queue(c, &ctrl), 0);
        mps_conn_push(c, p->now);
        pair_run(p, 50 * MPS_MSEC);
    }
    /* Only what was named has ended, and came back once and again. */
    assert_in_range(p->end[CLIENT].n_sf_close, 1, 3);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 300000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* A peer that closes each join as soon as it is there, for two minutes, beside one that works. */
static void closes_every_join(void **state)
{
    struct pair *p = *state;
    struct mps_ctrl ctrl = {.type = MPS_FRAME_SUBFLOW_CLOSE};
    struct mps_subflow_info info[8];

    start(p);
    ctrl.subflow_close.flags = MPS_CLOSE_TRANSIENT;
    for (unsigned k = 0; k < 1200; k++) {
        unsigned n = mps_conn_subflow_info(p->end[SERVER].conn, info, 8);

        for (unsigned i = 0; i < n; i++) {
            ctrl.subflow_close.subflow_id = info[i].id;
            if (info[i].id != 0)
                assert_int_equal(mps_control_queue(p->end[SERVER].conn, &ctrl), 0);
        }
        mps_conn_push(p->end[SERVER].conn, p->now);
        pair_run(p, 100 * MPS_MSEC);
    }
    /* After 1, 2, 4, ... 60 s for each of two pairs. */
    assert_in_range(p->end[CLIENT].n_open, 4, 2 + 2 * 8);
    p->end[CLIENT].to_send = 300000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(no_frame_arrives),
        T(blame_of_a_stranger),
        T(words_about_others),
        T(closes_every_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
