/* SPDX-License-Identifier: MIT */
/* Opening, transfer both ways, joins, orderly end. */
#include "core/subflow/state.h"
#include "pair.h"

static void opening(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info ci, si;

    assert_int_equal(pair_start(p), 0);
    pair_settle(p);
    assert_true(p->end[CLIENT].established && p->end[SERVER].established);
    assert_int_equal(p->end[CLIENT].n_up, 1);
    assert_int_equal(p->end[SERVER].n_up, 1);
    mps_conn_info(p->end[CLIENT].conn, &ci);
    mps_conn_info(p->end[SERVER].conn, &si);
    assert_int_equal(ci.token, si.peer_token);
    assert_int_equal(si.token, ci.peer_token);
    assert_string_equal(ci.state, "established");
    assert_int_equal(ci.credit_left, p->cfg[SERVER].rcv_buf_init);
    assert_int_equal(ci.n_subflows, 1);
}

/* The token is of the wanted class, at both ends and whatever the random numbers. */
static void token_class(void **state)
{
    struct pair *p = *state;
    struct mps_opening hello = {.kind = MPS_OPENING_HELLO, .hello = {.credit = 65536}};
    struct mps_conn *conn;

    for (uint32_t i = 0; i < 64; i++) {
        p->cfg[CLIENT].token_mod = 1 + i % 16;
        p->cfg[CLIENT].token_rem = i % p->cfg[CLIENT].token_mod;
        assert_int_equal(mps_conn_new_client(&conn, &p->env, &p->cfg[CLIENT], p->now), 0);
        assert_int_equal(mps_conn_token(conn) % p->cfg[CLIENT].token_mod, p->cfg[CLIENT].token_rem);
        mps_conn_free(conn);
        assert_int_equal(mps_conn_new_server(&conn, &p->env, &p->cfg[CLIENT], &hello, p->now), 0);
        assert_int_equal(mps_conn_token(conn) % p->cfg[CLIENT].token_mod, p->cfg[CLIENT].token_rem);
        mps_conn_free(conn);
    }
    p->cfg[CLIENT].token_mod = p->cfg[CLIENT].token_rem = 2;
    assert_int_equal(mps_conn_new_client(&conn, &p->env, &p->cfg[CLIENT], p->now), MPS_ETOKEN);
}

static void transfer(struct pair *p, uint64_t up, uint64_t down)
{
    p->end[CLIENT].to_send = up;
    p->end[SERVER].to_send = down;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    assert_int_equal(pair_start(p), 0);
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void both_ways(void **state)
{
    transfer(*state, 5000000, 3000000);
}

static void nothing_at_all(void **state)
{
    transfer(*state, 0, 0);
}

static void without_metrics(void **state)
{
    struct pair *p = *state;

    p->no_metrics = true;
    transfer(p, 1000000, 10);
}

static void one_byte_at_a_time(void **state)
{
    struct pair *p = *state;

    p->chunk = 1;
    transfer(p, 20000, 20000);
}

static void one_byte_with_joins(void **state)
{
    struct pair *p = *state;

    p->chunk = 1;
    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 300000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    assert_true(p->links[1].carried[CLIENT] > 10000);
    assert_true(p->links[1].carried[SERVER] > 10000);
}

static void payload_macs(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].capabilities = p->cfg[SERVER].capabilities = MPS_CAP_PAYLOAD_MAC;
    p->chunk = 777;
    transfer(p, 1000000, 1000000);
}

/* How much a subflow offers before anything has gone. */
static size_t first_offer(bool near)
{
    struct mps_span spans[8];
    size_t offered = 0;
    void *state;
    struct pair *p;

    assert_int_equal(pair_setup(&state), 0);
    p = state;
    p->cfg[CLIENT].near = near;
    p->cfg[CLIENT].zero_rtt = true;
    assert_int_equal(pair_start(p), 0);
    p->now += MPS_MSEC;
    mps_conn_app_fin(p->end[CLIENT].conn, p->now);
    mps_conn_push(p->end[CLIENT].conn, p->now);
    for (unsigned i = mps_subflow_tx_spans(p->links[0].sf[CLIENT], spans, 8); i > 0; i--)
        offered += spans[i - 1].n;
    offered -= p->links[0].sf[CLIENT]->tx.greeting;
    pair_teardown(&state);
    return offered;
}

/* HELLO and the data behind it are one segment where the path is known, else two. */
static void hello_and_data(void **state)
{
    assert_int_equal(first_offer(false), 0);
    assert_true(first_offer(true) > 0);
}

/* Both ends mean the same early bytes, wherever the socket's room ends. */
static void early_pieces(void **state)
{
    for (size_t piece = 1; piece < 260; piece += piece < 130 ? 1 : 9) {
        void *one;
        struct pair *p;

        assert_int_equal(pair_setup(&one), 0);
        p = one;
        p->chunk = piece;
        p->cfg[CLIENT].near = p->cfg[SERVER].near = true;
        p->cfg[CLIENT].zero_rtt = true;
        transfer(p, 100, 100);
        pair_teardown(&one);
    }
}

