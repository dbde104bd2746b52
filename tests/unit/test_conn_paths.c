/* SPDX-License-Identifier: MIT */
/* Addresses of both sides: identifiers, back-off, what ends it, and how long tries go on. */
#include "pair.h"
#include "core/conn/query.h"

static void start(struct pair *p, unsigned subflows)
{
    assert_int_equal(pair_start(p), 0);
    for (unsigned i = 0; i < subflows; i++)
        pair_add_local(p, 1 + i);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, subflows);
}

static void finish(struct pair *p)
{
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 100000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 30 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void server_address(struct pair *p, bool there)
{
    struct mps_addr a = pair_addr(7, 2, 80);
    int r = there ? mps_conn_local_add(p->end[SERVER].conn, &a, 7, false, true, p->now)
                  : mps_conn_local_remove(p->end[SERVER].conn, &a, p->now);

    assert_int_equal(r, 0);
    pair_run(p, 20 * MPS_MSEC); /* CTRL_ACK may be delayed */
}

/* Each time the address comes it has the next identifier; when they are used up it has none. */
static void ids_are_never_reused(void **state)
{
    struct pair *p = *state;
    const struct mps_paths *seen;

    p->cfg[CLIENT].max_subflows = 1;
    start(p, 1);
    seen = &p->end[CLIENT].conn->paths;
    for (unsigned id = 1; id < MPS_ADDR_ID_SPARE; id++) {
        server_address(p, true);
        assert_int_equal(seen->n_remotes, 2);
        assert_false(seen->remotes[1].gone);
        assert_int_equal(seen->remotes[1].id, id);
        server_address(p, false);
        assert_true(seen->remotes[1].gone);
    }
    assert_int_equal(p->end[CLIENT].n_announced, 254);
    assert_int_equal(p->end[CLIENT].n_removed, 254);
    for (unsigned i = 0; i < 3; i++) {
        server_address(p, true);
        server_address(p, false);
    }
    assert_int_equal(p->end[CLIENT].n_announced, 254);
    assert_int_equal(p->end[CLIENT].n_removed, 254);
    finish(p);
}

static void client_address(struct pair *p, unsigned net, bool there)
{
    struct mps_addr a = pair_addr(net, 1, 0);

    if (there)
        pair_add_local(p, net);
    else
        assert_int_equal(mps_conn_local_remove(p->end[CLIENT].conn, &a, p->now), 0);
}

/* Addresses without an identifier of their own are joined from, and leave one by one. */
static void joins_go_on_without_ids(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];

    start(p, 1);
    for (unsigned i = 0; i < 300; i++) {
        client_address(p, 9, true);
        client_address(p, 9, false);
    }
    client_address(p, 2, true);
    client_address(p, 3, true);
    pair_settle(p);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 3);
    client_address(p, 2, false);
    pair_settle(p);
    assert_int_equal(mps_conn_subflow_info(p->end[CLIENT].conn, info, 4), 2);
    assert_int_equal(info[1].local.ip[2], 3);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 2);
    assert_int_equal(p->end[CLIENT].n_up, 3);
    client_address(p, 2, true);
    pair_settle(p);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 3);
    finish(p);
}

