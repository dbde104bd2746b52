/* SPDX-License-Identifier: MIT */
/* Subflows that break, hang, come back; addresses that come and go; priorities. */
#include "core/conn/news.h"
#include "core/paths/backoff.h"
#include "core/subflow/stale.h"
#include "pair.h"

static void start(struct pair *p, unsigned subflows)
{
    assert_int_equal(pair_start(p), 0);
    for (unsigned i = 0; i < subflows; i++)
        pair_add_local(p, 1 + i);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, subflows);
}

static void transfer(struct pair *p, uint64_t n, uint64_t until)
{
    p->end[CLIENT].to_send = p->end[SERVER].to_send = n;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    while (p->end[SERVER].received < until)
        assert_true(pair_step(p));
}

static void finish(struct pair *p)
{
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void joined_one_breaks(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    transfer(p, 4000000, 500000);
    pair_break(p, &p->links[1]);
    p->refuse_joins = true;
    finish(p);
}

static void first_one_breaks(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    transfer(p, 4000000, 500000);
    pair_break(p, &p->links[0]);
    p->refuse_joins = true;
    finish(p);
}

/* One side sees the end before the other: SUBFLOW_CLOSE, then the reset, tell it. */
static void one_side_breaks(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    transfer(p, 4000000, 500000);
    p->refuse_joins = true;
    mps_subflow_down(p->links[1].sf[SERVER], false, MPS_REASON_UNSPECIFIED, p->now);
    finish(p);
}

static void all_break_and_come_back(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    transfer(p, 4000000, 500000);
    pair_break(p, &p->links[1]);
    pair_break(p, &p->links[0]);
    finish(p);
    assert_true(p->n_links >= 3);
}

static void half_written_frame(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    p->chunk = 1000;
    transfer(p, 1000000, 100000);
    p->links[1].cut = true;
    p->refuse_joins = true;
    for (unsigned i = 0; i < 2000 && pair_step(p); i++)
        ;
    pair_break(p, &p->links[1]);
    finish(p);
}

static void black_hole(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];

    start(p, 2);
    transfer(p, 4000000, 500000);
    p->links[1].cut = true;
    while (p->end[SERVER].received < 4000000 || p->end[CLIENT].received < 4000000)
        assert_true(pair_step(p)); /* no time has to pass */
    assert_true(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4) <= 2);
    finish(p);
}

/* A hang that ends: the subflow is used again. */
static void black_hole_ends(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];
    uint64_t before;

    start(p, 2);
    transfer(p, 8000000, 500000);
    p->links[1].cut = true;
    while (p->end[SERVER].received < 4000000)
        assert_true(pair_step(p));
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 2);
    assert_true(info[1].stale);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    assert_int_equal(p->end[CLIENT].n_recovered, 0);
    p->links[1].cut = false;
    before = p->links[1].carried[CLIENT];
    finish(p);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    assert_int_equal(p->end[CLIENT].n_recovered, 1);
    assert_true(p->links[1].carried[CLIENT] > before + 1000000);
}

static void hopeless_one_is_replaced(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];

    start(p, 2);
    p->end[CLIENT].to_send = 4000000;
    while (p->end[SERVER].received < 500000)
        assert_true(pair_step(p));
    p->links[1].cut = true;
    pair_run(p, 60 * MPS_SEC);
    assert_int_equal(p->end[SERVER].received, 4000000);
    assert_null(p->links[1].sf[CLIENT]);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 2);
    assert_int_equal(info[1].id, 4);
    assert_int_equal(info[1].state, MPS_SF_ACTIVE);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    finish(p);
}

/* A proxy acknowledged at TCP level what it then lost: the connection repeats it. */
static void swallow(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    (void)p;
    (void)n;
    if (from == CLIENT)
        l->out[CLIENT].len = 0;
}

static void proxy_loses_bytes(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    p->end[CLIENT].to_send = 1000000;
    for (unsigned i = 0; i < 3; i++) {
        pair_step(p);
        swallow(&p->links[1], CLIENT, NULL, 0);
    }
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    for (unsigned i = 0; i < 200; i++) {
        pair_step(p);
        swallow(&p->links[1], CLIENT, NULL, 0);
    }
    pair_run(p, 60 * MPS_SEC);
    assert_int_equal(p->end[SERVER].received, 1000000);
}