/* Bytes that have come once half of the first frame is there. */
static uint64_t half_a_frame(struct pair *p)
{
    p->chunk = 512;
    p->end[CLIENT].to_send = 8192;
    assert_int_equal(pair_start(p), 0);
    for (unsigned i = 0; i < 1000 && p->links[0].carried[CLIENT] < 4096; i++)
        pair_step(p);
    return p->end[SERVER].received;
}

/* What the application waits for does not wait for the end of its frame, */
static void part_of_a_frame(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].zero_rtt = true;
    assert_in_range(half_a_frame(p), 2048, 4096);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, MPS_SEC);
    assert_true(pair_complete(p));
}

/* unless a MAC behind it says whether it is right. */
static void no_part_of_a_frame(void **state)
{
    struct pair *p = *state;

    p->cfg[CLIENT].capabilities = p->cfg[SERVER].capabilities = MPS_CAP_PAYLOAD_MAC;
    assert_int_equal(half_a_frame(p), 0);
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, MPS_SEC);
    assert_true(pair_complete(p));
}

static void joins(void **state)
{
    struct pair *p = *state;
    struct mps_subflow_info info[4];

    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_open, 0);
    pair_add_local(p, 2);
    pair_add_local(p, 3);
    pair_settle(p);
    assert_int_equal(p->end[CLIENT].n_open, 2);
    assert_int_equal(p->end[CLIENT].n_up, 3);
    assert_int_equal(p->end[SERVER].n_up, 3);
    assert_int_equal(mps_conn_subflow_info(p->end[SERVER].conn, info, 4), 3);
    assert_int_equal(info[1].id, 2);
    assert_int_equal(info[2].id, 4);
    p->end[CLIENT].to_send = 8000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
    for (unsigned i = 0; i < 3; i++)
        assert_true(p->links[i].carried[CLIENT] > 500000);
}

static void half_close_client(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 1000;
    p->end[CLIENT].fin = true;
    pair_run(p, 200 * MPS_SEC);
    assert_true(p->end[SERVER].eof);
    assert_false(p->end[CLIENT].eof || p->end[CLIENT].closed || p->end[SERVER].closed);
    p->end[SERVER].to_send = 2000000;
    p->end[SERVER].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void half_close_server(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    p->end[SERVER].to_send = 70000;
    p->end[SERVER].fin = true;
    pair_run(p, 200 * MPS_SEC);
    assert_true(p->end[CLIENT].eof);
    p->end[CLIENT].to_send = 2000000;
    p->end[CLIENT].fin = true;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* A reader that stops: credit ends, memory stays bounded, the stream goes on afterwards. */
static void stopped_reader(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info info;

    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 4000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    p->end[SERVER].stopped = true;
    p->end[SERVER].to_send = 1000000; /* the other direction is not disturbed */
    pair_run(p, 100 * MPS_SEC);
    assert_int_equal(p->end[CLIENT].received, 1000000);
    mps_conn_info(p->end[SERVER].conn, &info);
    assert_int_equal(info.rcv_queued, p->cfg[SERVER].rcv_buf_init);
    p->end[SERVER].stopped = false;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

/* NSDI 2012: both applications only write; acknowledgments must not wait for a reader. */
static void nobody_reads(void **state)
{
    struct pair *p = *state;
    struct mps_conn_info info;

    assert_int_equal(pair_start(p), 0);
    pair_add_local(p, 1);
    pair_add_local(p, 2);
    p->end[CLIENT].to_send = p->end[SERVER].to_send = 20000000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    p->end[CLIENT].stopped = p->end[SERVER].stopped = true;
    pair_run(p, 100 * MPS_SEC);
    mps_conn_info(p->end[CLIENT].conn, &info);
    assert_int_equal(info.bytes_acked, p->cfg[SERVER].rcv_buf_init);
    assert_int_equal(info.credit_left, 0);
    p->end[SERVER].stopped = false;
    pair_run(p, 5 * MPS_SEC);
    assert_int_equal(p->end[SERVER].received, 20000000);
    p->end[CLIENT].stopped = false;
    pair_run(p, 5 * MPS_SEC);
    assert_true(pair_complete(p));
}

static void unread_at_the_end(void **state)
{
    struct pair *p = *state;

    assert_int_equal(pair_start(p), 0);
    p->end[CLIENT].to_send = 100000;
    p->end[CLIENT].fin = p->end[SERVER].fin = true;
    p->end[SERVER].stopped = true;
    pair_run(p, 100 * MPS_SEC);
    assert_true(p->end[CLIENT].closed);
    assert_false(p->end[SERVER].closed);
    p->end[SERVER].stopped = false;
    pair_run(p, MPS_SEC);
    assert_true(pair_complete(p));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
    const struct CMUnitTest tests[] = {
        T(opening),
        T(token_class),
        T(both_ways),
        T(nothing_at_all),
        T(without_metrics),
        T(one_byte_at_a_time),
        T(one_byte_with_joins),
        T(payload_macs),
        cmocka_unit_test(hello_and_data),
        cmocka_unit_test(early_pieces),
        T(part_of_a_frame),
        T(no_part_of_a_frame),
        T(joins),
        T(half_close_client),
        T(half_close_server),
        T(stopped_reader),
        T(nobody_reads),
        T(unread_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
