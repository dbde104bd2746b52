/* SPDX-License-Identifier: MIT */
/*
 * Addresses that the peer names: few joins to what it does not prove, none the fewer to the rest.
 */
#include "pair.h"
#include "core/base/bucket.h"
#include "core/paths/addresses.h"
#include "core/paths/change.h"
#include "core/paths/claims.h"
#include "core/paths/pm.h"

static void bucket(void **state)
{
    const struct mps_bucket_rate rate = {3, 10};
    struct mps_bucket b = {0};

    for (unsigned i = 0; i < 3; i++) {
        assert_true(mps_bucket_next(&b, rate) <= 100);
        mps_bucket_take(&b, rate, 100);
    }
    assert_int_equal(mps_bucket_next(&b, rate), 110);
    mps_bucket_return(&b, rate);
    assert_true(mps_bucket_next(&b, rate) <= 100);
    mps_bucket_take(&b, rate, 100);
    mps_bucket_take(&b, rate, 110);
    assert_int_equal(mps_bucket_next(&b, rate), 120);
    assert_true(mps_bucket_next(&b, rate) <= 1000); /* full again, and no fuller than that */
    for (unsigned i = 0; i < 3; i++)
        mps_bucket_take(&b, rate, 1000);
    assert_int_equal(mps_bucket_next(&b, rate), 1010);
}

static void start(struct pair *p)
{
    p->cfg[CLIENT].max_addrs = 63;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_settle(p);
}

static void name(struct pair *p, struct mps_addr addr, bool there)
{
    int r = there ? mps_conn_local_add(p->end[SERVER].conn, &addr, 0, false, true, p->now)
                  : mps_conn_local_remove(p->end[SERVER].conn, &addr, p->now);

    assert_int_equal(r, 0);
    pair_run(p, 20 * MPS_MSEC); /* CTRL_ACK may be delayed */
}

/* A peer names other hosts, again and again with other ports: 250 of them in ten seconds. */
static void many_lies(void **state)
{
    struct pair *p = *state;

    start(p);
    p->refuse_joins = true;
    for (unsigned i = 0; i < 250; i++) {
        name(p, pair_addr(10 + i % 7, 7, (uint16_t)(1000 + i)), true);
        name(p, pair_addr(10 + i % 7, 7, (uint16_t)(1000 + i)), false);
    }
    assert_int_equal(p->end[CLIENT].n_announced, 250);
    assert_in_range(p->end[CLIENT].n_open, 1,
                    MPS_CLAIMS_BURST + 10 * MPS_SEC / MPS_CLAIMS_INTERVAL);
}

/* Nor does the peer look for open ports by us: the back-off is the address's. */
static void many_ports(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].pm = mps_pm_find("fullmesh");
    start(p);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_open, 1);
    p->refuse_joins = true;
    for (unsigned i = 0; i < 250; i++) {
        name(p, pair_addr(9, 7, (uint16_t)(1000 + i)), true);
        name(p, pair_addr(9, 7, (uint16_t)(1000 + i)), false);
    }
    /* From two addresses at once, then after 1, 1, 2, 2 and 4 s. */
    assert_in_range(p->end[CLIENT].n_open, 1 + 3, 1 + 8);
}

/* All at once: a peer that tells the truth is not limited. */
static void many_truths(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].max_subflows = p->cfg[SERVER].max_subflows = 21;
    start(p);
    for (unsigned i = 0; i < 20; i++) {
        struct mps_addr a = pair_addr(10 + i, 7, 80);

        assert_int_equal(mps_conn_local_add(p->end[SERVER].conn, &a, 0, false, true, p->now), 0);
        pair_settle(p); /* no time passes */
    }
    assert_true(20 > MPS_CLAIMS_BURST);
    assert_int_equal(p->end[CLIENT].n_up, 21);
}

/* Where we are now, what failed before may work: at once. */
static void another_network(void **state)
{
    struct pair *p = *state;
    unsigned before;

    start(p);
    p->refuse_joins = true;
    name(p, pair_addr(9, 7, 80), true);
    pair_run(p, 20 * MPS_SEC);
    before = p->end[CLIENT].n_open;
    assert_in_range(before, 3, 6);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_in_range(p->end[CLIENT].n_open, before + 1, before + 2);
    p->refuse_joins = false;
    pair_add_local(p, 3);
    pair_settle(p);
    assert_true(p->end[CLIENT].n_up >= 2);
}