static void address_gone(void **state)
{
    struct pair *p = *state;
    struct mps_addr a = pair_addr(2, 1, 0);
    struct mps_subflow_info info[4];

    start(p, 3);
    transfer(p, 4000000, 500000);
    assert_int_equal(mps_conn_local_remove(p->end[CLIENT].conn, &a, p->now), 0);
    assert_int_equal(mps_conn_local_remove(p->end[CLIENT].conn, &a, p->now), MPS_EADDR);
    pair_step(p);
    pair_step(p);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 2);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 2);
    pair_add_local(p, 2);
    pair_step(p);
    pair_step(p);
    pair_step(p);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 3);
    finish(p);
}

static void address_announced(void **state)
{
    struct pair *p = *state;
    struct mps_addr a = pair_addr(2, 2, 80);

    start(p, 1);
    assert_int_equal(mps_conn_local_add(p->end[SERVER].conn, &a, 2, false, true, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_announced, 1);
    assert_int_equal(p->end[CLIENT].n_open, 1);
    assert_int_equal(p->end[CLIENT].n_up, 2);
    assert_int_equal(mps_conn_local_remove(p->end[SERVER].conn, &a, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_removed, 1);
    transfer(p, 100000, 0);
    finish(p);
}

static void backup(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    start(p, 2);
    assert_int_equal(mps_conn_set_backup(p->end[SERVER].conn, p->links[1].sf[SERVER], true, p->now),
                     0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_priority, 1);
    before = p->links[1].carried[CLIENT];
    transfer(p, 2000000, 1000000);
    assert_true(p->links[1].carried[CLIENT] < before + 10000);
    pair_break(p, &p->links[0]);
    p->refuse_joins = true;
    finish(p);
    assert_true(p->links[1].carried[CLIENT] > before + 500000);
}

/* Everything silent for long: a new subflow beside the old one, on the same pair. */
static void hopeless_last_one_gets_company(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];

    start(p, 1);
    p->end[CLIENT].to_send = 4000000;
    while (p->end[SERVER].received < 500000)
        assert_true(pair_step(p));
    p->links[0].cut = true;
    pair_run(p, MPS_STALE_SILENT / 2);
    assert_int_equal(p->end[CLIENT].n_open, 0);
    pair_run(p, 30 * MPS_SEC);
    assert_true(p->end[CLIENT].n_open >= 1);
    assert_int_equal(p->end[SERVER].received, 4000000);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 1);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    finish(p);
}

/* A path that worked for a while and went silent is looked for often, and used soon. */
static void silent_path_is_looked_for(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];
    unsigned before;

    start(p, 2);
    p->now += 2 * MPS_PROBE_LIVED;
    p->end[CLIENT].to_send = 4000000;
    while (p->end[SERVER].received < 500000)
        assert_true(pair_step(p));
    p->links[1].cut = p->silent_joins = true;
    pair_run(p, 2 * MPS_STALE_HOPELESS);
    assert_int_equal(p->end[SERVER].received, 4000000);
    before = p->end[CLIENT].n_open;
    assert_true(before >= 2);
    pair_run(p, MPS_SEC);
    assert_true(p->end[CLIENT].n_open >= before + 3);
    assert_true(p->end[CLIENT].n_open <= before + 4);
    p->silent_joins = false;
    before = p->end[CLIENT].n_up;
    pair_run(p, MPS_PROBE_MIN);
    assert_int_equal(p->end[CLIENT].n_up, before + 1);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 2);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    finish(p);
}

/* The hanging subflow works again before the join beside it has an answer: that one ends. */
static void no_twins(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];

    start(p, 1);
    p->end[CLIENT].to_send = 4000000;
    while (p->end[SERVER].received < 500000)
        assert_true(pair_step(p));
    p->links[0].cut = p->silent_joins = true;
    pair_run(p, 3 * MPS_STALE_HOPELESS);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 2);
    p->links[0].cut = false;
    while (p->end[SERVER].received < 600000)
        assert_true(pair_step(p));
    p->silent_joins = false;
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, 4000000);
    assert_int_equal(p->end[CLIENT].n_up, 1);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 1);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    finish(p);
}

