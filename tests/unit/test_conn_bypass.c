/* SPDX-License-Identifier: MIT */
/* Payloads that go around the core, to the application without being read. */
#include "pair.h"
#include "core/conn/state.h"

static void transfer(struct pair *p, uint64_t up, uint64_t down)
{
    p->bypass = true;
    p->end[CLIENT].to_send = up;
    p->end[SERVER].to_send = down;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    assert_int_equal(pair_start(p), 0);
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_null(p->end[CLIENT].conn ? mps_conn_check(p->end[CLIENT].conn) : NULL);
}

/* All but what came before the keys were there. */
static void bulk(void **state)
{
    struct pair *p = *state;

    transfer(p, 5000000, 3000000);
    assert_true(p->end[SERVER].bypassed > 4500000);
    assert_true(p->end[CLIENT].bypassed > 2700000);
}

/* What the application has no room for comes by the other way, in its order. */
static void little_room(void **state)
{
    struct pair *p = *state;

    p->bypass_short = true;
    transfer(p, 5000000, 3000000);
    assert_true(p->end[SERVER].bypassed > 500000 && p->end[SERVER].bypassed < 4500000);
    assert_true(p->end[SERVER].bypasses > 5);
}

/* Of each frame only some bytes are there at a time. */
static void in_pieces(void **state)
{
    struct pair *p = *state;

    p->chunk = 1009;
    p->bypass_short = true;
    transfer(p, 700000, 300000);
    assert_true(p->end[SERVER].bypassed > 100000);
}

static void start_two(struct pair *p)
{
    p->bypass = true;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].n_up, 2);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
}

/* Out of order over two paths, of which one goes silent: what it has on its way comes again. */
static void several_paths(void **state)
{
    struct pair *p = *state;

    start_two(p);
    p->bypass_short = true;
    p->chunk = 50000;
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 6000000;
    while (p->end[SERVER].received < 2000000)
        assert_true(pair_step(p));
    p->links[0].cut = true;
    pair_run(p, 3 * MPS_SEC);
    p->links[0].cut = false;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_true(p->end[SERVER].bypassed > 500000);
}

/* Payloads under a MAC are not the application's before it is checked. */
static void not_under_macs(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].capabilities |= MPS_CAP_PAYLOAD_MAC;
    transfer(p, 500000, 500000);
    assert_int_equal(p->end[CLIENT].bypassed + p->end[SERVER].bypassed, 0);
}

/* An urgent byte is told by the core alone. */
static void not_urgent(void **state)
{
    struct pair *p = *state;

    p->end[CLIENT].urgent_end = 300000;
    transfer(p, 900000, 0);
    assert_int_equal(p->end[SERVER].n_urgent, 1);
    assert_int_equal(p->end[SERVER].urgent_seen, 300000);
}

/* Who does not read gets nothing around, and no credit for it; later it gets all. */
static void stopped_reader(void **state)
{
    struct pair *p = *state;

    p->bypass = true;
    p->end[SERVER].stopped = true;
    p->end[CLIENT].to_send = 20000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    assert_int_equal(pair_start(p), 0);
    pair_run(p, MPS_SEC);
    assert_int_equal(p->end[SERVER].received, 0);
    assert_true(p->end[CLIENT].sent < 20000000);
    p->end[SERVER].stopped = false;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_true(p->end[SERVER].bypassed > 10000000);
}

/* In the middle of a frame part of which went around, its subflow ends: the rest comes again. */
static void lost_in_the_middle(void **state)
{
    struct pair *p = *state;
    const struct mps_sf_rx *rx;

    start_two(p);
    p->chunk = 3001;
    p->end[CLIENT].to_send = 3000000;
    rx = &p->links[0].sf[SERVER]->rx;
    while (p->end[SERVER].bypassed < 500000 || rx->mode != MPS_RX_PAYLOAD ||
           rx->left == rx->dss.payload_len)
        assert_true(pair_step(p));
    p->refuse_joins = true;
    pair_break(p, &p->links[0]);
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* Bytes of the client's stream, which it repeats on a link. */
static void repeat(struct pair *p, struct pair_link *l, uint64_t dsn, uint32_t n)
{
    struct mps_dss dss = {.dsn = dsn, .payload_len = n};
    uint8_t head[MPS_DSS_OPEN_LEN];

    mps_dss_encode_head(&dss, head);
    pair_inject_frame(p, l, CLIENT, head, sizeof(head));
    for (uint64_t pos = dsn; pos < dsn + n; pos++) {
        uint8_t byte = pair_byte(CLIENT, pos);

        pair_inject(l, CLIENT, &byte, 1);
    }
}

/* A frame of `n` bytes is on its way over one of two links; returns the other link. */
static struct pair_link *start_frame(struct pair *p, uint32_t n, struct pair_link **ret_busy)
{
    unsigned busy;

    start_two(p);
    p->end[CLIENT].fin = p->end[SERVER].fin = false;
    p->no_metrics = true; /* or what does not move is soon repeated on the other one */
    p->links[0].cut = p->links[1].cut = true;
    p->end[CLIENT].to_send = n;
    while (p->links[0].out[CLIENT].len + p->links[1].out[CLIENT].len < n)
        assert_true(pair_step(p));
    busy = p->links[1].out[CLIENT].len >= n;
    assert_true(p->links[busy].out[CLIENT].len >= n);
    *ret_busy = &p->links[busy];
    p->links[!busy].cut = false;
    return &p->links[!busy];
}

static void end_well(struct pair *p, struct pair_link *busy)
{
    busy->cut = p->no_metrics = false;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
}

/*
 * What another subflow has brought out of order is not brought again: they go around up to there.
 */
static void up_to_what_is_there(void **state)
{
    struct pair *p = *state;
    struct pair_link *busy, *other = start_frame(p, 60000, &busy);

    repeat(p, other, 20000, 10000);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, 0);
    end_well(p, busy);
    assert_int_equal(p->end[SERVER].bypassed, 20000);
    assert_int_equal(p->end[SERVER].bypasses, 1);
}

/* Others come in the middle of a frame, which has gone around until then: they go first. */
static void repeated_in_the_middle(void **state)
{
    struct pair *p = *state;
    struct pair_link *busy, *other = start_frame(p, 60000, &busy);
    uint64_t until;

    busy->cut = false;
    p->chunk = 7001;
    while (p->end[SERVER].bypassed < 20000)
        assert_true(pair_step(p));
    until = p->end[SERVER].received;
    busy->cut = true;
    p->chunk = 0;
    repeat(p, other, until - 3000, 9000);
    pair_settle(p);
    assert_int_equal(p->end[SERVER].received, until + 6000);
    end_well(p, busy);
    assert_true(p->end[SERVER].bypassed < 60000);
}

/* From one frame to the next all payloads are under MACs: a path has changed bytes. */
static void macs_from_here_on(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    start_two(p);
    p->end[CLIENT].fin = false;
    p->end[CLIENT].to_send = 3000000;
    while (p->end[SERVER].bypassed < 1000000)
        assert_true(pair_step(p));
    p->end[CLIENT].conn->all_macs = true;
    pair_settle(p);
    before = p->end[SERVER].bypassed;
    p->end[CLIENT].to_send = 6000000;
    p->end[CLIENT].fin = true;
    pair_run(p, 20 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_true(p->end[SERVER].bypassed - before < 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bulk, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(little_room, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(in_pieces, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(several_paths, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(not_under_macs, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(not_urgent, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(stopped_reader, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(lost_in_the_middle, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(up_to_what_is_there, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(repeated_in_the_middle, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(macs_from_here_on, pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