static struct mps_ctrl add_addr(mps_addr_id_t id, struct mps_addr addr)
{
    struct mps_ctrl ctrl = {.type = MPS_FRAME_ADD_ADDR};

    ctrl.add_addr.id = id;
    ctrl.add_addr.addr = addr;
    return ctrl;
}

/* An identifier names one address for good, so that there are 254 at most. */
static void ids_are_used_once(void **state)
{
    struct pair *p = *state;
    struct mps_conn *c;
    struct mps_ctrl ctrl = add_addr(5, pair_addr(9, 7, 80));

    start(p);
    c = p->end[CLIENT].conn;
    assert_true(mps_addresses_remote_added(c, &ctrl));
    ctrl = add_addr(5, pair_addr(9, 8, 80));
    assert_false(mps_addresses_remote_added(c, &ctrl));
    mps_addresses_remote_removed(c, 5);
    assert_false(mps_addresses_remote_added(c, &ctrl));
    ctrl = add_addr(5, pair_addr(9, 7, 80));
    assert_false(mps_addresses_remote_added(c, &ctrl));
}

/* Another port of the first address, by which nobody has proved to be the peer, is a claim too. */
static void port_of_the_first_address(void **state)
{
    struct pair *p = *state;
    struct mps_conn *c;
    struct mps_ctrl ctrl;

    start(p);
    c = p->end[CLIENT].conn;
    assert_true(c->paths.remotes[0].proved);
    ctrl = add_addr(0, c->paths.remotes[0].addr);
    assert_true(mps_addresses_remote_added(c, &ctrl));
    assert_true(c->paths.remotes[0].proved);
    ctrl.add_addr.addr.port++;
    assert_true(mps_addresses_remote_added(c, &ctrl));
    assert_false(c->paths.remotes[0].proved);
}

/* ---- REMOVE_ADDR ---- */

static void start_with_address(struct pair *p)
{
    start(p);
    name(p, pair_addr(9, 7, 80), true);
    assert_int_equal(p->end[CLIENT].n_up, 2);
}

static void withdraw(struct pair *p, unsigned remote)
{
    struct mps_conn *c = p->end[CLIENT].conn;

    mps_change_remote_removed(c, c->paths.remotes[remote].id, NULL, p->now);
    mps_conn_push(c, p->now);
}

static void transfer(struct pair *p)
{
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 300000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 10 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* RFC 8684 section 3.4.2: a subflow that answers is not closed. */
static void withdrawn_and_works(void **state)
{
    struct pair *p = *state;

    start_with_address(p);
    withdraw(p, 1);
    assert_int_equal(p->end[CLIENT].n_removed, 0);
    pair_run(p, 5 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_removed, 1);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    assert_int_equal(p->end[CLIENT].n_recovered, 1);
    assert_int_equal(p->end[CLIENT].n_sf_close, 0);
    /* But nothing new goes there. */
    pair_break(p, &p->links[1]);
    pair_run(p, 5 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_open, 1);
    transfer(p);
}

/* All of them, as by one on the weakest path: every subflow stays. */
static void all_withdrawn(void **state)
{
    struct pair *p = *state;

    start_with_address(p);
    withdraw(p, 0);
    withdraw(p, 1);
    pair_run(p, 5 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_sf_close, 0);
    transfer(p);
}

static void withdrawn_and_silent(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];

    start_with_address(p);
    p->links[1].cut = true;
    withdraw(p, 1);
    pair_run(p, 500 * MPS_MSEC);
    assert_int_equal(p->end[CLIENT].n_stale, 1);
    assert_int_equal(p->end[CLIENT].n_sf_close, 1);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 1);
    transfer(p);
}

/* What it held does not wait for the answer. */
static void withdrawn_with_data(void **state)
{
    struct pair *p = *state;

    start_with_address(p);
    p->links[1].cut = true;
    p->end[CLIENT].to_send = 200000;
    pair_settle(p);
    withdraw(p, 1);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, 200000);
    p->end[CLIENT].to_send = 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket),
        T(many_lies),
        T(many_ports),
        T(many_truths),
        T(another_network),
        T(ids_are_used_once),
        T(port_of_the_first_address),
        T(withdrawn_and_works),
        T(all_withdrawn),
        T(withdrawn_and_silent),
        T(withdrawn_with_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
