/* SPDX-License-Identifier: MIT */
/* Idle connections: who is asked, how seldom, and what follows from silence. */
#include "pair.h"
#include "core/conn/alive.h"
#include "core/conn/query.h"
#include "core/base/crc32c.h"
#include "core/subflow/state.h"
#include "core/subflow/stale.h"

#define PING_LEN 32u
#define INTERVAL (15 * MPS_SEC)

static void start(struct pair *p, unsigned subflows)
{
    assert_int_equal(pair_start(p), 0);
    for (unsigned i = 0; i < subflows; i++)
        pair_add_local(p, 1 + i);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[SERVER].n_up, subflows);
}

static uint64_t carried(const struct pair *p, int from)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < p->n_links; i++)
        sum += p->links[i].carried[from];
    return sum;
}

static void finish(struct pair *p)
{
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 100000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/*
 * Each of two subflows is asked, by the client alone, at once after data: after one interval, two,
 * four and eight. In the second hour of silence it is once in 16 intervals.
 */
static void asked_now_and_then(void **state)
{
    struct pair *p = *state;
    uint64_t up, down;

    start(p, 2);
    up = carried(p, CLIENT);
    down = carried(p, SERVER);
    pair_run(p, 10 * INTERVAL);
    assert_in_range(carried(p, CLIENT) - up, 7 * PING_LEN, 8 * PING_LEN);
    assert_int_equal(carried(p, SERVER) - down, carried(p, CLIENT) - up);
    pair_run(p, 230 * INTERVAL);
    up = carried(p, CLIENT);
    pair_run(p, 240 * INTERVAL);
    assert_in_range(carried(p, CLIENT) - up, 2 * 14 * PING_LEN, 2 * 16 * PING_LEN);
    assert_int_equal(p->end[CLIENT].n_stale + p->end[SERVER].n_stale, 0);
    p->end[CLIENT].to_send = 1;
    pair_run(p, MPS_SEC);
    up = carried(p, CLIENT);
    pair_run(p, 2 * INTERVAL);
    assert_in_range(carried(p, CLIENT) - up, 2 * PING_LEN, 4 * PING_LEN);
    finish(p);
}

/* One wake-up of a host's agent is to serve many idle connections, whenever they were last used. */
static void asked_at_the_same_moments(void **state)
{
    struct pair *p = *state;
    mps_time_t moment = 100 * MPS_MSEC;

    start(p, 2);
    for (unsigned i = 0; i < 5; i++) {
        mps_time_t at, after = i < 4 ? INTERVAL : 16 * INTERVAL;

        p->end[CLIENT].to_send = 1;
        pair_run(p, i < 4 ? MPS_SEC + 17 * MPS_MSEC : 20 * INTERVAL + 17 * MPS_MSEC);
        at = mps_alive_deadline(p->end[CLIENT].conn);
        assert_int_equal(at % moment, 0);
        assert_in_range(at, p->now, p->now + after + moment);
        at = mps_alive_deadline(p->end[SERVER].conn);
        assert_int_equal(at % moment, 0);
    }
    finish(p);
}

static void never_asked_if_off(void **state)
{
    struct pair *p = *state;
    uint64_t up, down;

    p->cfg[CLIENT].keepalive = p->cfg[SERVER].keepalive = 0;
    start(p, 2);
    up = carried(p, CLIENT);
    down = carried(p, SERVER);
    pair_run(p, 3600 * MPS_SEC);
    assert_int_equal(carried(p, CLIENT), up);
    assert_int_equal(carried(p, SERVER), down);
    finish(p);
}

/* The only subflow: half as often, and by the client alone. */
static void last_one_is_asked_by_the_client(void **state)
{
    struct pair *p = *state;
    uint64_t up, down;

    start(p, 1);
    up = carried(p, CLIENT);
    down = carried(p, SERVER);
    pair_run(p, 20 * INTERVAL);
    assert_in_range(carried(p, CLIENT) - up, 3 * PING_LEN, 4 * PING_LEN);
    assert_int_equal(carried(p, SERVER) - down, carried(p, CLIENT) - up);
    p->cfg[CLIENT].keepalive = 0;
    finish(p);
}

/* The server has lost it and waits with its data: the client finds out and comes back. */
static void server_lost_the_last_one(void **state)
{
    struct pair *p = *state;

    start(p, 1);
    p->links[0].cut = true;
    mps_subflow_down(p->links[0].sf[SERVER], false, MPS_REASON_UNSPECIFIED, p->now);
    p->end[SERVER].to_send = 100000;
    pair_run(p, 5 * MPS_SEC);
    p->links[0].cut = false;
    pair_run(p, 2 * INTERVAL);
    assert_int_equal(p->end[CLIENT].received, 100000);
    p->end[CLIENT].to_send = 1000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* Which of the two is cut makes no difference. */
static void cut_is_found(struct pair *p, unsigned link)
{
    start(p, 2);
    p->links[link].cut = true;
    p->refuse_joins = true;
    pair_run(p, INTERVAL + MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    pair_run(p, MPS_STALE_HOPELESS + MPS_SEC);
    assert_true(p->end[CLIENT].n_sf_close >= 1);
    assert_int_equal(mps_conn_n_active(p->end[CLIENT].conn), 1);
    pair_run(p, INTERVAL / 4);
    assert_int_equal(mps_conn_n_active(p->end[SERVER].conn), 1); /* it has asked, too */
    p->refuse_joins = false;
    pair_run(p, MPS_RETRY_MAX);
    assert_int_equal(mps_conn_n_active(p->end[CLIENT].conn), 2);
    finish(p);
}

static void first_cut_is_found(void **state)
{
    cut_is_found(*state, 0);
}

static void second_cut_is_found(void **state)
{
    cut_is_found(*state, 1);
}

/* The client does not ask: the server does. */
static void server_asks_too(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].keepalive = 0;
    start(p, 2);
    p->links[1].cut = true;
    pair_run(p, INTERVAL + INTERVAL / 4 - 2 * MPS_SEC);
    assert_int_equal(p->end[SERVER].n_stale, 0);
    for (unsigned i = 0; i < 200 && p->end[SERVER].n_stale == 0; i++)
        pair_run(p, 20 * MPS_MSEC);
    assert_int_equal(p->end[SERVER].n_stale, 1);
    p->links[1].cut = false;
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[SERVER].n_recovered, 1);
    assert_int_equal(p->end[SERVER].n_sf_close, 0);
    finish(p);
}

/* A box acknowledges what it does not deliver: PINGs become frames that are skipped. */
static void swallow_pings(struct pair_link *l, int from, uint8_t *p, size_t n)
{
    const struct mps_seal *seal = &l->sf[CLIENT]->tx.seal;
    uint32_t crc;

    if (from != CLIENT || n != PING_LEN || p[0] != MPS_FRAME_PING)
        return;
    p[0] = 0x80;
    memset(p + 4, 0, 4);
    crc = mps_crc32c(0, p, MPS_FRAME_PREFIX_LEN);
    for (unsigned i = 0; i < 4; i++)
        p[4 + i] = (uint8_t)(crc >> (24 - 8 * i));
    /* No box could do this; to take the PING out would end the subflow. */
    assert_int_equal(mps_seal_head(l->sf[CLIENT]->conn->env.crypto, seal, seal->next - 1, p,
                                   MPS_FRAME_PREFIX_LEN),
                     0);
}

static void missing_pong_is_silence(void **state)
{
    struct pair *p = *state;

    start(p, 2);
    p->links[1].tamper = swallow_pings;
    p->refuse_joins = true;
    pair_run(p, INTERVAL + 2 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    assert_int_equal(p->end[SERVER].n_stale, 0);
    pair_run(p, MPS_STALE_HOPELESS + MPS_SEC);
    assert_true(p->end[CLIENT].n_sf_close >= 1);
    finish(p);
}

/* TCP has given everything up, too. Nobody wants to send: as if nothing had happened. */
static void outage_of_all_is_survived(void **state)
{
    struct pair *p = *state;

    start(p, 3);
    for (unsigned i = 0; i < p->n_links; i++)
        p->links[i].cut = true;
    p->refuse_joins = true;
    pair_run(p, 900 * MPS_SEC);
    assert_false(p->end[CLIENT].reset || p->end[SERVER].reset);
    for (unsigned i = 0; i < p->n_links; i++) {
        for (int side = 0; side < 2; side++) {
            if (p->links[i].sf[side])
                mps_subflow_down(p->links[i].sf[side], false, MPS_REASON_TIMEOUT, p->now);
        }
    }
    pair_run(p, 3600 * MPS_SEC);
    assert_false(p->end[CLIENT].reset || p->end[SERVER].reset);
    assert_int_equal(mps_conn_n_active(p->end[CLIENT].conn), 0);
    p->refuse_joins = false;
    pair_run(p, MPS_RETRY_MAX);
    finish(p);
}

/* But with something to send, patience has an end. */
static void outage_of_all_ends_what_is_busy(void **state)
{
    struct pair *p = *state;

    start(p, 1);
    p->refuse_joins = true;
    for (int side = 0; side < 2; side++)
        mps_subflow_down(p->links[0].sf[side], false, MPS_REASON_TIMEOUT, p->now);
    pair_run(p, 600 * MPS_SEC);
    assert_false(p->end[CLIENT].reset || p->end[SERVER].reset);
    p->end[CLIENT].to_send = 1;
    pair_run(p, p->cfg[CLIENT].no_subflow_timeout - MPS_SEC);
    assert_false(p->end[CLIENT].reset);
    pair_run(p, 2 * MPS_SEC);
    assert_true(p->end[CLIENT].reset);
    assert_false(p->end[SERVER].reset);
}

/* A route goes: no need to wait for the interval. */
static void route_that_goes_is_looked_after(void **state)
{
    struct pair *p = *state;
    struct mps_route route = {pair_addr(0, 0, 0), 0, 2, true};

    start(p, 2);
    p->links[1].cut = true;
    mps_conn_route_changed(p->end[CLIENT].conn, &route, p->now);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    route.ifindex = 1; /* the only one that works now: it is left in peace */
    mps_conn_route_changed(p->end[CLIENT].conn, &route, p->now);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    p->links[1].cut = false;
    finish(p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(asked_now_and_then),
        T(asked_at_the_same_moments),
        T(never_asked_if_off),
        T(last_one_is_asked_by_the_client),
        T(server_lost_the_last_one),
        T(first_cut_is_found),
        T(second_cut_is_found),
        T(server_asks_too),
        T(missing_pong_is_silence),
        T(outage_of_all_is_survived),
        T(outage_of_all_ends_what_is_busy),
        T(route_that_goes_is_looked_after),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