/* Paths that let joins through and then nothing: never more subflows than allowed. */
static void limit_with_hopeless_ones(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[16];
    unsigned max = 0;

    p->cfg[CLIENT].max_subflows = 3;
    start(p, 2);
    p->end[CLIENT].to_send = UINT64_C(1) << 40;
    for (unsigned i = 0; i < 300; i++) {
        unsigned n = mps_conn_subflow_info(p->end[CLIENT].conn, info, 16);

        max = n > max ? n : max;
        for (unsigned k = 0; k < 50; k++)
            pair_step(p);
        for (unsigned k = 0; k < p->n_links; k++)
            p->links[k].cut = p->links[k].connected && p->links[k].carried[SERVER] > 0;
        if (p->n_links > PAIR_LINKS - 4)
            break;
        p->now += MPS_SEC;
        mps_conn_expire(p->end[CLIENT].conn, p->now);
        mps_conn_expire(p->end[SERVER].conn, p->now);
    }
    assert_true(p->end[CLIENT].n_open > 2);
    assert_true(max == 3);
}

/*
 * The place is taken by one that the accepting host, with nothing to send, does not know is dead.
 */
static void limit_with_an_unnoticed_one(void **state)
{
    struct pair *p = *state;

    p->cfg[SERVER].max_subflows = 1;
    p->cfg[CLIENT].keepalive = p->cfg[SERVER].keepalive = 0;
    start(p, 1);
    p->end[CLIENT].to_send = 4000000;
    while (p->end[SERVER].received < 500000)
        assert_true(pair_step(p));
    p->links[0].cut = true;
    pair_add_local(p, 2);
    pair_run(p, 120 * MPS_SEC);
    assert_int_equal(p->join_error, MPS_ELIMIT);
    assert_int_equal(p->end[SERVER].received, 4000000);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    finish(p);
}

static void backup_address(void **state)
{
    struct pair *p = *state;
    struct mps_addr a = pair_addr(2, 1, 0);
    struct mps_subflow_info info[4];

    start(p, 2);
    assert_int_equal(mps_conn_local_add(p->end[CLIENT].conn, &a, 2, true, false, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_priority, 1);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 2);
    assert_false(info[0].backup);
    assert_true(info[1].backup);
    transfer(p, 100000, 0);
    finish(p);
}

static void refused_joins_back_off(void **state)
{
    struct pair *p = *state;

    p->refuse_joins = true;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_run(p, 300 * MPS_SEC);
    /* 0, 1, 3, 7, 15, 31, 63, 123, 183, 243 s */
    assert_in_range(p->end[CLIENT].n_open, 9, 11);
    assert_int_equal(p->end[CLIENT].n_sf_close, p->end[CLIENT].n_open);
}

/* What comes on every path is no frame: each subflow ends with an error. */
static void nonsense_everywhere(struct pair *p)
{
    const struct mps_end error = {MPS_END_FAILED, MPS_REASON_PROTOCOL, false};

    for (unsigned i = 0; i < p->n_links; i++) {
        if (p->links[i].sf[CLIENT])
            mps_news_ended(p->links[i].sf[CLIENT], &error, p->now);
    }
    mps_conn_push(p->end[CLIENT].conn, p->now);
}

/*
 * No path is given up for long while there is no other: again and again, it takes a second at most.
 */
static void all_end_with_an_error(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t before = p->end[SERVER].received;
        mps_time_t begin = p->now;

        nonsense_everywhere(p);
        p->end[CLIENT].to_send += 100000;
        while (p->end[SERVER].received < before + 100000) {
            mps_time_t at = mps_conn_deadline(p->end[CLIENT].conn);

            if (pair_step(p))
                continue;
            assert_true(at - begin <= MPS_RETRY_HURRY_MAX + 100 * MPS_MSEC);
            p->now = at > p->now ? at : p->now;
            for (int side = 0; side < 2; side++)
                mps_conn_expire(p->end[side].conn, p->now);
        }
        assert_false(p->end[CLIENT].reset || p->end[SERVER].reset);
    }
    p->end[SERVER].fin = p->end[CLIENT].fin = true;
    finish(p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(joined_one_breaks),
        T(first_one_breaks),
        T(one_side_breaks),
        T(all_break_and_come_back),
        T(half_written_frame),
        T(black_hole),
        T(black_hole_ends),
        T(hopeless_one_is_replaced),
        T(proxy_loses_bytes),
        T(address_gone),
        T(address_announced),
        T(backup),
        T(backup_address),
        T(limit_with_hopeless_ones),
        T(limit_with_an_unnoticed_one),
        T(hopeless_last_one_gets_company),
        T(silent_path_is_looked_for),
        T(no_twins),
        T(refused_joins_back_off),
        T(all_end_with_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
