/* SPDX-License-Identifier: MIT */
/* Urgent data (RFC 6093) over several subflows. */
#include "pair.h"

static struct pair *start(void **state, uint64_t to_send, uint64_t urgent_end)
{
    struct pair *p = *state;

    p->end[CLIENT].to_send = to_send;
    p->end[CLIENT].urgent_end = urgent_end;
    assert_int_equal(pair_start(p), 0);
    return p;
}

static void finish(struct pair *p)
{
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void in_the_middle(void **state)
{
    struct pair *p = start(state, 1000000, 500000);

    finish(p);
    assert_int_equal(p->end[SERVER].urgent_seen, 500000);
    assert_int_equal(p->end[SERVER].n_urgent, 1);
    assert_int_equal(p->end[CLIENT].n_urgent, 0);
}

static void first_byte(void **state)
{
    struct pair *p = start(state, 1, 1);

    finish(p);
    assert_int_equal(p->end[SERVER].urgent_seen, 1);
}

static void with_macs(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].capabilities = p->cfg[SERVER].capabilities = MPS_CAP_PAYLOAD_MAC;
    finish(start(state, 3000, 3000));
    assert_int_equal(p->end[SERVER].urgent_seen, 3000);
}

/* Nothing is read before both are there: the earlier one is an ordinary byte by then. */
static void later_replaces(void **state)
{
    struct pair *p = *state;

    p->end[SERVER].stopped = true;
    start(state, 100, 50);
    pair_settle(p);
    p->end[CLIENT].urgent_end = p->end[CLIENT].to_send = 200;
    pair_settle(p);
    p->end[SERVER].stopped = false;
    finish(p);
    assert_int_equal(p->end[SERVER].n_urgent, 1);
    assert_int_equal(p->end[SERVER].urgent_seen, 200);
}

static void each_in_its_turn(void **state)
{
    struct pair *p = start(state, 100, 50);

    pair_settle(p);
    assert_int_equal(p->end[SERVER].urgent_seen, 50);
    p->end[CLIENT].urgent_end = p->end[CLIENT].to_send = 200;
    finish(p);
    assert_int_equal(p->end[SERVER].n_urgent, 2);
    assert_int_equal(p->end[SERVER].urgent_seen, 200);
}

/* The copy that is sent after its carrier died says it as well. */
static void reinjected(void **state)
{
    struct pair *p = *state;
    unsigned carrier;

    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->n_links, 2);
    p->links[0].cut = p->links[1].cut = true;
    p->end[CLIENT].to_send = p->end[CLIENT].urgent_end = 1000;
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, 0);
    /* Whichever carries it. */
    carrier = p->links[0].out[CLIENT].len > p->links[1].out[CLIENT].len ? 0 : 1;
    assert_true(p->links[carrier].out[CLIENT].len >= 1000);
    p->links[!carrier].cut = false;
    p->refuse_joins = true;
    pair_break(p, &p->links[carrier]);
    finish(p);
    assert_int_equal(p->end[SERVER].n_urgent, 1);
    assert_int_equal(p->end[SERVER].urgent_seen, 1000);
}

static void one_byte_at_a_time(void **state)
{
    struct pair *p = *state;

    p->chunk = 1;
    start(state, 20000, 7777);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    finish(p);
    assert_int_equal(p->end[SERVER].urgent_seen, 7777);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(in_the_middle, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(first_byte, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(with_macs, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(later_replaces, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(each_in_its_turn, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(reinjected, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(one_byte_at_a_time, pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests_name("conn_urgent", tests, NULL, NULL);
}