/* The server's first address is known without being announced; when it comes back it is not. */
static void first_address_returns(void **state)
{
    struct pair *p = *state;
    struct mps_addr first = pair_addr(1, 2, 80), other = pair_addr(2, 2, 80);
    struct mps_conn *server;

    start(p, 1);
    server = p->end[SERVER].conn;
    assert_int_equal(mps_conn_local_add(server, &first, 1, false, false, p->now), 0);
    assert_int_equal(mps_conn_local_add(server, &other, 2, false, true, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_announced, 1);
    assert_int_equal(mps_conn_local_remove(server, &first, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_removed, 1);
    assert_int_equal(mps_conn_local_add(server, &first, 1, false, false, p->now), 0);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_announced, 2);
    finish(p);
}

/* Which addresses share an interface is told, whatever their order. */
static void ways_into_the_server(void **state)
{
    static const uint32_t interface[] = {7, 7, 9, 9, 0};
    static const bool same[] = {true, true, false, false, false};
    struct pair *p = *state;
    const struct mps_paths *seen;
    struct mps_addr a = pair_addr(1, 2, 80);

    start(p, 1);
    seen = &p->end[CLIENT].conn->paths;
    assert_int_equal(mps_conn_local_add(p->end[SERVER].conn, &a, 7, false, false, p->now), 0);
    for (unsigned i = 1; i < 5; i++) {
        a = pair_addr(10 + i, 2, 80);
        assert_int_equal(
            mps_conn_local_add(p->end[SERVER].conn, &a, interface[i], false, true, p->now), 0);
    }
    pair_settle(p);
    assert_int_equal(seen->n_remotes, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(seen->remotes[i].way == seen->remotes[0].way, same[i]);
    assert_int_equal(seen->remotes[2].way, seen->remotes[3].way);
    assert_int_equal(seen->remotes[4].way, 0);
    finish(p);
}

/* The kernel reports all addresses again and again: that is no reason to try in vain. */
static void unchanged_address_keeps_its_back_off(void **state)
{
    struct pair *p = *state;

    start(p, 1);
    p->refuse_joins = true;
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_open, 1);
    for (unsigned i = 0; i < 100; i++) {
        pair_add_local(p, 2);
        pair_settle(p);
    }
    assert_int_equal(p->end[CLIENT].n_open, 1);
    client_address(p, 2, false);
    client_address(p, 2, true);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_open, 2);
    finish(p);
}

static void route(struct pair *p, unsigned net, uint8_t len, uint32_t ifindex, bool gone)
{
    struct mps_route r = {pair_addr(net, 0, 0), len, ifindex, gone};

    mps_conn_route_changed(p->end[CLIENT].conn, &r, p->now);
    pair_settle(p);
}

static void route_ends_back_off(void **state)
{
    struct pair *p = *state;

    start(p, 1);
    p->refuse_joins = true;
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_open, 1);
    route(p, 5, 24, 2, false); /* to elsewhere */
    route(p, 1, 24, 1, false); /* over another interface */
    route(p, 1, 24, 2, true);  /* goes */
    assert_int_equal(p->end[CLIENT].n_open, 1);
    route(p, 1, 24, 2, false);
    assert_int_equal(p->end[CLIENT].n_open, 2);
    route(p, 0, 0, 0, false); /* the default route */
    assert_int_equal(p->end[CLIENT].n_open, 3);
    finish(p);
}

/* Tries go on for as long as the connection lives; the first subflow is no special one. */
static void tried_for_ever(struct pair *p, unsigned link, unsigned net)
{
    unsigned before;

    start(p, 2);
    p->refuse_joins = true;
    pair_break(p, &p->links[link]);
    for (unsigned i = 0; i < 12; i++) {
        before = p->end[CLIENT].n_open;
        /* MPS_RETRY_MAX, and a little for the timer. */
        pair_run(p, MPS_RETRY_MAX + MPS_SEC);
        assert_true(p->end[CLIENT].n_open > before);
    }
    p->refuse_joins = false;
    before = p->end[CLIENT].n_up;
    pair_run(p, MPS_RETRY_MAX + MPS_SEC);
    assert_int_equal(p->end[CLIENT].n_up, before + 1);
    assert_int_equal(mps_conn_n_active(p->end[CLIENT].conn), 2);
    assert_int_equal(
        mps_list_entry(p->end[CLIENT].conn->subflows.prev, struct mps_subflow, node)->ifindex, net);
    finish(p);
}

static void join_is_tried_for_ever(void **state)
{
    tried_for_ever(*state, 1, 2);
}

static void first_is_tried_for_ever(void **state)
{
    tried_for_ever(*state, 0, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(ids_are_never_reused),
        T(joins_go_on_without_ids),
        T(first_address_returns),
        T(ways_into_the_server),
        T(unchanged_address_keeps_its_back_off),
        T(route_ends_back_off),
        T(join_is_tried_for_ever),
        T(first_is_tried_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
